"""A network in training: one step, and the loop around it."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from maggie_api.errors import SettingsError
from maggie_core.model.checkpoint import choose_device
from maggie_core.model.network import Network
from maggie_lab.training.checkpoint import CHECKPOINT, Checkpoint
from maggie_lab.training.forward import TrainingBatch, predict
from maggie_lab.training.log import TrainingLog
from maggie_lab.training.losses import TERMS, training_loss
from maggie_lab.training.schedule import rate, truth_share
from maggie_lab.training.settings import TrainSettings

SAVE_EVERY_S = 300.0
"""A checkpoint is written at least this often, beside those at each validation."""
TELL_EVERY_S = 10.0
"""A line is told at least this often: a step of large crops takes seconds, and a log row comes every 25."""

Validate = Callable[[Network], dict[str, float]]


class Step(nn.Module):
    """Forward pass and loss as one module: several processes share the gradients of a module."""

    def __init__(self, net: Network, settings: TrainSettings):
        super().__init__()
        self.net, self.settings = net, settings

    def forward(self, batch: TrainingBatch, by_truth: bool) -> dict[str, Tensor]:
        s = self.settings
        prediction = predict(
            self.net, batch, guide_by_truth=by_truth, faults_guide=s.faults_guide, most_sites=s.most_sites
        )
        return training_loss(prediction, batch, s)


class Trainer:
    """A network in training: weights, their running average, optimiser and position.

    Under `torchrun` each process has one; they share gradients and norms, and the first writes the files.
    All randomness of a step is a function of the seed and of the position, so a resumed run is the same run.

    Args:
        net: what is trained, in place; any configuration.
        device: `auto`, `cpu`, `cuda` or `mps`.
        about: what the files written shall say beside the settings (recipe, data, licence).

    Raises:
        ModelError: the device is not there.
        SettingsError: the precision is not possible on the device.
    """

    def __init__(
        self,
        settings: TrainSettings,
        net: Network,
        *,
        device: str = "auto",
        about: dict[str, Any] | None = None,
    ):
        self.settings, self.about = settings, about or {}
        self.accelerator = _accelerator(settings, device)
        self.net = net.train().to(self.accelerator.device)
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        if self.accelerator.num_processes > 1 and self.accelerator.device.type == "cuda":
            self.net = cast(Network, nn.SyncBatchNorm.convert_sync_batchnorm(self.net))
        use_running_statistics_of_one(self.net)
        decay = [p for p in self.net.parameters() if p.requires_grad and p.ndim > 1]
        plain = [p for p in self.net.parameters() if p.requires_grad and p.ndim <= 1]
        optimiser = torch.optim.AdamW(
            [
                {"params": decay, "weight_decay": settings.weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=settings.learning_rate,
            betas=settings.betas,
        )
        self.model, self.optimiser = self.accelerator.prepare(Step(self.net, settings), optimiser)
        self.start = [p.detach().clone() for p in self.net.parameters()] if settings.pull else []
        self.step = 0
        self.elapsed_s = 0.0
        self.best: float | None = None
        """Smallest MAD of a validation so far."""

    @property
    def progress(self) -> float:
        """Share of the training that is done, 0..1."""
        return self.settings.progress(self.step, self.elapsed_s)

    @property
    def left_min(self) -> float:
        """Minutes of training that are left, validation not counted; NaN before the first step."""
        if self.settings.steps is None:
            return (1 - self.progress) * (self.settings.minutes or 0)
        return (self.settings.steps - self.step) * self.elapsed_s / 60 / self.step if self.step else math.nan

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self.accelerator.is_main_process

    def train_step(self, batches: list[TrainingBatch]) -> dict[str, float]:
        """One optimiser step over `accumulate` batches; returns the terms of the loss, their sum, the
        gradient's norm and the learning rate, of all processes together.
        """
        s, place = self.settings, {"step": self.step, "progress": self.progress}
        factor = rate(s, **place)
        for group in self.optimiser.param_groups:
            group["lr"] = s.learning_rate * factor
        if place["progress"] >= s.freeze_norms_from:
            for norm in norms_of(self.net):
                norm.eval()
        chance = torch.rand((), generator=torch.Generator().manual_seed(self.step)).item()
        by_truth = chance < truth_share(s, **place)
        self.optimiser.zero_grad(set_to_none=True)
        sums = torch.zeros(len(TERMS))
        for micro, batch in enumerate(batches):
            torch.manual_seed(s.seed * 1_000_003 + self._number(micro))
            last = micro == len(batches) - 1
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                terms = self.model(batch.to(self.accelerator.device), by_truth)
                total = torch.stack(list(terms.values())).sum() / len(batches)
                self.accelerator.backward(total)
            for name, term in terms.items():
                sums[TERMS.index(name)] += float(term.detach()) / len(batches)
        norm = self.accelerator.clip_grad_norm_(self.net.parameters(), s.clip)
        scaled = self.accelerator.scaler is not None
        if scaled or bool(torch.isfinite(cast(Tensor, norm))):
            self.optimiser.step()
            self._pull_back(s.pull * factor)
        self.step += 1
        self._update_average()
        shared = self._mean(sums.tolist())
        values = dict(zip(TERMS, shared, strict=True))
        return {
            "loss": sum(shared),
            **values,
            "norm": float(cast(Tensor, norm)),
            "rate": s.learning_rate * factor,
        }

    def run(
        self,
        batches: Iterator[TrainingBatch],
        folder: Path,
        *,
        validate: Validate | None = None,
        keep_best: Callable[[Network, dict[str, float]], None] | None = None,
        stopped: Callable[[], bool] = lambda: False,
        tell: Callable[[dict[str, float]], None] = lambda row: None,
        log_every: int = 25,
        save_every_s: float = SAVE_EVERY_S,
    ) -> bool:
        """Train until the steps or minutes are used; returns whether they are (False: stopped before).

        Writes `folder/checkpoint.pt`, `log.csv` and `log.png`.

        Args:
            validate: metrics of the averaged network; asked every `validate_every` steps and at the end.
            keep_best: called when its `MAD` is the smallest so far.
            stopped: asked before the first step and after each; then the position is saved and the run ends.
            tell: gets every row of the log, and in between, from the first step on, one of `step`, `minutes`,
                `loss`, `left_min` (minutes that are left, estimated) every `TELL_EVERY_S` seconds.
        """
        log = TrainingLog(folder, self.step) if self.is_first else None
        sums: dict[str, float] = {}
        count, saved, mark, told = 0, time.monotonic(), time.monotonic(), -math.inf
        halt = float(stopped())
        while self.progress < 1 and not halt:
            values = self.train_step([next(batches) for _ in range(self.settings.accumulate)])
            now = time.monotonic()
            spent, halt, due = self._mean([now - mark, float(stopped()), float(now - saved > save_every_s)])
            self.elapsed_s += spent
            count += 1
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value
            ends = self.progress >= 1 and not halt
            every = self.settings.validate_every
            looks = validate is not None and every > 0 and (ends or self.step % every == 0)
            found = self._validated(validate, keep_best) if looks and validate else {}
            if log is not None and (found or ends or self.step % log_every == 0):
                row = {"step": self.step, "minutes": self.elapsed_s / 60}
                row |= {name: value / count for name, value in sums.items()} | found
                log.add(row)
                tell(row | {"left_min": self.left_min})
                sums, count, told = {}, 0, time.monotonic()
            elif log is not None and now - told > TELL_EVERY_S:
                row = {"step": self.step, "minutes": self.elapsed_s / 60, "loss": values["loss"]}
                tell(row | {"left_min": self.left_min})
                told = now
            if looks or ends or halt or due:
                self.save(folder / CHECKPOINT)
                saved = time.monotonic()
            mark = time.monotonic()
        return not halt

    def save(self, path: Path) -> None:
        """Write everything needed to go on, whole or not at all."""
        if not self.is_first:
            return
        scaler = self.accelerator.scaler
        Checkpoint(
            net=self.net.state_dict(),
            average=self.average.state_dict(),
            optimiser=self.optimiser.state_dict(),
            step=self.step,
            elapsed_s=self.elapsed_s,
            scaler=None if scaler is None else scaler.state_dict(),
            best=self.best,
            start=[p.cpu() for p in self.start],
            settings=asdict(self.settings),
            config=asdict(self.net.config),
            about=self.about,
        ).write(path)

    def resume(self, state: Checkpoint) -> None:
        """Go on from what `read_checkpoint` read."""
        self.net.load_state_dict(state.net)
        self.average.load_state_dict(state.average)
        self.optimiser.load_state_dict(state.optimiser)
        if state.scaler and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state.scaler)
        for mine, stored in zip(self.start, state.start, strict=True):
            mine.copy_(stored)
        self.step, self.elapsed_s, self.best = state.step, state.elapsed_s, state.best

    def _validated(
        self, validate: Validate, keep_best: Callable[[Network, dict[str, float]], None] | None
    ) -> dict[str, float]:
        found: dict[str, float] = {}
        if self.is_first:
            found = validate(self.average)
            if self.best is None or found["MAD"] < self.best:
                self.best = found["MAD"]
                if keep_best is not None:
                    keep_best(self.average, found)
        self.accelerator.wait_for_everyone()
        return found

    def _number(self, micro: int) -> int:
        """Number of a batch among those of all processes since the beginning."""
        return (self.step * self.settings.accumulate + micro) * self.accelerator.num_processes + (
            self.accelerator.process_index
        )

    def _mean(self, values: list[float]) -> list[float]:
        """Means over all processes, so that they all decide alike."""
        if self.accelerator.num_processes == 1:
            return values
        gathered = torch.tensor(values, dtype=torch.float32, device=self.accelerator.device)
        return cast(Tensor, self.accelerator.reduce(gathered, "mean")).tolist()

    @torch.no_grad()
    def _pull_back(self, share: float) -> None:
        if self.start:
            for ours, theirs in zip(self.net.parameters(), self.start, strict=True):
                ours.lerp_(theirs, share)

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        pairs = zip(self.average.state_dict().values(), self.net.state_dict().values(), strict=True)
        for ours, theirs in pairs:
            if ours.dtype.is_floating_point:
                ours.lerp_(theirs, 1 - keep)
            else:
                ours.copy_(theirs)


def norms_of(net: nn.Module) -> list[nn.Module]:
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.SyncBatchNorm)
    return [module for module in net.modules() if isinstance(module, kinds)]


def use_running_statistics_of_one(net: nn.Module) -> None:
    """Let each batch norm of `net` use its running statistics wherever it gets one value per channel.

    Such a value has no variance, and torch refuses to train a norm on it. A batch of one crop makes one in
    the pooled branch of the encoder's head.
    """
    alone: set[nn.Module] = set()

    def before(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0]
        if norm.training and x.numel() == x.shape[1]:
            alone.add(norm)
            norm.eval()

    def after(norm: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if norm in alone:
            alone.discard(norm)
            norm.train()

    for norm in norms_of(net):
        if not isinstance(norm, nn.SyncBatchNorm):  # which counts the values of all processes
            norm.register_forward_pre_hook(before)
            norm.register_forward_hook(after)


def _accelerator(settings: TrainSettings, device: str) -> Any:
    """Devices, precision and processes, from the options and from what `torchrun` set."""
    from accelerate import Accelerator, DistributedDataParallelKwargs
    from accelerate.state import AcceleratorState

    chosen = choose_device("auto" if device == "cuda" and torch.cuda.is_available() else device)
    if settings.precision == "fp16" and chosen.type != "cuda":
        raise SettingsError(f"fp16 needs a CUDA device and this is {chosen.type}: take bf16 or fp32")
    # Accelerate keeps its precision for the whole process; a second training may want another.
    AcceleratorState._reset_state()
    return Accelerator(
        cpu=chosen.type == "cpu",
        mixed_precision="no" if settings.precision == "fp32" else settings.precision,
        # The change head has no gradient in a step of stills.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
