"""The grain of an image: how much there is, and the image without it.

Steps that take an edge from colours take it from grain too, where they look at a few pixels at a time.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating]

SECOND_DIFFERENCE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
"""Keeps the standard deviation of white noise, and nothing of a ramp or of a straight edge that lies along
the grid. Source: Immerkaer, "Fast Noise Variance Estimation", CVIU 1996."""
BLOCK_PX, QUIET = 16, 0.2
"""Side of the blocks that grain is measured in, and which quantile of them tells it: most show more."""
EXPOSED = (0.05, 0.95)
"""Mean of a block between which it is not clipped: what is has no grain."""
BLUR_AT, BLUR_PX = (0.003, 0.008, 0.03, 0.06), (0.0, 0.5, 0.7, 0.85)
"""Standard deviation of the blur, in pixels, by that of the grain; linear between. Photographs without grain
have 0.001 to 0.003."""


def grain_of(image: Plane) -> float:
    """Standard deviation of an image's grain; 0 where no part of it is quiet enough or exposed.

    Args:
        image: (C, H, W), sRGB-encoded in [0, 1].
    """
    found = []
    for channel in image:
        plane = channel.astype(np.float32, copy=False)
        rough = cv2.filter2D(plane, -1, SECOND_DIFFERENCE, borderType=cv2.BORDER_REFLECT_101)
        level, power = _blocks(plane), _blocks(np.square(rough, dtype=np.float32))
        exposed = power[(level > EXPOSED[0]) & (level < EXPOSED[1])]
        if exposed.size:
            found.append(np.sqrt(np.quantile(exposed, QUIET)))
    return float(np.mean(found)) if found else 0.0


def without_grain(image: Plane) -> Plane:
    """An image (C, H, W), sRGB-encoded in [0, 1], blurred as little as its grain asks for; one that has none
    is returned as it is."""
    blur = float(np.interp(grain_of(image), BLUR_AT, BLUR_PX))
    if blur == 0:
        return image
    return np.stack([cv2.GaussianBlur(channel, (5, 5), blur) for channel in image])


def _blocks(plane: Plane) -> Plane:
    """Means of the whole blocks of a plane (H, W), in a row."""
    down, across = (length // BLOCK_PX for length in plane.shape)
    cut = plane[: down * BLOCK_PX, : across * BLOCK_PX]
    return cut.reshape(down, BLOCK_PX, across, BLOCK_PX).mean(axis=(1, 3)).ravel()
