"""Parameter-free hints for a small network: what the colours near by say about a pixel.

From guidance-weighted local means of the colour inside (f) and outside (b) an instance, a pixel of colour I
gets

    t = (I - b) . (f - b) / |f - b|^2      and      |f - b|

in two window sizes: the local, mask-weighted form of the colour line that closed-form matting rests on
(Levin et al., "A Closed-Form Solution to Natural Image Matting", 2008). Beside them stand the guidance itself
and its guided filter, fitted on the coarser grid and applied to the pixel's own colour (He and Sun, "Fast
Guided Filter", 2015).

Guidance that was grown or shrunk mixes the two sides beside its edge. So three more alphas come from local
linear discriminants between the colours well inside and well outside (Fisher, "The Use of Multiple
Measurements in Taxonomic Problems", 1936), each leaving out a wider rim around the edge and narrowing its
window in further passes that take their sides from the pass before. The published network takes none of this.
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
DISCRIMINANTS = ((1, (5,)), (2, (8, 5)), (4, (14, 8, 5)))
"""Cells left out on both sides of the guidance's edge (4, 8, 16 pixels), and each pass's window half size."""
DISCRIMINANT_EPS = 1e-4
LEFT_OUT_WEIGHT = 0.02
"""What the left-out cells still count, for subjects with nothing deeper inside."""
CUE_ALPHAS = [5, 6, 8, 10]
"""Channels that are alphas in [-1, 1]: the guided filter's and the discriminants'."""
SURE = 0.6
"""How far an estimate must lean to one side for its pixel to count for that side in the next pass."""


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
    discriminants: list[Tensor]
    """(N, 5, h, w) each: slope, offset, and how far apart the two sides' mean colours come out, 0..1."""

    def at(self, picture: Tensor, guidance: Tensor, sites: Sites, chosen: Tensor, *, stride: int) -> Tensor:
        """The cues at sites of a grid at `stride` (1, 2 or 4).

        Args:
            picture: (3, H, W) sRGB-encoded [0, 1], at full resolution.
            guidance: (N, H, W) binary.
            sites: map m is instance `chosen[m]`.

        Returns:
            (n, 12): t and |f - b| for each window, the guidance, its guided filter, and for each discriminant
            an alpha and how far it separates the sides; all around [-1, 1].
        """
        m, y, x = sites.pixels
        m = chosen[m]
        if stride > 1:
            picture = F.avg_pool2d(picture, stride)
            guidance = F.avg_pool2d(guidance, stride)
        colour = picture[:, y, x].t()
        local = sites.sampled(self._rows, self.offset.shape[2:], stride / STRIDE, chosen)
        count = 6 * len(RADII)
        means, fits = local[:, :count], local[:, count:-4].split(5, dim=1)
        parts = []
        for pair in means.split(6, dim=1):
            parts += _colour_line(colour, pair[:, :3], pair[:, 3:], dim=1)
        parts += [guidance[m, y, x].unsqueeze(1) * 2 - 1, _applied(local[:, -4:], colour) * 2 - 1]
        for fit in fits:
            parts += [_applied(fit, colour) * 2 - 1, fit[:, 4:] * 2 - 1]
        return torch.cat(parts, dim=1)

    @cached_property
    def _rows(self) -> Tensor:
        """(N h w, C): means by window, discriminants, slope and offset of every cell side by side."""
        pairs = [side for pair in zip(self.inside, self.outside, strict=True) for side in pair]
        packed = torch.cat([*pairs, *self.discriminants, self.slope, self.offset], dim=1)
        return packed.permute(0, 2, 3, 1).reshape(-1, packed.shape[1])

    def coarse(self, picture: Tensor, guidance: Tensor, *, stride: int = 8) -> Tensor:
        """(N, 12, H/stride, W/stride): the same cues on a dense coarse grid (stride 8)."""
        colour = F.avg_pool2d(picture, stride).unsqueeze(0)
        parts = []
        for inside, outside in zip(self.inside, self.outside, strict=True):
            f, b = F.avg_pool2d(inside, stride // STRIDE), F.avg_pool2d(outside, stride // STRIDE)
            parts += _colour_line(colour, f, b, dim=1)
        cover = F.avg_pool2d(guidance, stride).unsqueeze(1)
        fine = F.avg_pool2d(picture, STRIDE).unsqueeze(0)
        filtered = _applied(torch.cat([self.slope, self.offset], dim=1), fine)
        parts += [cover * 2 - 1, F.avg_pool2d(filtered, stride // STRIDE) * 2 - 1]
        for fit in self.discriminants:
            both = torch.cat([_applied(fit, fine), fit[:, 4:]], dim=1)
            parts.append(F.avg_pool2d(both, stride // STRIDE) * 2 - 1)
        return torch.cat(parts, dim=1)


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
    products = torch.cat([colour, *(colour[:, i : i + 1] * colour[:, i:] for i in range(3))], dim=1)
    fits = [_discriminant(products, claimed, left_out, radii) for left_out, radii in DISCRIMINANTS]
    return LocalColours(inside, outside, *_guided_filter(colour, claimed), fits)


def _discriminant(products: Tensor, claimed: Tensor, left_out: int, radii: tuple[int, ...]) -> Tensor:
    """(N, 5, h, w): slope and offset of an alpha, and how far apart it puts the two sides' means.

    Args:
        products: (1, 9, h, w) colour, then its products in the order rr rg rb gg gb bb.
        claimed: (N, 1, h, w) coverage of the guidance.
        left_out: cells beside the guidance's edge whose side is open.
        radii: window half size of each pass.
    """

    def deep(side: Tensor) -> Tensor:
        return 1 - F.max_pool2d(1 - side, 2 * left_out + 1, stride=1, padding=left_out)

    deep_inside, deep_outside = deep(claimed), deep(1 - claimed)
    inside = torch.lerp(deep_inside, claimed, LEFT_OUT_WEIGHT)
    outside = torch.lerp(deep_outside, 1 - claimed, LEFT_OUT_WEIGHT)
    decided = torch.maximum(deep_inside, deep_outside)
    fit = claimed
    for number, radius in enumerate(radii):
        if number:
            estimate = torch.lerp(_applied(fit, products[:, :3]), claimed, decided)
            inside, outside = ((side - SURE).clamp(min=0) for side in (estimate, 1 - estimate))
        fit = _separated(products, inside, outside, claimed, radius)
    return fit


def _separated(products: Tensor, inside: Tensor, outside: Tensor, claimed: Tensor, radius: int) -> Tensor:
    """One pass: in every window the linear function of colour that best tells `inside` from `outside`, both
    sides counting the same; where a window lacks a side, the guidance itself.
    """
    moments = [_box(torch.cat([side * products, side], dim=1), radius) for side in (inside, outside)]
    (f, f_weight), (b, b_weight) = ((m[:, :9] / (m[:, 9:] + 1e-6), m[:, 9:]) for m in moments)
    middle, apart = (f + b) / 2, f[:, :3] - b[:, :3]
    mean = middle[:, :3]
    spread = middle[:, 3:] - torch.cat([mean[:, i : i + 1] * mean[:, i:] for i in range(3)], dim=1)
    slope = _solved(spread, apart / 4)
    offset = 0.5 - (slope * mean).sum(1, keepdim=True)
    both = ((f_weight > 1e-4) & (b_weight > 1e-4)).to(slope.dtype)
    gap = (slope * apart).sum(1, keepdim=True)
    fit = torch.cat([slope * both, torch.lerp(claimed, offset, both), gap * both], dim=1)
    return _box(fit, GUIDED_RADIUS) / _box(torch.ones_like(both[:1]), GUIDED_RADIUS)


def _solved(spread: Tensor, right: Tensor) -> Tensor:
    """(N, 3, h, w) x with (C + eps) x = right, for symmetric C given as rr rg rb gg gb bb."""
    rr, rg, rb, gg, gb, bb = spread.unbind(1)
    rr, gg, bb = rr + DISCRIMINANT_EPS, gg + DISCRIMINANT_EPS, bb + DISCRIMINANT_EPS
    first, second, third = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    fourth, fifth, sixth = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    rows = ((first, second, third), (second, fourth, fifth), (third, fifth, sixth))
    x, y, z = right.unbind(1)
    determinant = rr * first + rg * second + rb * third
    return torch.stack([(p * x + q * y + s * z) / determinant for p, q, s in rows], dim=1)


def _applied(fit: Tensor, colour: Tensor) -> Tensor:
    """Alpha of `colour` (.., 3, ..) under slope and offset in the first four channels, cut to [0, 1]."""
    return ((fit[:, :3] * colour).sum(1, keepdim=True) + fit[:, 3:4]).clamp(0, 1)


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
    """Mean over the (2 r + 1)^2 window, counting zeros beyond the border; as products with band matrices,
    which costs the same for every radius.
    """
    height, width = x.shape[-2:]
    return _band(height, radius, x) @ (x @ _band(width, radius, x))


def _band(size: int, radius: int, like: Tensor) -> Tensor:
    at = torch.arange(size, device=like.device)
    near = (at[:, None] - at).abs() <= radius
    return near.to(like.dtype) / (2 * radius + 1)
