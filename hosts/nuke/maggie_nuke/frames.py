"""Frame numbers of the script, of files and of a render. No Nuke in here.

A shift connects them: the number of a file is the script's frame plus the shift.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Optional

from maggie_api import segments
from maggie_api.errors import SettingsError
from maggie_api.segments import InputFrames
from maggie_api.sequences import parse_frames
from maggie_api.settings import MatteSettings

_OFFSET = re.compile(r"(?:frame|t|x)(?:([+-])(\d+))?")
_ARGUMENT = re.compile(r"-?\d+(?:,-?\d+){1,2}|-?\d+-\d+(?:x\d+)?")


def read_shift(mode: str, value: str, first: int) -> Optional[int]:
    """The shift of a Read; None when it does not show one file after the other.

    Args:
        mode, value: the Read's knobs `frame_mode` and `frame`.
        first: number of the Read's first file.
    """
    text = re.sub(r"\s", "", value)
    if not text:
        return 0
    if mode in ("start at", "start_at"):
        return first - int(text) if _is_whole(text) else None
    if mode == "offset":  # the files are shown so many frames later
        return -int(text) if _is_whole(text) else None
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    return int((found[1] or "+") + (found[2] or "0"))


def rendered_frames(arguments: Sequence[str]) -> list[int]:
    """The frames that Nuke's command line asks for (`-F 1-10`, or `script.nk 1,10`), ascending.

    Empty when the command line names no frames.
    """
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
    except SettingsError:
        return ()


def input_frames(
    wanted: Iterable[int],
    first: int,
    last: int,
    settings: MatteSettings,
    keys: Optional[Sequence[int]] = None,
    *,
    looks_around: bool = True,
) -> InputFrames:
    """Frames of a shot whose plate and guidance the mattes of the wanted frames may depend on.

    Args:
        wanted: frames of the shot.
        first, last: the shot's first and last frame; segments are counted from the first.
        keys: frames at which everybody who has key masks has one, ascending; None when nobody has key masks.
            Masks between two of them are made from all plates and masks there.
        looks_around: as for `segments.input_frames`.
    """
    found = segments.input_frames(
        [frame - first for frame in wanted], last - first + 1, settings, looks_around=looks_around
    )
    plate, guidance = (tuple(first + index for index in each) for each in (found.plate, found.guidance))
    if keys is None:
        return InputFrames(plate, guidance)
    followed = {frame for each in guidance for frame in between_keys(each, first, last, keys)}
    return InputFrames(*(tuple(sorted(followed.union(each))) for each in (plate, guidance)))


def between_keys(frame: int, first: int, last: int, keys: Sequence[int]) -> range:
    """The frames whose plates and masks decide the masks of a frame: from the key before it to the one after
    it, or to an end of the shot."""
    before = [key for key in keys if key <= frame]
    after = [key for key in keys if key >= frame]
    return range(before[-1] if before else first, (after[0] if after else last) + 1)


def _is_whole(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+", text) is not None
