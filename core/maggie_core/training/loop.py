"""Train a network of the family from scratch on generated people.

Progress is measured in time: the schedules run over the minutes they are given, so the same command ends well
on a slow and on a busy machine. Everything needed to go on is in one checkpoint file.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.network import Network
from maggie_core.model.refinement import undecided
from maggie_core.model.widths import CUE_CHANNELS, Widths
from maggie_core.training import losses
from maggie_core.training.windows import Prediction, TrainingBatch, predict

DEFAULT_WIDTHS = Widths(
    detail=12,
    s2=24,
    s4=32,
    s8=64,
    s16=96,
    s32=160,
    aspp=64,
    attention=64,
    attention_hidden=64,
    query=32,
    query_hidden=64,
    sparse4=32,
    gate=32,
    smooth4=32,
    head4=24,
    sparse2=24,
    smooth2=24,
    sparse1=20,
    smooth1=20,
    head1=16,
    cues=CUE_CHANNELS,
    prior=16,
    temporal=True,
    change=(32, 16),
)
"""The shipped model's: its dense features take a fifth of the published network's multiply-adds."""


@dataclass(frozen=True)
class TrainSettings:
    """How to train. Every field may be left alone."""

    minutes: float = 80.0
    seed: int = 1
    learning_rate: float = 1.2e-3
    weight_decay: float = 0.02
    clip: float = 1.0
    ema: float = 0.998
    video_from: float = 0.78
    """Progress at which windows of three frames replace single frames."""
    freeze_norms_from: float = 0.5
    """Progress from which batch norms use their running statistics. Crops differ so much from each other that
    a network does badly with statistics it never trained under."""
    bf16: bool = True


DECIDED_LOGIT = 3.2
"""Coarse logit a solid cell is pushed beyond; coverage counts as decided from about 2.8."""


class Trainer:
    """A network in training: weights, their running average, optimiser and position."""

    def __init__(self, settings: TrainSettings, widths: Widths = DEFAULT_WIDTHS):
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.net = Network(widths).train()
        self.average = copy.deepcopy(self.net)
        decay = [p for p in self.net.parameters() if p.requires_grad and p.ndim > 1]
        plain = [p for p in self.net.parameters() if p.requires_grad and p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": decay, "weight_decay": settings.weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=settings.learning_rate,
            betas=(0.9, 0.99),
        )
        self.step = 0
        self.elapsed_s = 0.0

    @property
    def progress(self) -> float:
        """Share of the training time used, 0..1."""
        return min(1.0, self.elapsed_s / (60 * self.settings.minutes))

    def rate(self) -> float:
        """Warm-up over the first 4 %, then a cosine to a hundredth."""
        p = self.progress
        if p < 0.04:
            return max(0.02, p / 0.04)
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (p - 0.04) / 0.96))

    def train_step(self, batch: TrainingBatch) -> dict[str, float]:
        """One optimiser step; returns the terms of the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * self.rate()
        p = self.progress
        if p >= self.settings.freeze_norms_from:
            for norm in _norms(self.net):
                norm.eval()
        by_truth = 1.0 if p < 0.2 else 0.5 if p < 0.5 else 0.2
        guide = torch.rand((), generator=torch.Generator().manual_seed(self.step)).item() < by_truth
        prediction = predict(self.net, batch, guide_by_truth=guide, bf16=self.settings.bf16)
        terms = objective(prediction, batch)
        total = torch.stack(list(terms.values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.clip)
        if bool(torch.isfinite(norm)):
            self.optimiser.step()
        self.step += 1
        self._update_average()
        return {name: float(term.detach()) for name, term in terms.items()} | {"norm": float(norm)}

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        for ours, theirs in zip(
            self.average.state_dict().values(), self.net.state_dict().values(), strict=True
        ):
            if ours.dtype.is_floating_point:
                ours.lerp_(theirs, 1 - keep)
            else:
                ours.copy_(theirs)

    def save(self, path: Path) -> None:
        """Write everything needed to go on, whole or not at all."""
        temporary = path.with_suffix(".tmp")
        torch.save(
            {
                "net": self.net.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "elapsed_s": self.elapsed_s,
                "settings": asdict(self.settings),
            },
            temporary,
        )
        temporary.replace(path)

    def resume(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]

    def run(self, batches: Iterator[TrainingBatch], folder: Path, *, log_every: int = 25) -> None:
        """Train until the time is used; a checkpoint every five minutes, a line of JSON every few steps."""
        folder.mkdir(parents=True, exist_ok=True)
        log = (folder / "log.jsonl").open("a", encoding="utf-8")
        sums: dict[str, float] = {}
        saved = mark = time.monotonic()
        for batch in batches:
            terms = self.train_step(batch)
            now = time.monotonic()
            self.elapsed_s += now - mark
            mark = now
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + value / log_every
            if self.step % log_every == 0:
                line = {"step": self.step, "minutes": round(self.elapsed_s / 60, 2)}
                log.write(json.dumps(line | {k: round(v, 5) for k, v in sums.items()}) + "\n")
                log.flush()
                sums = {}
            if now - saved > 300 or self.progress >= 1:
                self.save(folder / "checkpoint.pt")
                saved = now
            if self.progress >= 1:
                return


def _norms(net: torch.nn.Module) -> list[torch.nn.BatchNorm1d | torch.nn.BatchNorm2d]:
    return [m for m in net.modules() if isinstance(m, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d))]


def objective(prediction: Prediction, batch: TrainingBatch) -> dict[str, Tensor]:
    """The weighted terms of the loss; their sum is minimised."""
    t = batch.alpha.shape[1]
    valid = batch.guidance.flatten(3).any(dim=3)
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
    terms = {
        "coarse": 0.5 * coarse,
        "l1": 2 * losses.l1(fine1, g, w1) + losses.l1(fine4, g, region) + losses.l1(a8, g, w8),
        "l2": 2 * ((fine1 - g) ** 2 * w1).sum() / (w1.sum() + 1e-8),
        "lap": 0.15 * (2 * losses.laplacian(fine1, g, w1) + losses.laplacian(fine4, g, region)),
        "grad": 0.1 * (2 * losses.gradient(fine1, g, w1) + losses.gradient(fine4, g, region)),
    }
    if t == 1:
        return terms
    stay = valid.all(dim=1)
    if stay.any():

        def over_time(x: Tensor) -> Tensor:
            """(B, T, N, H, W) -> (T, instances that stay, H, W)."""
            return x.transpose(1, 2)[stay].transpose(0, 1)

        truth, region = over_time(batch.alpha), over_time(prediction.region.float())
        fine = torch.where(region > 0, over_time(prediction.alpha1), truth)
        still = losses.dtssd(over_time(prediction.alpha8), truth, torch.ones_like(region))
        terms["dtssd"] = 2 * losses.dtssd(fine, truth, region) + 0.5 * still
    if prediction.change_forward is not None and prediction.change_backward is not None:
        change = ((batch.alpha[:, 1:] - batch.alpha[:, :-1]).abs() > 5 / 255).any(dim=2).float()
        change = F.max_pool2d(change, 9, stride=1, padding=4)
        terms["change"] = 0.25 * (
            F.binary_cross_entropy_with_logits(prediction.change_forward[:, 1:], change)
            + F.binary_cross_entropy_with_logits(prediction.change_backward[:, :-1], change)
        )
    return terms


@torch.no_grad()
def settle_norms(net: Network, batches: Iterator[TrainingBatch], count: int) -> None:
    """Re-estimate every batch norm's statistics on `count` batches, weighted equally."""
    for norm in _norms(net):
        norm.reset_running_stats()
        norm.momentum = None
    net.train()
    for _, batch in zip(range(count), batches, strict=False):
        predict(net, batch, guide_by_truth=False, bf16=False)
    net.eval()
