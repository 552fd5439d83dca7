"""What can be had without a network: the least a network must beat.

All baselines take the plate (3, H, W), sRGB-encoded in [0, 1], and one binary mask (H, W), and return an
alpha (H, W) in [0, 1]. Sizes follow the short side of the plate.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

Plane = NDArray[np.floating]
Baseline = Callable[[Plane, Plane], Plane]

BLUR_SHARE = 0.004
"""Standard deviation of the blurred mask, as a share of the short side: what minimises the mean squared error
of masks that are a little wrong, without turning good masks soft."""
GUIDED_RADIUS_SHARE = 0.015
GUIDED_EPS = 1e-4
"""Window and regularisation of the guided filter; colours within 0.01 of each other count as one surface."""


def mask_itself(image: Plane, mask: Plane) -> Plane:
    """The guidance as it came."""
    del image
    return mask.astype(np.float32)


def blurred_mask(image: Plane, mask: Plane) -> Plane:
    """The guidance with a Gaussian blur of 0.4 % of the short side."""
    sigma = BLUR_SHARE * min(image.shape[-2:])
    return gaussian_filter(mask.astype(np.float32), sigma, mode="nearest")


def guided_filter(
    image: Plane, mask: Plane, *, radius_px: int | None = None, eps: float = GUIDED_EPS
) -> Plane:
    """The guidance pulled to the edges of the plate.

    Within every window the alpha is the linear function of colour that fits the mask best; a pixel takes the
    mean of the functions of all windows that hold it.

    Args:
        radius_px: half side of the window; by default 1.5 % of the short side.

    Source: He, Sun, Tang, "Guided Image Filtering", ECCV 2010, the colour version.
    """
    radius = radius_px or max(1, round(GUIDED_RADIUS_SHARE * min(image.shape[-2:])))
    image64, mask64 = image.astype(np.float64), mask.astype(np.float64)

    def mean(plane: Plane) -> Plane:
        return uniform_filter(plane, 2 * radius + 1, mode="nearest")

    colour = np.stack([mean(channel) for channel in image64], -1)
    level = mean(mask64)
    covariance = np.empty((*mask.shape, 3, 3))
    for i in range(3):
        for j in range(i, 3):
            covariance[..., i, j] = mean(image64[i] * image64[j]) - colour[..., i] * colour[..., j]
            covariance[..., j, i] = covariance[..., i, j]
    covariance += eps * np.eye(3)
    with_mask = np.stack([mean(channel * mask64) for channel in image64], -1) - colour * level[..., None]
    slope = np.linalg.solve(covariance, with_mask[..., None])[..., 0]
    offset = level - (slope * colour).sum(-1)
    alpha = mean(offset)
    for k in range(3):
        alpha = alpha + mean(slope[..., k]) * image64[k]
    return np.clip(alpha, 0, 1).astype(np.float32)


BASELINES: dict[str, Baseline] = {
    "mask": mask_itself,
    "blurred mask": blurred_mask,
    "guided filter": guided_filter,
}
"""By the names that tables print."""
