"""Variations of a training figure beyond pose, cloth and hair.

Figures of the held-out set have none of them: the set is older than the details and must not change.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Details:
    """Choices for one figure, drawn by their own generator. Lengths are in head units; 0 leaves a thing out.

    Attributes:
        cape: how far a cape falls.
        hood: whether a hood stands behind the head.
        frayed: length of the threads at hems and cuffs.
        sheer: opacity of sleeves and scarf.
        lenses: opacity of glasses.
        strands: factor on the number of strands of hair.
        fills: further lights, see `Light`.
        sky: ambient light from above, see `Light`.
        rng: generator for painting the details.
    """

    cape: float = 0.0
    hood: bool = False
    frayed: float = 0.0
    sheer: float = 0.0
    lenses: float = 0.0
    strands: float = 1.0
    fills: tuple[tuple[float, float, float, float], ...] = ()
    sky: float = 0.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))


def draw_details(rng: np.random.Generator) -> Details:
    """Draw details; translucency is rare, as otherwise a network learns to see holes in cloth."""
    return Details(
        cape=float(rng.uniform(1.5, 4.0)) if rng.random() < 0.06 else 0.0,
        hood=bool(rng.random() < 0.06),
        frayed=float(rng.uniform(0.05, 0.3)) if rng.random() < 0.15 else 0.0,
        sheer=float(rng.uniform(0.3, 0.8)) if rng.random() < 0.05 else 0.0,
        lenses=float(rng.uniform(0.15, 0.8)) if rng.random() < 0.5 else 0.0,
        strands=float(np.exp(rng.uniform(np.log(0.7), np.log(1.5)))),
        fills=tuple(_fill(rng) for _ in range(int(rng.integers(3)))),
        sky=float(rng.uniform(-0.05, 0.2)),
        rng=rng,
    )


def _fill(rng: np.random.Generator) -> tuple[float, float, float, float]:
    direction = rng.normal(0, 1, 3)
    x, y, z = direction / np.linalg.norm(direction)
    return float(x), float(y), float(abs(z)), float(rng.uniform(0.05, 0.3))
