"""What an artist does to the edge of a finished matte, in the trade's words and order.

Every tool is exact at its default: it hands the plane on, bit for bit. None needs the network, so changing
them costs no more than reading and writing a matte.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_api.settings import EdgeSettings

Plane = NDArray[np.float32]

EMPTY, SOLID = 0.02, 0.98
"""Alphas up to and from which a pixel is told neither from nothing nor from all: the rim of a hole or of a
speck fades out within them."""
RIM_PX = 2
"""How far such a rim reaches."""
MOST_STEP_PX = 3
"""Discs are grown in steps of at most so many pixels: a disc of 30 in one step costs ten times as much."""


def with_edge_tools(
    alpha: Plane, tools: EdgeSettings, *, core: Plane | None = None, garbage: Plane | None = None
) -> Plane:
    """A matte held by its control planes and treated by the tools, in the order of `EdgeSettings`.

    Args:
        alpha: (H, W) float32 in [0, 1], in plate pixels. It is left alone.
        core: (H, W) in [0, 1]: alpha is at least this, 1 inside it.
        garbage: (H, W) in [0, 1]: alpha is at most this, 0 outside it. It wins where both are given.

    Returns:
        (H, W) float32 in [0, 1]; `alpha` itself where there is nothing to do. The planes hold after all tools
        as before them: a softened edge does not leave the garbage matte.
    """
    result = held(alpha, core, garbage)
    result = _holes_filled(result, tools.fill_holes_px)
    result = _specks_removed(result, tools.remove_specks_px)
    result = _grown(result, tools.grow_px)
    if tools.soften_px > 0:
        result = cv2.GaussianBlur(result, (0, 0), tools.soften_px, borderType=cv2.BORDER_REPLICATE)
    if (tools.black_point, tools.white_point) != (0.0, 1.0):
        span = np.float32(tools.white_point - tools.black_point)
        result = np.clip((result - np.float32(tools.black_point)) / span, 0, 1)
    if tools.gamma != 1.0:
        result = result ** np.float32(1 / tools.gamma)
    return held(np.asarray(result, np.float32), core, garbage)


def held(alpha: Plane, core: Plane | None = None, garbage: Plane | None = None) -> Plane:
    """An alpha (H, W) that is at least `core` and at most `garbage`."""
    if core is not None:
        alpha = np.maximum(alpha, core.astype(np.float32, copy=False))
    if garbage is not None:
        alpha = np.minimum(alpha, garbage.astype(np.float32, copy=False))
    return alpha


def _holes_filled(alpha: Plane, side_px: float) -> Plane:
    if side_px <= 0:
        return alpha
    return 1 - _specks_removed(1 - alpha, side_px)


def _specks_removed(alpha: Plane, side_px: float) -> Plane:
    """Without the pieces of more than `EMPTY` whose area is at most a square of this side."""
    if side_px <= 0:
        return alpha
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(
        (alpha > EMPTY).astype(np.uint8), connectivity=8
    )
    small = stats[:, cv2.CC_STAT_AREA] <= side_px**2
    small[0] = False
    if count < 2 or not small.any():
        return alpha
    specks = small[np.asarray(pieces, np.int64)].astype(np.uint8)
    rim = cv2.dilate(specks, np.ones((2 * RIM_PX + 1,) * 2, np.uint8)) > 0
    gone = (specks > 0) | (rim & (alpha <= EMPTY))
    return np.where(gone, np.float32(0), alpha)


def _grown(alpha: Plane, by_px: float) -> Plane:
    """The edge moved by a disc; by a fraction of a pixel, between the two discs of whole ones."""
    if by_px == 0:
        return alpha
    move = cv2.dilate if by_px > 0 else cv2.erode
    whole = math.floor(abs(by_px))
    part = np.float32(abs(by_px) - whole)
    left = whole
    while left > 0:
        step = min(left, MOST_STEP_PX)
        alpha = np.asarray(move(alpha, _disc(step), borderType=cv2.BORDER_REPLICATE), np.float32)
        left -= step
    if part > 0:
        further = np.asarray(move(alpha, _disc(1), borderType=cv2.BORDER_REPLICATE), np.float32)
        alpha = np.asarray(alpha + part * (further - alpha), np.float32)
    return alpha


def _disc(radius_px: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[-radius_px : radius_px + 1, -radius_px : radius_px + 1]
    return (np.hypot(y, x) <= radius_px + 0.3).astype(np.uint8)
