"""Guidance over time: a person's masks keep one family of degradations; some frames of a clip take another.

A mask is made of the true coverage at the times it needs: an outline of its key frames, a tracked mask of an
earlier frame; a segmenter may take in a neighbour. A mask depends on its own time alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from maggie_lab.random import FRAMES, generator

from .fields import Plane, value_noise
from .guidance_degradation import Degradation, draw_degradation
from .placing import soft_warp

Coverage = Callable[[float], Plane]
"""(N, H, W) coverage at a time, as masks would show it."""


@dataclass(frozen=True)
class GuidanceTrack:
    """How one person's guidance is made.

    Attributes:
        index: number of the person.
        degradation: the one of most frames.
        slip: the one of 15 % of a clip's frames.
        other: number of the person it may be mixed up with; `index` when there is no other.
        leaks: whether its masks take in parts of the other person.
        key_step: frames between the key frames of an outline.
        lag: by how many frames a tracker is late.
        swapped: first and last time at which a tracker follows the other person.
        lost: first and last time at which a tracker has lost everybody.
        seed: seed of what differs per frame.
    """

    index: int
    degradation: Degradation
    slip: Degradation
    other: int
    leaks: bool
    key_step: int
    lag: float
    swapped: tuple[float, float]
    lost: tuple[float, float]
    seed: int

    def mask(self, coverage: Coverage, time: float, *, moves: bool) -> Plane:
        """(H, W) guidance at `time`; `moves` is False for a still, which has no slips and loses nobody."""
        rng = generator(FRAMES, self.seed, self.index, round(time * 4096) % 2**31)
        degradation = self.slip if moves and rng.random() < 0.15 else self.degradation
        if degradation.family == "tracked":
            return self._tracked(coverage, rng, time, moves=moves)
        if degradation.family == "roto" and moves:
            step = self.key_step
            key = int(np.floor((time - self.seed % step) / step))
            first, second = (float(k * step + self.seed % step) for k in (key, key + 1))
            before, after = (coverage(k)[self.index] for k in (first, second))
            return degradation.outline_between(before, after, (time - first) / step, keys=(key, key + 1))
        alpha = coverage(time)
        own = alpha[self.index]
        if self.leaks and degradation.family in ("low", "bites", "swollen"):
            own = np.maximum(own, alpha[self.other] * self._region(own.shape, time))
        return degradation.apply(own, rng, time=time)

    def _tracked(self, coverage: Coverage, rng: np.random.Generator, time: float, *, moves: bool) -> Plane:
        """A mask of some frames ago, carried along not quite to where its person went."""
        if moves and self.lost[0] <= time < self.lost[1]:
            return np.zeros(coverage(time).shape[1:], np.float32)
        swapped = moves and self.swapped[0] <= time < self.swapped[1]
        # A still has no earlier frame: only the error of carrying a mask along is left.
        old = coverage(time - self.lag if moves else time)[self.other if swapped else self.index]
        size = max(old.shape)
        fixed = np.random.default_rng((self.seed, self.index))
        reach = 0.004 * self.lag * self.degradation.subject_px
        first, second = (soft_warp(fixed, size, strength_px=reach, cell_px=size / 4) for _ in range(2))
        turn = np.float32(0.2 * time)
        error = first * np.cos(turn) + second * np.sin(turn)
        rows, columns = (
            np.clip(np.round(grid + part[: old.shape[0], : old.shape[1]]).astype(int), 0, side - 1)
            for grid, part, side in zip(np.indices(old.shape), error[::-1], old.shape, strict=True)
        )
        return replace(self.degradation, family="low").apply(old[rows, columns], rng, time=time)

    def _region(self, shape: tuple[int, ...], time: float) -> Plane:
        """Where the neighbour leaks in: patches that stay where they are."""
        height, width = shape
        noise = value_noise(
            np.random.default_rng((self.seed, 7)),
            height,
            width,
            cell_px=max(4.0, 0.2 * self.degradation.subject_px),
        )
        return (noise > 0.6 + 0.2 * np.sin(0.3 * time)).astype(np.float32)


def draw_guidance_track(
    rng: np.random.Generator, index: int, degradation: Degradation, people: int, *, severity: str
) -> GuidanceTrack:
    """Draw how a person's guidance changes over time.

    Args:
        index: number of the person, below `people`.
        degradation: the one its masks keep.
        severity: of the slips, see `degrade`.
    """
    others = [other for other in range(people) if other != index] or [index]
    swap, loss = rng.uniform(-2, 20, 2)
    return GuidanceTrack(
        index=index,
        degradation=degradation,
        slip=draw_degradation(rng, severity, subject_px=degradation.subject_px),
        other=int(others[rng.integers(len(others))]),
        leaks=bool(rng.random() < 0.2),
        key_step=int(rng.integers(5, 16)),
        lag=float(rng.integers(1, 6)),
        swapped=(float(swap), float(swap + rng.integers(2, 5))),
        lost=(float(loss), float(loss + rng.integers(1, 4))),
        seed=int(rng.integers(2**31)),
    )
