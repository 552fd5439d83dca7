"""A picture put into a crop: where, how large, turned; and sampled there.

All sampling happens through one bilinear warp per layer and frame, from a half-size copy when a picture
shrinks, so that nothing aliases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from .fields import Plane


@dataclass(frozen=True)
class Place:
    """Where a picture lies in the crop: `crop = centre + scale * R(angle) * flip * (picture - pivot)`.

    Attributes:
        pivot: (x, y) in picture pixels.
        centre: where the pivot lands, in crop pixels.
        scale: crop pixels per picture pixel.
        angle: radians.
        flip: -1 mirrors left and right.
        narrow: how much less wide than high the picture is drawn, as of a flat figure turning away.
    """

    pivot: tuple[float, float]
    centre: tuple[float, float]
    scale: float
    angle: float = 0.0
    flip: int = 1
    narrow: float = 1.0

    def into_picture(self, x: Plane, y: Plane) -> tuple[Plane, Plane]:
        """Picture coordinates of crop points."""
        cos, sin = np.float32(np.cos(self.angle) / self.scale), np.float32(np.sin(self.angle) / self.scale)
        dx, dy = x - np.float32(self.centre[0]), y - np.float32(self.centre[1])
        u = (dx * cos + dy * sin) * np.float32(self.flip / self.narrow) + np.float32(self.pivot[0])
        v = dy * cos - dx * sin + np.float32(self.pivot[1])
        return u, v

    def moved(self, dx: float, dy: float, *, zoom: float = 1.0, turn: float = 0.0) -> Place:
        """The same placement, shifted in the crop, grown about the pivot and turned."""
        return replace(
            self,
            centre=(self.centre[0] + dx, self.centre[1] + dy),
            scale=self.scale * zoom,
            angle=self.angle + turn,
        )

    def into_crop(self, x: float, y: float) -> tuple[float, float]:
        """The crop point at which the picture's point (x, y) lies."""
        right = (x - self.pivot[0]) * self.scale * self.flip * self.narrow
        down = (y - self.pivot[1]) * self.scale
        cos, sin = float(np.cos(self.angle)), float(np.sin(self.angle))
        return self.centre[0] + right * cos - down * sin, self.centre[1] + right * sin + down * cos

    def shrunk(self, step: int) -> Place:
        """The same placement in a crop `step` times smaller."""
        return replace(self, centre=(self.centre[0] / step, self.centre[1] / step), scale=self.scale / step)


class Layer:
    """A picture that can be sampled at any placement; keeps smaller copies for shrinking.

    Attributes:
        codes: (h, w, C) uint8; for figures straight colour, alpha and what else goes with alpha, for
            backgrounds colour.
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
        return self.fetch(u, v, place.scale)

    def fetch(self, u: Plane, v: Plane, scale: float) -> Plane:
        """Look up (C, H, W) at picture coordinates `u`, `v`, both (H, W); `scale` chooses the copy."""
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
