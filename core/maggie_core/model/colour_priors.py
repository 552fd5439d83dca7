"""Colour priors: twelve parameter-free channels that say what the colours near a pixel tell about its alpha.

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
window in further passes that take their sides from the pass before.

The published network takes no colour priors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.config import COLOUR_PRIOR_CHANNELS
from maggie_core.model.crops import Box, bounds, grown
from maggie_core.runtime.threads import side_by_side
from maggie_core.sparse.sites import Sites, largest_near

STRIDE = 4
"""Local means and fits stand on a grid four times coarser than the image."""
MEANS, FIELDS = 12, 32
"""Channels of a cell's local means, and of means and fits together."""
BAND = 48
"""Pixels of a line that are processed together: as many as a core's cache holds."""
RADII = (5, 14)
"""Window half sizes in cells of that grid: about 44 and 116 pixels across."""
GUIDED_RADIUS = 2
GUIDED_EPS = 3e-4
"""Window half size and regularisation of the guided filter: 20 pixels across."""
DISCRIMINANTS = ((1, (5,)), (2, (8, 5)), (4, (14, 8, 5)))
"""Cells left out on both sides of the guidance's edge (4, 8, 16 pixels), and each pass's window half size."""
DISCRIMINANT_EPS = 1e-4
LEFT_OUT_WEIGHT = 0.02
"""Weight of the left-out cells, for subjects that have no other cells inside."""
COLOUR_PRIOR_ALPHAS = [5, 6, 8, 10]
"""Colour priors that are alphas in [-1, 1]: the guided filter's and the discriminants'."""
SURE = 0.6
"""How far an estimate must lean to one side for its pixel to count for that side in the next pass."""


def _reach(left_out: int, radii: tuple[int, ...]) -> int:
    return left_out + sum(radii) + GUIDED_RADIUS * len(radii)


REACH = max(_reach(*each) for each in DISCRIMINANTS)
"""How far the local colours of a cell look, in cells."""


@dataclass(frozen=True, eq=False)
class LocalColours:
    """Local means and fits of one frame, for N instances on the h x w grid at stride 4."""

    image: Tensor
    """(3, H, W) sRGB-encoded [0, 1]."""
    guidance: Tensor
    """(N, H, W) binary."""
    colour: Tensor
    """(3, h, w): mean of the image."""
    cover: Tensor
    """(N, h, w): mean of the guidance."""
    rows: Tensor
    """(N h w, 32), for each cell: the mean colour where the guidance claims the pixels of a window and where
    it does not, each (3, 2 windows); then, of the guided filter and the three discriminants side by side,
    slopes (3, 4), offsets (4,) and how far apart the two sides' mean colours come out, 0..1 (4,).
    """
    coarse: Tensor
    """(N, 12, H/8, W/8): colour priors on a dense grid at stride 8."""

    def at(self, sites: Sites, chosen: Tensor, *, stride: int) -> Tensor:
        """Colour priors at sites of a grid at `stride` (1, 2 or 4).

        Args:
            sites: map m is instance `chosen[m]`.
            chosen: (M,) int64.

        Returns:
            (n, 12): t and |f - b| for each window, the guidance, its guided filter, and for each discriminant
            an alpha and how far it separates the sides; all around [-1, 1].
        """
        image, guidance, scale = self.image, self.guidance, stride / STRIDE
        if stride == STRIDE:
            image, guidance, stride = self.colour, self.cover, 1
        m, y, x = sites.pixels
        m = chosen[m]
        if _is_compiled_for(image):
            return self._at_by_loops(image, guidance, (m, y, x), stride, scale)
        local = sites.sampled(self.rows, self.cover.shape[1:], scale, chosen)
        places = [(y * stride + dy, x * stride + dx) for dy in range(stride) for dx in range(stride)]
        colour = torch.stack([image[:, row, column] for row, column in places]).mean(0)
        cover = torch.stack([guidance[m, row, column] for row, column in places]).mean(0)
        return _colour_priors(local.t().contiguous(), colour, cover).t()

    def _at_by_loops(
        self, image: Tensor, guidance: Tensor, sites: tuple[Tensor, ...], stride: int, scale: float
    ) -> Tensor:
        from maggie_core.model import colour_prior_loops as loops

        which, y, x = (part.contiguous().numpy() for part in sites)
        out = image.new_empty(len(which), COLOUR_PRIOR_CHANNELS)
        rows, colour = self.rows.view(*self.cover.shape, FIELDS), image.permute(1, 2, 0)
        planes = (plane.contiguous().numpy() for plane in (rows, colour, guidance))
        loops.fill_sites(*planes, which, y, x, stride, scale, out.numpy())
        return out


def local_colours(image: Tensor, guidance: Tensor, *, around_px: int | None = None) -> LocalColours:
    """Local inside and outside colours of one frame.

    Args:
        image: (3, H, W) sRGB-encoded [0, 1]; H and W multiples of 8.
        guidance: (N, H, W) binary.
        around_px: distance from an instance's guidance up to which its colour priors are needed. Further away
            they are undefined. None means everywhere.
    """
    colour, cover = F.avg_pool2d(image, STRIDE), F.avg_pool2d(guidance, STRIDE)
    count, height, width = cover.shape
    rows = cover.new_zeros(count, height, width, FIELDS)
    coarse = cover.new_zeros(count, COLOUR_PRIOR_CHANNELS, height // 2, width // 2)
    coarse[:, 4] = F.avg_pool2d(cover, 2) * 2 - 1
    asked = {}
    for m, claimed in enumerate(cover):
        box = (slice(0, height), slice(0, width)) if around_px is None else _box_around(claimed, around_px)
        if box is not None:
            asked[m] = box
    fill = _fill_by_loops if _is_compiled_for(image) else _fill
    fill(colour, cover, asked, rows, coarse)
    return LocalColours(image, guidance, colour, cover, rows.flatten(0, 2), coarse)


def _is_compiled_for(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32


def _box_around(claimed: Tensor, around_px: int) -> Box | None:
    """Cells up to `around_px` from where an instance's guidance (h, w) is; begins and ends at even ones."""
    inside = bounds(claimed > 0)
    if inside is None:
        return None
    margin = -(-around_px // STRIDE) + 1  # a pixel lies between two cells
    rows, columns = grown(inside, margin, margin, claimed.shape)
    return slice(rows.start // 2 * 2, -(-rows.stop // 2) * 2), slice(
        columns.start // 2 * 2, -(-columns.stop // 2) * 2
    )


def _fill(colour: Tensor, cover: Tensor, asked: dict[int, Box], rows: Tensor, coarse: Tensor) -> None:
    """Write `rows` and `coarse` of `LocalColours` in the box that is `asked` for of each instance."""
    for m, box in asked.items():
        wide = grown(box, REACH, REACH, cover.shape[1:])
        rows[m, *wide] = _fields(colour[:, *wide], cover[m, *wide]).permute(1, 2, 0)
        half = [slice(side.start // 2, side.stop // 2) for side in box]
        coarse[m, :, *half] = _coarse(rows[m, *box].permute(2, 0, 1), colour[:, *box], cover[m, *box])


def _fill_by_loops(
    colour: Tensor, cover: Tensor, asked: dict[int, Box], rows: Tensor, coarse: Tensor
) -> None:
    """`_fill`, compiled."""
    from maggie_core.model import colour_prior_loops as loops

    plane, claimed = colour.permute(1, 2, 0).contiguous().numpy(), cover.numpy()

    def fields(task: tuple[int, int]) -> None:
        m, kind = task
        left_out, radii = DISCRIMINANTS[kind - 1] if kind else (0, RADII)
        reach = _reach(left_out, radii) if kind else max(RADII)
        box = grown(asked[m], reach, reach, claimed.shape[1:])
        near = (plane[box].astype(np.float64), claimed[m][box].astype(np.float64))
        row = rows[m].numpy()[box]
        if kind:
            row[..., MEANS + kind :: 4] = loops.discriminant(
                *near, left_out, np.array(radii), GUIDED_RADIUS, DISCRIMINANT_EPS, LEFT_OUT_WEIGHT, SURE
            )
        else:
            row[..., :MEANS] = loops.means(*near, RADII)
            row[..., MEANS::4] = loops.guided_filter(*near, GUIDED_RADIUS, GUIDED_EPS)

    # The longest first, so that no thread is left with one of them at the end.
    side_by_side(fields, [(m, kind) for kind in range(len(DISCRIMINANTS), -1, -1) for m in asked])
    for m, (across, along) in asked.items():
        box = across.start, across.stop, along.start, along.stop
        loops.fill_coarse(rows[m].numpy(), plane, claimed[m], *box, coarse[m].numpy())


def _fields(colour: Tensor, claimed: Tensor) -> Tensor:
    """(32, h, w): `LocalColours.rows` of one instance, from colour (3, h, w) and guidance (h, w)."""
    ones = torch.ones_like(claimed).unsqueeze(0)
    everything = torch.cat([colour, ones])
    inside, outside = [], []
    for radius in RADII:
        total, part = _box(torch.stack([everything, claimed * everything]), radius)
        inside.append(_mean(part))
        outside.append(_mean(total - part))
    products = torch.cat([colour, _products(colour), ones])
    fits = [_discriminant(products, claimed, left_out, radii) for left_out, radii in DISCRIMINANTS]
    kinds = inside, outside, [_guided_filter(products, claimed), *fits]
    return torch.cat([torch.stack(kind, dim=1).flatten(0, 1) for kind in kinds])


def _coarse(fields: Tensor, colour: Tensor, cover: Tensor) -> Tensor:
    """(12, h/2, w/2): colour priors at half the size of the maps, which are as in `_colour_priors`."""
    lines = _lines(F.avg_pool2d(fields[:MEANS], 2), F.avg_pool2d(colour, 2))
    return torch.cat([lines, F.avg_pool2d(_fits(fields[MEANS:], colour, cover * 2 - 1), 2)])


def _colour_priors(fields: Tensor, colour: Tensor, cover: Tensor) -> Tensor:
    """(12, n): colour priors of pixels with colour (3, n) and guidance (n,), from local colours (32, n)."""
    return torch.cat([_lines(fields[:MEANS], colour), _fits(fields[MEANS:], colour, cover * 2 - 1)])


def _lines(means: Tensor, colour: Tensor) -> Tensor:
    """(4, ...): place of a colour (3, ...) between the means (12, ...) of each window, and their distance."""
    f, b = means.unflatten(0, (2, 3, len(RADII)))
    line = f - b
    length2 = (line * line).sum(0)
    t = ((colour.unsqueeze(1) - b) * line).sum(0) / (length2 + 1e-3)
    both = torch.stack([t.clamp(-0.5, 1.5), length2.clamp(min=1e-8).sqrt()], dim=1)
    return both.flatten(0, 1) * 2 - 1


def _fits(fits: Tensor, colour: Tensor, guidance: Tensor) -> Tensor:
    """(8, ...): the guidance, its filter, and alpha and separation of each discriminant."""
    fits = fits.unflatten(0, (5, -1))
    both = torch.stack([_applied(fits, colour.unsqueeze(1)), fits[4]], dim=1).flatten(0, 1) * 2 - 1
    return torch.cat([guidance.expand_as(both[:1]), both[:1], both[2:]])


def _discriminant(products: Tensor, claimed: Tensor, left_out: int, radii: tuple[int, ...]) -> Tensor:
    """(5, h, w): slope and offset of an alpha, and how far apart it puts the two sides' means.

    Args:
        products: (10, h, w) colour, its products in the order rr rg rb gg gb bb, and ones.
        claimed: (h, w) coverage of the guidance.
        left_out: cells beside the guidance's edge whose side is open.
        radii: window half size of each pass.
    """
    both = torch.stack([claimed, 1 - claimed])
    deep = 1 - largest_near(1 - both, left_out)
    sides = torch.lerp(deep, both, LEFT_OUT_WEIGHT)
    decided = torch.maximum(*deep)
    fit = claimed
    for number, radius in enumerate(radii):
        if number:
            estimate = torch.lerp(_applied(fit, products[:3]), claimed, decided)
            sides = (torch.stack([estimate, 1 - estimate]) - SURE).clamp_(min=0)
        fit = _separated(products, sides, claimed, radius)
    return fit


def _separated(products: Tensor, sides: Tensor, claimed: Tensor, radius: int) -> Tensor:
    """One pass: in every window the linear function of colour that best tells the two `sides` (2, h, w)
    apart, both counting the same; where a window lacks a side, the guidance itself.
    """
    moments, weights = _box(sides.unsqueeze(1) * products, radius).split([9, 1], dim=1)
    f, b = moments / (weights + 1e-6)
    middle, apart = (f + b) / 2, f[:3] - b[:3]
    mean = middle[:3]
    slope = _solved(middle[3:] - _products(mean), apart / 4, DISCRIMINANT_EPS)
    offset = 0.5 - (slope * mean).sum(0, keepdim=True)
    both = (weights > 1e-4).all(0).to(slope.dtype)
    gap = (slope * apart).sum(0, keepdim=True)
    return _smooth(torch.cat([slope * both, torch.lerp(claimed, offset, both), gap * both]))


def _products(colour: Tensor) -> Tensor:
    """(3, h, w) -> (6, h, w): rr rg rb gg gb bb."""
    return torch.cat([colour[i] * colour[i:] for i in range(3)])


def _solved(spread: Tensor, right: Tensor, eps: float) -> Tensor:
    """(3, h, w) x with (C + eps) x = right, for symmetric C given as rr rg rb gg gb bb."""
    rr, rg, rb, gg, gb, bb = spread
    rr, gg, bb = rr + eps, gg + eps, bb + eps
    first, second, third = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    fourth, fifth, sixth = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    rows = ((first, second, third), (second, fourth, fifth), (third, fifth, sixth))
    x, y, z = right / (rr * first + rg * second + rb * third)
    return torch.stack([p * x + q * y + s * z for p, q, s in rows])


def _applied(fit: Tensor, colour: Tensor) -> Tensor:
    """Alpha of a colour (3, ...) under slope and offset, the first four of `fit`, cut to [0, 1]."""
    return ((fit[:3] * colour).sum(0) + fit[3]).clamp_(0, 1)


def _guided_filter(products: Tensor, claimed: Tensor) -> Tensor:
    """(5, h, w): local linear functions of colour that fit the guidance, slopes and offset; a zero.

    Source: He, Sun, Tang, "Guided Image Filtering", ECCV 2010, the colour version.
    """
    level, pairs = _smooth(products[:9]).split([3, 6])
    cover, together = _smooth(claimed * products[[9, 0, 1, 2]]).split([1, 3])
    slope = _solved(pairs - _products(level), together - cover * level, GUIDED_EPS)
    offset = cover - (slope * level).sum(0, keepdim=True)
    return F.pad(_smooth(torch.cat([slope, offset])), (0, 0, 0, 0, 0, 1))


def _mean(summed: Tensor) -> Tensor:
    # Where the window holds none of a side, its mean is grey and the difference says nothing.
    return (summed[:3] + 1e-4 * 0.5) / (summed[3] + 1e-4)


def _smooth(x: Tensor) -> Tensor:
    """Mean over the guided filter's window, of what lies inside the image."""
    return _box(x, GUIDED_RADIUS) / _box(torch.ones_like(x[:1]), GUIDED_RADIUS)


def _box(x: Tensor, radius: int) -> Tensor:
    """Mean over the (2 r + 1)^2 window, counting zeros beyond the border; as products with band matrices."""
    height, width = x.shape[-2:]
    lines = x.reshape(-1, width)
    across = torch.empty_like(lines)
    for to, near, band in _bands(width, radius, x.device, x.dtype):
        torch.mm(lines[:, near], band, out=across[:, to])
    planes = across.view(-1, height, width)
    out = torch.empty_like(planes)
    for to, near, band in _bands(height, radius, x.device, x.dtype):
        torch.bmm(band.t().expand(len(planes), -1, -1), planes[:, near], out=out[:, to])
    return out.view(x.shape)


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _bands(
    size: int, radius: int, device: torch.device, kind: torch.dtype
) -> list[tuple[slice, slice, Tensor]]:
    """For each block of a line: its place, the part of the line its means come from, and their matrix."""
    bands = []
    for start in range(0, size, BAND):
        to = slice(start, min(start + BAND, size))
        near = slice(max(start - radius, 0), min(to.stop + radius, size))
        apart = torch.arange(near.start, near.stop)[:, None] - torch.arange(start, to.stop)
        bands.append((to, near, ((apart.abs() <= radius) / (2 * radius + 1)).to(device, kind)))
    return bands
