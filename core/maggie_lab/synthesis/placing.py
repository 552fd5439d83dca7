"""Placements of figures in a crop: what the crop looks at, and how cut sides are kept out of view."""

from __future__ import annotations

import numpy as np

from .bank import Anchors
from .fields import Plane, resize_planes, value_noise
from .layer import Placement


def aim(
    rng: np.random.Generator,
    anchors: Anchors,
    *,
    image_px: int,
    crop_px: int,
    view: str,
    margin_px: float = 4.0,
) -> Placement:
    """Placement a figure so that the crop shows what `view` asks for.

    Args:
        view: "whole" (all of it), "edge", "soft" (hair), "core" (deep inside) or "rim" (mostly background).
        margin_px: how far outside the crop a cut is kept; more for figures that will move.
    """
    left, top, right, bottom = anchors.box
    flip = int(rng.choice([-1, 1]))
    if view == "whole":
        scale = crop_px * rng.uniform(0.6, 1.05) / max(right - left, bottom - top)
        pivot = (0.5 * (left + right), 0.5 * (top + bottom))
        centre = (crop_px * rng.uniform(0.35, 0.65), crop_px * rng.uniform(0.42, 0.58))
    else:
        scale = float(np.exp(rng.uniform(np.log(0.55), np.log(1.6)))) * crop_px / 256 * 384 / image_px
        points = {"edge": anchors.edge, "soft": anchors.soft, "core": anchors.core, "rim": anchors.edge}[view]
        pivot = (float(v) for v in points[rng.integers(len(points))])
        pivot = tuple(pivot)
        reach = {"core": (0.4, 0.6), "rim": (0.02, 0.98)}.get(view, (0.22, 0.78))
        centre = (crop_px * rng.uniform(*reach), crop_px * rng.uniform(*reach))
        if view == "rim":
            axis = int(rng.integers(2))
            near = crop_px * float(rng.choice([0.06, 0.94]))
            centre = (near, centre[1]) if axis == 0 else (centre[0], near)
    placement = Placement((pivot[0], pivot[1]), centre, float(scale), float(rng.normal(0, 0.07)), flip)
    return hide_cuts(placement, anchors, image_px=image_px, crop_px=crop_px, margin_px=margin_px)


def hide_cuts(
    placement: Placement, anchors: Anchors, *, image_px: int, crop_px: int, margin_px: float = 4.0
) -> Placement:
    """Move and grow a figure that its own canvas cuts off, so that the cuts lie outside the crop where they
    can.
    """
    left, top, right, bottom = anchors.box
    last = image_px - 3
    cut_left, cut_right = (left <= 3, right >= last)[:: placement.flip]
    scale = placement.scale
    if (cut_left and cut_right) or (top <= 3 and bottom >= last):
        scale = max(scale, (crop_px + 2 * margin_px) / image_px)
    from_left = placement.pivot[0] if placement.flip > 0 else image_px - placement.pivot[0]
    length, reach = image_px * scale, crop_px + margin_px
    x, y = placement.centre
    if cut_right:
        x = max(x, reach - (length - from_left * scale))
    if cut_left:
        x = min(x, from_left * scale - margin_px)
    if bottom >= last:
        y = max(y, reach - (length - placement.pivot[1] * scale))
    if top <= 3:
        y = min(y, placement.pivot[1] * scale - margin_px)
    return Placement(placement.pivot, (x, y), scale, placement.angle, placement.flip)


def soft_warp(rng: np.random.Generator, size_px: int, *, strength_px: float, cell_px: float) -> Plane:
    """A smooth displacement field (2, size, size) in pixels."""
    coarse = max(8, size_px // 8)
    cell = max(2.0, cell_px * coarse / size_px)
    field = np.stack([value_noise(rng, coarse, coarse, cell_px=cell) for _ in range(2)])
    return resize_planes(field * np.float32(strength_px), size_px, size_px)
