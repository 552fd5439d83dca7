"""The two losses: the published one, and the one that trained the shipped model (`margin`).

A loss takes a prediction and its batch and gives weighted terms by name, scalars each. Training minimises
their sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.refinement import dilate, undecided
from maggie_lab.training import terms
from maggie_lab.training.forward import Prediction, TrainingBatch
from maggie_lab.training.settings import LossWeights, TrainSettings

TERMS = ("coarse", "l1", "l2", "laplacian", "gradient", "attention", "dtssd", "temporal")
"""Every term that either loss may have."""
DECIDED_LOGIT = 3.2
"""Coarse logit a solid cell is pushed beyond; coverage counts as decided from about 2.8."""
TRUTH_PX, FUSE4_PX, FUSE1_PX = 30, 27, 15
"""Random sizes edges are grown by stay below these: of the truth, and where strides 4 and 1 are taken."""


def training_loss(prediction: Prediction, batch: TrainingBatch, settings: TrainSettings) -> dict[str, Tensor]:
    """The weighted terms of the loss that `settings` names."""
    if settings.loss == "margin":
        return margin_loss(prediction, batch)
    return published_loss(
        prediction, batch, settings.loss_weights, fusion_weight_share=settings.fusion_weight_share
    )


def published_loss(
    prediction: Prediction, batch: TrainingBatch, weights: LossWeights, *, fusion_weight_share: float = 0.75
) -> dict[str, Tensor]:
    """The paper's loss: L1, Laplacian and gradient terms at three scales, attention, and over time.

    Maps of a frame that the batch's `valid` excludes count as empty. Random sizes and choices come from
    torch's generator.

    Source: Huynh et al., "MaGGIe", CVPR 2024, and its released configuration.
    """
    valid = batch.present if batch.valid is None else batch.valid
    keep = valid[..., None, None].to(batch.alpha.dtype)
    a8, a4, a1 = prediction.alpha8 * keep, prediction.alpha4 * keep, prediction.alpha1 * keep
    region = prediction.region
    w4 = w1 = region
    if float(torch.rand(())) < fusion_weight_share:
        w4, w1 = _fusion_weights(a8.detach(), a4.detach(), batch.alpha, prediction)
    w8 = (
        terms.coarse_weights(a8.detach(), batch.alpha)
        if weights.coarse_edges
        else (batch.alpha > 0).flatten(3).any(dim=3)[..., None, None].expand_as(a8)
    )
    scales = [(a, w.to(a.dtype)) for a, w in ((a1, w1), (a4, w4), (a8, w8))]
    found = over_scales(scales, batch.alpha)
    if weights.attention and prediction.attention:
        found["attention"] = _attention(prediction.attention, batch.alpha)
    ahead, behind = prediction.change_forward, prediction.change_backward
    if ahead is not None and behind is not None and batch.change is not None and len(ahead[0]) > 1:
        by_time = (x.transpose(0, 1) for x in (ahead, behind, batch.change))
        found["temporal"] = terms.temporal(*by_time)
    return weighted_by(found, weights)


def weighted_by(found: dict[str, Tensor], weights: LossWeights) -> dict[str, Tensor]:
    """The terms times their weights."""
    return {name: getattr(weights, name) * term for name, term in found.items()}


def over_scales(scales: Sequence[tuple[Tensor, Tensor]], g: Tensor) -> dict[str, Tensor]:
    """Each term twice at full resolution, and once at strides 4 and 8.

    Args:
        scales: (matte, weights) at strides 1, 4 and 8, (B, T, N, H, W) each.
        g: (B, T, N, H, W) true alpha; `dtssd` is there from two frames on.
    """
    truth = g.flatten(0, 2)
    found: dict[str, Tensor] = {}
    for name, term in (("l1", terms.l1), ("laplacian", terms.laplacian), ("gradient", terms.gradient)):
        values = [term(a.flatten(0, 2), truth, w.flatten(0, 2)) for a, w in scales]
        found[name] = 2 * values[0] + values[1] + values[2]
    if g.shape[1] > 1:
        values = [terms.dtssd(*(x.transpose(0, 1) for x in (a, g, w))) for a, w in scales]
        found["dtssd"] = 2 * values[0] + values[1] + values[2]
    return found


def _fusion_weights(a8: Tensor, a4: Tensor, truth: Tensor, prediction: Prediction) -> tuple[Tensor, Tensor]:
    """Where the mattes at strides 4 and 1 are taken, with edges grown by random sizes."""
    region = prediction.region
    if prediction.by_truth:
        edge = undecided(truth)
        return _grown(edge, TRUTH_PX) & region, _grown(edge, FUSE1_PX) & region
    w4 = _grown(undecided(a8), FUSE4_PX) & region
    w1 = _grown(undecided(torch.where(w4, a4, a8)), FUSE1_PX) & region
    return w4, w1


def _grown(edges: Tensor, nominal: int) -> Tensor:
    """(..., H, W) grown by an ellipse of a random size below `nominal`, map by map."""
    flat = edges.flatten(0, -3)
    sizes = torch.randint(1, nominal, (len(flat),)).to(edges.device)
    grown = torch.empty_like(flat)
    for size in sizes.unique().tolist():
        grown[sizes == size] = dilate(flat[sizes == size], size)
    return grown.view_as(edges)


def _attention(layers: Sequence[Tensor], alpha: Tensor) -> Tensor:
    """(B, N, T h w) attention of each supervised layer against the true alpha (B, T, N, H, W)."""
    inside = F.max_pool2d((alpha > 0).float().flatten(0, 1), 8).view(*alpha.shape[:3], -1)
    inside = inside.transpose(1, 2).flatten(2) > 0
    values = [terms.attention(weights, inside, frames=alpha.shape[1]) for weights in layers]
    return torch.stack(values).mean()


def margin_loss(prediction: Prediction, batch: TrainingBatch) -> dict[str, Tensor]:
    """The shipped model's loss: coarse cells shall decide, and fine mattes count where they exist."""
    t = batch.alpha.shape[1]
    valid = batch.present if batch.valid is None else batch.valid
    g = batch.alpha[valid]
    a8, a4, a1 = prediction.alpha8[valid], prediction.alpha4[valid], prediction.alpha1[valid]
    region = prediction.region[valid].float()

    g8, logits8 = F.avg_pool2d(g, 8), prediction.logits8[valid]
    mixed = ((g8 > 0.01) & (g8 < 0.99)).float()
    # A margin, not a likelihood: a cell that is probably solid shall say so, or everything is undecided.
    margin = F.relu(DECIDED_LOGIT - (2 * g8.round() - 1) * logits8) * (1 - mixed)
    blend = F.binary_cross_entropy_with_logits(2 * logits8, g8, reduction="none") * mixed
    coarse = 0.15 * margin.mean() + blend.sum() / (mixed.sum() + 1e-6)

    soft = undecided(g).float()
    w8 = 1 + (soft.bool() | undecided(a8)).float()
    w1 = region * (1 + soft)
    # Outside the region the fine mattes say nothing; the truth there leaves no false edge for the pyramids.
    fine1, fine4 = torch.where(region > 0, a1, g), torch.where(region > 0, a4, g)
    found = {
        "coarse": 0.5 * coarse,
        "l1": 2 * terms.l1(fine1, g, w1) + terms.l1(fine4, g, region) + terms.l1(a8, g, w8),
        "l2": 2 * ((fine1 - g) ** 2 * w1).sum() / (w1.sum() + 1e-8),
        "laplacian": 0.15 * (2 * terms.laplacian(fine1, g, w1) + terms.laplacian(fine4, g, region)),
        "gradient": 0.1 * (2 * terms.gradient(fine1, g, w1) + terms.gradient(fine4, g, region)),
    }
    if t == 1:
        return found
    stay = valid.all(dim=1)
    if stay.any():

        def over_time(x: Tensor) -> Tensor:
            """(B, T, N, H, W) -> (T, instances that stay, H, W)."""
            return x.transpose(1, 2)[stay].transpose(0, 1)

        truth, region = over_time(batch.alpha), over_time(prediction.region.float())
        fine = torch.where(region > 0, over_time(prediction.alpha1), truth)
        still = terms.dtssd(over_time(prediction.alpha8), truth, torch.ones_like(region))
        found["dtssd"] = 2 * terms.dtssd(fine, truth, region) + 0.5 * still
    if prediction.change_forward is not None and prediction.change_backward is not None:
        change = ((batch.alpha[:, 1:] - batch.alpha[:, :-1]).abs() > 5 / 255).any(dim=2).float()
        change = F.max_pool2d(change, 9, stride=1, padding=4)
        found["temporal"] = 0.25 * (
            F.binary_cross_entropy_with_logits(prediction.change_forward[:, 1:], change)
            + F.binary_cross_entropy_with_logits(prediction.change_backward[:, :-1], change)
        )
    return found
