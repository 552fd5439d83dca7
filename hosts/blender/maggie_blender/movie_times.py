# SPDX-License-Identifier: GPL-3.0-or-later
"""When the pictures of a movie begin: whether Blender, which shows movies by time, shows them one a frame."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

WAY_TO_VIDEO = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
"""Boxes of an MP4 or QuickTime file that lie around the times of a track's pictures."""
MATROSKA = b"\x1a\x45\xdf\xa3"
"""First bytes of a Matroska or WebM file."""
SEGMENT, TRACKS, TRACK, CLUSTER, GROUP = 0x18538067, 0x1654AE6B, 0xAE, 0x1F43B675, 0xA0
NUMBER, KIND, CLUSTER_TIME, SIMPLE_BLOCK, BLOCK = 0xD7, 0x83, 0xE7, 0xA3, 0xA1
"""Elements of Matroska (RFC 9559)."""
VIDEO = 1
"""Kind of a track with pictures."""


def has_uneven_times(path: str) -> bool:
    """Whether a movie has a variable frame rate: Blender shows some of its pictures at other frames.

    MP4, QuickTime, Matroska and WebM are known; False for other files.
    """
    try:
        with open(path, "rb") as file:
            if file.read(4) == MATROSKA:
                return _is_uneven(enumerate(_matroska_times(file)))
            file.seek(0)
            return any(_is_uneven(times) for times in _quicktime_times(file, os.path.getsize(path), 0))
    except (OSError, struct.error):
        return False


def _is_uneven(times: Iterable[tuple[int, int]]) -> bool:
    """Whether no frame rate fits the times of a movie's pictures.

    Blender looks for the last picture that begins by the time of a frame, rounded to the movie's unit of
    time. So a picture that is too late by more than half a unit is shown a frame late. Some programs round
    times down: less than a unit too early is shown in its frame, too.

    Args:
        times: number of a picture and when it begins, in the movie's own unit.
    """
    least, most, first = 0.0, float("inf"), 0
    for number, time in times:
        if number == 0:
            first = time
            continue
        least = max(least, (time - first - 0.5) / number)
        most = min(most, (time - first + 1) / number)
        if least > most:
            return True
    return False


def _quicktime_times(file: BinaryIO, end: int, depth: int) -> Iterator[Iterator[tuple[int, int]]]:
    """Times of the pictures of each video track in the boxes between here and `end`."""
    is_video = True
    while file.tell() + 8 <= end:
        start = file.tell()
        size, kind = struct.unpack(">I4s", file.read(8))
        if size == 1:
            size = struct.unpack(">Q", file.read(8))[0]
        size = size or end - start
        if size < 8:
            return
        if kind == b"hdlr" and depth == 3:  # of the track; QuickTime has one of its data, too
            is_video = file.read(12)[8:] == b"vide"
        elif depth == len(WAY_TO_VIDEO) and kind == b"stts":
            count = min(struct.unpack(">4xI", file.read(8))[0], size // 8)
            yield _of_runs(list(struct.iter_unpack(">II", file.read(8 * count))))
        elif depth < len(WAY_TO_VIDEO) and kind == WAY_TO_VIDEO[depth] and is_video:
            yield from _quicktime_times(file, start + size, depth + 1)
        file.seek(start + size)


def _of_runs(runs: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Times of the first and the last picture of each run of (count, duration); the others lie between."""
    number = time = 0
    for count, duration in runs:
        if count:
            yield number, time
            yield number + count - 1, time + (count - 1) * duration
        number, time = number + count, time + count * duration


def _matroska_times(file: BinaryIO) -> list[int]:
    """When the pictures of the first video track begin, ascending. Only heads of blocks are read."""
    times: list[int] = []
    track, video, cluster = 0, 0, 0
    file.seek(0)
    while (element := _vint(file, keep=True)) is not None and (size := _vint(file)) is not None:
        if element in (SEGMENT, TRACKS, TRACK, CLUSTER, GROUP):
            continue  # what is in it comes next
        after = file.tell() + size
        if element == NUMBER:
            track = _number(file, size)
        elif element == KIND and _number(file, size) == VIDEO:
            video = video or track
        elif element == CLUSTER_TIME:
            cluster = _number(file, size)
        elif element in (SIMPLE_BLOCK, BLOCK) and _vint(file) == video:
            times.append(cluster + struct.unpack(">h", file.read(2))[0])
        file.seek(after)
    return sorted(times)


def _vint(file: BinaryIO, *, keep: bool = False) -> int | None:
    """A number that says by its first bits how long it is; None at the end of the file.

    Args:
        keep: those bits belong to it, as in the name of an element.
    """
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(length - 1), "big")
    return value if keep else value & (1 << 7 * length) - 1


def _number(file: BinaryIO, size: int) -> int:
    return int.from_bytes(file.read(min(size, 8)), "big")
