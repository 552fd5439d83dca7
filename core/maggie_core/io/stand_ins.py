"""Which file answers for a frame whose own is missing or damaged: one rule for plates and masks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

V = TypeVar("V")

_NO_FILE = "no file"
"""Stands for the digest of a file that cannot be opened."""


class NumberedFiles(Protocol):
    """Files by frame number."""

    @property
    def frames(self) -> tuple[int, ...] | None:
        """Frames that have a file; None where one file is that of every frame."""
        ...

    def read(self, frame: int) -> Any: ...

    def digest(self, frame: int) -> str: ...


class StandIns:
    """The files of a source, each frame's own or the one that stands in.

    A file is damaged if it cannot be read at all, and as long as its content is the same: repaired, it
    answers again. Whether a file is damaged is found out when it is first asked for.

    Args:
        source: the files.
        hold: whether another file stands in for one that is missing or damaged: the last before it that can
            be read, else the first after it.
        damage: what `source.read` raises for a damaged file.
    """

    def __init__(self, source: NumberedFiles, *, hold: bool, damage: type[Exception]) -> None:
        self._source, self._hold, self._damage = source, hold, damage
        self._damaged: dict[int, tuple[str, Exception]] = {}
        """By frame: the digest of a damaged file, and why it cannot be read."""

    def answer(self, frame: int, ask: Callable[[int], V]) -> tuple[int, V] | None:
        """The frame whose file answers, and its answer; None where no file does.

        Raises:
            Exception: what `ask` raises for a file that can be read.
        """
        for each in self._in_turn(frame):
            if self.damage_of(each) is not None:
                continue
            try:
                return each, ask(each)
            except self._damage:
                if not self._is_damaged(each):
                    raise
        return None

    def first(self, frame: int, ask: Callable[[int], V]) -> V | None:
        """The first answer that `ask` gives for the file of `frame` or for one that may stand in.

        Unlike `answer` it takes no notice of what was found damaged: for headers, which can often be read
        although the pixels cannot.
        """
        for each in self._in_turn(frame):
            try:
                return ask(each)
            except self._damage:
                continue
        return None

    def digest(self, frame: int) -> tuple[int | None, str]:
        """The frame whose file answers (None: none), and text that changes when its answer may."""
        if not self._hold:
            own = next(self._in_turn(frame), None)
            return own, "" if own is None else self._source.digest(own)
        passed_over = []
        for each in self._in_turn(frame):
            if self.damage_of(each) is None and not passed_over:
                return each, self._source.digest(each)
            passed_over.append(self._digest(each))
            if self.damage_of(each) is None:
                return each, _joined(passed_over)
        return None, _joined(passed_over)

    def damage_of(self, frame: int) -> Exception | None:
        """Why the file that a frame has, or the first that may stand in for it, was found damaged."""
        first = next(self._in_turn(frame), None)
        if first not in self._damaged:
            return None
        digest, reason = self._damaged[first]
        return reason if self._digest(first) == digest else None

    def _in_turn(self, frame: int) -> Iterator[int]:
        """Frames whose files may answer for `frame`, the best first."""
        frames = self._source.frames
        if frames is None or frame in frames:
            yield frame
        if frames is not None and self._hold:
            yield from sorted((each for each in frames if each < frame), reverse=True)
            yield from sorted(each for each in frames if each > frame)

    def _is_damaged(self, frame: int) -> bool:
        """Look again, at all of the file; it may have been repaired, or lack only what was asked for."""
        before = self._digest(frame)
        try:
            self._source.read(frame)
        except self._damage as reason:
            if self._digest(frame) == before:
                self._damaged[frame] = before, reason
                return True
        return False

    def _digest(self, frame: int) -> str:
        try:
            return self._source.digest(frame)
        except self._damage:
            return _NO_FILE


def _joined(digests: list[str]) -> str:
    return hashlib.blake2b(" ".join(digests).encode(), digest_size=16).hexdigest()
