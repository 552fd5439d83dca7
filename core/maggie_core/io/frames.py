"""Plates and masks as numbered frames, whether they lie in a sequence, in one file or in a movie."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol, TypeVar, get_args

import numpy as np

from maggie_api.errors import FrameError, SettingsError
from maggie_api.sequences import (
    MOVIE_SUFFIXES,
    compact_frames,
    expand_output,
    expected_frames,
    frame_of_file,
    parse_frames,
    parse_pattern,
)
from maggie_core.image.frame import Frame
from maggie_core.io.digest import file_digest
from maggie_core.io.image import list_parts, read_header, read_image
from maggie_core.io.patience import looked
from maggie_core.io.stand_ins import StandIns
from maggie_core.io.video import MovieSource

V = TypeVar("V")

__all__ = [
    "FileSource",
    "FrameSource",
    "OnMissing",
    "compact_frames",
    "expand_output",
    "file_digest",
    "missing_frames",
    "on_missing_source",
    "open_source",
    "parse_frames",
]

OnMissing = Literal["error", "hold", "black", "skip"]
"""Policy for a missing frame: stop, repeat the last one before it, use black, leave it out."""


class FrameSource(Protocol):
    """Numbered frames that can be read in any order, one at a time in memory."""

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames that can be read, ascending."""
        ...

    @property
    def expected(self) -> tuple[int, ...]:
        """Frames the shot should have: the range in its name, else from the first to the last without a gap
        (in steps where every step is the same)."""
        ...

    @property
    def rate(self) -> Fraction | None:
        """Frames per second, if the files say so."""
        ...

    @property
    def tags(self) -> tuple[int, int] | None:
        """Primaries and transfer of a movie, in the codes of ITU-T H.273; None where files are no movie."""
        ...

    @property
    def colorspace_hint(self) -> str:
        """Path by which OCIO's file rules may know the colour space."""
        ...

    def read(self, frame: int, *, channels: Sequence[str] | None = None) -> Frame:
        """Pixels of one frame; see `read_image`.

        Raises:
            FrameError: no such frame or channel, or the file cannot be read.
        """
        ...

    def channels(self, frame: int) -> tuple[str, ...]:
        """Channel names of one frame, from its header alone."""
        ...

    def header(self, frame: int, channels: Sequence[str]) -> Frame:
        """What `read` would give for these channels of one frame, without pixels (H, W, 0), from the file's
        header alone.

        Raises:
            FrameError: no such frame or channel, or the header cannot be read.
        """
        ...

    def damage(self, frame: int) -> FrameError | None:
        """Why another file was found to stand in for the frame's own; None where none does."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the files, as far as they were read: a sentence each."""
        ...

    def digest(self, frame: int) -> str:
        """Hex digest that changes when the frame's stored pixels do."""
        ...

    def path(self, frame: int) -> Path:
        """File that holds the frame."""
        ...

    def close(self) -> None:
        """Let go of open files."""
        ...


def open_source(pattern: str | Path) -> FrameSource:
    """Open a sequence, a single file or a movie.

    A file that exists under exactly this name is that one file, whatever characters it has. A single file has
    the frame number in its name (`plate.1001.exr`), else 1. A movie's frames count from 1.

    Raises:
        FrameError: nothing of that name exists, or it cannot be read.
        SettingsError: more than one frame token in the name.
    """
    path = Path(pattern)
    try:
        return looked(lambda: _open_source(path))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FrameError(f"{path} cannot be listed ({reason}): check its folder, disk or network") from error


def _open_source(path: Path) -> FrameSource:
    if path.is_dir():
        raise FrameError(f"{path} is a folder: name the files in it, such as {path / 'plate.####.exr'}")
    if path.suffix.lower() in MOVIE_SUFFIXES:
        return MovieSource(path)
    parsed = None if path.is_file() else parse_pattern(path)
    if parsed is None:
        if not path.is_file():
            raise FrameError(f"{path} does not exist: check the path, or give a sequence as plate.####.exr")
        number = frame_of_file(path)
        return FileSource(str(path), {1 if number is None else number: path})
    files = parsed.on_disk()
    if parsed.frames is not None:
        wanted = set(parsed.frames)
        files = {frame: file for frame, file in files.items() if frame in wanted}
    if not files:
        raise FrameError(f"{path} matches no file: check the path and the number of # for the padding")
    return FileSource(str(path), files, expected=parsed.frames)


class FileSource:
    """One image file per frame."""

    def __init__(self, name: str, files: dict[int, Path], *, expected: tuple[int, ...] | None = None) -> None:
        """`files` maps at least one frame to its file; `name` is how the artist wrote the sequence."""
        self._name = name
        self._files = dict(sorted(files.items()))
        self._expected = expected
        self._rate: Fraction | None | Literal["unread"] = "unread"

    @property
    def frames(self) -> tuple[int, ...]:
        return tuple(self._files)

    @property
    def expected(self) -> tuple[int, ...]:
        if self._expected is not None:
            return self._expected
        return tuple(expected_frames(self.frames, name=self._name))

    @property
    def rate(self) -> Fraction | None:
        if self._rate == "unread":
            self._rate = _rate(list_parts(self.path(self.frames[0]))[0].metadata)
        return self._rate

    @property
    def tags(self) -> None:
        return None

    @property
    def colorspace_hint(self) -> str:
        return str(self.path(self.frames[0]))

    def path(self, frame: int) -> Path:
        if frame not in self._files:
            raise FrameError(f"{self._name} has no frame {frame}: it has {compact_frames(self._files)}")
        return self._files[frame]

    def read(self, frame: int, *, channels: Sequence[str] | None = None) -> Frame:
        return read_image(self.path(frame), channels=channels)

    def channels(self, frame: int) -> tuple[str, ...]:
        return tuple(name for part in list_parts(self.path(frame)) for name in part.channels)

    def header(self, frame: int, channels: Sequence[str]) -> Frame:
        return read_header(self.path(frame), channels)

    def damage(self, frame: int) -> FrameError | None:
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    def digest(self, frame: int) -> str:
        return file_digest(self.path(frame))

    def close(self) -> None:
        """Nothing stays open between reads."""


def _rate(metadata: dict[str, object]) -> Fraction | None:
    value = metadata.get("FramesPerSecond", metadata.get("dpx:FrameRate", metadata.get("dpx:TVFrameRate")))
    if isinstance(value, tuple) and len(value) == 2 and value[1]:
        return Fraction(int(value[0]), int(value[1]))
    if isinstance(value, int | float) and 0 < value < 1000:
        return Fraction(value).limit_denominator(1001)
    return None


def missing_frames(source: FrameSource, wanted: Iterable[int]) -> tuple[int, ...]:
    """Frames among the wanted ones that the source does not have, ascending."""
    return tuple(sorted(set(wanted) - set(source.frames)))


def on_missing_source(source: FrameSource, frames: Iterable[int], policy: OnMissing) -> FrameSource:
    """The source as the wanted frames see it, gaps dealt with by `policy`.

    Raises:
        FrameError: frames are missing and the policy is "error", or the source has none of the frames.
        SettingsError: no such policy.
    """
    if policy not in get_args(OnMissing):
        raise SettingsError(f"on-missing is '{policy}': it is one of {', '.join(get_args(OnMissing))}")
    wanted = tuple(sorted(set(frames)))
    missing = missing_frames(source, wanted)
    if not missing and policy in ("error", "skip"):
        return source
    if policy == "error":
        first = source.colorspace_hint
        raise FrameError(
            f"{len(missing)} plate frames are missing beside {first}: {compact_frames(missing)}; "
            "render them, change --frames, or choose --on-missing hold, black or skip"
        )
    if policy == "skip" and len(missing) == len(wanted):
        asked, there = compact_frames(wanted), compact_frames(source.frames)
        raise FrameError(f"none of the frames {asked} is there: the plate has {there}; change --frames")
    return _GapSource(source, wanted, policy)


class _GapSource:
    """A source whose missing or damaged frames are held or black, or whose missing ones are left out."""

    def __init__(self, source: FrameSource, wanted: tuple[int, ...], policy: OnMissing) -> None:
        self._source, self._policy = source, policy
        self._files = StandIns(source, hold=policy != "skip", damage=FrameError)
        kept = set(source.frames) if policy == "skip" else set(source.frames) | set(wanted)
        self._frames = tuple(sorted(kept))

    @property
    def frames(self) -> tuple[int, ...]:
        return self._frames

    @property
    def expected(self) -> tuple[int, ...]:
        return self._frames

    @property
    def rate(self) -> Fraction | None:
        return self._source.rate

    @property
    def tags(self) -> tuple[int, int] | None:
        return self._source.tags

    @property
    def colorspace_hint(self) -> str:
        return self._source.colorspace_hint

    def read(self, frame: int, *, channels: Sequence[str] | None = None) -> Frame:
        found = self._files.answer(frame, lambda each: self._source.read(each, channels=channels))
        if found is None:
            raise self.damage(frame) or self._absent(frame)
        stand_in, image = found
        if stand_in == frame or self._policy != "black":
            return image
        return replace(image, pixels=np.zeros_like(image.pixels))

    def channels(self, frame: int) -> tuple[str, ...]:
        return self._of_header(frame, self._source.channels)

    def header(self, frame: int, channels: Sequence[str]) -> Frame:
        return self._of_header(frame, lambda each: self._source.header(each, channels))

    def damage(self, frame: int) -> FrameError | None:
        reason = self._files.damage_of(frame)
        return None if reason is None else FrameError(str(reason))

    @property
    def notes(self) -> tuple[str, ...]:
        return self._source.notes

    def digest(self, frame: int) -> str:
        stand_in, stored = self._files.digest(frame)
        if stand_in is None and not stored:
            raise self._absent(frame)
        if stand_in in (frame, None) or self._policy != "black":
            return stored
        return hashlib.blake2b(f"black {stored}".encode(), digest_size=16).hexdigest()

    def path(self, frame: int) -> Path:
        return self._of_header(frame, self._source.path)

    def close(self) -> None:
        self._source.close()

    def _of_header(self, frame: int, ask: Callable[[int], V]) -> V:
        found = self._files.first(frame, ask)
        return ask(frame) if found is None else found  # which says why not

    def _absent(self, frame: int) -> FrameError:
        return FrameError(f"the plate has no frame {frame}: it has {compact_frames(self._source.frames)}")
