"""How things move: smooth functions of time, in frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fields import Plane
from .placing import Place, soft_warp


@dataclass(frozen=True)
class Motion:
    """A drift plus one swing per degree of freedom; time 0 is where the placement says.

    Attributes:
        drift: pixels per frame (x, y).
        swing: amplitude in pixels (x, y), then relative zoom and radians.
        pace: radians per frame of the swings.
        phase: where each swing starts.
    """

    drift: tuple[float, float]
    swing: tuple[float, float, float, float]
    pace: tuple[float, float, float, float]
    phase: tuple[float, float, float, float]

    def at(self, place: Place, time: float) -> Place:
        if time == 0:
            return place
        waves = [
            size * (np.sin(pace * time + phase) - np.sin(phase))
            for size, pace, phase in zip(self.swing, self.pace, self.phase, strict=True)
        ]
        return place.moved(
            float(self.drift[0] * time + waves[0]),
            float(self.drift[1] * time + waves[1]),
            zoom=float(np.exp(waves[2])),
            turn=float(waves[3]),
        )


def draw_motion(rng: np.random.Generator, crop_px: int, *, calm: float) -> Motion:
    """Draw a motion; a share `calm` of them stands still but for a tremble."""
    unit = crop_px / 256
    strength = 0.15 if rng.random() < calm else float(np.exp(np.clip(rng.normal(0, 0.6), -1.5, 0.8)))
    drift = rng.normal(0, 1.6, 2) * unit * strength
    swing = np.abs(rng.normal(0, 1, 4)) * [3.0 * unit, 2.0 * unit, 0.02, 0.03] * strength
    return Motion(
        drift=(float(drift[0]), float(drift[1])),
        swing=(float(swing[0]), float(swing[1]), float(swing[2]), float(swing[3])),
        pace=_four(rng.uniform(0.15, 0.9, 4)),
        phase=_four(rng.uniform(0, 2 * np.pi, 4)),
    )


def _four(values: np.ndarray) -> tuple[float, float, float, float]:
    a, b, c, d = (float(value) for value in values)
    return a, b, c, d


@dataclass(frozen=True)
class Sway:
    """Two displacement fields that turn into each other: limbs that shift, hair and cloth that wave."""

    first: Plane
    second: Plane
    pace: float

    def at(self, time: float) -> Plane:
        """(2, size, size) in crop pixels."""
        if time == 0:
            return self.first
        turn = self.pace * time
        return self.first * np.float32(np.cos(turn)) + self.second * np.float32(np.sin(turn))


def draw_sway(rng: np.random.Generator, crop_px: int, subject_px: float) -> Sway:
    """Draw a bend of the whole figure and, half of the time, a finer wave on top."""
    strength = subject_px * rng.uniform(0.002, 0.012)
    cell = max(24.0, 0.35 * subject_px)
    fields = [soft_warp(rng, crop_px, strength_px=strength, cell_px=cell) for _ in range(2)]
    return Sway(fields[0], fields[1], float(rng.uniform(0.2, 0.8)))
