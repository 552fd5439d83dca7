"""The network: published names, no state between calls.

`encode` takes one frame, `attend` a window of them, `detail` the undecided pixels of one frame.
`MatteModel` (matte_model.py) joins them for inference, and `maggie_lab.training` for training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.colour_priors import COLOUR_PRIOR_ALPHAS, LocalColours, local_colours
from maggie_core.model.config import COLOUR_PRIOR_CHANNELS, NetworkConfig
from maggie_core.model.encoder import MEAN, STD, Aspp, Encoder, LiteEncoder, up_stage
from maggie_core.model.instances import InstanceDecoder, PlaneDecoder
from maggie_core.model.layers import Pointwise, SparseConv3
from maggie_core.model.refinement import (
    REACH1_PX,
    Detail,
    SparseStage,
    dense_alpha4,
    finest,
    fuse4,
    reach,
    to_alpha,
)
from maggie_core.model.temporal import ConvGru, change_head
from maggie_core.sparse.sites import Part, Sites, largest_near

STRIDE = 32
"""Height and width the network sees are multiples of this."""


@dataclass(frozen=True, eq=False)
class FrameFeatures:
    """Features of one frame, the same in every window that contains it; they depend on no other frame."""

    cells: Tensor
    """(N, H/8, W/8) bool: the cell holds a pixel of the instance."""
    d8: Tensor
    """(1, C, H/8, W/8)."""
    colour_priors: Tensor | None
    """(N, 12, H/8, W/8), for a network with a coarse prior."""
    fine: FineFeatures | None
    """What the frame's own matte needs beside; None once that matte is made."""


@dataclass(frozen=True, eq=False)
class FineFeatures:
    """What the sparse stage of one frame starts from."""

    entering: list[Tensor]
    """(1, C, H, W) and (1, C, H/2, W/2): inputs of shortcuts that are run where pixels need them."""
    fea3: Tensor
    """(1, C, H/4, W/4)."""
    colours: LocalColours | None
    """For a network that takes colour priors."""


@dataclass(frozen=True, eq=False)
class CoarseInstances:
    """Coarse result of some instances of one frame, which the sparse stage corrects."""

    chosen: Tensor
    """(n,) int64: which instances of the frame."""
    queries: Tensor
    """(n, query)."""
    logits: Tensor
    """(n, H/8, W/8)."""
    f8: Tensor
    """(query, H/8, W/8), before temporal fusion."""


@dataclass(frozen=True, eq=False)
class Undecided:
    """Where finer mattes of some instances are needed, in a crop of the image for each instance."""

    alpha: Tensor
    """(n, H', W') coarse mattes."""
    logits: Tensor
    """(n, H'/8, W'/8) coarse logits."""
    region: Tensor
    """(n, H', W') bool: undecided pixels and those around them."""
    part: Part | None = None
    """Where the crops begin, at multiples of 8; None for the whole image."""
    wanted: Tensor | None = None
    """(n, H', W') bool: pixels whose final matte is asked for; None means all."""

    @property
    def asked(self) -> Tensor:
        """(n, H', W') bool: what of the region is asked for."""
        return self.region if self.wanted is None else self.wanted & self.region

    @property
    def needed(self) -> Tensor:
        """(n, H', W') bool: what of the region the mattes that are asked for depend on."""
        return self.region if self.wanted is None else self.region & reach(self.asked)


class Decoder(SparseStage):
    """Children carry the published names below `decoder.`."""

    def __init__(self, w: NetworkConfig):
        super().__init__()
        self.build_sparse_stage(w)
        self.layer1 = up_stage(w.s32, w.s16, 2)
        self.layer2 = up_stage(w.s16, w.s8, 3)
        self.refine_OS8 = InstanceDecoder(w) if w.queries == "attended" else PlaneDecoder(w)
        self.prior = CoarsePrior(w.coarse_prior) if w.coarse_prior else None
        self.os8_temp_module = ConvGru(w.attention, gru=w.gru) if w.has_gru else None
        self.diff_module = change_head(w) if w.fuses else None


GATE_CELLS = 5
"""Distance from the guidance's edge up to which a prior may contradict it, in cells of 8 pixels."""
COLOUR_PRIORS_PX = 8 * (GATE_CELLS + 5) + 15
"""Distance from the guidance up to which a network with a prior takes colour priors. The prior's two
convolutions and the enlarging reach beyond the gate; so do the region around undecided pixels and its coarser
sites.
"""
GATE_LOGIT = 4.0
"""Coarse logit beyond the gate: decided, with the guidance's sign."""


class CoarsePrior(nn.Sequential):
    """Coarse logits that a small network starts from: the guidance, corrected by the local colours.

    `scale` times the guidance in [-1, 1] is added to the coarse logits, so training starts from the mask and
    not from nothing; far from the guidance's edge the guidance is final; and the finer stages correct a
    mixture (`carry`, `trust`) of the coarse logits and of the colour priors that are alphas. The published
    network has no such layer.
    """

    def __init__(self, hidden: int):
        super().__init__(
            nn.Conv2d(COLOUR_PRIOR_CHANNELS, hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, 1, 3, padding=1),
        )
        self.scale = nn.Parameter(torch.tensor([3.0]))
        self.carry = nn.Parameter(torch.tensor([0.4, 0.4]))
        self.trust = nn.Parameter(torch.tensor([[0.3, 0.0, 0.3, 0.1]] * 2))

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name the base class gives it
        """(N, 12, h, w) colour priors at stride 8 -> (N, h, w) logits."""
        return self.scale * input[:, 4] + super().forward(input).squeeze(1)

    def base(self, coarse: Tensor, sites: Sites, priors: Tensor, stride: int) -> Tensor:
        """What the finer stages correct, at sites of a grid at `stride` 4 or 1.

        Args:
            coarse: (M, h, w) coarse logits.
            priors: (n, 12) colour priors at the sites.

        Returns:
            (n, 1) logits.
        """
        enlarged = sites.sampled(coarse.flatten().unsqueeze(1), coarse.shape[1:], stride / 8)
        level = 0 if stride == 4 else 1
        alphas = torch.atanh(0.995 * priors[:, COLOUR_PRIOR_ALPHAS])
        return self.carry[level] * enlarged + alphas @ self.trust[level, :, None]

    def gated(self, logits: Tensor, priors: Tensor) -> Tensor:
        """(..., h, w) logits, with the guidance's own decision where its edge is far.

        Args:
            priors: (..., 12, h, w) colour priors.
        """
        cover = (priors[..., 4, :, :] + 1) / 2
        sides = torch.stack([cover, 1 - cover])
        has_inside, has_outside = largest_near(sides > 0, GATE_CELLS)
        decided = torch.where(has_inside, GATE_LOGIT, -GATE_LOGIT)
        return torch.where(has_inside & has_outside, logits, decided)


class Network(nn.Module):
    """MaGGIe, image or video, of any configuration.

    Source: Huynh et al., "MaGGIe: Masked Guided Gradual Human Instance Matting", CVPR 2024.
    """

    def __init__(self, config: NetworkConfig):
        super().__init__()
        self.config = config
        self.encoder = LiteEncoder(config) if config.encoder == "lite0" else Encoder(config)
        self.aspp = Aspp(config.s32, config.aspp)
        self.decoder = Decoder(config)

        self.kind = torch.float32
        """Type it computes in. Attention, logits and colours stay float32."""

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
    def takes_colour_priors(self) -> bool:
        """Whether a frame's features need its local colours."""
        return bool(self.config.colour_priors or self.config.coarse_prior)

    def embed(self, guidance: Tensor, ids: Tensor) -> Tensor:
        """(F, N, H, W) guidance, (N,) ids from 1 -> (F, E, H, W) as the encoder takes it."""
        return self.encoder.mask_embed_layer(guidance, ids)

    def features(self, image: Tensor, embedding: Tensor, *, fine: bool = True) -> tuple[list[Tensor], Tensor]:
        """Per-frame features of a batch of frames.

        Args:
            image: (F, 3, H, W) sRGB-encoded [0, 1].
            embedding: (F, E, H, W) of the guidance.
            fine: as in `Encoder.forward`.

        Returns:
            [fea1, fea2, fea3] at strides 1, 2, 4, and D8 (F, C, H/8, W/8).
        """
        entering = torch.cat([_normal(image), embedding], dim=1).to(self.kind)
        shortcuts, x = self.encoder(entering.to(memory_format=torch.channels_last), fine=fine)
        x = self.decoder.layer1(self.aspp(x)) + shortcuts.pop()
        x = self.decoder.layer2(x) + shortcuts.pop()
        return shortcuts, x

    def encode(self, image: Tensor, guidance: Tensor, ids: Tensor) -> FrameFeatures:
        """Everything about one frame that does not depend on its neighbours.

        Args:
            image: (3, H, W) sRGB-encoded [0, 1].
            guidance: (N, H, W) or (N, H/8, W/8) binary.
            ids: (N,) row of the mask embedding for each instance.
        """
        if guidance.shape[-1] != image.shape[-1]:
            guidance = F.interpolate(guidance.unsqueeze(0), image.shape[-2:], mode="nearest").squeeze(0)
        embedding = self.embed(guidance.unsqueeze(0), ids).to(image.dtype)
        (*entering, fea3), d8 = self.features(image.unsqueeze(0), embedding, fine=False)
        near = COLOUR_PRIORS_PX if self.decoder.prior else None
        colours = local_colours(image, guidance, around_px=near) if self.takes_colour_priors else None
        return FrameFeatures(
            cells=F.avg_pool2d(guidance, 8) > 0,
            d8=d8.float(),
            colour_priors=colours.coarse if colours is not None and self.decoder.prior else None,
            fine=FineFeatures(entering, fea3, colours),
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
        colour_priors: list[Tensor] | None,
        hidden: Tensor | None = None,
        *,
        first: int = 0,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Coarse logits of a window, from frame `first` on.

        Args:
            features: (T, dim, h, w) from the attention blocks.
            queries: (n, query).
            colour_priors: (n, 12, h, w) per frame from `first` on, for a network with a prior.
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
        if self.decoder.prior is not None and colour_priors is not None:
            prior = self.decoder.prior
            corrections = torch.stack([prior(frame) for frame in colour_priors])
            logits = prior.gated(logits + corrections, torch.stack(colour_priors))
        return logits, f8, states

    def detail(
        self, frame: FineFeatures, coarse: CoarseInstances, where: Undecided, *, whole: bool = False
    ) -> Detail:
        """Run the sparse stage on the undecided pixels of one frame.

        Args:
            whole: give mattes of full resolution in the whole region that is needed, and not only where the
                fused matte takes them.

        Returns:
            (n, H', W') mattes in the crops of `where`.
        """
        needed = where.needed
        sites = Sites.where(needed, where.part)
        if len(sites) == 0:
            nothing = torch.zeros(needed.shape, device=needed.device)
            return Detail(nothing, nothing)
        inputs = _FrameInputs(self, frame, coarse)
        sites4 = sites.coarse.coarse
        rows, logit4 = self.decoder.rows4(sites4, inputs)
        alpha4 = dense_alpha4(sites4, logit4, None if self.decoder.prior is None else where.logits, sites)
        if not whole:
            taken = finest(fuse4(where.alpha, alpha4, where.region), where.asked)
            sites = Sites.where(largest_near(taken, REACH1_PX) & needed, where.part)
        logit1 = self.decoder.rows1(rows, sites4, sites, inputs)
        return Detail(alpha4, sites.scatter(to_alpha(logit1)))


@dataclass(frozen=True, eq=False)
class _FrameInputs:
    """`SparseInputs` of some instances of one frame."""

    network: Network
    frame: FineFeatures
    coarse: CoarseInstances

    @property
    def queries(self) -> Tensor:
        return self.coarse.queries

    def features(self, sites: Sites, stride: int) -> Tensor:
        if stride < 4:
            return self.network.fine_rows(self.frame.entering, stride, sites)
        return sites.gather(self.frame.fea3 if stride == 4 else self.coarse.f8.unsqueeze(0))

    def colour_priors(self, sites: Sites, stride: int) -> Tensor | None:
        if self.frame.colours is None or not self.network.config.colour_priors:
            return None
        return self.frame.colours.at(sites, self.coarse.chosen, stride=stride)

    def base(self, sites: Sites, priors: Tensor, stride: int) -> Tensor | None:
        prior = self.network.decoder.prior
        return None if prior is None else prior.base(self.coarse.logits, sites, priors, stride)


def _normal(image: Tensor) -> Tensor:
    """(F, 3, H, W) sRGB-encoded in [0, 1] -> with the statistics the encoder was made for."""
    mean, std = (torch.tensor(values, device=image.device).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (image - mean) / std
