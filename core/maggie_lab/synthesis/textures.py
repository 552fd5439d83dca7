"""Colours, cloth and skin of figures.

Textures are sRGB-encoded straight colour in [0, 1]. Training and held-out sets
share no pattern but plain cloth.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import numpy as np

from maggie_lab.random import pick

from .fields import Plane, fractal_noise, smoothstep, value_noise

SKIN = np.array(
    [(0.97, 0.85, 0.76), (0.90, 0.70, 0.57), (0.74, 0.52, 0.38), (0.50, 0.33, 0.23), (0.26, 0.17, 0.13)]
)
HAIR = np.array(
    [(0.06, 0.05, 0.05), (0.19, 0.12, 0.08), (0.38, 0.25, 0.15), (0.75, 0.58, 0.35), (0.90, 0.80, 0.60)]
    + [(0.55, 0.24, 0.12), (0.55, 0.55, 0.55), (0.90, 0.89, 0.87)]
)


def random_colour(rng: np.random.Generator) -> np.ndarray:
    """A colour of clothes and things, (3,) in [0, 1]: a third of them nearly grey, the others of any hue."""
    if rng.random() < 0.35:
        grey = rng.choice([rng.uniform(0.02, 0.2), rng.uniform(0.2, 0.75), rng.uniform(0.8, 1.0)])
        return np.clip(grey + rng.normal(0, 0.03, 3), 0, 1)
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.15, 0.95), rng.uniform(0.1, 1.0)))


def skin_colour(rng: np.random.Generator) -> np.ndarray:
    position = rng.uniform(0, len(SKIN) - 1.001)
    base, part = int(position), position % 1
    return np.clip((1 - part) * SKIN[base] + part * SKIN[base + 1] + rng.normal(0, 0.02, 3), 0, 1)


def hair_colours(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two tones of one head of hair; the second is what single strands drift to."""
    if rng.random() < 0.06:
        base = np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.4, 0.9), rng.uniform(0.4, 0.95)))
    else:
        base = HAIR[rng.integers(len(HAIR))]
    base = np.clip(base * rng.uniform(0.7, 1.25) + rng.normal(0, 0.015, 3), 0.01, 0.98)
    drift = np.clip(
        base * rng.uniform(0.8, 1.5) + np.array([0.05, 0.03, 0.0]) * rng.uniform(-0.5, 1.5), 0.02, 1
    )
    return base, drift


class _Cloth:
    """Warped pattern coordinates shared by all patterns: u, v in pattern periods, both (h, w)."""

    def __init__(self, rng: np.random.Generator, height: int, width: int, period_px: float) -> None:
        angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]) + rng.normal(0, 0.05)
        bend = np.float32(period_px * rng.uniform(0, 0.5))
        x = np.arange(width, dtype=np.float32)[None] + bend * value_noise(
            rng, height, width, cell_px=6 * period_px
        )
        y = np.arange(height, dtype=np.float32)[:, None] + bend * value_noise(
            rng, height, width, cell_px=5 * period_px
        )
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        self.shape = (height, width)
        self.period_px = period_px
        self.u = (x * cos + y * sin) / np.float32(period_px)
        self.v = (y * cos - x * sin) / np.float32(period_px)
        self.sharp = np.float32(max(2.0, period_px * 0.8))

    def wave(self, t: Plane, duty: float = 0.5) -> Plane:
        """A square wave of period 1 with a ramp of about one pixel."""
        saw = np.abs((t % 1) - np.float32(0.5)) * 2
        return np.clip((saw - np.float32(1 - duty)) * self.sharp / 2 + np.float32(0.5), 0, 1)


Pattern = Callable[[np.random.Generator, _Cloth], Plane]


def _plain(rng: np.random.Generator, cloth: _Cloth) -> Plane:
    return np.zeros(cloth.shape, np.float32)


def _noise(rng: np.random.Generator, cloth: _Cloth) -> Plane:
    return np.clip(0.5 + 0.35 * fractal_noise(rng, *cloth.shape, cell_px=cloth.period_px), 0, 1)


def _stripes(rng: np.random.Generator, cloth: _Cloth) -> Plane:
    return cloth.wave(cloth.u, rng.uniform(0.2, 0.8))


def _checks(rng: np.random.Generator, cloth: _Cloth) -> Plane:
    duty = rng.uniform(0.3, 0.6)
    return 0.5 * (cloth.wave(cloth.u, duty) + cloth.wave(cloth.v, duty))


def _dots(rng: np.random.Generator, cloth: _Cloth) -> Plane:
    row = np.floor(cloth.v)
    x = (cloth.u + 0.5 * (row % 2)) % 1 - np.float32(0.5)
    y = cloth.v % 1 - np.float32(0.5)
    return np.clip((np.float32(rng.uniform(0.18, 0.36)) - np.hypot(x, y)) * cloth.sharp + 0.5, 0, 1)


def _blobs(rng: np.random.Generator, cloth: _Cloth) -> Plane:
    field = fractal_noise(rng, *cloth.shape, cell_px=2 * cloth.period_px, octaves=2)
    return smoothstep(field, 0.2, 0.2 + rng.uniform(0.05, 0.4))


def _knit(rng: np.random.Generator, cloth: _Cloth) -> Plane:
    zig = np.abs((cloth.u * 3) % 1 - np.float32(0.5))
    return 0.5 + 0.5 * np.sin(2 * np.pi * (cloth.v * 4 + zig))


def _zigzag(rng: np.random.Generator, cloth: _Cloth) -> Plane:
    return cloth.wave(cloth.v + 0.8 * np.abs(cloth.u % 1 - np.float32(0.5)), rng.uniform(0.3, 0.6))


def _rings(rng: np.random.Generator, cloth: _Cloth) -> Plane:
    x = cloth.u % 1 - np.float32(0.5)
    y = cloth.v % 1 - np.float32(0.5)
    return cloth.wave(2.5 * np.hypot(x, y), 0.5)


def _camouflage(rng: np.random.Generator, cloth: _Cloth) -> Plane:
    field = fractal_noise(rng, *cloth.shape, cell_px=1.6 * cloth.period_px, octaves=3)
    return (np.digitize(field, [-0.7, 0.0, 0.7]) / 3.0).astype(np.float32)


def _herringbone(rng: np.random.Generator, cloth: _Cloth) -> Plane:
    flip = np.where(np.floor(cloth.u) % 2 == 0, 1, -1).astype(np.float32)
    return cloth.wave(3 * (cloth.v + flip * (cloth.u % 1)), 0.5)


TRAINING: dict[Pattern, float] = {
    _plain: 3.0, _noise: 1.5, _stripes: 1.2, _checks: 1.0, _dots: 0.8, _blobs: 1.2, _knit: 0.7,
}  # fmt: skip
HELD_OUT: dict[Pattern, float] = {_plain: 0.6, _zigzag: 1.0, _rings: 1.0, _camouflage: 1.2, _herringbone: 1.0}


def cloth(
    rng: np.random.Generator, height: int, width: int, *, unit_px: float, held_out: bool = False
) -> Plane:
    """Draw a garment's colour over (height, width, 3).

    Args:
        unit_px: height of the wearer's head in pixels; patterns and folds scale with it.
        held_out: use the patterns that training never sees.
    """
    period_px = max(2.5, unit_px * float(np.exp(rng.uniform(np.log(0.06), np.log(0.6)))))
    pattern = pick(rng, HELD_OUT if held_out else TRAINING)
    weight = pattern(rng, _Cloth(rng, height, width, period_px))[..., None]
    first, second = random_colour(rng), random_colour(rng)
    if rng.random() < 0.4:
        second = np.clip(first + rng.normal(0, 0.15, 3), 0, 1)
    colour = first.astype(np.float32) * (1 - weight) + second.astype(np.float32) * weight
    folds = fractal_noise(rng, height, width, cell_px=max(4.0, unit_px * rng.uniform(0.3, 0.9)), octaves=3)
    depth = rng.uniform(0.02, 0.14)
    weave = rng.standard_normal((height, width), dtype=np.float32) * np.float32(rng.uniform(0, 0.03))
    return np.clip(colour * (1 + np.float32(depth) * folds)[..., None] + weave[..., None], 0, 1)


def skin(rng: np.random.Generator, height: int, width: int, *, colour: np.ndarray, unit_px: float) -> Plane:
    """Skin over (height, width, 3): one tone with soft blotches and fine grain."""
    blotch = fractal_noise(rng, height, width, cell_px=max(3.0, 0.3 * unit_px), octaves=3)
    grain = rng.standard_normal((height, width), dtype=np.float32)
    shade = 1 + np.float32(0.035) * blotch + np.float32(0.015) * grain
    return np.clip(colour.astype(np.float32) * shade[..., None], 0, 1)
