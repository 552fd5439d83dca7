"""Detail at the plate's own resolution, added to alphas of the working grid where they are undecided.

Around an edge alpha is nearly a linear function of colour (Levin et al., "A Closed-Form Solution to Natural
Image Matting", CVPR 2006). Its slope is found on the working grid, in windows, by the guided filter (He, Sun,
Tang, "Guided Image Filtering", ECCV 2010; its coarse fit used at full size: He and Sun, "Fast Guided Filter",
2015). The plate then adds what it has beyond its own working copy:

    alpha = working alpha + slope . (colour - working colour), all brought to the plate's pixels,

but for what is no more than the plate's grain. So who is where, and how that changes in time, stays the
working grid's decision, and no tile knows more than another: cut anywhere, the result is the same. Memory is
that of the alphas and of a tile for each thread.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.postprocess.guided_filter import box_mean, fitted
from maggie_core.runtime.threads import side_by_side

Plane = NDArray[np.floating]

UNDECIDED = (0.01, 0.99)
"""Alphas strictly between are decided anew, and pixels this near to them (in pixels of the working grid)."""
NEAR_PX = 2
RADIUS_PX = 4
EPS = 3e-5
"""Half side of the window of the fit, and its regularisation: colours within 0.005 count as one."""
HALO_PX = 3
"""Half side of the window, in plate pixels, in which change is told from grain."""
SAMPLES, SAMPLE_PX, GRAIN_QUANTILE = 12, 48, 0.25
"""The grain is looked for in at most 12 x 12 samples of the plate: a low quantile of their variances."""
TILE_PX = 256
"""Side of a tile of the plate: small, as most tiles hold no edge; far above that a tile outgrows the
processor's cache."""


def has_detail(geometry: Geometry) -> bool:
    """Whether the plate holds more than comes back from the working grid: where that is coarser, and where
    the region is enlarged, as that blurs the plate, and alphas with it."""
    width, height = geometry.working_size
    return geometry.enlarges or geometry.region.width > width or geometry.region.height > height


def add_detail(
    alphas: Plane,
    slopes: list[Plane | None],
    image: Plane,
    *,
    geometry: Geometry,
    see: Callable[[Window], Plane],
    tile_px: int = TILE_PX,
) -> None:
    """Sharpen alphas in place.

    Args:
        alphas: (N, H, W) over the region, brought there from the working grid.
        slopes: of each instance `slope_of` its working alpha, or None where it is to stay as it is.
        image: (3, h, w), sRGB-encoded in [0, 1], what the network saw.
        see: (H', W', 3) the same image at the plate's size, in a part of the region.
        tile_px: changes nothing but time and memory.
    """
    coarse = np.ascontiguousarray(image.transpose(1, 2, 0))
    region = geometry.region

    def finer(part: Window) -> Plane:
        return see(part) - geometry.part_from_working(coarse, part)

    grain = _grain(finer, region)

    def decide(tile: Window) -> None:
        around = _grown(tile, region)
        cells = geometry.cells_of(around)
        there = [n for n, slope in enumerate(slopes) if slope is not None and slope[cells].any()]
        if not there:
            return
        beyond = finer(around)
        inside = _inside(tile, around)
        for n in there:
            slope = slopes[n]
            assert slope is not None
            change = _cleaned(geometry.part_from_working(slope, around), beyond, grain)
            part = alphas[n][_inside(tile, region)]
            part += change[inside]
            np.clip(part, 0, 1, out=part)

    side_by_side(decide, geometry.tiles(tile_px))


def _grain(finer: Callable[[Window], Plane], region: Window) -> Plane:
    """(3,) variance of what a plate shows beyond its working copy where it shows nothing but grain: low among
    those of samples all over the region.
    """
    side = min(SAMPLE_PX, region.width, region.height)
    columns, rows = (
        np.linspace(0, length - side, min(SAMPLES, -(-length // side))).astype(int)
        for length in (region.width, region.height)
    )
    found = [
        finer(Window(region.x + int(x), region.y + int(y), side, side)).var(axis=(0, 1))
        for y in rows
        for x in columns
    ]
    return np.quantile(found, GRAIN_QUANTILE, axis=0).astype(np.float32)


def _cleaned(slope: Plane, beyond: Plane, grain: Plane) -> Plane:
    """(H, W) slope . beyond, less where it is no more than grain (Wiener's filter, in windows)."""
    change = np.einsum("hwc,hwc->hw", slope, beyond)
    side = (2 * HALO_PX + 1,) * 2
    energy = cv2.boxFilter(change * change, cv2.CV_32F, side, borderType=cv2.BORDER_REPLICATE)
    noise = cv2.boxFilter(slope * slope @ grain, cv2.CV_32F, side, borderType=cv2.BORDER_REPLICATE)
    return change * np.clip(1 - noise / np.maximum(energy, 1e-12), 0, 1)


def _grown(tile: Window, region: Window) -> Window:
    wide = Window(tile.x - HALO_PX, tile.y - HALO_PX, tile.width + 2 * HALO_PX, tile.height + 2 * HALO_PX)
    return wide.intersection(region) or tile


def _inside(part: Window, whole: Window) -> tuple[slice, slice]:
    x, y = part.x - whole.x, part.y - whole.y
    return slice(y, y + part.height), slice(x, x + part.width)


def slope_of(alpha: Plane, image: Plane) -> Plane | None:
    """How alpha changes with colour, fading to 0 away from where it is undecided.

    Args:
        alpha: (h, w) in [0, 1].
        image: (3, h, w), sRGB-encoded in [0, 1].

    Returns:
        (h, w, 3); None where nothing is undecided.
    """
    low, high = UNDECIDED
    undecided = ((alpha > low) & (alpha < high)).astype(np.float32)
    if not undecided.any():
        return None
    near = cv2.dilate(undecided, np.ones((2 * NEAR_PX + 1,) * 2, np.uint8))
    weight = cv2.blur(near, (3, 3), borderType=cv2.BORDER_REPLICATE)
    slopes, _ = fitted(image, alpha, radius_px=RADIUS_PX, eps=EPS)
    return np.stack([box_mean(slope, RADIUS_PX) for slope in slopes], axis=-1) * weight[..., None]
