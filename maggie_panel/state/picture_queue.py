"""Which pictures are asked for next, and which are kept; the newest view goes first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Optional

from maggie_api.lru import LruCache

from .view import PictureRequest

AT_ONCE = 2
"""Pictures that are drawn at the same time; more would make the newest wait."""
CACHE_BYTES = 512 * 2**20
"""Memory for pictures: 300 frames of a viewer of 960x540."""


class PictureCache:
    """Pictures of the viewer within a number of bytes; what was not looked at for longest goes first."""

    def __init__(self, limit_bytes: int = CACHE_BYTES):
        self._kept: LruCache[Any] = LruCache(limit_bytes)
        self._frames: dict[str, frozenset[int]] = {}
        """What `frames` found since a picture came or went."""

    def get(self, request: PictureRequest) -> Any:
        """The picture of a request; None where it is not kept."""
        return self._kept.get(_place(request))

    def __contains__(self, place: tuple[str, int]) -> bool:
        return place in self._kept

    def put(self, request: PictureRequest, picture: Any, size: int) -> None:
        """Keep a picture of so many bytes."""
        self._kept.put(_place(request), picture, size)
        self._frames.clear()

    def forget(self, frames: Iterable[int]) -> None:
        """Drop every picture of these frames: their files have changed."""
        gone = set(frames)
        self._kept.keep([place for place in self._kept if place[1] not in gone])
        self._frames.clear()

    def clear(self) -> None:
        self._kept.keep(())
        self._frames.clear()

    def frames(self, request: PictureRequest) -> frozenset[int]:
        """Frames that are kept of the same view."""
        key = request.key
        if key not in self._frames:
            self._frames[key] = frozenset(frame for kept, frame in self._kept if kept == key)
        return self._frames[key]

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._kept.size

    def room_for(self, size: int) -> int:
        """How many pictures of this many bytes fit."""
        return self._kept.room // max(1, size)


@dataclass(frozen=True)
class Ahead:
    """What may be drawn while nobody waits: a view, from a frame on, in a range."""

    request: PictureRequest
    first: int
    last: int
    backwards: bool = False
    most: int = 0
    """Frames that there is room for."""

    def frames(self) -> Iterator[int]:
        """Frames in the order in which they will be needed; round and round as playing goes."""
        length = self.last - self.first + 1
        step = -1 if self.backwards else 1
        for number in range(1, min(length, self.most)):
            yield self.first + (self.request.frame - self.first + step * number) % length


class PictureQueue:
    """Decides what is drawn next: the views that are looked at, then what comes after them."""

    def __init__(self, cache: PictureCache):
        self.cache = cache
        self._wanted: dict[str, PictureRequest] = {}
        self._ahead: Optional[Ahead] = None
        self._under_way: dict[int, PictureRequest] = {}
        self._failed: set[tuple[str, int]] = set()

    def want(self, side: str, request: Optional[PictureRequest]) -> None:
        """What one side of the viewer (`a`, `b`) shows now; None shows nothing. Older wishes are dropped."""
        if request is None:
            self._wanted.pop(side, None)
        else:
            self._wanted[side] = request

    def look_ahead(self, ahead: Optional[Ahead]) -> None:
        """What may be drawn when nothing else is wanted."""
        self._ahead = ahead

    def next(self) -> Optional[PictureRequest]:
        """The picture to ask for now; None where nothing is wanted, or enough is under way."""
        if len(self._under_way) >= AT_ONCE:
            return None
        under_way = {_place(request) for request in self._under_way.values()}
        for request in self._wanted.values():
            if self._is_missing(_place(request), under_way):
                return request
        # One place is left free for whatever is looked at next.
        if self._ahead is None or len(self._under_way) >= AT_ONCE - 1:
            return None
        request, key = self._ahead.request, self._ahead.request.key
        there = self.cache.frames(request)
        for frame in self._ahead.frames():
            if frame not in there and self._is_missing((key, frame), under_way):
                return request.at(frame)
        return None

    def asked(self, number: int, request: PictureRequest) -> None:
        """A request was sent under this number."""
        self._under_way[number] = request

    def __contains__(self, number: int) -> bool:
        """Whether the request of this number is under way."""
        return number in self._under_way

    def answered(self, number: int, picture: Any, size: int) -> PictureRequest:
        """A picture came, or None for one that could not be drawn; returns what was asked for."""
        request = self._under_way.pop(number)
        if picture is None:
            self._failed.add(_place(request))
        else:
            self.cache.put(request, picture, size)
        return request

    def forget(self, frames: Iterable[int]) -> None:
        """The files of these frames have changed: what is under way of them is old."""
        gone = set(frames)
        self.cache.forget(gone)
        self._failed = {place for place in self._failed if place[1] not in gone}
        self._under_way = {n: each for n, each in self._under_way.items() if each.frame not in gone}

    def clear(self) -> None:
        """Begin anew, with another shot."""
        self.cache.clear()
        self._wanted.clear()
        self._under_way.clear()
        self._failed.clear()
        self._ahead = None

    def _is_missing(self, place: tuple[str, int], under_way: set[tuple[str, int]]) -> bool:
        return place not in under_way and place not in self._failed and place not in self.cache


def _place(request: PictureRequest) -> tuple[str, int]:
    return request.key, request.frame
