"""The client of a worker process: finds or starts it, sends it jobs, follows them."""
