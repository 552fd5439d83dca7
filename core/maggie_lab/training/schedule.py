"""What changes during a training: the learning rate, and what says where the finer stages look."""

from __future__ import annotations

import math

from maggie_lab.training.settings import TrainSettings

WARM_UP = 0.04
"""Share of a `cosine` training in which the rate rises."""
FIRST_DIVISOR, LAST_DIVISOR = 25.0, 25e4
"""What a `one-cycle` rate starts and ends at, as parts of the highest."""


def rate(settings: TrainSettings, *, step: int, progress: float) -> float:
    """The learning rate as a share of the highest, 0..1.

    Source of `one-cycle`: Smith and Topin, "Super-Convergence", 2018, with cosine slopes as in PyTorch.
    """
    if settings.schedule == "cosine":
        if progress < WARM_UP:
            return max(0.02, progress / WARM_UP)
        return 0.01 + 0.99 * _falling((progress - WARM_UP) / (1 - WARM_UP))
    assert settings.steps is not None
    top = min(settings.warmup_steps, max(2, settings.steps // 4)) - 1
    if step <= top:
        return 1 - (1 - 1 / FIRST_DIVISOR) * _falling(step / top)
    part = min(1.0, (step - top) / max(1, settings.steps - 1 - top))
    return 1 / LAST_DIVISOR + (1 - 1 / LAST_DIVISOR) * _falling(part)


def truth_share(settings: TrainSettings, *, step: int, progress: float) -> float:
    """Share of the steps, 0..1, in which the finer stages look where the true alpha is undecided."""
    if settings.truth_steps is None:
        early, later, last = settings.truth_shares
        return early if progress < 0.2 else later if progress < 0.5 else last
    always, sometimes = settings.truth_steps
    return 1.0 if step < always else 0.5 if step < sometimes else 0.0


def _falling(part: float) -> float:
    """From 1 to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * part))
