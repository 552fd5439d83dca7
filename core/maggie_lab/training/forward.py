"""The network as training runs it: batches of windows, every stage differentiable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.colour_priors import local_colours
from maggie_core.model.network import Network
from maggie_core.model.refinement import REGION_PX, dense_detail, dilate, to_alpha, undecided
from maggie_core.model.temporal import change_logits, enlarge
from maggie_core.sparse import Sites

FALLBACK_START_PX, FALLBACK_PX = 200, 50
"""Start and side of the square that is looked at where nothing is undecided: every weight gets a gradient."""


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """B windows of T frames with N instances each; slots beyond a sample's own instances stay empty."""

    image: Tensor
    """(B, T, 3, H, W) sRGB-encoded [0, 1]."""
    guidance: Tensor
    """(B, T, N, H, W) binary."""
    alpha: Tensor
    """(B, T, N, H, W) true coverage."""
    slots: Tensor
    """(B, N) int64: the network's identity that each instance takes."""
    valid: Tensor | None = None
    """(B, T, N) bool: frames of an instance that the loss counts; None: those with guidance."""
    change: Tensor | None = None
    """(B, T, H, W) in 0, 1: where any true alpha differs from the frame before."""

    @property
    def present(self) -> Tensor:
        """(B, T, N) bool: the instance has guidance in the frame."""
        return self.guidance.flatten(3).any(dim=3)

    def to(self, device: torch.device) -> TrainingBatch:
        there = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        return replace(self, **{name: tensor.to(device) for name, tensor in there.items()})


@dataclass(frozen=True, eq=False)
class Prediction:
    """(B, T, N, ...) maps of a forward pass. `region` is where the sparse stage looked."""

    logits8: Tensor
    alpha8: Tensor
    alpha4: Tensor
    alpha1: Tensor
    region: Tensor
    by_truth: bool
    change_forward: Tensor | None
    change_backward: Tensor | None
    attention: list[Tensor]
    """(B, N, T h w) per supervised layer: what each instance's token looks at."""


def predict(
    net: Network,
    batch: TrainingBatch,
    *,
    guide_by_truth: bool,
    faults_guide: bool = True,
    most_sites: int | None = None,
) -> Prediction:
    """Forward pass of a batch.

    An ambient `torch.autocast` rules the dense stages; everything behind them runs in float32.

    Args:
        guide_by_truth: take the undecided region from the true alpha, not from the network's own coarse
            matte.
        faults_guide: with `guide_by_truth`, also look where the guidance is wrong.
        most_sites: largest number of undecided pixels to work through; None: all.
    """
    image = batch.image.flatten(0, 1)
    with torch.autocast(image.device.type, enabled=False):
        embedding = torch.cat(
            [
                net.embed(guidance, slots + 1)
                for guidance, slots in zip(batch.guidance, batch.slots, strict=True)
            ]
        )
    shortcuts, d8 = net.features(
        image.to(memory_format=torch.channels_last), embedding.to(memory_format=torch.channels_last)
    )
    with torch.autocast(image.device.type, enabled=False):
        return _from_features(
            net,
            batch,
            [x.float() for x in shortcuts],
            d8.float(),
            partial(
                _region,
                batch,
                guide_by_truth=guide_by_truth,
                faults_guide=faults_guide,
                most_sites=most_sites,
            ),
        )


def _from_features(
    net: Network,
    batch: TrainingBatch,
    shortcuts: list[Tensor],
    d8: Tensor,
    region_of: Callable[[Tensor], tuple[Tensor, bool]],
) -> Prediction:
    b, t, n, height, width = batch.guidance.shape
    d8 = d8.view(b, t, -1, height // 8, width // 8)
    cells = F.max_pool2d(batch.guidance.flatten(0, 1), 8).view(b, t, n, height // 8, width // 8) > 0

    windows = [(d8[i], cells[i], batch.slots[i]) for i in range(b)]
    if net.config.window == 1:
        windows = [(x[k : k + 1], there[k : k + 1], slots) for x, there, slots in windows for k in range(t)]
    attended = [net.decoder.refine_OS8.attend(*each) for each in windows]
    queries = torch.stack([q for _, q, _ in attended]).unflatten(0, (b, -1)).expand(b, t, n, -1)
    priors = _ColourPriors(batch) if net.takes_colour_priors else None
    logits8, f8 = _coarse(net, [x for x, _, _ in attended], queries, batch, priors)
    alpha8 = to_alpha(
        F.interpolate(logits8.flatten(0, 1), scale_factor=8, mode="bilinear", align_corners=False)
    ).view_as(batch.alpha)
    alpha8 = alpha8 * batch.present[..., None, None]

    region, by_truth = region_of(alpha8.detach())
    sites = Sites.where(region.flatten(0, 2))
    maps_queries = queries.flatten(0, 2)
    prior, coarse, base = net.decoder.prior, None, None
    if prior is not None:
        coarse = logits8.flatten(0, 2)
        base = partial(prior.base, coarse)
    logit4, logit1, sites4 = net.decoder.detail_rows(
        sites,
        [*shortcuts, f8.flatten(0, 1)],
        maps_queries,
        colour_priors=priors if net.config.colour_priors else None,
        base=base,
    )
    detail = dense_detail(sites, sites4, logit4, logit1, coarse)
    ahead = behind = None
    if t > 1 and net.decoder.diff_module is not None:
        pairs = [change_logits(net.decoder.diff_module, x.detach()) for x in f8]
        ahead = torch.stack([enlarge(a) for a, _ in pairs])
        behind = torch.stack([enlarge(c) for _, c in pairs])
    return Prediction(
        logits8,
        alpha8,
        detail.alpha_os4.view_as(alpha8),
        detail.alpha_os1.view_as(alpha8),
        region,
        by_truth,
        ahead,
        behind,
        [_by_clip(layer, b) for layer in zip(*(scores for _, _, scores in attended), strict=True)],
    )


def _by_clip(scores: Sequence[Tensor], clips: int) -> Tensor:
    """(N, K) attention of each window -> (B, N, T h w), whose rows sum to 1 again."""
    found = torch.stack([*scores]).unflatten(0, (clips, -1))
    return found.transpose(1, 2).flatten(2) / found.shape[1]


def _coarse(
    net: Network, features: list[Tensor], queries: Tensor, batch: TrainingBatch, source: _ColourPriors | None
) -> tuple[Tensor, Tensor]:
    """(B, T, N, h, w) coarse logits and (B, T, query, h, w) features; norms see the whole batch at once.

    Args:
        features: (T, C, h, w) of every window.
        queries: (B, T, N, query).
    """
    project = net.decoder.refine_OS8.conv
    b, t = batch.image.shape[:2]
    plain = torch.cat(features)
    f8 = fused = project(plain)
    if net.decoder.os8_temp_module is not None:
        fused = project(torch.cat([net.decoder.os8_temp_module(x)[0] for x in features]))
    logits = torch.einsum("btnc,btchw->btnhw", queries, fused.view(b, t, *fused.shape[1:]))
    if net.decoder.prior is not None and source is not None:
        priors = source.coarse()
        logits = logits + net.decoder.prior(priors.flatten(0, 1)).view_as(logits)
        logits = net.decoder.prior.gated(logits, priors.view(b, t, *priors.shape[1:]))
    return logits, f8.view(b, t, *f8.shape[1:])


class _ColourPriors:
    """Colour priors of every frame of a batch, sampled at sites whose map is (b t) N + n."""

    def __init__(self, batch: TrainingBatch):
        images, guidance = batch.image.flatten(0, 1), batch.guidance.flatten(0, 1)
        with torch.no_grad():
            self.colours = [local_colours(*frame) for frame in zip(images, guidance, strict=True)]

    @torch.no_grad()
    def coarse(self) -> Tensor:
        """(B T, N, 12, H/8, W/8)."""
        return torch.stack([colours.coarse for colours in self.colours])

    @torch.no_grad()
    def __call__(self, sites: Sites, stride: int) -> Tensor:
        count = len(self.colours[0].guidance)
        chosen = torch.arange(count, device=sites.coords.device)
        parts = []
        for frame, colours in enumerate(self.colours):
            mine = sites.coords[sites.coords[:, 0] // count == frame].clone()
            mine[:, 0] -= frame * count
            part = Sites(mine, count, sites.height, sites.width)
            parts.append(colours.at(part, chosen, stride=stride))
        return torch.cat(parts)


def _region(
    batch: TrainingBatch, alpha8: Tensor, *, guide_by_truth: bool, faults_guide: bool, most_sites: int | None
) -> tuple[Tensor, bool]:
    """(B, T, N, H, W) bool, where the sparse stage looks, and whether that came from the true alpha."""
    by_truth = guide_by_truth or not bool(alpha8.any())
    seed = undecided(batch.alpha if by_truth else alpha8)
    if by_truth and faults_guide:
        seed = seed | ((batch.alpha > 0.5) != (batch.guidance > 0.5))
    region = dilate(seed, REGION_PX) & batch.present[..., None, None]
    if not region.any():
        fits = min(region.shape[-2:]) >= FALLBACK_START_PX + FALLBACK_PX
        start = FALLBACK_START_PX if fits else 0
        region[..., start : start + FALLBACK_PX, start : start + FALLBACK_PX] = True
    return (region if most_sites is None else _thinned(region, most_sites)), by_truth


def _thinned(region: Tensor, most_sites: int) -> Tensor:
    """The region within a window of each map, around a random place of the region: `most_sites` pixels or
    fewer. A region that is small enough stays whole.
    """
    height, width = region.shape[-2:]
    kept, share = region, 1.0
    while (total := int(kept.sum())) > most_sites:
        share *= min(0.9, (most_sites / total) ** 0.5)
        tall, wide = max(1, int(height * share)), max(1, int(width * share))
        kept = torch.zeros_like(region)
        for source, target in zip(region.flatten(0, 2), kept.flatten(0, 2), strict=True):
            places = source.nonzero()
            if not len(places):
                continue
            y, x = places[int(torch.randint(len(places), ()))].tolist()
            top = min(max(0, y - tall // 2), height - tall)
            left = min(max(0, x - wide // 2), width - wide)
            window = (slice(top, top + tall), slice(left, left + wide))
            target[window] = source[window]
        if tall == wide == 1:
            break
    return kept
