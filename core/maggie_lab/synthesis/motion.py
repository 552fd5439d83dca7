"""Motion as smooth functions of time, which is counted in frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .fields import Plane
from .layer import Placement
from .placing import soft_warp
from .puppet import Bend


@dataclass(frozen=True)
class Motion:
    """A drift and one swing per degree of freedom; at time 0 nothing is moved.

    Attributes:
        drift: pixels per frame (x, y).
        swing: amplitude in pixels (x, y), then relative zoom and radians.
        pace: radians per frame of the swings.
        phase: radians at which each swing starts.
    """

    drift: tuple[float, float]
    swing: tuple[float, float, float, float]
    pace: tuple[float, float, float, float]
    phase: tuple[float, float, float, float]

    def at(self, placement: Placement, time: float) -> Placement:
        if time == 0:
            return placement
        waves = [
            size * (np.sin(pace * time + phase) - np.sin(phase))
            for size, pace, phase in zip(self.swing, self.pace, self.phase, strict=True)
        ]
        return placement.moved(
            float(self.drift[0] * time + waves[0]),
            float(self.drift[1] * time + waves[1]),
            zoom=float(np.exp(waves[2])),
            turn=float(waves[3]),
        )


def draw_motion(rng: np.random.Generator, crop_px: int, *, calm: float) -> Motion:
    """Draw a motion; a share `calm` of them only trembles."""
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
    """Two displacement fields that turn into each other, for limbs that shift and cloth that waves."""

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


@dataclass(frozen=True)
class Wave:
    """A sum of sines of time, and at most one smooth jump: `size`, `pace` (radians per frame) and `phase` per
    sine; `jump` as (height, time, duration).
    """

    size: tuple[float, ...] = ()
    pace: tuple[float, ...] = ()
    phase: tuple[float, ...] = ()
    jump: tuple[float, float, float] = (0.0, 0.0, 1.0)

    def at(self, time: float) -> float:
        sines = sum(
            a * np.sin(w * time + p) for a, w, p in zip(self.size, self.pace, self.phase, strict=True)
        )
        height, start, duration = self.jump
        t = float(np.clip((time - start) / duration, 0, 1))
        return float(sines) + height * t * t * (3 - 2 * t)


@dataclass(frozen=True)
class Pendulum:
    """Something that hangs from something that moves: a damped pendulum.

    It is the steady response to every sine of the `drivers`, and the ringing after their jumps. Both are
    closed forms, so that any time can be asked for.

    Attributes:
        drivers: movements of what it hangs from.
        pace: natural pace, radians per frame.
        damping: share of critical damping, in [0, 1).
    """

    drivers: tuple[Wave, ...]
    pace: float
    damping: float

    def at(self, time: float) -> float:
        total = 0.0
        for wave in self.drivers:
            for size, pace, phase in zip(wave.size, wave.pace, wave.phase, strict=True):
                stiff, lossy = self.pace**2 - pace**2, 2 * self.damping * self.pace * pace
                gain = self.pace**2 / np.hypot(stiff, lossy)
                total -= size * gain * np.sin(pace * time + phase - np.arctan2(lossy, stiff))
            height, start, _ = wave.jump
            if time > start and height:
                since = time - start
                swing = np.sqrt(1 - self.damping**2) * self.pace
                total -= height * np.exp(-self.damping * self.pace * since) * np.sin(swing * since)
        return float(np.clip(total, -0.9, 0.9))


@dataclass(frozen=True)
class Gestures:
    """Movements of a puppet: joints have waves of their own, hair and skirt follow."""

    arms: tuple[tuple[Wave, Wave], tuple[Wave, Wave]]
    legs: tuple[tuple[Wave, Wave], tuple[Wave, Wave]]
    head: Wave
    hair: Pendulum
    skirt: Pendulum

    def at(self, time: float) -> Bend:
        def both(pair: tuple[Wave, Wave]) -> tuple[float, float]:
            return pair[0].at(time), pair[1].at(time)

        return Bend(
            arms=(both(self.arms[0]), both(self.arms[1])),
            legs=(both(self.legs[0]), both(self.legs[1])),
            head=self.head.at(time),
            hair=self.hair.at(time),
            skirt=self.skirt.at(time),
        )


def draw_gestures(rng: np.random.Generator, *, loose: Callable[[str], float]) -> Gestures:
    """Draw gestures; `loose` gives the factor by which a limb may move, little where the canvas cuts it."""
    vigour = float(np.exp(rng.normal(0, 0.5)))
    walks, pace, phase = rng.random() < 0.4, float(rng.uniform(0.15, 0.5)), float(rng.uniform(0, 2 * np.pi))

    def limb(name: str, side: int, upper: float, lower: float) -> tuple[Wave, Wave]:
        free = vigour * loose(f"{name}{side}")
        if walks:
            start = phase + np.pi * (side == (name == "leg"))
            step = Wave((upper * free,), (pace,), (float(start),))
            return step, Wave((0.6 * lower * free,), (pace,), (float(start + 0.8),))
        return draw_wave(rng, upper * free), draw_wave(rng, lower * free)

    arms = (limb("arm", 0, 0.22, 0.35), limb("arm", 1, 0.22, 0.35))
    legs = (limb("leg", 0, 0.14, 0.12), limb("leg", 1, 0.14, 0.12))
    head = draw_wave(rng, 0.08 * vigour * loose("head"))
    wind = draw_wave(rng, float(rng.choice([0.02, 0.15], p=[0.7, 0.3])))
    return Gestures(
        arms=arms,
        legs=legs,
        head=head,
        hair=Pendulum((head, wind), float(rng.uniform(0.3, 0.9)), float(rng.uniform(0.1, 0.4))),
        skirt=Pendulum((legs[0][0], wind), float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.2, 0.5))),
    )


def draw_wave(rng: np.random.Generator, size: float) -> Wave:
    """Two sines of about `size` together, one time in six with a jump of that height within 30 frames."""
    parts = np.abs(rng.normal(0, 0.7, 2)) * size
    height = float(rng.normal(0, 1.5)) * size if rng.random() < 1 / 6 else 0.0
    return Wave(
        size=(float(parts[0]), float(parts[1])),
        pace=(float(rng.uniform(0.08, 0.3)), float(rng.uniform(0.3, 0.8))),
        phase=(float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0, 2 * np.pi))),
        jump=(height, float(rng.uniform(0, 30)), float(rng.uniform(3, 8))),
    )
