"""Frame numbers: of the script, of the files, of a render. No Nuke in here.

A shift says how they go together: the file's number is the script's frame plus the shift.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Optional

from maggie_node.hosting import HostError

WARMUP = 4
"""Frames a segment's state is warmed up with, as jobs have it by default."""
AHEAD = 4
"""Frames a matte may look ahead, with one to spare."""
_PART = re.compile(r"(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?")
_OFFSET = re.compile(r"(?:frame|t|x)(?:([+-])(\d+))?")
_ARGUMENT = re.compile(r"-?\d+(?:,-?\d+){1,2}|-?\d+-\d+(?:x\d+)?")


def read_shift(mode: str, value: str, first: int) -> Optional[int]:
    """The shift of a Read; None when its frames do not follow each other one by one.

    Args:
        mode, value: its knobs `frame_mode` and `frame`.
        first: its first file.
    """
    text = re.sub(r"\s", "", value)
    if not text:
        return 0
    if mode in ("start at", "start_at"):
        return first - int(text) if _is_whole(text) else None
    if mode == "offset":  # so many frames later
        return -int(text) if _is_whole(text) else None
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    return int((found[1] or "+") + (found[2] or "0"))


def parse_frames(text: str) -> list[int]:
    """`1001-1100x2,1200` as frames, ascending.

    Raises:
        HostError: it is no such range.
    """
    frames: set[int] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _PART.fullmatch(part)
        if found is None or (found[2] and int(found[2]) < int(found[1])) or found[3] == "0":
            raise HostError(f"'{text}' is no frame range: write it like 1001-1100 or 1001-1100x2,1200")
        frames.update(range(int(found[1]), int(found[2] or found[1]) + 1, int(found[3] or 1)))
    if not frames:
        raise HostError("no frames are named: write a range like 1001-1100")
    return sorted(frames)


def rendered_frames(arguments: Sequence[str]) -> list[int]:
    """The frames Nuke's command line asks for (`-F 1-10`, or `script.nk 1,10`); none when it does not say."""
    frames: set[int] = set()
    for flag, value in zip(arguments, arguments[1:]):
        if flag == "-F":
            frames.update(_of_argument(value))
    last = arguments[-1] if arguments else ""
    if not frames and len(arguments) > 2 and arguments[-2] != "-F" and _ARGUMENT.fullmatch(last):
        frames.update(_of_argument(last))
    return sorted(frames)


def is_executed(arguments: Sequence[str]) -> bool:
    """Whether a command line of Nuke renders a script and ends (`-x`, `-X Write1`), not runs a program."""
    return bool({"-x", "-X", "-xi", "-ix"} & set(arguments))


def _of_argument(text: str) -> Iterable[int]:
    if re.fullmatch(r"-?\d+(,-?\d+){1,2}", text):  # first,last,step
        first, last, *step = (int(word) for word in text.split(","))
        return range(first, last + 1, max(1, *step, 1))
    try:
        return parse_frames(text)
    except HostError:
        return ()


def needed(frames: Iterable[int], first: int, last: int, segment: int) -> list[int]:
    """Frames of the shot that the mattes of some frames may depend on, ascending.

    Args:
        first, last: of the shot; segments are counted from its first frame.
        segment: frames of one; 0 = the whole shot.
    """
    wanted: set[int] = set()
    for frame in frames:
        start = first if segment == 0 else first + (frame - first) // segment * segment
        wanted.update(range(max(first, start - WARMUP), min(last, frame + AHEAD) + 1))
    return sorted(wanted)


def runs(frames: Iterable[int]) -> list[tuple[int, int]]:
    """Frames as (first, last) of each unbroken run."""
    found: list[tuple[int, int]] = []
    for frame in sorted(set(frames)):
        if found and frame == found[-1][1] + 1:
            found[-1] = (found[-1][0], frame)
        else:
            found.append((frame, frame))
    return found


def _is_whole(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+", text) is not None
