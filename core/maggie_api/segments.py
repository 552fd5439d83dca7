"""Which frames of a shot a matte depends on.

A shot is cut into segments counted from its first frame. In the frames of a segment the network looks at the
same regions, and they share one chain of temporal state. The chain starts `warmup_frames` before the segment
and needs a few frames after the last one it delivers. A network that sees every frame by itself has no state:
of its chain a matte depends on the frames beside it alone, which it is smoothed with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional, TypedDict

from .settings import MatteSettings


class SegmentRule(TypedDict):
    """How a shot is cut, and what a matte depends on."""

    segment: Optional[int]
    """Frames of a segment; None = the whole shot."""
    warmup: int
    """Frames computed before a segment and thrown away."""
    ahead: int
    """Frames after a frame that its matte depends on."""
    behind: Optional[int]
    """Frames before a frame that its matte depends on; None = all of its chain."""


LOOK_AHEAD = 1
"""Frames after a frame that the network's matte of it depends on."""
SAMPLED_EVERY = 4
"""Frames from one whose guidance is measured to the next."""
SMOOTHING_LOOK_AHEAD = 1
"""Frames more that temporal smoothing takes from."""
AUTO_EXPOSURE_AT = (0, 12, 24)
"""Indices of the frames that an automatic exposure is measured on, as far as the shot has them.

All lie in its first second and are counted from its first frame, so frames that are appended to a shot of 25
or more change nothing."""


@dataclass(frozen=True)
class InputFrames:
    """Indices of the frames whose files some mattes depend on, ascending."""

    plate: tuple[int, ...]
    guidance: tuple[int, ...]


def segment_rule(
    segment: Optional[int], warmup: int, *, smooth: bool, looks_around: bool = True
) -> SegmentRule:
    """How a shot is cut.

    Args:
        segment, warmup: as in the rule. A network without state needs no warm-up.
        smooth: whether mattes are smoothed with those of the frames beside them.
        looks_around: whether the network's matte of a frame depends on other frames.
    """
    beside = SMOOTHING_LOOK_AHEAD if smooth else 0
    if not looks_around:
        return {"segment": segment, "warmup": beside, "ahead": beside, "behind": beside}
    return {"segment": segment, "warmup": warmup, "ahead": LOOK_AHEAD + beside, "behind": None}


def chain(index: int, count: int, rule: SegmentRule) -> tuple[int, int]:
    """First and last index (inclusive) of the chain of frames that delivers the frame at `index`.

    Args:
        index: place of the frame in the shot, 0 to `count` - 1.
        count: frames of the shot.
    """
    segment = rule["segment"]
    if segment is None:
        return 0, count - 1
    start = index // segment * segment
    return max(0, start - rule["warmup"]), min(count - 1, start + segment - 1 + rule["ahead"])


def needed_of(index: int, length: int, rule: SegmentRule) -> tuple[int, int]:
    """First and last index, in a chain of `length` frames, of those that the matte at `index` depends on."""
    until, behind = index + rule["ahead"], rule["behind"]
    if behind is not None:
        return max(0, index - behind), min(length - 1, until)
    # A chain of state begins with a window of three frames, whichever of them is asked for.
    return 0, min(length - 1, max(until, 2))


def sampled(start: int, end: int) -> range:
    """Indices of the frames of a chain whose guidance says where people are and how large.

    Every fourth: a sixth of a second, in which hardly anybody leaves the margin around them, for a quarter
    of the reading. Who does has their mask there.
    """
    return range(start, end + 1, SAMPLED_EVERY)


def needed(index: int, count: int, rule: SegmentRule) -> range:
    """Indices of every frame that the matte of the frame at `index` depends on; arguments as for `chain`."""
    start, end = chain(index, count, rule)
    first, last = needed_of(index - start, end - start + 1, rule)
    return range(start + first, start + last + 1)


def input_frames(
    wanted: Iterable[int], count: int, settings: MatteSettings, *, looks_around: bool = True
) -> InputFrames:
    """The frames whose plate and whose guidance the mattes at some indices may depend on.

    The answer is the worker's own, unless only the model can give it: where `smooth` is auto it holds what a
    model needs that smooths, and where `scale` is auto what one needs that enlarges small people.

    Args:
        wanted: indices of the mattes.
        count: frames of the shot.
        settings: of the matte.
        looks_around: as for `segment_rule`; where it is not known, True holds what any model needs.
    """
    rule = segment_rule(
        settings.segment,
        settings.warmup_frames,
        smooth=settings.smooth != "none",
        looks_around=looks_around,
    )
    # The first frame gives the shot its format.
    plate, guidance = {0}, set()
    if settings.exposure_ev == "auto":
        plate.update(index for index in AUTO_EXPOSURE_AT if index < count)
    if settings.data_window == "plate":  # it holds what any frame stores
        plate.update(range(count))
    for index in wanted:
        reached = needed(index, count, rule)
        plate.update(reached)
        guidance.update(reached)
        if settings.scale == "auto":
            guidance.update(sampled(*chain(index, count, rule)))
    return InputFrames(tuple(sorted(plate)), tuple(sorted(guidance)))
