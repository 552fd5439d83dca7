"""What can be had without a network: the least a network must beat.

All baselines take the plate (3, H, W), sRGB-encoded in [0, 1], and one binary mask (H, W), and return an
alpha (H, W) float32 in [0, 1]. Sizes follow the short side of the plate. All are deterministic.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, uniform_filter

Plane = NDArray[np.floating]
Baseline = Callable[[Plane, Plane], Plane]

BLUR_SHARE = 0.004
"""Standard deviation of the blurred mask, as a share of the short side: what minimises the mean squared error
of masks that are a little wrong, without turning good masks soft."""
GUIDED_RADIUS_SHARE = 0.015
GUIDED_EPS = 1e-4
"""Window and regularisation of the guided filter; colours within 0.01 of each other count as one surface."""
CLOSED_FORM_BAND_SHARE = 0.02
"""How far from the mask's edge the closed form decides, inside and outside, as a share of the short side:
wide enough for masks that are off by a little, before the background's own edges join in."""


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


def closed_form(image: Plane, mask: Plane, *, band_px: float | None = None) -> Plane:
    """The guidance with a band around its edge decided by closed-form matting.

    Args:
        band_px: how far the band reaches to both sides of the edge, by default 2 % of the short side; where
            all of the mask is thinner than that, its middle stays foreground.
    """
    if not mask.any() or mask.all():
        return mask_itself(image, mask)
    reach = band_px or CLOSED_FORM_BAND_SHARE * min(image.shape[-2:])
    inside, outside = distance_transform_edt(mask > 0.5), distance_transform_edt(mask <= 0.5)
    trimap = np.full(mask.shape, 0.5)
    trimap[inside >= min(reach, inside.max())] = 1.0  # type: ignore[union-attr] - arrays, as no output is given
    trimap[outside >= min(reach, outside.max())] = 0.0  # type: ignore[union-attr]
    return solve_trimap(image, trimap)


def solve_trimap(image: Plane, trimap: Plane) -> Plane:
    """Closed-form matting of what a trimap leaves open.

    Only the unknown pixels are solved for, and only their surroundings are read, so the cost follows the
    band and not the picture. The first call of a process compiles for some seconds.

    Args:
        image: (3, H, W) sRGB-encoded in [0, 1].
        trimap: (H, W), 0 background, 1 foreground, anything between unknown. It needs some of each.

    Returns:
        (H, W) float32 in [0, 1]; the trimap's own value where that is 0 or 1.

    Source: Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural Image Matting", CVPR 2006, in
        pymatting.
    """
    # Imported here: it brings a compiler along, which takes seconds that only this method should pay.
    from pymatting.laplacian.cf_laplacian import cf_laplacian
    from pymatting.preconditioner.ichol import ichol
    from pymatting.solver.cg import cg

    unknown = (trimap > 0) & (trimap < 1)
    alpha = trimap.astype(np.float32)
    if not unknown.any():
        return alpha
    box = _box(unknown, margin=2)
    near, known = np.ascontiguousarray(image[:, *box].transpose(1, 2, 0), np.float64), ~unknown[box].ravel()
    laplacian = cf_laplacian(near, is_known=known)[~known]
    system, given = laplacian[:, ~known], laplacian[:, known] @ trimap[box].ravel()[known]
    solved = cg(system, -given, M=ichol(system.tocsc()))
    alpha[unknown] = np.clip(solved, 0, 1)
    return alpha


def _box(mask: NDArray[np.bool_], *, margin: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + 1 + margin),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + 1 + margin),
    )


BASELINES: dict[str, Baseline] = {
    "mask": mask_itself,
    "blur": blurred_mask,
    "guided-filter": guided_filter,
    "closed-form": closed_form,
}
"""By the names that options take and tables print."""
