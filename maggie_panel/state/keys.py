"""Key masks that are drawn in the panel: what each begins with, and the strokes on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Optional

from maggie_api.job import Guidance

Tool = Literal["paint", "erase", "fill"]

MIN_RADIUS_PX, MAX_RADIUS_PX = 1.0, 500.0
"""Radii of the brush, in plate pixels."""
BRUSH_STEP = 1.25
"""Factor between two sizes of the brush: ten steps are nearly a factor of ten."""


@dataclass(frozen=True)
class Stroke:
    """One movement of the brush, in plate pixels; (0, 0) is the corner of the display window."""

    tool: Tool
    points: tuple[tuple[float, float], ...]
    """Where it went. `fill` fills the area that has the value at the first point and hangs together."""
    radius_px: float = 20.0


@dataclass(frozen=True)
class KeyMask:
    """The mask of one person at one frame."""

    base: Optional[Guidance] = None
    """Holds the person alone; its mask of the frame is what the strokes are drawn on. None begins empty."""
    strokes: tuple[Stroke, ...] = ()


def bigger(radius_px: float) -> float:
    """The next size of the brush."""
    return min(MAX_RADIUS_PX, radius_px * BRUSH_STEP)


def smaller(radius_px: float) -> float:
    """The size of the brush before."""
    return max(MIN_RADIUS_PX, radius_px / BRUSH_STEP)


def brush_step(radius_px: float) -> int:
    """How many steps a brush is above the smallest, the nearest whole number."""
    return round(math.log(radius_px / MIN_RADIUS_PX, BRUSH_STEP))


def brush_of(step: int) -> float:
    """Radius of the brush that is so many steps above the smallest, in plate pixels."""
    return min(MAX_RADIUS_PX, MIN_RADIUS_PX * BRUSH_STEP**step)


def changed_files(
    before: Mapping[str, KeyMask], after: Mapping[str, KeyMask]
) -> tuple[dict[str, KeyMask], list[str]]:
    """What to do to the files of keys so that they are as the document says: those to write, those to remove.

    Args:
        before: keys as they are on disk, by file.
        after: as they should be.
    """
    written = {file: key for file, key in after.items() if before.get(file) != key}
    return written, [file for file in before if file not in after]
