"""Makes the next value in another thread while the present one is used."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Executor, Future
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Prefetch(Generic[K, V]):
    """Values of frames that are needed in a known order. After each, the next is made in another thread.

    At most one value is made ahead. Frames may also be asked for in another order, or be left out.

    Args:
        make: the value of a frame.
        frames: the expected order; a frame may come more than once.
        pool: one thread, or None to make every value when it is asked for.
    """

    def __init__(self, make: Callable[[K], V], frames: Iterable[K], pool: Executor | None) -> None:
        self._make, self._frames, self._pool = make, list(frames), pool
        self._place = 0
        self._coming: tuple[K, Future[V]] | None = None

    def get(self, frame: K) -> V:
        """The value of a frame, or what `make` raises for it."""
        try:
            if self._coming is None or self._coming[0] != frame:
                return self._make(frame)
            coming, self._coming = self._coming[1], None
            return coming.result()
        finally:
            self._make_next(frame)

    def _make_next(self, frame: K) -> None:
        if self._pool is None or frame not in islice(self._frames, self._place, None):
            return
        self._place = self._frames.index(frame, self._place) + 1
        if self._place < len(self._frames):
            following = self._frames[self._place]
            self._coming = following, self._pool.submit(self._make, following)
