"""Conn: what is cut off the body of a matte, or stuck to it, counts more than its area."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

LEVELS = np.arange(11) / 10
"""The alpha levels at which a matte is cut; between two of them a pixel counts as connected."""
TOLERANCE = np.float32(0.15)
"""Alpha above its connected level by less than this is as good as connected."""


def connectivity_error(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Summed difference of how connected the pixels are, in thousands.

    A pixel is connected up to the level at which it leaves the largest region (4 neighbours; the first one in
    reading order among equals) that both alphas reach.

    Args:
        predicted, truth: (H, W) coverage in [0, 1].
    """
    # In float32 as published: a pixel exactly at the tolerance would fall to the other side in float64.
    p, g = predicted.astype(np.float32), truth.astype(np.float32)
    connected = _connected_level(np.minimum(p, g))
    gap = _phi(g, connected) - _phi(p, connected)
    return 1e-3 * float(np.abs(gap).sum(dtype=np.float64))


def _connected_level(shared: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) the level up to which a pixel is connected; 1 where it never leaves the largest region."""
    level = np.ones(shared.shape, np.float32)
    inside = np.ones(shared.shape, bool)
    for below, here in zip(LEVELS[:-1], LEVELS[1:], strict=True):
        leaving = inside & ~_largest_region(shared >= here)
        level[leaving] = below
        inside &= ~leaving
    return level


def _largest_region(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    # Numbered in reading order, and argmax takes the first of equals.
    numbers, count = label(mask)  # type: ignore[misc] - a pair, since no output is given
    if count <= 1:
        return mask
    sizes = np.bincount(numbers.ravel())
    return numbers == 1 + sizes[1:].argmax()


def _phi(alpha: NDArray[np.float32], connected: NDArray[np.float32]) -> NDArray[np.float32]:
    excess = alpha - connected
    return np.float32(1) - np.where(excess >= TOLERANCE, excess, np.float32(0))
