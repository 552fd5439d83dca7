"""Threads: as many as the network computes with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")
V = TypeVar("V")


@contextmanager
def threads_kept() -> Iterator[None]:
    """Whatever happens inside, the network goes on with as many threads as before.

    numba starts as many as there are cores and tells the OpenMP they share, whatever was asked for. The
    network's last bits depend on their number: the first refined frame would change the ones after it.
    """
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def side_by_side(work: Callable[[T], V], items: Iterable[T]) -> list[V]:
    """What `work` makes of every item, on as many threads as the network has."""
    threads = torch.get_num_threads()
    if threads == 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))
