"""Which frames of a shot a matte depends on.

A shot is cut into segments counted from its first frame. The frames of a segment share one chain of
temporal state. The chain starts `warmup_frames` before the segment and needs a few frames after the last one
it delivers.
"""

from __future__ import annotations

from typing import Optional, TypedDict


class SegmentRule(TypedDict):
    """How a shot is cut, as `chain` and `needed` take it."""

    segment: Optional[int]
    """Frames of a segment; None = the whole shot."""
    warmup: int
    """Frames computed before a segment and thrown away."""
    ahead: int
    """Frames after a frame that its matte depends on."""


LOOK_AHEAD = 1
"""Frames after a frame that the network's matte of it depends on."""
SAMPLED_EVERY = 4
"""Frames from one whose guidance is measured to the next."""
SMOOTHING_LOOK_AHEAD = 1
"""Frames more that temporal smoothing takes from."""


def look_ahead(*, smooth: bool) -> int:
    """Frames after a frame that its matte depends on."""
    return LOOK_AHEAD + (SMOOTHING_LOOK_AHEAD if smooth else 0)


def chain(index: int, count: int, *, segment: Optional[int], warmup: int, ahead: int) -> tuple[int, int]:
    """First and last index (inclusive) of the chain of frames that delivers the frame at `index`.

    Args:
        index: place of the frame in the shot, 0 to `count` - 1.
        count: frames of the shot.
        segment: frames of a segment; None = the whole shot.
        warmup: frames computed before a segment and thrown away.
        ahead: frames after a frame that its matte depends on (`look_ahead`).
    """
    if segment is None:
        return 0, count - 1
    start = index // segment * segment
    return max(0, start - warmup), min(count - 1, start + segment - 1 + ahead)


def last_needed(index: int, length: int, *, ahead: int) -> int:
    """Index in a chain of `length` frames of the last one that the matte at `index` depends on."""
    # A chain begins with a window of three frames, whichever of them is asked for.
    return min(length - 1, max(index + ahead, 2))


def sampled(start: int, end: int) -> range:
    """Indices of the frames of a chain whose guidance says where people are and how large.

    Every fourth: a sixth of a second, in which nobody leaves the margin around them, for a quarter of the
    reading.
    """
    return range(start, end + 1, SAMPLED_EVERY)


def needed(index: int, count: int, *, segment: Optional[int], warmup: int, ahead: int) -> range:
    """Indices of every frame that the matte of the frame at `index` depends on; arguments as for `chain`."""
    start, end = chain(index, count, segment=segment, warmup=warmup, ahead=ahead)
    return range(start, start + last_needed(index - start, end - start + 1, ahead=ahead) + 1)
