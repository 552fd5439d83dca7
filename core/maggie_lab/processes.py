"""Independent pieces of work, done by one process or by several with the same result."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ordered_results(
    work: Callable[[T], R],
    tasks: Sequence[T],
    *,
    workers: int,
    prepare: Callable[[], None] | None = None,
) -> Iterator[R]:
    """Yield `work(task)` of every task, in the order of the tasks.

    When a task fails, or the caller stops, tasks that nobody has begun are dropped.

    Args:
        work: a function of a module, as other processes must find it by its name.
        tasks: what it is called with, one at a time; anything that can be pickled.
        workers: processes, at least 1; with 1, or with one task, all is done in this process.
        prepare: called once in every other process, before its first task.

    Raises:
        Exception: whatever `work` raises, at the place of its task.
    """
    if workers <= 1 or len(tasks) <= 1:
        yield from map(work, tasks)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks of torch
    with ProcessPoolExecutor(min(workers, len(tasks)), context, prepare) as pool:
        try:
            yield from pool.map(work, tasks)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
