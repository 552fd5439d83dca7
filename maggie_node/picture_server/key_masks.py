"""Key masks from what they begin with and the strokes on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from maggie_core.image.geometry import Geometry
from maggie_core.io.integer_image import write_integer_image

_SHIFT = 4
"""Bits behind the point of coordinates that OpenCV draws with: a sixteenth of a pixel."""
HALF = 128
"""Codes from here on are inside a mask."""


def drawn(base: np.ndarray, strokes: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """(H, W) uint8: a mask with strokes on it, in their order.

    Args:
        base: (H, W) coverage in [0, 1].
        strokes: each with `tool`, `points` and `radius_px`, in pixels of the mask.
    """
    mask = (np.clip(base, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)
    for stroke in strokes:
        points = [(float(x), float(y)) for x, y in stroke["points"]]
        if stroke["tool"] == "fill":
            _fill(mask, points[0])
        else:
            _brush(mask, points, float(stroke["radius_px"]), 255 if stroke["tool"] == "paint" else 0)
    return mask


def write_key(path: str, mask: np.ndarray) -> None:
    """Write a key's file, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    write_integer_image(path, mask)


def base_mask(masks: Sequence[Any], geometry: Geometry) -> np.ndarray:
    """(H, W) coverage over the display window, of the masks of one person at a frame; zeros without one."""
    found = np.zeros((geometry.region.height, geometry.region.width), np.float32)
    for mask in masks:
        placed = geometry.place_full(
            mask.pixels,
            mask.data,
            mask.display,
            pixel_aspect=mask.pixel_aspect,
            name=f"the mask of {mask.name}",
        )
        np.maximum(found, placed, out=found)
    return found


def _brush(mask: np.ndarray, points: Sequence[tuple[float, float]], radius_px: float, value: int) -> None:
    """Discs of one radius along a line, with a soft rim of a pixel."""
    factor = 1 << _SHIFT
    # OpenCV's coordinates are those of the centres of pixels.
    places = [(round((x - 0.5) * factor), round((y - 0.5) * factor)) for x, y in points]
    for place in places:
        cv2.circle(mask, place, round(radius_px * factor), value, cv2.FILLED, cv2.LINE_AA, _SHIFT)
    if len(places) > 1:
        line = np.asarray(places, np.int32)[:, None]
        thick = max(1, round(2 * radius_px))
        cv2.polylines(mask, [line], False, value, thick, cv2.LINE_AA, _SHIFT)


def _fill(mask: np.ndarray, point: tuple[float, float]) -> None:
    """Fill the area around a point, to where the mask begins; an area that is filled stays so."""
    x, y = int(point[0]), int(point[1])
    if not (0 <= x < mask.shape[1] and 0 <= y < mask.shape[0]):
        return
    inside = (mask >= HALF).astype(np.uint8)
    if inside[y, x]:
        return
    flood = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.uint8)
    cv2.floodFill(inside, flood, (x, y), 1)
    filled = flood[1:-1, 1:-1].astype(bool)
    # The soft rim between the old mask and what was filled belongs to neither and would stay as a seam.
    rim = cv2.dilate(filled.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    mask[filled | (rim & (mask < HALF))] = 255
