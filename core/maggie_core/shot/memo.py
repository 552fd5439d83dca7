"""Results of a chain that may be needed again, in memory and in the state cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from maggie_api.lru import LruCache
from maggie_core.model.config import WINDOW
from maggie_core.shot.cache import StateCache, key_of


class CachedStep:
    """One step of a chain: an array for each frame, from memory, from the cache, or computed.

    Args:
        key_inputs: everything the array of a frame depends on; the cache's key is its digest.
        make: computes the array of a frame.
        chained: the step needs its own result of the frame before.
    """

    def __init__(
        self,
        name: str,
        key_inputs: Callable[[int], dict[str, Any]],
        make: Callable[[int], np.ndarray],
        cache: StateCache | None,
        *,
        chained: bool = False,
    ) -> None:
        self._name, self._key_inputs, self._make_one, self._cache = name, key_inputs, make, cache
        self._chained = chained
        self._digests: dict[int, str] = {}
        self._recent: LruCache[np.ndarray] = LruCache(WINDOW + 1)
        self.made: set[int] = set()
        """Frames whose array was computed here."""

    def close(self) -> None:
        """Release every array."""
        self._recent.keep(())

    def take(self, other: CachedStep, frames: Iterable[int]) -> None:
        """Take over what another step of this kind has of some frames."""
        wanted = set(frames)
        self._digests = {i: digest for i, digest in other._digests.items() if i in wanted}
        self.made = other.made & wanted
        other._recent.keep([i for i in other._recent if i in wanted])
        self._recent.take(other._recent)

    def digest(self, i: int) -> str:
        """Digest of the array of frame i. Only with a cache."""
        assert self._cache is not None
        for j in range(i + 1) if self._chained else (i,):  # ascending, since each key needs the one before
            if j not in self._digests:
                found = self._cache.recall(self._key(j))
                if found is None:
                    self._make(j)
                else:
                    self._digests[j] = found["array"]
        return self._digests[i]

    def array(self, i: int) -> np.ndarray:
        """The array of frame i."""
        if self._cache is not None:
            self.digest(i)
        found = self._at_hand(i)
        return self._make(i) if found is None else found

    def _at_hand(self, i: int) -> np.ndarray | None:
        found = self._recent.get(i)
        if found is None and self._cache is not None and i in self._digests:
            found = self._cache.load(self._digests[i])
            if found is not None:
                self._recent.put(i, found)
        return found

    def _make(self, i: int) -> np.ndarray:
        first = i
        # Not by recursion: a chain may be as long as the shot.
        while self._chained and first > 0 and self._at_hand(first - 1) is None:
            first -= 1
        made = np.empty(0)
        for j in range(first, i + 1):
            made = self._make_one(j)
            self._recent.put(j, made)
            self.made.add(j)
            if self._cache is not None:
                self._digests[j] = self._cache.keep(made)
                self._cache.record(self._key(j), {"array": self._digests[j]})
        return made

    def _key(self, i: int) -> str:
        return key_of(self._name, self._key_inputs(i))
