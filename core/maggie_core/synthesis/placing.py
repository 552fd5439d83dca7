"""Figures put into a crop: where, how large, turned, moving; and sampled there.

All sampling happens through one bilinear warp per layer and frame, from a half-size copy when a figure
shrinks, so that nothing aliases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from .bank import Anchors
from .fields import Plane, resize_planes, value_noise


@dataclass(frozen=True)
class Place:
    """Where a picture lies in the crop: `crop = centre + scale * R(angle) * flip * (picture - pivot)`.

    Attributes:
        pivot: (x, y) in picture pixels.
        centre: where the pivot lands, in crop pixels.
        scale: crop pixels per picture pixel.
        angle: radians.
        flip: -1 mirrors left and right.
    """

    pivot: tuple[float, float]
    centre: tuple[float, float]
    scale: float
    angle: float = 0.0
    flip: int = 1

    def into_picture(self, x: Plane, y: Plane) -> tuple[Plane, Plane]:
        """Picture coordinates of crop points."""
        cos, sin = np.float32(np.cos(self.angle) / self.scale), np.float32(np.sin(self.angle) / self.scale)
        dx, dy = x - np.float32(self.centre[0]), y - np.float32(self.centre[1])
        u = (dx * cos + dy * sin) * np.float32(self.flip) + np.float32(self.pivot[0])
        v = dy * cos - dx * sin + np.float32(self.pivot[1])
        return u, v

    def moved(self, dx: float, dy: float, *, zoom: float = 1.0, turn: float = 0.0) -> Place:
        """The same placement, shifted in the crop, grown about the pivot and turned."""
        return Place(
            self.pivot,
            (self.centre[0] + dx, self.centre[1] + dy),
            self.scale * zoom,
            self.angle + turn,
            self.flip,
        )


class Layer:
    """A picture that can be sampled at any placement; keeps smaller copies for shrinking.

    Attributes:
        codes: (S, S, C) uint8; for figures straight colour and alpha, for backgrounds colour.
        closed: whether nothing exists outside the picture; otherwise it goes on mirrored.
    """

    def __init__(self, codes: NDArray[np.uint8], *, closed: bool) -> None:
        self.codes = codes
        self.closed = closed
        planes = torch.from_numpy(codes).permute(2, 0, 1)[None].contiguous().float().mul_(1 / 255)
        self._levels = {1: planes}

    def sample(self, place: Place, size_px: int, *, warp: Plane | None = None) -> Plane:
        """Draw (C, size_px, size_px) of the crop in [0, 1]; `warp` (2, size, size) bends it, in crop
        pixels.
        """
        axis = np.arange(size_px, dtype=np.float32) + np.float32(0.5)
        x, y = axis[None], axis[:, None]
        if warp is not None:
            x, y = x + warp[0], y + warp[1]
        u, v = place.into_picture(x, y)
        side = np.float32(self.codes.shape[0])
        grid = torch.from_numpy(np.stack([u * (2 / side) - 1, v * (2 / side) - 1], -1)[None])
        source = self._level(place.scale)
        if not self.closed:
            out = functional.grid_sample(source, grid, padding_mode="reflection", align_corners=False)
            return out[0].numpy()
        # Colour goes on past the border, coverage does not.
        out = functional.grid_sample(source, grid, padding_mode="border", align_corners=False)
        planes = out[0].numpy()
        inside = np.clip(side / 2 + 0.5 - np.maximum(np.abs(u - side / 2), np.abs(v - side / 2)), 0, 1)
        planes[3] *= inside
        return planes

    def _level(self, scale: float) -> torch.Tensor:
        """The copy to sample from: halved until a crop pixel covers less than about two of its pixels."""
        level = 1
        while scale * level < 0.6 and level < 8:
            level *= 2
        if level not in self._levels:
            self._levels[level] = functional.avg_pool2d(self._levels[1], level)
        return self._levels[level]


def aim(
    rng: np.random.Generator,
    anchors: Anchors,
    *,
    picture_px: int,
    crop_px: int,
    view: str,
    margin_px: float = 4.0,
) -> Place:
    """Place a figure so that the crop shows what `view` asks for.

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
        scale = float(np.exp(rng.uniform(np.log(0.55), np.log(1.6)))) * crop_px / 256 * 384 / picture_px
        points = {"edge": anchors.edge, "soft": anchors.soft, "core": anchors.core, "rim": anchors.edge}[view]
        pivot = (float(v) for v in points[rng.integers(len(points))])
        pivot = tuple(pivot)
        reach = {"core": (0.4, 0.6), "rim": (0.02, 0.98)}.get(view, (0.22, 0.78))
        centre = (crop_px * rng.uniform(*reach), crop_px * rng.uniform(*reach))
        if view == "rim":
            axis = int(rng.integers(2))
            near = crop_px * float(rng.choice([0.06, 0.94]))
            centre = (near, centre[1]) if axis == 0 else (centre[0], near)
    place = Place((pivot[0], pivot[1]), centre, float(scale), float(rng.normal(0, 0.07)), flip)
    return hide_cuts(place, anchors, picture_px=picture_px, crop_px=crop_px, margin_px=margin_px)


def hide_cuts(
    place: Place, anchors: Anchors, *, picture_px: int, crop_px: int, margin_px: float = 4.0
) -> Place:
    """Move and grow a figure that its own canvas cuts off, so that the cuts lie outside the crop where they
    can.
    """
    left, top, right, bottom = anchors.box
    last = picture_px - 3
    cut_left, cut_right = (left <= 3, right >= last)[:: place.flip]
    scale = place.scale
    if (cut_left and cut_right) or (top <= 3 and bottom >= last):
        scale = max(scale, (crop_px + 2 * margin_px) / picture_px)
    from_left = place.pivot[0] if place.flip > 0 else picture_px - place.pivot[0]
    length, reach = picture_px * scale, crop_px + margin_px
    x, y = place.centre
    if cut_right:
        x = max(x, reach - (length - from_left * scale))
    if cut_left:
        x = min(x, from_left * scale - margin_px)
    if bottom >= last:
        y = max(y, reach - (length - place.pivot[1] * scale))
    if top <= 3:
        y = min(y, place.pivot[1] * scale - margin_px)
    return Place(place.pivot, (x, y), scale, place.angle, place.flip)


def soft_warp(rng: np.random.Generator, size_px: int, *, strength_px: float, cell_px: float) -> Plane:
    """A smooth displacement field (2, size, size) in pixels."""
    coarse = max(8, size_px // 8)
    cell = max(2.0, cell_px * coarse / size_px)
    field = np.stack([value_noise(rng, coarse, coarse, cell_px=cell) for _ in range(2)])
    return resize_planes(field * np.float32(strength_px), size_px, size_px)
