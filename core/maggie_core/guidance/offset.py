"""Guidance whose files are numbered otherwise than the plate's."""

from __future__ import annotations

from maggie_core.guidance.source import GuidanceSource, Mask


class OffsetSource:
    """A source by the plate's frame numbers: its file for frame f has the number f + `offset`."""

    def __init__(self, source: GuidanceSource, offset: int) -> None:
        self._source, self.offset = source, offset

    @property
    def names(self) -> tuple[str, ...]:
        return self._source.names

    @property
    def frames(self) -> tuple[int, ...] | None:
        stored = self._source.frames
        return None if stored is None else tuple(frame - self.offset for frame in stored)

    @property
    def notes(self) -> tuple[str, ...]:
        return self._source.notes

    def read(self, frame: int) -> list[Mask]:
        return self._source.read(frame + self.offset)

    def digest(self, frame: int) -> str:
        return self._source.digest(frame + self.offset)
