"""The number of threads: kept as it is, and used for other work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
V = TypeVar("V")


@contextmanager
def threads_kept() -> Iterator[None]:
    """Restore the network's number of threads at the end.

    numba starts one thread for each core and sets that number in the OpenMP library that it shares with the
    network. The last bits of the network's results depend on the number: without this the first refined frame
    would change the frames after it.
    """
    import torch  # here, because reading mattes must not cost seconds of start-up

    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def side_by_side(work: Callable[[T], V], items: Iterable[T]) -> list[V]:
    """`work(item)` for every item, in order, on as many threads as the network has."""
    import torch

    threads = torch.get_num_threads()
    if threads == 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))
