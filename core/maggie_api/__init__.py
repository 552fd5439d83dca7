"""What to matte, as data: jobs, events, options, errors, names and the client of a worker.

Standard library only, Python 3.9, relative imports inside: a host carries this folder unchanged.
"""
