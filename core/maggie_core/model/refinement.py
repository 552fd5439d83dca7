"""Detail where a coarse matte is undecided: the region, the sparse stage, and the progressive fusion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.config import NetworkConfig
from maggie_core.model.instances import FeedForward
from maggie_core.model.layers import SLOPE, Pointwise, SparseConv3
from maggie_core.sparse import Sites

REGION_PX, FUSE4_PX, FUSE1_PX = 15, 13, 7
"""Side of the ellipse undecided pixels are grown by: for the sparse stage, and for taking its two results."""
ABSENT_LOGIT = -99.0
"""Logit of a pixel without a site; it bleeds into the edge of the region when enlarged, as published."""


def undecided(alpha: Tensor) -> Tensor:
    """Strictly between 1/255 and 254/255."""
    return (alpha > 1 / 255) & (alpha < 254 / 255)


def dilate(mask: Tensor, size: int) -> Tensor:
    """Grow a boolean (..., H, W) mask by an ellipse of odd or even `size`; the border adds nothing.

    Row dy of the ellipse covers |dx| <= round(sqrt(r^2 - dy^2)), r = size // 2; an even one ends at r - 1.
    """
    r = size // 2
    last = r if size % 2 else r - 1
    wide = {0: mask}
    for dx in range(1, r + 1):
        grown = wide[dx - 1].clone()
        grown[..., dx:] |= mask[..., :-dx]
        if dx <= last:
            grown[..., :-dx] |= mask[..., dx:]
        wide[dx] = grown
    out = torch.zeros_like(mask)
    height = mask.shape[-2]
    for dy in range(-r, last + 1):
        # The element is mirrored through its anchor, which matters for even sizes alone.
        row = wide[round((r * r - dy * dy) ** 0.5)]
        if dy < 0:
            out[..., -dy:, :] |= row[..., : height + dy, :]
        elif dy == 0:
            out |= row
        else:
            out[..., :-dy, :] |= row[..., dy:, :]
    return out


REACH_PX = 48
"""How far the finer mattes of a pixel may look: 3 pixels at full resolution, 2 of stride 2, 6 of stride 4 and
the sites below them.
"""
REACH1_PX = 3
"""How far the convolutions at full resolution look, together."""


def reach(mask: Tensor) -> Tensor:
    """(M, H, W) bool: all pixels that the finer mattes inside a boolean mask depend on, and some more."""
    tiles = F.max_pool2d(mask.float(), REACH_PX, ceil_mode=True)
    near = F.max_pool2d(tiles, 3, stride=1, padding=1) > 0
    wide = near.repeat_interleave(REACH_PX, dim=1).repeat_interleave(REACH_PX, dim=2)
    return wide[:, : mask.shape[1], : mask.shape[2]]


def to_alpha(logits: Tensor) -> Tensor:
    """Coverage from a logit: (tanh + 1) / 2, which is sigmoid(2 x). The paper's text says sigmoid."""
    return (torch.tanh(logits) + 1) / 2


class SparseInputs(Protocol):
    """What the sparse stage starts from, for M maps of instances."""

    @property
    def queries(self) -> Tensor:
        """(M, query): the query of each map's instance."""
        ...

    def features(self, sites: Sites, stride: int) -> Tensor:
        """(n, C) rows at sites of a grid at `stride`: fea1, fea2 and fea3 at 1, 2 and 4, and F8 at 8."""
        ...

    def colour_priors(self, sites: Sites, stride: int) -> Tensor | None:
        """(n, 12), for a network that takes them; else None."""
        ...

    def base(self, sites: Sites, priors: Tensor, stride: int) -> Tensor | None:
        """(n, 1) logits that the results correct, for a network with a coarse prior; else None."""
        ...


@dataclass(frozen=True, eq=False)
class GivenFeatures:
    """Sparse inputs from features at hand, as training has them."""

    maps: Sequence[Tensor | Callable[[Sites], Tensor]]
    """fea1, fea2, fea3 and the unfused F8: (F, C, ..) at strides 1, 2, 4, 8, or functions that give rows."""
    queries: Tensor
    priors_at: Callable[[Sites, int], Tensor] | None = None
    base_at: Callable[[Sites, Tensor, int], Tensor] | None = None
    """As `SparseInputs.colour_priors` and `base`."""

    def features(self, sites: Sites, stride: int) -> Tensor:
        given = self.maps[(1, 2, 4, 8).index(stride)]
        return given(sites) if callable(given) else sites.gather(given)

    def colour_priors(self, sites: Sites, stride: int) -> Tensor | None:
        return None if self.priors_at is None else self.priors_at(sites, stride)

    def base(self, sites: Sites, priors: Tensor, stride: int) -> Tensor | None:
        return None if self.base_at is None else self.base_at(sites, priors, stride)


@dataclass(frozen=True, eq=False)
class Detail:
    """Mattes of the sparse stage, (M, H, W) each, zero away from the sites."""

    alpha_os4: Tensor
    alpha_os1: Tensor


class SparseStage(nn.Module):
    """Mixed into the decoder: its children are the published names of the sparse detail stage."""

    def build_sparse_stage(self, w: NetworkConfig) -> None:
        self.inst_spec_layer = FeedForward(w.query, w.query_hidden, dropout=0.1)
        self.layer3 = nn.Sequential(
            SparseConv3(w.query, w.sparse4, inverse=True),
            nn.BatchNorm1d(w.sparse4),
            nn.LeakyReLU(SLOPE, inplace=True),
            SparseConv3(w.sparse4, w.sparse4),
        )
        self.guidance_layer = nn.Sequential(
            Pointwise(w.s4 + w.sparse4, w.gate),
            nn.BatchNorm1d(w.gate),
            nn.LeakyReLU(SLOPE, inplace=True),
            SparseConv3(w.gate, w.s4, bias=True),
        )
        self.layer3_smooth = _smooth(w.s4 + w.colour_priors, w.smooth4)
        self.layer4 = nn.Sequential(
            SparseConv3(w.smooth4, w.sparse2, inverse=True),
            nn.BatchNorm1d(w.sparse2),
            nn.LeakyReLU(SLOPE, inplace=True),
            Pointwise(w.sparse2, w.sparse2),
        )
        self.layer4_smooth = _smooth(w.s2 + w.sparse2 + w.colour_priors, w.smooth2)
        self.layer5 = nn.Sequential(
            SparseConv3(w.smooth2, w.sparse1, inverse=True),
            nn.BatchNorm1d(w.sparse1),
            nn.LeakyReLU(SLOPE, inplace=True),
            SparseConv3(w.sparse1, w.sparse1),
        )
        self.layer5_smooth = _smooth(w.detail + w.sparse1 + w.colour_priors, w.smooth1)
        self.refine_OS4 = _head(w.smooth4, w.head4)
        self.refine_OS1 = _head(w.smooth1, w.head1)

    def detail_rows(
        self,
        sites: Sites,
        features: Sequence[Tensor | Callable[[Sites], Tensor]],
        queries: Tensor,
        *,
        colour_priors: Callable[[Sites, int], Tensor] | None = None,
        base: Callable[[Sites, Tensor, int], Tensor] | None = None,
    ) -> tuple[Tensor, Tensor, Sites]:
        """Logits at strides 4 and 1 of the undecided pixels.

        Args:
            sites: undecided pixels at full resolution; map m is instance m % N of frame m // N.
            features: as `GivenFeatures.maps`.
            queries: (M, query).
            colour_priors: (sites, stride) -> (n, 12), for a network that takes them.
            base: (sites, their colour priors, stride) -> (n, 1) logits that the results correct.

        Returns:
            (n4, 1) and (n1, 1) logits, and the sites at stride 4.
        """
        inputs = GivenFeatures(features, queries, colour_priors, base)
        sites4 = sites.coarse.coarse
        rows, logit4 = self.rows4(sites4, inputs)
        return logit4, self.rows1(rows, sites4, sites, inputs), sites4

    def rows4(self, sites: Sites, inputs: SparseInputs) -> tuple[Tensor, Tensor]:
        """Features (n4, C) and logits (n4, 1) of sites at stride 4."""
        priors = inputs.colour_priors(sites, 4)
        sites8 = sites.coarse
        x = self.inst_spec_layer(inputs.features(sites8, 8) * inputs.queries[sites8.coords[:, 0]])
        x = _run(self.layer3, x, sites8, sites)
        d = inputs.features(sites, 4)
        gate = _run(self.guidance_layer, (d, x), sites)
        x = _run(self.layer3_smooth, _beside(priors, d * torch.sigmoid(gate)), sites)
        return x, _corrected(_run(self.refine_OS4, x, sites), inputs, sites, priors, 4)

    def rows1(self, rows: Tensor, sites4: Sites, sites: Sites, inputs: SparseInputs) -> Tensor:
        """Logits (n, 1) of sites at full resolution, from `rows` (n4, C) of all sites at stride 4 below."""
        sites2 = sites.coarse
        x = _run(self.layer4, rows, sites4, sites2)
        priors = inputs.colour_priors(sites2, 2)
        x = _run(self.layer4_smooth, _beside(priors, inputs.features(sites2, 2), x), sites2)
        x = _run(self.layer5, x, sites2, sites)
        priors = inputs.colour_priors(sites, 1)
        x = _run(self.layer5_smooth, _beside(priors, inputs.features(sites, 1), x), sites)
        return _corrected(_run(self.refine_OS1, x, sites), inputs, sites, priors, 1)


def _beside(priors: Tensor | None, *rows: Tensor) -> tuple[Tensor, ...]:
    """Rows that stand side by side, the colour priors last if there are any."""
    return rows if priors is None else (*rows, priors)


def _corrected(
    logit: Tensor, inputs: SparseInputs, sites: Sites, priors: Tensor | None, stride: int
) -> Tensor:
    """The base plus its correction; a network without colour priors has no base."""
    base = None if priors is None else inputs.base(sites, priors, stride)
    return logit if base is None else logit + base


def dense_detail(
    sites: Sites, sites4: Sites, logit4: Tensor, logit1: Tensor, coarse: Tensor | None = None
) -> Detail:
    """Bring the two sparse results back to (M, H, W) alphas; `coarse` as in `dense_alpha4`."""
    return Detail(dense_alpha4(sites4, logit4, coarse, sites), sites.scatter(to_alpha(logit1)))


def dense_alpha4(sites4: Sites, logit4: Tensor, coarse: Tensor | None, sites: Sites) -> Tensor:
    """(M, H, W) alphas of the size that `sites` have, from logits at stride 4.

    Where stride 4 has no site, `coarse` logits (M, h, w) stand in, if the finer stages correct them; the
    published network takes a logit that means empty.
    """
    if coarse is None:
        dense = sites4.scatter(logit4 - ABSENT_LOGIT) + ABSENT_LOGIT
    else:
        stand_in = F.interpolate(coarse.unsqueeze(1), scale_factor=2, mode="bilinear", align_corners=False)
        filled = stand_in.flatten().index_copy(0, sites4.flat, logit4.flatten())
        dense = filled.view(len(coarse), *stand_in.shape[2:])
    dense = F.interpolate(dense.unsqueeze(1), scale_factor=4, mode="bilinear", align_corners=False).squeeze(1)
    return to_alpha(dense[:, : sites.height, : sites.width])


def fuse(alpha8: Tensor, detail: Detail, region: Tensor) -> Tensor:
    """Take the finer matte where the coarser one is undecided, stride 4 first, then full resolution.

    Source: Yu et al., "Mask Guided Matting via Progressive Refinement Network", CVPR 2021.
    """
    alpha = fuse4(alpha8, detail.alpha_os4, region)
    return torch.where(finest(alpha, region), detail.alpha_os1, alpha)


def fuse4(alpha8: Tensor, alpha4: Tensor, region: Tensor) -> Tensor:
    """The first step of `fuse`: (M, H, W) mattes of stride 8 with those of stride 4 where they are taken."""
    return torch.where(dilate(undecided(alpha8), FUSE4_PX) & region, alpha4, alpha8)


def finest(alpha: Tensor, region: Tensor) -> Tensor:
    """(M, H, W) bool: where `fuse` takes mattes of full resolution, given the result of its first step."""
    return dilate(undecided(alpha), FUSE1_PX) & region


def _run(
    layers: nn.Sequential, x: Tensor | tuple[Tensor, ...], sites: Sites, fine: Sites | None = None
) -> Tensor:
    """Run a sequential that mixes sparse convolutions and row-wise layers; `fine` after an inverse one.

    Args:
        x: (n, C) rows, or several side by side for a first layer that is pointwise.
    """
    parts = x if isinstance(x, tuple) else (x,)
    for layer in layers:
        if isinstance(layer, SparseConv3):
            parts = (layer(*parts, sites, fine),)
            if layer.inverse and fine is not None:
                sites = fine
        else:
            parts = (layer(*parts),)
    return parts[0]


def _smooth(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        Pointwise(inputs, outputs, bias=True), nn.ReLU(inplace=True), nn.BatchNorm1d(outputs)
    )


def _head(inputs: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        SparseConv3(inputs, hidden),
        nn.BatchNorm1d(hidden),
        nn.LeakyReLU(SLOPE, inplace=True),
        SparseConv3(hidden, 1, bias=True),
    )
