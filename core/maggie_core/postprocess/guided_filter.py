"""Guided filtering: in every window, the linear function of colour that fits a plane best.

Source: He, Sun, Tang, "Guided Image Filtering", ECCV 2010, the colour version.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating]

GUIDED_EPS = 1e-4
"""Regularisation of the guided filter; colours within 0.01 of each other count as one surface."""


def guided_filter(image: Plane, alpha: Plane, *, radius_px: int, eps: float = GUIDED_EPS) -> Plane:
    """An alpha (or mask) pulled to the edges of the image.

    A pixel takes the mean of the functions of all windows that hold it.

    Args:
        image: (3, H, W) sRGB-encoded in [0, 1].
        alpha: (H, W) in [0, 1].
        radius_px: half side of the window.

    Returns:
        (H, W) float32 in [0, 1].
    """
    colour = image.astype(np.float64)
    slopes, offset = fitted(colour, alpha.astype(np.float64), radius_px=radius_px, eps=eps)
    result = box_mean(offset, radius_px)
    for slope, channel in zip(slopes, colour, strict=True):
        result += box_mean(slope, radius_px) * channel
    return np.clip(result, 0, 1).astype(np.float32)


def fitted(image: Plane, alpha: Plane, *, radius_px: int, eps: float) -> tuple[Sequence[Plane], Plane]:
    """The function of the window around each pixel.

    Args:
        image: (3, H, W).
        alpha: (H, W) of the same type, which decides the precision.

    Returns:
        Its slopes by channel, (H, W) each, and its offset (H, W).
    """
    mean = [box_mean(channel, radius_px) for channel in image]
    level = box_mean(alpha, radius_px)

    def spread(i: int, j: int) -> Plane:
        return box_mean(image[i] * image[j], radius_px) - mean[i] * mean[j]

    rr, gg, bb = (spread(k, k) + alpha.dtype.type(eps) for k in range(3))
    rg, rb, gb = spread(0, 1), spread(0, 2), spread(1, 2)
    together = [box_mean(image[k] * alpha, radius_px) - mean[k] * level for k in range(3)]
    # Cramer's rule: the inverse of a symmetric 3 x 3 matrix by its cofactors.
    first, second, third = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    fourth, fifth, sixth = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    determinant = rr * first + rg * second + rb * third
    inverse = ((first, second, third), (second, fourth, fifth), (third, fifth, sixth))
    slopes = [sum(c * t for c, t in zip(row, together, strict=True)) / determinant for row in inverse]
    return slopes, level - sum(slope * m for slope, m in zip(slopes, mean, strict=True))


def box_mean(plane: Plane, radius_px: int) -> Plane:
    """The mean of the window around each pixel; beyond the border as at the border."""
    side = (2 * radius_px + 1,) * 2
    return np.asarray(cv2.boxFilter(plane, -1, side, borderType=cv2.BORDER_REPLICATE), plane.dtype)
