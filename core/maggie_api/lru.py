"""Values that were used last, within a bound: so many of them, or so much of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any, Generic, Optional, TypeVar

V = TypeVar("V")


class LruCache(Generic[V]):
    """Values by a key; those that were not used for longest go first. Not for several threads at once.

    Args:
        room: sizes of all values together at most; the last value stays even where it is larger.
    """

    def __init__(self, room: int) -> None:
        self.room, self.size = room, 0
        self._values: OrderedDict[Any, tuple[V, int]] = OrderedDict()

    def get(self, key: Any) -> Optional[V]:
        """The value, which now is the one used last; None where there is none."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: Any, value: V, size: int = 1) -> None:
        """Keep a value; by default every value has the size 1, so that `room` is a number of values."""
        self._drop(key)
        self._values[key] = (value, size)
        self.size += size
        while self.size > self.room and len(self._values) > 1:
            self._drop(next(iter(self._values)))

    def keep(self, keys: Iterable[Any]) -> None:
        """Forget all others."""
        kept = set(keys)
        for key in [key for key in self._values if key not in kept]:
            self._drop(key)

    def take(self, other: LruCache[V]) -> None:
        """Take over the values of another."""
        for key, (value, size) in other._values.items():
            self.put(key, value, size)

    def __contains__(self, key: Any) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[Any]:
        """Keys, that of the value used last as the last."""
        return iter(list(self._values))

    def _drop(self, key: Any) -> None:
        _, size = self._values.pop(key, (None, 0))
        self.size -= size
