"""An image placed in a crop, and its samples there.

A layer is sampled once per frame, bilinearly, from a smaller copy where the image shrinks, so that nothing
aliases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from .fields import Plane


@dataclass(frozen=True)
class Placement:
    """Where an image lies in the crop: `crop = centre + scale * R(angle) * flip * (image - pivot)`.

    Attributes:
        pivot: (x, y) in image pixels.
        centre: where the pivot lands, in crop pixels.
        scale: crop pixels per image pixel.
        angle: radians.
        flip: -1 mirrors left and right.
        narrow: how much less wide than high the image is drawn, as of a flat figure turning away.
    """

    pivot: tuple[float, float]
    centre: tuple[float, float]
    scale: float
    angle: float = 0.0
    flip: int = 1
    narrow: float = 1.0

    def into_image(self, x: Plane, y: Plane) -> tuple[Plane, Plane]:
        """Image coordinates of crop points."""
        cos, sin = np.float32(np.cos(self.angle) / self.scale), np.float32(np.sin(self.angle) / self.scale)
        dx, dy = x - np.float32(self.centre[0]), y - np.float32(self.centre[1])
        u = (dx * cos + dy * sin) * np.float32(self.flip / self.narrow) + np.float32(self.pivot[0])
        v = dy * cos - dx * sin + np.float32(self.pivot[1])
        return u, v

    def moved(self, dx: float, dy: float, *, zoom: float = 1.0, turn: float = 0.0) -> Placement:
        """The same placement, shifted in the crop, grown about the pivot and turned."""
        return replace(
            self,
            centre=(self.centre[0] + dx, self.centre[1] + dy),
            scale=self.scale * zoom,
            angle=self.angle + turn,
        )

    def into_crop(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Where the image's point (x, y) lies in the crop; numbers, or arrays that broadcast."""
        right = (x - self.pivot[0]) * self.scale * self.flip * self.narrow
        down = (y - self.pivot[1]) * self.scale
        cos, sin = float(np.cos(self.angle)), float(np.sin(self.angle))
        return self.centre[0] + right * cos - down * sin, self.centre[1] + right * sin + down * cos

    def shrunk(self, step: int) -> Placement:
        """The same placement in a crop `step` times smaller."""
        return replace(self, centre=(self.centre[0] / step, self.centre[1] / step), scale=self.scale / step)


Box = tuple[slice, slice]
"""Rows and columns of a crop."""


def box_points(box: Box, warp: Plane | None) -> tuple[Plane, Plane]:
    """x and y of the pixels of a box of the crop, moved by `warp`; they broadcast to its shape."""
    rows, columns = box
    x = np.arange(columns.start, columns.stop, dtype=np.float32)[None] + np.float32(0.5)
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + np.float32(0.5)
    return (x, y) if warp is None else (x + warp[0][box], y + warp[1][box])


def box_around(placement: Placement, points: Plane, size_px: int, *, warp: Plane | None = None) -> Box | None:
    """The box of the crop that image points (K, 2) span, as far as `warp` may carry them; None outside."""
    placed = np.stack(placement.into_crop(points[:, 0], points[:, 1]), -1)
    margin = 2 + (0.0 if warp is None else float(np.abs(warp).max()))
    left, top = np.floor(placed.min(0) - margin).astype(int).clip(0)
    right, bottom = np.ceil(placed.max(0) + margin).astype(int).clip(max=size_px)
    if right - left < 1 or bottom - top < 1:
        return None
    return slice(int(top), int(bottom)), slice(int(left), int(right))


class Layer:
    """An image that can be sampled at any placement; keeps smaller copies for shrinking.

    Attributes:
        codes: (h, w, C) uint8; for figures straight colour, alpha and what else goes with alpha, for
            backgrounds colour.
        closed: whether nothing exists outside the image; otherwise it goes on mirrored.
    """

    def __init__(self, codes: NDArray[np.uint8], *, closed: bool) -> None:
        self.codes = codes
        self.closed = closed
        planes = torch.from_numpy(codes).permute(2, 0, 1)[None].contiguous().float().mul_(1 / 255)
        self._levels = {1: planes}

    def sample(
        self, placement: Placement, size_px: int, *, warp: Plane | None = None, box: Box | None = None
    ) -> Plane:
        """Draw (C, h, w) of a crop of `size_px`, or of a box of it, in [0, 1]; `warp` (2, size, size) bends
        it, in crop pixels.
        """
        box = box or (slice(0, size_px), slice(0, size_px))
        return self.fetch(*placement.into_image(*box_points(box, warp)), placement.scale)

    def box(self, placement: Placement, size_px: int, *, warp: Plane | None = None) -> Box | None:
        """Where a closed image can be seen in the crop."""
        height, width = self.codes.shape[:2]
        corners = np.array([(0, 0), (width, 0), (0, height), (width, height)])
        return box_around(placement, corners, size_px, warp=warp)

    def fetch(self, u: Plane, v: Plane, scale: float) -> Plane:
        """Look up (C, H, W) at image coordinates `u`, `v`, both (H, W); `scale` chooses the copy."""
        height, width = (np.float32(side) for side in self.codes.shape[:2])
        grid = torch.from_numpy(np.stack([u * (2 / width) - 1, v * (2 / height) - 1], -1)[None])
        source = self._level(scale)
        if not self.closed:
            out = functional.grid_sample(source, grid, padding_mode="reflection", align_corners=False)
            return out[0].numpy()
        # Colour goes on past the border, coverage does not.
        out = functional.grid_sample(source, grid, padding_mode="border", align_corners=False)
        planes = out[0].numpy()
        across = width / 2 + 0.5 - np.abs(u - width / 2)
        planes[3:] *= np.clip(np.minimum(across, height / 2 + 0.5 - np.abs(v - height / 2)), 0, 1)
        return planes

    def _level(self, scale: float) -> torch.Tensor:
        """The copy to sample from: halved until a crop pixel covers less than about two of its pixels."""
        level = 1
        while scale * level < 0.6 and level < 8:
            level *= 2
        if level not in self._levels:
            self._levels[level] = functional.avg_pool2d(self._levels[1], level)
        return self._levels[level]
