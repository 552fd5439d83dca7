"""The process that keeps models in memory and runs jobs for others.

It serves one host over stdio, or many clients over a socket.

    serve.py           the two ways to run it, and what ends it
    connection.py      one client's connection: lines in, lines out, never waiting for a slow client
    dispatcher.py      answers the requests
    jobs.py            the jobs that have not ended, each in a thread of its own
    scheduler.py       which job computes now
    allowed_paths.py   which paths a job may name

Nothing here imports the network; `runner` does, in the thread of the first job.
"""
