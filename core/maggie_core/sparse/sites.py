"""Active sites of a stack of maps, and the rulebooks that join them.

A site is one pixel (m, y, x) of one map; features live in a matrix with one row per site, so memory and
work follow the number of undecided pixels and not the picture. Rulebooks are built once per scale and shared
by every convolution at that scale.

Source: Graham et al., "3D Semantic Segmentation with Submanifold Sparse Convolutional Networks", CVPR 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

PARITIES = ((0, 0), (0, 1), (1, 0), (1, 1))
"""(y, x) parity classes of fine sites, in the order the inverse rulebook lists them."""


@dataclass(frozen=True, eq=False)
class Sites:
    """Active sites of M maps of H x W pixels, sorted by (m, y, x).

    `coords` is int64 (n, 3). Nothing of size C x H x W is ever made; the one dense map is `index`,
    int32 with a one-pixel border.
    """

    coords: Tensor
    maps: int
    height: int
    width: int

    @classmethod
    def where(cls, active: Tensor) -> Sites:
        """Sites of a boolean (M, H, W) stack that are True."""
        maps, height, width = active.shape
        return cls(active.nonzero(), maps, height, width)

    def __len__(self) -> int:
        return self.coords.shape[0]

    @cached_property
    def flat(self) -> Tensor:
        """(n,) position of each site in the unpadded (M, H, W) stack."""
        m, y, x = self.coords.unbind(1)
        return (m * self.height + y) * self.width + x

    @cached_property
    def index(self) -> Tensor:
        """(M * (H+2) * (W+2),) int32: row of the site at a padded position, n where there is none."""
        size = self.maps * (self.height + 2) * (self.width + 2)
        table = torch.full((size,), len(self), dtype=torch.int32, device=self.coords.device)
        table[self._padded()] = torch.arange(len(self), dtype=torch.int32, device=self.coords.device)
        return table

    @cached_property
    def neighbours(self) -> Tensor:
        """(n, 9) int64: row of the neighbour at (r-1, s-1), r major; n where it is inactive."""
        steps = [dy * (self.width + 2) + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        here = self._padded()
        return torch.stack([self.index[here + step] for step in steps], dim=1).long()

    @cached_property
    def coarse(self) -> Sites:
        """Sites a 3x3, stride 2, padding 1 convolution reaches from these, on a grid of half the size.

        A coarse site is active when any of the 3x3 fine sites centred on its double is.
        """
        height, width = (self.height + 1) // 2, (self.width + 1) // 2
        m, y, x = self.coords.unbind(1)
        active = torch.zeros((self.maps, height + 1, width + 1), dtype=torch.bool, device=self.coords.device)
        for oy in (y // 2, (y + 1) // 2):
            for ox in (x // 2, (x + 1) // 2):
                active[m, oy, ox] = True
        return Sites.where(active[:, :height, :width])

    def inverse_rules(self, coarse: Sites) -> list[tuple[Tensor, Tensor, tuple[tuple[int, int], ...]]]:
        """How the inverse of that convolution brings coarse rows back to these fine sites.

        Returns:
            One entry per parity class: (rows, sources, taps). `rows` are the fine rows of the class,
            `sources` (len(rows), len(taps)) the coarse rows they read (len(coarse) where inactive), and
            `taps` the kernel positions (r, s) they are multiplied with: fine = 2 * coarse - 1 + tap.
        """
        m, y, x = self.coords.unbind(1)
        rules = []
        for parity_y, parity_x in PARITIES:
            rows = ((y % 2 == parity_y) & (x % 2 == parity_x)).nonzero().squeeze(1)
            taps = tuple((r, s) for r in _taps(parity_y) for s in _taps(parity_x))
            sources = []
            for r, s in taps:
                oy, ox = (y[rows] + 1 - r) // 2, (x[rows] + 1 - s) // 2
                place = (m[rows] * (coarse.height + 2) + oy + 1) * (coarse.width + 2) + ox + 1
                sources.append(coarse.index[place])
            rules.append((rows, torch.stack(sources, dim=1).long(), taps))
        return rules

    def gather(self, dense: Tensor) -> Tensor:
        """Rows (n, C) at the sites, of dense (F, C, H, W) pictures that M / F maps share each."""
        frames = dense.shape[0]
        m, y, x = self.coords.unbind(1)
        place = y * dense.shape[3] + x
        if frames == 1:
            return dense[0].flatten(1).index_select(1, place).t()
        frame = m // (self.maps // frames)
        rows = dense.permute(0, 2, 3, 1).reshape(-1, dense.shape[1])
        return rows.index_select(0, frame * (dense.shape[2] * dense.shape[3]) + place)

    def scatter(self, rows: Tensor, *, fill: float = 0.0) -> Tensor:
        """Dense (M, H, W) stack of one value per site; `fill` elsewhere."""
        dense = rows.new_full((self.maps * self.height * self.width,), fill)
        return dense.index_copy(0, self.flat, rows.reshape(-1)).view(self.maps, self.height, self.width)

    def _padded(self) -> Tensor:
        m, y, x = self.coords.unbind(1)
        return (m * (self.height + 2) + y + 1) * (self.width + 2) + x + 1


def _taps(parity: int) -> tuple[int, ...]:
    return (0, 2) if parity else (1,)
