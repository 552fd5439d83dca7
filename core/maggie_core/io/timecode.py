"""SMPTE timecodes: as EXR headers store them, as movies write them, and counted on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

_TEXT = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)")
_DIGITS = 0x3F7F7F3F
"""Bits of the packed number that are decimal digits (SMPTE ST 12-1); the others are flags."""
_DROP = 0x40


def timecode_text(packed: Sequence[int]) -> str:
    """`HH:MM:SS:FF` of the attribute `smpte:TimeCode`; `HH:MM:SS;FF` where it drops frame numbers."""
    digits = f"{packed[0] & _DIGITS:08x}"
    hours, minutes, seconds, frames = (digits[at : at + 2] for at in range(0, 8, 2))
    return f"{hours}:{minutes}:{seconds}{';' if packed[0] & _DROP else ':'}{frames}"


def packed_timecode(text: str) -> tuple[int, int] | None:
    """The attribute `smpte:TimeCode` of a text; None where the text is no timecode."""
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        return None
    hours, minutes, seconds, mark, frames = found.groups()
    return int(hours + minutes + seconds + frames, 16) | (_DROP if mark != ":" else 0), 0


def later_timecode(text: str, frames: int, rate: Fraction) -> str:
    """The timecode `frames` after that of `text`, at a rate of frames per second; it begins anew after a day.

    Frame numbers are dropped as ST 12-1 says, 2 a minute at 30 and 4 at 60 frames per second, where the mark
    before the frames is not a colon.

    Args:
        text: a timecode that `packed_timecode` can read.
    """
    found = _TEXT.fullmatch(text.strip())
    assert found is not None, f"{text} is no timecode"
    hours, minutes, seconds, shown = (int(found[group]) for group in (1, 2, 3, 5))
    per_second = max(1, round(rate))
    dropped = 2 * max(1, round(per_second / 30)) if found[4] != ":" else 0
    passed = 60 * hours + minutes
    count = (60 * passed + seconds) * per_second + shown - dropped * (passed - passed // 10)
    count = (count + frames) % (24 * 6 * _ten_minutes(per_second, dropped))
    tens, rest = divmod(count, _ten_minutes(per_second, dropped))
    # The first minute of ten drops nothing.
    left = max(0, rest - 60 * per_second) // (60 * per_second - dropped)
    count += dropped * 9 * tens
    if rest >= 60 * per_second:
        count += dropped * (left + 1)
    seconds, shown = divmod(count, per_second)
    mark = ":" if found[4] == ":" else ";"
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{shown:02d}"


def _ten_minutes(per_second: int, dropped: int) -> int:
    return 600 * per_second - 9 * dropped
