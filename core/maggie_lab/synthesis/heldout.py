"""The held-out set: hair, cloth, backgrounds and mask degradations that training never draws from.

Another seed of the training generators would only measure memory. Every list of styles here shares nothing
with the one for training. Anatomy, strands and camera are shared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from maggie_lab.random import HELD_OUT_SET, generator

from .bank import BankPlan, DrawnBank, Figures
from .composing import compose_clip
from .fields import Plane

SEVERITIES = ("good", "typical", "rough")
CLIP_EVERY = 4
"""Every fourth sample is a clip of three to five frames, the others are stills."""


@dataclass(frozen=True)
class HeldOutSample:
    """One image or clip with its truth.

    Attributes:
        name: stable across runs, for tables.
        severity: how wrong the guidance is: "good", "typical" or "rough".
        image: (T, 3, H, W) sRGB-encoded [0, 1]; T is 1 for a still.
        alphas: (T, N, H, W) visible mattes.
        guidance: (T, N, H, W) binary masks.
    """

    name: str
    severity: str
    image: Plane
    alphas: Plane
    guidance: Plane


def heldout_set(
    count: int,
    seed: int = 0,
    size_px: int = 256,
    *,
    bank: Figures | None = None,
    clip_every: int = CLIP_EVERY,
) -> Iterator[HeldOutSample]:
    """Yield `count` samples, severities in turn; the same for the same arguments, always.

    Args:
        size_px: side of the images; a multiple of 16.
        bank: a bank built from a plan with `held_out`; by default figures are drawn as they are needed,
            about a third of a second each.
        clip_every: how often a sample is a clip; 0 for never.
    """
    figures = bank or DrawnBank(
        BankPlan(figures=max(12, count), backgrounds=max(12, count), seed=seed, held_out=True)
    )
    for index in range(count):
        rng = generator(HELD_OUT_SET, seed, index)
        severity = SEVERITIES[index % len(SEVERITIES)]
        is_clip = clip_every > 0 and index % clip_every == clip_every - 1
        sample = compose_clip(
            rng,
            figures,
            frames=(3, 5) if is_clip else 1,
            crop_px=size_px,
            instances=(1, 4),
            severity=severity,
            held_out=True,
        )
        yield HeldOutSample(f"{seed}-{index:04d}-{severity}", severity, **sample)
