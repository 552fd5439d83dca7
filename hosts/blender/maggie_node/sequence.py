# SPDX-License-Identifier: GPL-3.0-or-later
"""Files with a number in their name, as Blender and as a job write them; no Blender in here."""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

_NUMBER = re.compile(r"^(.*?)(\d+)(\D*)$")
_TOKEN = re.compile(r"#+|%0?(\d*)d")
MOVIES = (".mov", ".mp4", ".m4v", ".mkv", ".avi", ".mxf", ".webm", ".mpg", ".mpeg", ".mts", ".ts")


@dataclass(frozen=True)
class Timing:
    """Which file is seen at a frame of the scene: the four settings of an Image node."""

    start: int
    offset: int
    duration: int
    cyclic: bool = False
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

    def frame(self, number: int) -> int:
        """First frame of the scene at which a file is seen."""
        return self.start if self.still is not None else number - self.offset + self.start - 1


def as_sequence(path: str) -> tuple[str, int]:
    """`plate.1001.exr` as `plate.####.exr` and 1001; a name without a number as it is, and 1.

    As in Blender, the last number of the name counts.
    """
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    found = _NUMBER.match(stem)
    if found is None or _TOKEN.search(name):
        return path, 1
    return os.path.join(folder, found[1] + "#" * len(found[2]) + found[3] + suffix), int(found[2])


def guidance_files(path: str) -> str:
    """`ana.1001.png` as `ana.####.png` where it has fellows; a file alone stands for every frame."""
    pattern, _ = as_sequence(path)
    return pattern if pattern != path and len(numbers_on_disk(pattern)) > 1 else path


def numbers_on_disk(pattern: str) -> list[int]:
    """Numbers of the files that a pattern names, ascending; none where there is no such folder."""
    folder, name = os.path.split(pattern)
    token = _TOKEN.search(name)
    if token is None:
        return []
    files = re.compile(re.escape(name[: token.start()]) + r"(-?\d+)" + re.escape(name[token.end() :]))
    width = int(token[1] or 1) if token[0].startswith("%") else len(token[0])
    try:
        found = [match[1] for entry in os.scandir(folder or ".") if (match := files.fullmatch(entry.name))]
    except OSError:
        return []
    # More digits than asked for are a larger number, fewer another sequence.
    return sorted(int(digits) for digits in found if f"{int(digits):0{width}d}" == digits or width == 1)


def exr_windows(path: str) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Data and display window (x, y of the first and of the last pixel) of an EXR; None for another file."""
    windows = {}
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
    """`path` as seen from `folder`, where there is a way."""
    try:
        return os.path.relpath(path, folder)
    except ValueError:  # another drive
        return path


def _text(file) -> bytes:
    found = bytearray()
    while (byte := file.read(1)) not in (b"\0", b""):
        found += byte
    return bytes(found)
