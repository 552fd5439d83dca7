"""Grad: how far the slopes of a matte are from the true ones."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Alphas = NDArray[np.floating]
Limits = tuple[float, float]
"""Least and greatest value an alpha is stretched to before it is filtered."""

_SIGMA = 1.4
REACH_PX = 4
"""ceil(sigma sqrt(-2 ln(sqrt(2 pi) sigma 0.01))): beyond it the kernel is below 1 %."""


def limits_of(alphas: Alphas) -> Limits:
    """Least and greatest value of all that is normalised together."""
    return float(alphas.min()), float(alphas.max())


def gradient_error(predicted: Alphas, truth: Alphas, *, stretch: tuple[Limits, Limits]) -> float:
    """Summed squared difference of the gradients' lengths, in thousands.

    Args:
        predicted, truth: (H, W) coverage in [0, 1].
        stretch: the limits of `predicted` and of `truth`, each over everything the protocol normalises
            together. They change nothing where alphas reach 0 and 1.
    """
    gap = _slope(_stretched(predicted, stretch[0])) - _slope(_stretched(truth, stretch[1]))
    return 1e-3 * float((gap**2).sum(dtype=np.float64))


def _stretched(alpha: Alphas, limits: Limits) -> NDArray[np.float32]:
    low, high = np.float32(limits[0]), np.float32(limits[1])
    return (alpha.astype(np.float32) - low) / (high - low + np.float32(1e-6))


def _slope(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Length of the Gaussian gradient of (H, W), zeros outside the image."""
    smooth, slope = _KERNELS
    across, down = (
        cv2.sepFilter2D(alpha, cv2.CV_32F, row, column, borderType=cv2.BORDER_CONSTANT)
        for row, column in ((slope, smooth), (smooth, slope))
    )
    return np.hypot(across, down)


def _kernels() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The two factors of the 9 x 9 kernel, scaled so that their product has Frobenius norm 1."""
    u = np.arange(-REACH_PX, REACH_PX + 1, dtype=np.float64)
    smooth = np.exp(-(u**2) / (2 * _SIGMA**2)) / (_SIGMA * np.sqrt(2 * np.pi))
    slope = -u * smooth / _SIGMA**2
    return smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)


_KERNELS = _kernels()
