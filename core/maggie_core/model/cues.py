"""Parameter-free hints for a small network: where a pixel's colour stands between the colours near by.

From guidance-weighted local means of the colour inside (f) and outside (b) an instance, a pixel of colour I
gets

    t = (I - b) . (f - b) / |f - b|^2      and      |f - b|

in two window sizes: the local, mask-weighted form of the colour line that closed-form matting rests on
(Levin et al., "A Closed-Form Solution to Natural Image Matting", 2008). Beside them stand the guidance itself
and its guided filter, fitted on the coarser grid and applied to the pixel's own colour (He and Sun, "Fast
Guided Filter", 2015). The published network takes none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from maggie_core.sparse import Sites

STRIDE = 4
"""The local means live on a grid four times coarser than the picture."""
RADII = (5, 14)
"""Window half sizes in cells of that grid: about 44 and 116 pixels across."""
GUIDED_RADIUS = 2
GUIDED_EPS = 3e-4
"""Window half size and regularisation of the guided filter: 20 pixels across."""


@dataclass(frozen=True, eq=False)
class LocalColours:
    """Local means of one frame, for N instances on the h x w grid at stride 4, per window size."""

    inside: list[Tensor]
    """(N, 3, h, w) each, mean colour where the guidance claims the pixel."""
    outside: list[Tensor]
    slope: Tensor
    """(N, 3, h, w): the guided filter is slope . colour + offset."""
    offset: Tensor
    """(N, 1, h, w)."""

    def at(self, picture: Tensor, guidance: Tensor, sites: Sites, chosen: Tensor, *, stride: int) -> Tensor:
        """The six cues at sites of a grid at `stride` (1, 2 or 4).

        Args:
            picture: (3, H, W) sRGB-encoded [0, 1], at full resolution.
            guidance: (N, H, W) binary.
            sites: map m is instance `chosen[m]`.

        Returns:
            (n, 6): t and |f - b| for each window, the guidance and its guided filter, each around [-1, 1].
        """
        m, y, x = sites.coords.unbind(1)
        m = chosen[m]
        if stride > 1:
            picture = F.avg_pool2d(picture, stride)
            guidance = F.avg_pool2d(guidance, stride)
        colour = picture[:, y, x].t()
        local = self._interpolated(
            m, (y + 0.5) * (stride / STRIDE) - 0.5, (x + 0.5) * (stride / STRIDE) - 0.5
        )
        means, slope, offset = local[:, : 6 * len(RADII)], local[:, -4:-1], local[:, -1:]
        parts = []
        for pair in means.split(6, dim=1):
            parts += _colour_line(colour, pair[:, :3], pair[:, 3:], dim=1)
        filtered = (slope * colour).sum(1, keepdim=True) + offset
        parts += [guidance[m, y, x].unsqueeze(1) * 2 - 1, filtered.clamp(0, 1) * 2 - 1]
        return torch.cat(parts, dim=1)

    @cached_property
    def _rows(self) -> Tensor:
        """(N h w, C): inside and outside means by window, slope and offset of every cell side by side."""
        pairs = [side for pair in zip(self.inside, self.outside, strict=True) for side in pair]
        packed = torch.cat([*pairs, self.slope, self.offset], dim=1)
        return packed.permute(0, 2, 3, 1).reshape(-1, packed.shape[1])

    def _interpolated(self, m: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """(n, C) rows at fractional cells, bilinearly, so that no grid shows in the picture."""
        height, width = self.offset.shape[2:]
        y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
        top, left = y.long(), x.long()
        bottom, right = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)
        down, across = (y - top).unsqueeze(1), (x - left).unsqueeze(1)

        def at(row: Tensor, column: Tensor) -> Tensor:
            return self._rows.index_select(0, (m * height + row) * width + column)

        upper = torch.lerp(at(top, left), at(top, right), across)
        return torch.lerp(upper, torch.lerp(at(bottom, left), at(bottom, right), across), down)

    def coarse(self, picture: Tensor, guidance: Tensor, *, stride: int = 8) -> Tensor:
        """(N, 6, H/stride, W/stride): the same cues on a dense coarse grid (stride 8)."""
        colour = F.avg_pool2d(picture, stride).unsqueeze(0)
        parts = []
        for inside, outside in zip(self.inside, self.outside, strict=True):
            f, b = F.avg_pool2d(inside, stride // STRIDE), F.avg_pool2d(outside, stride // STRIDE)
            parts += _colour_line(colour, f, b, dim=1)
        cover = F.avg_pool2d(guidance, stride).unsqueeze(1)
        fine = F.avg_pool2d(picture, STRIDE).unsqueeze(0)
        filtered = ((self.slope * fine).sum(1, keepdim=True) + self.offset).clamp(0, 1)
        return torch.cat([*parts, cover * 2 - 1, F.avg_pool2d(filtered, stride // STRIDE) * 2 - 1], dim=1)


def local_colours(picture: Tensor, guidance: Tensor) -> LocalColours:
    """Local inside and outside colours of one frame.

    Args:
        picture: (3, H, W) sRGB-encoded [0, 1]; H and W multiples of 8.
        guidance: (N, H, W) binary.
    """
    colour = F.avg_pool2d(picture, STRIDE).unsqueeze(0)
    claimed = F.avg_pool2d(guidance, STRIDE).unsqueeze(1)
    inside, outside = [], []
    everything = torch.cat([colour, torch.ones_like(colour[:, :1])], dim=1)
    weighted = torch.cat([claimed * colour, claimed], dim=1)
    for radius in RADII:
        total, part = _box(everything, radius), _box(weighted, radius)
        rest = total - part
        inside.append(_mean(part))
        outside.append(_mean(rest))
    return LocalColours(inside, outside, *_guided_filter(colour, claimed))


def _guided_filter(colour: Tensor, claimed: Tensor) -> tuple[Tensor, Tensor]:
    """Local linear functions of colour that fit the guidance: slopes (N, 3, h, w), offsets (N, 1, h, w).

    Source: He, Sun, Tang, "Guided Image Filtering", ECCV 2010, the colour version.
    """
    ones = _box(torch.ones_like(colour[:, :1]), GUIDED_RADIUS)

    def mean(x: Tensor) -> Tensor:
        return _box(x, GUIDED_RADIUS) / ones

    level, cover = mean(colour), mean(claimed)
    pairs = mean((colour.unsqueeze(2) * colour.unsqueeze(1)).flatten(1, 2)).unflatten(1, (3, 3))
    covariance = pairs - level.unsqueeze(2) * level.unsqueeze(1)
    covariance = covariance + GUIDED_EPS * torch.eye(3, device=colour.device).view(1, 3, 3, 1, 1)
    inverse = torch.linalg.inv(covariance.permute(0, 3, 4, 1, 2)).permute(0, 3, 4, 1, 2)
    together = mean(claimed * colour) - cover * level
    slope = (inverse * together.unsqueeze(1)).sum(2)
    offset = cover - (slope * level).sum(1, keepdim=True)
    return mean(slope), mean(offset)


def _mean(summed: Tensor) -> Tensor:
    # Where the window holds none of a side, its mean is grey and the difference says nothing.
    return (summed[:, :3] + 1e-4 * 0.5) / (summed[:, 3:] + 1e-4)


def _colour_line(colour: Tensor, f: Tensor, b: Tensor, *, dim: int) -> list[Tensor]:
    line = f - b
    length2 = (line * line).sum(dim, keepdim=True)
    t = ((colour - b) * line).sum(dim, keepdim=True) / (length2 + 1e-3)
    return [t.clamp(-0.5, 1.5) * 2 - 1, length2.clamp(min=1e-8).sqrt() * 2 - 1]


def _box(x: Tensor, radius: int) -> Tensor:
    """Mean over the (2 r + 1)^2 window, counting zeros beyond the border."""
    size = 2 * radius + 1
    x = F.avg_pool2d(x, (1, size), stride=1, padding=(0, radius))
    return F.avg_pool2d(x, (size, 1), stride=1, padding=(radius, 0))
