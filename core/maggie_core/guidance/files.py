"""The files of one guidance: a sequence, a movie, or one image for every frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from maggie_api.errors import FrameError, GuidanceError
from maggie_api.sequences import is_movie
from maggie_core.image.frame import Frame
from maggie_core.io.frames import open_source
from maggie_core.io.image import list_parts
from maggie_core.io.patience import looked

V = TypeVar("V")


class UnreadableMaskError(GuidanceError):
    """A file of masks that is there cannot be read."""


class GuidanceFiles:
    """Images by frame number. Every error in reading one is an `UnreadableMaskError`."""

    def __init__(self, pattern: str | Path) -> None:
        try:
            self._source = open_source(pattern)
        except FrameError as error:
            raise GuidanceError(str(error)) from error
        self.pattern = str(pattern)
        self.still = len(self._source.frames) == 1 and looked(Path(pattern).is_file)

    @property
    def frames(self) -> tuple[int, ...] | None:
        """Frames there are files for; None when one image serves every frame."""
        return None if self.still else self._source.frames

    @property
    def stored(self) -> tuple[int, ...]:
        """Frame numbers of the files themselves, also of a still."""
        return self._source.frames

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the files, as far as they were read: a sentence each."""
        return self._source.notes

    def among(self, shot: Set[int] | None) -> tuple[int, ...]:
        """Stored frames that are in the shot; all of them when it is not known or has none of them."""
        if shot is None or self.still:
            return self.stored
        return tuple(frame for frame in self.stored if frame in shot) or self.stored

    def learn(self, frames: Iterable[int], look: Callable[[int], V]) -> Iterator[tuple[int, V]]:
        """What `look` finds in each of `frames`. A file that cannot be used has no say: the frame that needs
        it tells why.

        Raises:
            GuidanceError: none of the files can be used; why not the first.
        """
        reason: GuidanceError | None = None
        learnt = False
        for frame in frames:
            try:
                found = look(frame)
            except GuidanceError as error:
                reason = reason or error
                continue
            learnt = True
            yield frame, found
        if reason is not None and not learnt:
            raise reason

    def path(self, frame: int) -> Path:
        """File that serves `frame`."""
        return Path(self._source.path(self._stored(frame)))

    def header(self, frame: int) -> tuple[tuple[str, ...], dict[str, Any]]:
        """(channels, metadata) of the file that serves `frame`, of all its parts together."""
        with _told():
            if is_movie(self.pattern):
                return self._source.channels(self._stored(frame)), {}
            parts = list_parts(self.path(frame))
        metadata: dict[str, Any] = {}
        for part in reversed(parts):
            metadata |= part.metadata
        return tuple(channel for part in parts for channel in part.channels), metadata

    def channel_types(self, frame: int) -> dict[str, str]:
        """Stored type (`half`, `float`, ...) of every channel."""
        with _told():
            parts = list_parts(self.path(frame))
        return {c: kind for part in parts for c, kind in zip(part.channels, part.types, strict=True)}

    def read(self, frame: int, *, channels: Sequence[str] | None = None) -> Frame:
        """Image that serves `frame`."""
        with _told():
            return self._source.read(self._stored(frame), channels=channels)

    def digest(self, frame: int) -> str:
        """Text that changes with the content of the file used for `frame`."""
        with _told():
            return self._source.digest(self._stored(frame))

    def _stored(self, frame: int) -> int:
        return self._source.frames[0] if self.still else frame


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (FrameError, OSError) as error:
        raise UnreadableMaskError(str(error)) from error
