# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered files: which one a frame of the scene shows, which ones a matte needs. No Blender in here."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .maggie_api import segments
from .maggie_api.sequences import expected_frames, parse_pattern, sequence_of_file
from .maggie_api.settings import MatteSettings


@dataclass(frozen=True)
class Timing:
    """Which file is seen at a frame of the scene: the four settings of an Image node."""

    start: int
    """Frame of the scene at which the first file is seen."""
    offset: int
    """Number of the first file, less one."""
    duration: int
    """Files that are seen, one a frame."""
    cyclic: bool = False
    """Whether the files begin again after the last one, and before the first."""
    still: int | None = None
    """Number of the one file that is seen at every frame."""

    def number(self, frame: int) -> int:
        """Number of the file at a frame of the scene, as Blender finds it."""
        if self.still is not None:
            return self.still
        at = frame - self.start + 1
        if self.cyclic:
            at = at % self.duration or self.duration
        return max(0, min(at, self.duration)) + self.offset

    def files_expected(self, first: int, last: int) -> tuple[int | None, int | None]:
        """Frames of the scene between which a sequence has files; a node asks for files outside, too.

        Args:
            first: number of the sequence's first file.
            last: number of its last file.

        Returns:
            First frame at which a file may be there, and first frame after the last such one; None where
            there is no such border.
        """
        if self.still is not None or self.cyclic:
            return None, None
        begins = self.frame(first) if first > self.offset else None
        return begins, self.frame(last) + 1 if last < self.offset + self.duration else None

    def frame(self, number: int) -> int:
        """First frame of the scene at which a file is seen."""
        return self.start if self.still is not None else number - self.offset + self.start - 1


def guidance_files(path: str) -> str:
    """`ana.1001.png` as `ana.####.png` when there are more files of that sequence; else the path as it is.

    A single file is the guidance of every frame.
    """
    pattern = sequence_of_file(path)
    return pattern if len(numbers_on_disk(pattern)) > 1 else path


def numbers_on_disk(pattern: str) -> list[int]:
    """Numbers of the files of a sequence, ascending; none without a folder, or for a name without a token.

    Raises:
        SettingsError: more than one frame token in the name.
    """
    parsed = parse_pattern(pattern)
    try:
        return [] if parsed is None else list(parsed.on_disk())
    except OSError:
        return []


def guidance_numbers(
    plate: tuple[int, ...], matted: Iterable[int], settings: MatteSettings, *, looks_around: bool = True
) -> tuple[int, ...]:
    """Numbers whose guidance the mattes of some frames may depend on, ascending.

    Args:
        plate: numbers that the plate has on disk, ascending; the worker counts segments from the first.
        matted: numbers of the mattes.
        looks_around: as for `segments.input_frames`.
    """
    shot = expected_frames(plate)
    places = [shot.index(number) for number in matted if number in shot]
    found = segments.input_frames(places, len(shot), settings, looks_around=looks_around)
    wanted = {shot[at] for at in found.guidance}
    return tuple(number for number in plate if number in wanted)


def exr_windows(path: str) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Data and display window (x, y of the first and of the last pixel) of an EXR; None for another file."""
    windows: dict[bytes, tuple[int, ...]] = {}
    try:
        with open(path, "rb") as file:
            if file.read(4) != b"\x76\x2f\x31\x01":
                return None
            file.read(4)
            while len(windows) < 2 and (name := _text(file)):
                _text(file)
                value = file.read(struct.unpack("<i", file.read(4))[0])
                if name in (b"dataWindow", b"displayWindow"):
                    windows[name] = struct.unpack("<4i", value)
    except (OSError, struct.error, ValueError):
        return None
    return (windows[b"dataWindow"], windows[b"displayWindow"]) if len(windows) == 2 else None


def relative(path: str, folder: str | Path) -> str:
    """`path` as seen from `folder`; unchanged when they are on different drives."""
    try:
        return os.path.relpath(path, folder)
    except ValueError:
        return path


def _text(file: BinaryIO) -> bytes:
    found = bytearray()
    while (byte := file.read(1)) not in (b"\0", b""):
        found += byte
    return bytes(found)
