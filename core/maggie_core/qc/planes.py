"""What one frame's alphas tell by themselves, and beside their guidance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

TOLERANCE = 1 / 1024
"""Last digit of a half float just above 1."""
PRESENT_SHARE = 5e-4
"""Part of the picture from which a mask says that somebody is there: 0.05 %, 30 x 35 pixels of 1920x1080."""
EMPTY_SHARE = 0.05
"""Part of the guidance's area below which a matte is empty."""
TOGETHER = 1.01
"""Sum of alphas from which they exceed one: a percent is rounding and edges."""


def cleaned(alpha: Plane) -> tuple[Plane, int, int]:
    """An alpha (H, W) that can be computed with, in [0, 1]; how many of its pixels were not finite, and how
    many outside [0, 1].
    """
    broken = ~np.isfinite(alpha)
    not_finite = int(np.count_nonzero(broken))
    with np.errstate(invalid="ignore"):
        outside = int(np.count_nonzero(((alpha < -TOLERANCE) | (alpha > 1 + TOLERANCE)) & ~broken))
    if not_finite:
        alpha = np.where(broken, np.float32(0), alpha)
    return np.clip(alpha, 0, 1), not_finite, outside


def area(alpha: Plane) -> float:
    """Covered part of the picture, in percent."""
    return 100 * float(alpha.mean(dtype=np.float64))


def above_one(total: Plane) -> float:
    """Pixels whose alphas exceed one together, in percent of those that are covered at all."""
    covered = np.count_nonzero(total > TOLERANCE)
    return 100 * np.count_nonzero(total > TOGETHER) / covered if covered else 0.0
