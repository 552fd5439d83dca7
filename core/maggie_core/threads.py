"""The number of threads the network computes with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def threads_kept() -> Iterator[None]:
    """Whatever happens inside, the network goes on with as many threads as before.

    numba starts as many as there are cores and tells the OpenMP they share, whatever was asked for. The
    network's last bits depend on their number: the first polished frame would change the ones after it.
    """
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
