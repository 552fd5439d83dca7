"""Measures of one frame's alphas: by themselves, and against their guidance."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.qc.change import LEAST_OUTLINE_PX, Plane, outline_px

TOLERANCE = 1 / 1024
"""Last digit of a half float just above 1."""
PRESENT_SHARE = 5e-4
"""Share of the image from which a mask counts as present: 0.05 %, 30 x 35 pixels of 1920x1080."""
EMPTY_SHARE = 0.05
"""Part of the guidance's area below which a matte is empty."""
TOGETHER = 1.01
"""Sum of alphas from which they exceed one: a percent is rounding and edges."""
IN = 0.02
"""A pixel is covered above this alpha, and fully covered above one less it."""
FAINT = 0.1
"""Alpha from which a speck is visible."""
APART_SHARE = 0.005
"""Distance to the rest from which a piece is a speck, as a share of the short side; hair ends are nearer."""
SMALL_SHARE = 0.01
"""Largest size of a speck or a hole, as a share of the largest piece or of the whole."""
LEAST_HOLE_SHARE = 0.003
"""Smallest side of a hole, as a share of the short side: the gaps between strands of hair are smaller."""
REACH_SHARE = 0.06
"""Largest distance of rough guidance from the person, as a share of the short side."""


def cleaned(alpha: Plane) -> tuple[Plane, int, int]:
    """An alpha (H, W) made finite and clamped to [0, 1]; how many pixels were not finite; how many were
    outside [0, 1].
    """
    broken = ~np.isfinite(alpha)
    not_finite = int(np.count_nonzero(broken))
    with np.errstate(invalid="ignore"):
        outside = int(np.count_nonzero(((alpha < -TOLERANCE) | (alpha > 1 + TOLERANCE)) & ~broken))
    if not_finite:
        alpha = np.where(broken, np.float32(0), alpha)
    return np.clip(alpha, 0, 1), not_finite, outside


def area(alpha: Plane) -> float:
    """Covered part of the image, in percent."""
    return 100 * float(alpha.mean(dtype=np.float64))


def above_one(total: Plane) -> float:
    """Pixels where the sum of the alphas exceeds one, in percent of the covered pixels."""
    covered = np.count_nonzero(total > TOLERANCE)
    return 100 * np.count_nonzero(total > TOGETHER) / covered if covered else 0.0


@dataclass(frozen=True)
class Shape:
    """Measures of one alpha's shape."""

    undecided: float
    """Pixels neither fully covered nor free, in percent of the covered pixels."""
    edge_px: float | None
    """Mean width of the edge; None where the outline is too short to say."""
    specks: float
    """Small pieces apart from the rest, in percent of the whole; and how many."""
    speck_count: int
    holes: float
    """Small holes through which the background shows, in percent of the whole; and how many."""
    hole_count: int


def shape(alpha: Plane, total: Plane, mask: Plane | None = None) -> Shape:
    """Measure one alpha's shape.

    Args:
        alpha: (H, W) in [0, 1].
        total: (H, W) sum of all instances' alphas: a person in front makes no hole.
        mask: (H, W) guidance, binary; with it, a hole counts where the guidance has none, whatever its size.
    """
    seen = alpha > IN
    covered = int(np.count_nonzero(seen))
    if not covered:
        return Shape(0, None, 0, 0, 0, 0)
    undecided = int(np.count_nonzero(seen & (alpha < 1 - IN)))
    outline = outline_px(alpha)
    specks, speck_count = find_specks(alpha)
    holes, hole_count = find_holes(alpha, total, mask)
    return Shape(
        100 * undecided / covered,
        undecided / outline if outline >= LEAST_OUTLINE_PX else None,
        100 * int(np.count_nonzero(specks)) / covered,
        speck_count,
        100 * int(np.count_nonzero(holes)) / covered,
        hole_count,
    )


def find_specks(alpha: Plane) -> tuple[NDArray[np.bool_], int]:
    """(H, W): the pixels of an alpha's small pieces apart from the rest; and how many pieces."""
    inside = (alpha > FAINT).astype(np.uint8)
    reach = max(2, round(APART_SHARE * min(alpha.shape)))
    grown = cv2.dilate(inside, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    count, pieces = cv2.connectedComponents(grown, connectivity=8)
    sizes = np.bincount(pieces[inside > 0], minlength=count)
    small = (sizes > 0) & (sizes < SMALL_SHARE * sizes.max(initial=0))
    return small[pieces] & (inside > 0), int(np.count_nonzero(small))


def find_holes(alpha: Plane, total: Plane, mask: Plane | None = None) -> tuple[NDArray[np.bool_], int]:
    """(H, W): the pixels of an alpha's small holes, see `shape`; and how many holes."""
    out = (alpha < 0.5).astype(np.uint8)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(out, connectivity=4)
    height, width = alpha.shape
    x, y, w, h, size = (stats[:, k] for k in range(5))
    enclosed = (x > 0) & (y > 0) & (x + w < width) & (y + h < height)
    enclosed[0] = False  # label 0 is what is in
    enclosed &= size >= max(2, (LEAST_HOLE_SHARE * min(alpha.shape)) ** 2)
    if mask is None:
        enclosed &= size < SMALL_SHARE * (alpha.size - size[1:].sum())
    enclosed &= _mean_in(pieces, total, size) < 0.5
    if mask is not None:
        enclosed &= _mean_in(pieces, mask, size) > 0.5
    return enclosed[pieces], int(np.count_nonzero(enclosed))


def _mean_in(pieces: np.ndarray, plane: Plane, size: np.ndarray) -> np.ndarray:
    """Mean of a plane over each piece."""
    return np.bincount(pieces.ravel(), weights=plane.ravel(), minlength=len(size)) / np.maximum(size, 1)


@dataclass(frozen=True)
class Agreement:
    """How an alpha agrees with its guidance."""

    iou: float
    """Intersection over union; 1 is the same."""
    area_drift: float
    """Percent of the guidance's area by which the alpha is larger than it; negative: smaller."""
    centre_drift: float
    """Distance of their centres, in percent of the guidance's size (the root of its area)."""


def agreement(alpha: Plane, mask: Plane) -> Agreement:
    """Compare an alpha (H, W) with its guidance, neither of them empty."""
    covered, claimed = float(alpha.sum(dtype=np.float64)), float(mask.sum(dtype=np.float64))
    both = float(np.minimum(alpha, mask).sum(dtype=np.float64))
    (y0, x0), (y1, x1) = _centre(alpha), _centre(mask)
    return Agreement(
        both / (covered + claimed - both),
        100 * (covered / claimed - 1),
        100 * float(np.hypot(y1 - y0, x1 - x0)) / claimed**0.5,
    )


def outside(alpha: Plane, mask: Plane) -> float:
    """Alpha far from its guidance, in percent of all of it: all of it where there is no guidance."""
    covered = float(alpha.sum(dtype=np.float64))
    if covered < 1:
        return 0.0
    return 100 * float((alpha * far_from(mask)).sum(dtype=np.float64)) / covered


def far_from(mask: Plane) -> NDArray[np.bool_]:
    """(H, W): pixels further than `REACH_SHARE` from a mask."""
    reach = max(1, round(REACH_SHARE * min(mask.shape)))
    return cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) == 0


def _centre(plane: Plane) -> tuple[float, float]:
    total = plane.sum(dtype=np.float64)
    y, x = (float(plane.sum(axis=k, dtype=np.float64) @ np.arange(plane.shape[1 - k])) for k in (1, 0))
    return y / total, x / total
