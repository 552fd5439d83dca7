"""The other end of a worker process: find or start it, send it jobs, follow them."""
