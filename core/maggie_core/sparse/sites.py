"""Active sites of a stack of maps, and the rulebooks that join them.

A site is one pixel (m, y, x) of one map; features live in a matrix with one row per site, so memory and
work follow the number of undecided pixels and not the image. Rulebooks are built once per scale and shared
by every convolution at that scale.

Source: Graham et al., "3D Semantic Segmentation with Submanifold Sparse Convolutional Networks", CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

PARITIES = ((0, 0), (0, 1), (1, 0), (1, 1))
"""(y, x) parity classes of fine sites, in the order the inverse rulebook lists them."""


@dataclass(frozen=True, eq=False)
class Part:
    """Places of maps in an image of height x width pixels."""

    corner: Tensor
    """(M, 2) int64: y and x of each map."""
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Sites:
    """Active sites of M maps of H x W pixels, sorted by (m, y, x).

    `coords` is int64 (n, 3). Nothing of size C x H x W is ever made; the one dense map is `table`, int32 with
    a one-pixel border.
    """

    coords: Tensor
    maps: int
    height: int
    width: int
    part: Part | None = None
    """Places of the maps in a larger image; None where each map is the whole image."""

    @classmethod
    def where(cls, active: Tensor, part: Part | None = None) -> Sites:
        """Sites of a boolean (M, H, W) stack that are True."""
        maps, height, width = active.shape
        return cls(active.nonzero(), maps, height, width, part)

    def __len__(self) -> int:
        return self.coords.shape[0]

    @cached_property
    def flat(self) -> Tensor:
        """(n,) position of each site in the unpadded (M, H, W) stack."""
        m, y, x = self.coords.unbind(1)
        return (m * self.height + y) * self.width + x

    @cached_property
    def _padded(self) -> Tensor:
        """(n,) position of each site in the (M, H+2, W+2) stack with a border of one pixel."""
        m, y, x = self.coords.unbind(1)
        return (m * (self.height + 2) + y + 1) * (self.width + 2) + x + 1

    @cached_property
    def places(self) -> Tensor:
        """(n,) row of each site in a layout where the neighbours in a line of the image are neighbours.

        Zero rows stand for what is missing between: one in a gap of one pixel, two in a wider one, three at
        both ends. So every 3x1 window of the image that holds a site is three rows in a piece.
        """
        if len(self) == 0:
            return self._padded
        steps = torch.diff(self._padded, prepend=self._padded[:1] - 3).clamp(max=3)
        return steps.cumsum(0)

    @cached_property
    def table(self) -> Tensor:
        """(M * (H+2) * (W+2),) int32: row in that layout; 1, between zeros, where no site is beside."""
        size = self.maps * (self.height + 2) * (self.width + 2)
        table = torch.ones(size, dtype=torch.int32, device=self.coords.device)
        places = self.places.int()
        for step in (1, -1, 0):
            table[self._padded + step] = places + step
        return table

    @cached_property
    def windows(self) -> Tensor:
        """(n, 3) row in that layout where the 3x1 windows of the lines above, through and below begin."""
        line = self.width + 2
        above, below = (self.table[self._padded + step] for step in (-line, line))
        return torch.stack([above, self.places, below], dim=1) - 1

    def laid_out(self, rows: Tensor) -> Tensor:
        """(n, C) -> (rows of the layout, C)."""
        size = 6 if len(self) == 0 else int(self.places[-1]) + 4
        return rows.new_zeros(size, rows.shape[1]).index_copy_(0, self.places, rows)

    @cached_property
    def coarse(self) -> Sites:
        """Sites a 3x3, stride 2, padding 1 convolution reaches from these, on a grid of half the size.

        A coarse site is active when any of the 3x3 fine sites centred on its double is.
        """
        height, width = (self.height + 1) // 2, (self.width + 1) // 2
        m, y, x = self.coords.unbind(1)
        active = torch.zeros((self.maps, height + 1, width + 1), dtype=torch.bool, device=self.coords.device)
        upper = (m * (height + 1) + (y >> 1)) * (width + 1) + (x >> 1)
        lower = upper + (y & 1) * (width + 1)
        for place in (upper, upper + (x & 1), lower, lower + (x & 1)):
            active.view(-1).index_fill_(0, place, True)
        part = self.part and Part(
            self.part.corner // 2, (self.part.height + 1) // 2, (self.part.width + 1) // 2
        )
        return Sites.where(active[:, :height, :width], part)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the image the maps lie in."""
        return (self.height, self.width) if self.part is None else (self.part.height, self.part.width)

    @cached_property
    def pixels(self) -> tuple[Tensor, Tensor, Tensor]:
        """(n,) map, y and x of each site in the image."""
        m, y, x = self.coords.unbind(1)
        if self.part is None:
            return m, y, x
        top, left = self.part.corner[m].unbind(1)
        return m, y + top, x + left

    def inverse_rules(self, coarse: Sites) -> list[tuple[Tensor, Tensor, tuple[tuple[int, int], ...]]]:
        """How the inverse of that convolution brings coarse rows back to these fine sites.

        Returns:
            One entry per parity class: (rows, sources, taps). `rows` are the fine rows of the class,
            `sources` (len(rows), len(taps)) the rows they read in the layout of the coarse ones, and `taps`
            the kernel positions (r, s) they are multiplied with: fine = 2 * coarse - 1 + tap.
        """
        m, y, x = self.coords.unbind(1)
        first = (m * (coarse.height + 2) + (y >> 1) + 1) * (coarse.width + 2) + (x >> 1) + 1
        kind = (y & 1) * 2 + (x & 1)
        rules = []
        for parity, (parity_y, parity_x) in enumerate(PARITIES):
            rows = (kind == parity).nonzero().squeeze(1)
            steps = [
                (r, s, (r == 0) * (coarse.width + 2) + (s == 0))
                for r in _taps(parity_y)
                for s in _taps(parity_x)
            ]
            sources = torch.stack([coarse.table[first[rows] + step] for _, _, step in steps], dim=1)
            rules.append((rows, sources, tuple((r, s) for r, s, _ in steps)))
        return rules

    def shared(self, *, margin: int) -> tuple[Sites, Tensor]:
        """Sites of one map that holds the pixels of all maps and those up to `margin` pixels around them.

        Returns:
            The sites, and (n,) which of them each site of these is.
        """
        _, y, x = self.pixels
        height, width = self.image_size
        place = y * width + x
        near = torch.zeros(height * width, dtype=torch.bool, device=place.device)
        near[place] = True
        wide = Sites.where(largest_near(near.view(1, height, width), margin))
        order = torch.empty(height * width, dtype=torch.int32, device=place.device)
        order[wide.flat] = torch.arange(len(wide), dtype=torch.int32, device=place.device)
        return wide, order[place]

    def gather(self, dense: Tensor) -> Tensor:
        """Rows (n, C) at the sites, of dense (F, C, H, W) pictures that M / F maps share each."""
        frames, channels, height, width = dense.shape
        m, y, x = self.pixels
        place = y * width + x
        if frames > 1:
            place = place + m // (self.maps // frames) * (height * width)
        return dense.permute(0, 2, 3, 1).reshape(-1, channels).index_select(0, place)

    def sampled(self, rows: Tensor, size: Sequence[int], scale: float, maps: Tensor | None = None) -> Tensor:
        """Rows (n, C) at the sites, bilinearly by pixel centres, of a grid `scale` times the image's.

        Args:
            rows: (M h w, C) of one such grid for each map.
            size: h, w.
            maps: (M,) grid of each map; None means its own.
        """
        m, y, x = self.pixels
        m = m if maps is None else maps[m]
        height, width = size
        y = ((y + 0.5) * scale - 0.5).clamp(0, height - 1)
        x = ((x + 0.5) * scale - 0.5).clamp(0, width - 1)
        top, left = y.long(), x.long()
        down, across = y - top, x - left
        upper = (m * height + top) * width
        lower = torch.where(top < height - 1, upper + width, upper)
        right = (left + 1).clamp(max=width - 1)
        corners = torch.stack([upper + left, upper + right, lower + left, lower + right], dim=1)
        above, before = 1 - down, 1 - across
        share = torch.stack([above * before, above * across, down * before, down * across], dim=1)
        return F.embedding_bag(corners, rows, mode="sum", per_sample_weights=share.to(rows.dtype))

    def scatter(self, rows: Tensor, *, fill: float = 0.0) -> Tensor:
        """Dense (M, H, W) stack of one value per site; `fill` elsewhere."""
        dense = rows.new_full((self.maps * self.height * self.width,), fill)
        return dense.index_copy_(0, self.flat, rows.reshape(-1)).view(self.maps, self.height, self.width)


def _taps(parity: int) -> tuple[int, ...]:
    return (0, 2) if parity else (1,)


def largest_near(planes: Tensor, radius: int) -> Tensor:
    """The largest of (..., H, W) values, or any of boolean ones, in a square of side 2 `radius` + 1."""
    for dim in (-1, -2):
        out, length = planes.clone(), planes.shape[dim]
        for step in range(1, min(radius, length - 1) + 1):
            for to, start in ((0, step), (step, 0)):
                part = out.narrow(dim, to, length - step)
                torch.maximum(part, planes.narrow(dim, start, length - step), out=part)
        planes = out
    return planes
