"""The warm process that runs jobs for others: over stdio for one host, over a socket for many.

    serve.py     the two ways to run it, and what ends it
    peer.py      one client's connection: lines in, lines out, never waiting for the slow
    desk.py      what each request does
    jobs.py      the jobs that are there, each in a thread of its own
    turns.py     whose turn it is to compute
    roots.py     which paths a job may name

Nothing here imports the network; `runner` does, in the thread of the first job.
"""
