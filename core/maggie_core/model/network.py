"""The network: published names, no state between calls.

`encode` looks at one frame, `attend` at a window of them, `detail` at the undecided pixels of one frame.
`MatteModel` (matte_model.py) joins them for inference and `maggie_lab.training` for training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.colour_priors import CUE_ALPHAS, LocalColours, local_colours
from maggie_core.model.config import CUE_CHANNELS, Widths
from maggie_core.model.encoder import MEAN, STD, Aspp, Encoder, LiteEncoder, up_stage
from maggie_core.model.instances import InstanceDecoder, PlaneDecoder
from maggie_core.model.layers import Pointwise, SparseConv3
from maggie_core.model.refinement import REACH1_PX, Detail, SparseStage, dense_alpha4, to_alpha
from maggie_core.model.temporal import ConvGru, change_head
from maggie_core.sparse.sites import Part, Sites, largest_near

STRIDE = 32
"""Height and width the network sees are multiples of this."""


@dataclass(frozen=True, eq=False)
class FrameFeatures:
    """What one frame contributes to every window that contains it; nothing here looks at a neighbour."""

    cells: Tensor
    """(N, H/8, W/8) bool: the cell holds a pixel of the instance."""
    d8: Tensor
    """(1, C, H/8, W/8)."""
    cues: Tensor | None
    """(N, 12, H/8, W/8)."""
    fine: FineFeatures | None
    """What the frame's own matte takes; None once it is made."""


@dataclass(frozen=True, eq=False)
class FineFeatures:
    """What the sparse stage of one frame starts from."""

    entering: list[Tensor]
    """(1, C, H, W) and (1, C, H/2, W/2): what fine features are made of, at the pixels that need them."""
    fea3: Tensor
    """(1, C, H/4, W/4)."""
    cues: Cues | None


@dataclass(frozen=True, eq=False)
class Cues:
    """Local colours of a frame, and what they are colours of."""

    colours: LocalColours
    picture: Tensor
    """(3, H, W) sRGB-encoded [0, 1]."""
    guidance: Tensor
    """(N, H, W)."""

    def at(self, chosen: Tensor, sites: Sites, stride: int) -> Tensor:
        """As `LocalColours.at`."""
        return self.colours.at(self.picture, self.guidance, sites, chosen, stride=stride)


class Decoder(SparseStage):
    """Children carry the published names below `decoder.`."""

    def __init__(self, w: Widths):
        super().__init__()
        self.build_sparse_stage(w)
        self.layer1 = up_stage(w.s32, w.s16, 2)
        self.layer2 = up_stage(w.s16, w.s8, 3)
        self.refine_OS8 = InstanceDecoder(w) if w.queries == "attended" else PlaneDecoder(w)
        self.prior = CoarsePrior(w.prior) if w.prior else None
        self.os8_temp_module = ConvGru(w.attention, bidirectional=w.gru == "both") if w.has_gru else None
        self.diff_module = change_head(w) if w.fuses else None


GATE_CELLS = 5
"""How far from the guidance's edge a network with a prior may change its mind, in cells of 8 pixels."""
CUES_PX = 8 * (GATE_CELLS + 5) + 15
"""How far from the guidance a network with a prior looks at cues: the prior's two convolutions and enlarging
go beyond the gate, and so do the region around what is undecided and its coarser sites.
"""
GATE_LOGIT = 4.0
"""Coarse logit beyond the gate: decided, with the guidance's sign."""


class CoarsePrior(nn.Sequential):
    """What a small network starts from: the guidance, corrected by the local colours.

    `scale` times the guidance in [-1, 1] is added to the coarse logits, so training starts from the mask and
    not from nothing; far from the guidance's edge the guidance is final; and the finer stages correct a
    mixture (`carry`, `trust`) of the coarse logits and of what the cues give as alphas. The published network
    has no such layer.
    """

    def __init__(self, hidden: int):
        super().__init__(
            nn.Conv2d(CUE_CHANNELS, hidden, 3, padding=1), nn.ReLU(), nn.Conv2d(hidden, 1, 3, padding=1)
        )
        self.scale = nn.Parameter(torch.tensor([3.0]))
        self.carry = nn.Parameter(torch.tensor([0.4, 0.4]))
        self.trust = nn.Parameter(torch.tensor([[0.3, 0.0, 0.3, 0.1]] * 2))

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name the base class gives it
        """(N, 12, h, w) cues at stride 8 -> (N, h, w) logits."""
        return self.scale * input[:, 4] + super().forward(input).squeeze(1)

    def base(self, coarse: Tensor, sites: Sites, cues: Tensor, stride: int) -> Tensor:
        """What the finer stages correct, at sites of a grid at `stride` 4 or 1.

        Args:
            coarse: (M, h, w) coarse logits.
            cues: (n, 12) at the sites.

        Returns:
            (n, 1) logits.
        """
        enlarged = sites.sampled(coarse.flatten().unsqueeze(1), coarse.shape[1:], stride / 8)
        level = 0 if stride == 4 else 1
        alphas = torch.atanh(0.995 * cues[:, CUE_ALPHAS])
        return self.carry[level] * enlarged + alphas @ self.trust[level, :, None]

    def gated(self, logits: Tensor, cues: Tensor) -> Tensor:
        """(..., h, w) logits, with the guidance's own decision where its edge is far."""
        cover = (cues[..., 4, :, :] + 1) / 2
        sides = torch.stack([cover, 1 - cover])
        has_inside, has_outside = largest_near(sides > 0, GATE_CELLS)
        decided = torch.where(has_inside, GATE_LOGIT, -GATE_LOGIT)
        return torch.where(has_inside & has_outside, logits, decided)


class Network(nn.Module):
    """MaGGIe, image or video, of any widths and variants.

    Source: Huynh et al., "MaGGIe: Masked Guided Gradual Human Instance Matting", CVPR 2024.
    """

    def __init__(self, widths: Widths):
        super().__init__()
        self.widths = widths
        self.encoder = LiteEncoder(widths) if widths.encoder == "lite0" else Encoder(widths)
        self.aspp = Aspp(widths.s32, widths.aspp)
        self.decoder = Decoder(widths)

        self.kind = torch.float32
        """What it computes in, but for attention, logits and everything about colours."""

    def round(self, kind: torch.dtype) -> None:
        """Compute in another precision from now on: weights of convolutions are rounded to it."""
        self.kind = kind
        exact = [
            self.decoder.prior,
            self.decoder.diff_module,
            self.decoder.refine_OS4[-1],
            self.decoder.refine_OS1[-1],
        ]
        kept = {module for part in exact if part is not None for module in part.modules()}
        for module in self.modules():
            if (
                isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, SparseConv3, Pointwise))
                and module not in kept
            ):
                module.to(kind)

    @property
    def takes_cues(self) -> bool:
        return bool(self.widths.cues or self.widths.prior)

    def embed(self, guidance: Tensor, ids: Tensor) -> Tensor:
        """(F, N, H, W) guidance, (N,) ids from 1 -> (F, E, H, W) as the encoder takes it."""
        return self.encoder.mask_embed_layer(guidance, ids)

    def features(
        self, picture: Tensor, embedding: Tensor, *, fine: bool = True
    ) -> tuple[list[Tensor], Tensor]:
        """Per-frame features of a batch of frames.

        Args:
            picture: (F, 3, H, W) sRGB-encoded [0, 1].
            embedding: (F, E, H, W) of the guidance.
            fine: as in `Encoder.forward`.

        Returns:
            [fea1, fea2, fea3] at strides 1, 2, 4, and D8 (F, C, H/8, W/8).
        """
        entering = torch.cat([_normal(picture), embedding], dim=1).to(self.kind)
        shortcuts, x = self.encoder(entering.to(memory_format=torch.channels_last), fine=fine)
        x = self.decoder.layer1(self.aspp(x)) + shortcuts.pop()
        x = self.decoder.layer2(x) + shortcuts.pop()
        return shortcuts, x

    def encode(self, picture: Tensor, guidance: Tensor, ids: Tensor) -> FrameFeatures:
        """Everything about one frame that does not depend on its neighbours.

        Args:
            picture: (3, H, W) sRGB-encoded [0, 1].
            guidance: (N, H, W) or (N, H/8, W/8) binary.
            ids: (N,) row of the mask embedding for each instance.
        """
        if guidance.shape[-1] != picture.shape[-1]:
            guidance = F.interpolate(guidance.unsqueeze(0), picture.shape[-2:], mode="nearest").squeeze(0)
        embedding = self.embed(guidance.unsqueeze(0), ids).to(picture.dtype)
        (*entering, fea3), d8 = self.features(picture.unsqueeze(0), embedding, fine=False)
        near = CUES_PX if self.decoder.prior else None
        colours = local_colours(picture, guidance, around_px=near) if self.takes_cues else None
        return FrameFeatures(
            cells=F.avg_pool2d(guidance, 8) > 0,
            d8=d8.float(),
            cues=colours.coarse if colours is not None and self.decoder.prior else None,
            fine=FineFeatures(
                entering=entering,
                fea3=fea3,
                cues=None if colours is None else Cues(colours, picture, guidance),
            ),
        )

    def fine_rows(self, entering: list[Tensor], stride: int, sites: Sites) -> Tensor:
        """(n, C) features of a frame at sites at stride 1 or 2, where many maps may hold the same pixel."""
        shared, order = sites.shared(margin=2)
        rows = shared.gather(entering[stride - 1])
        return self.encoder.shortcut_rows(stride - 1, rows, shared).index_select(0, order)

    def coarse_logits(
        self,
        features: Tensor,
        queries: Tensor,
        cues: list[Tensor] | None,
        hidden: Tensor | None = None,
        *,
        first: int = 0,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Coarse logits of a window, from frame `first` on.

        Args:
            features: (T, dim, h, w) from the attention blocks.
            queries: (n, query).
            cues: (n, 12, h, w) per frame from `first` on, for a network with a prior.
            hidden: (dim, h, w) temporal state, video only.

        Returns:
            L8 (T - first, n, h, w); F8 (T, query, h, w) before temporal fusion; states (T, dim, h, w) or
            None.
        """

        def project(states: Tensor) -> Tensor:
            frames = states.to(self.kind).split(1)  # one after the other, for the sake of memory
            return torch.cat([self.decoder.refine_OS8.conv(frame).float() for frame in frames])

        f8 = project(features)
        fused, states = f8[first:], None
        if self.decoder.os8_temp_module is not None:
            merged, states = self.decoder.os8_temp_module(features, hidden, first=first)
            fused = project(merged)
        logits = torch.einsum("nc,tchw->tnhw", queries, fused)
        if self.decoder.prior is not None and cues is not None:
            prior = self.decoder.prior
            logits = prior.gated(logits + torch.stack([prior(frame) for frame in cues]), torch.stack(cues))
        return logits, f8, states

    def detail(
        self,
        seen: FineFeatures,
        chosen: Tensor,
        f8: Tensor,
        queries: Tensor,
        coarse: Tensor,
        near: Tensor,
        region: Tensor,
        part: Part | None = None,
        *,
        finest: Callable[[Tensor], Tensor] | None = None,
    ) -> Detail:
        """Run the sparse stage on the undecided pixels of one frame.

        Args:
            chosen: (n,) int64 instances of the frame that take part.
            f8: (query, h, w).
            queries: (n, query).
            coarse: (n, H/8, W/8) coarse logits.
            near: the same around the region.
            region: (n, H', W') bool, of a part of the picture for each instance.
            part: where these parts begin, at multiples of 8; None for the whole picture.
            finest: (n, H', W') mattes of stride 4 -> where in the region those of full resolution are asked
                for; None means everywhere.
        """
        sites = Sites.where(region, part)
        if len(sites) == 0:
            nothing = torch.zeros(region.shape, device=region.device)
            return Detail(nothing, nothing)
        fine = [partial(self.fine_rows, seen.entering, stride) for stride in (1, 2)]
        prior = self.decoder.prior
        cues = partial(seen.cues.at, chosen) if seen.cues and self.widths.cues else None
        base = None if prior is None else partial(prior.base, coarse)
        sites4 = sites.coarse.coarse
        rows, logit4 = self.decoder.rows4(sites4, [seen.fea3, f8.unsqueeze(0)], queries, cues=cues, base=base)
        alpha4 = dense_alpha4(sites4, logit4, None if prior is None else near, sites)
        if finest is not None:
            sites = Sites.where(largest_near(finest(alpha4), REACH1_PX) & region, part)
        logit1 = self.decoder.rows1(rows, sites4, sites, fine, cues=cues, base=base)
        return Detail(alpha4, sites.scatter(to_alpha(logit1)))


def _normal(picture: Tensor) -> Tensor:
    """(F, 3, H, W) sRGB-encoded in [0, 1] -> with the statistics the encoder was made for."""
    mean, std = (torch.tensor(values, device=picture.device).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (picture - mean) / std
