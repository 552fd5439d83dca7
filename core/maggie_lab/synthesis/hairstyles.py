"""Heads of hair: guide curves that grow from the scalp, and strands around the guide curves.

All lengths are in head units (the head is 1 high); the origin is the centre of the head, x to the right and y
down. The figure places and turns the hair.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from maggie_lab.random import pick

from .strands import Curves, Tuft, tip_fade

HEAD_X, HEAD_Y = 0.36, 0.48
"""Semi-axes of the skull, in head units."""


@dataclass(frozen=True)
class HairStyle:
    """How hair grows. Lengths in head units."""

    name: str
    length: tuple[float, float] = (0.5, 0.9)
    lift: float = 0.5
    """How far hair stands off before it falls: 0 lies flat, 1 stands straight up."""
    gravity: float = 0.6
    curl: tuple[float, float] = (0.0, 0.01)
    turns: tuple[float, float] = (1.0, 3.0)
    frizz: float = 0.02
    """How far single strands wander from their lock at the tip."""
    gather: float = 0.3
    """How far a lock closes towards its tip; negative opens it."""
    fly: float = 0.05
    """Share of stray strands."""
    mass: float = 0.07
    """How far hair closes to an opaque body between its strands; 0 for hair thin enough to see through."""
    back: bool = True
    """Whether hair also hangs behind the head and shoulders."""
    tie: str = ""
    """"", "bun", "tail", "tails" or "plaits"."""


TRAINING: dict[HairStyle, float] = {
    HairStyle(
        "short", length=(0.06, 0.16), lift=0.55, gravity=0.2, frizz=0.03, fly=0.08, mass=0.05, back=False
    ): 2.0,
    HairStyle(
        "tousled", length=(0.15, 0.35), lift=0.9, gravity=0.25, curl=(0.01, 0.03), frizz=0.07, fly=0.15
    ): 1.5,
    HairStyle("bob", length=(0.7, 1.0), lift=0.25, frizz=0.03, gather=0.1): 1.2,
    HairStyle("long straight", length=(1.2, 2.6), lift=0.25, frizz=0.05, gather=0.2, fly=0.06): 1.6,
    HairStyle("long wavy", length=(1.2, 2.4), lift=0.35, curl=(0.03, 0.08), frizz=0.09, fly=0.1): 1.6,
    HairStyle(
        "long soft",
        length=(1.0, 2.2),
        lift=0.4,
        gravity=0.4,
        curl=(0.02, 0.06),
        frizz=0.2,
        gather=-0.3,
        fly=0.25,
        mass=0.05,
    ): 1.5,
    HairStyle(
        "curly cloud",
        length=(0.4, 0.8),
        lift=1.2,
        gravity=0.12,
        curl=(0.04, 0.08),
        turns=(3, 6),
        frizz=0.12,
        gather=-0.1,
        fly=0.2,
    ): 1.3,
    HairStyle(
        "long curls",
        length=(0.9, 1.7),
        lift=0.7,
        gravity=0.4,
        curl=(0.05, 0.1),
        turns=(3, 7),
        frizz=0.12,
        fly=0.15,
    ): 1.2,
    HairStyle(
        "bun",
        length=(0.05, 0.14),
        lift=0.25,
        gravity=0.0,
        frizz=0.06,
        fly=0.4,
        mass=0.05,
        back=False,
        tie="bun",
    ): 1.1,
    HairStyle(
        "pony tail",
        length=(0.05, 0.1),
        lift=0.2,
        gravity=0.0,
        frizz=0.04,
        fly=0.3,
        mass=0.05,
        back=False,
        tie="tail",
    ): 0.9,
    HairStyle("thin", length=(0.3, 1.2), lift=0.4, gravity=0.5, frizz=0.12, fly=0.3, mass=0.0): 0.5,
    HairStyle("bald", length=(0.0, 0.0)): 0.6,
}
HELD_OUT: dict[HairStyle, float] = {
    HairStyle(
        "spikes",
        length=(0.25, 0.5),
        lift=2.0,
        gravity=0.05,
        frizz=0.02,
        gather=0.95,
        fly=0.03,
        mass=0.05,
        back=False,
    ): 1.0,
    HairStyle(
        "plaits", length=(0.08, 0.16), lift=0.15, gravity=0.0, frizz=0.05, fly=0.3, back=False, tie="plaits"
    ): 1.0,
    HairStyle(
        "two tails", length=(0.08, 0.16), lift=0.2, gravity=0.0, frizz=0.08, fly=0.3, back=False, tie="tails"
    ): 1.0,
    HairStyle(
        "frizz",
        length=(0.7, 1.3),
        lift=0.9,
        gravity=0.3,
        curl=(0.015, 0.03),
        turns=(8, 14),
        frizz=0.35,
        gather=-0.8,
        fly=0.5,
        mass=0.05,
    ): 1.2,
    HairStyle(
        "ropes", length=(0.9, 1.8), lift=0.4, gravity=0.6, frizz=0.015, gather=0.0, fly=0.02, mass=0.09
    ): 1.0,
}


@dataclass(frozen=True)
class Hair:
    """One grown head of hair: strands behind the figure and strands in front, in head units."""

    style: HairStyle
    behind: tuple[Tuft, ...]
    before: tuple[Tuft, ...]


def draw_style(rng: np.random.Generator, *, held_out: bool = False) -> HairStyle:
    """Pick a style and vary it, so that no two heads of a style are alike."""
    style = pick(rng, HELD_OUT if held_out else TRAINING)
    return replace(
        style,
        lift=style.lift * rng.uniform(0.6, 1.4),
        gravity=style.gravity * rng.uniform(0.6, 1.4),
        frizz=style.frizz * float(np.exp(rng.normal(0, 0.4))),
        fly=min(0.6, style.fly * float(np.exp(rng.normal(0, 0.5)))),
    )


def grow(rng: np.random.Generator, style: HairStyle, *, faces_us: bool, density: float = 1.0) -> Hair:
    """Grow a head of hair.

    Args:
        faces_us: keep hair off the face; otherwise it covers the whole head.
        density: factor on the number of strands; small heads in the frame need fewer.
    """
    if style.length[1] <= 0:
        return Hair(style, (), ())
    length = rng.uniform(*style.length)
    wind = rng.normal(0, 0.05) + (rng.random() < 0.2) * rng.normal(0, 0.5)
    parting = rng.uniform(-0.22, 0.22)
    behind: list[Tuft] = []
    if style.back:
        guides = _guides(rng, style, length, wind=wind, parting=0.0, shell=0.9, keep_off=0.0)
        behind.append(_strands(rng, style, guides, count=int(1100 * density), shade=0.72))
    keep_off = 1.0 if faces_us else 0.0
    front = _guides(
        rng, style, length * rng.uniform(0.8, 1), wind=wind, parting=parting, shell=1.0, keep_off=keep_off
    )
    before = [_strands(rng, style, front, count=int(1500 * density), shade=1.0)]
    if faces_us and length > 0.2 and rng.random() < 0.3:
        before.append(_fringe(rng, style, density))
    if style.tie:
        tied = _tied(rng, style, density)
        (behind if rng.random() < 0.5 or style.tie == "bun" else before).extend(tied)
    return Hair(style, tuple(behind), tuple(before))


def _guides(
    rng: np.random.Generator,
    style: HairStyle,
    length: float,
    *,
    wind: float,
    parting: float,
    shell: float,
    keep_off: float,
    count: int = 70,
    points: int = 28,
) -> Curves:
    """Grow guide curves from the scalp, step by step under lift, gravity and wind."""
    around = np.sort(rng.uniform(-1.95, 1.95, count)).astype(np.float32)
    inner = 0.55 if keep_off or shell < 1 else 0.0
    if not inner:  # the back of a head: roots all over it
        around = np.sort(rng.uniform(-np.pi, np.pi, count)).astype(np.float32)
    radius = shell * np.sqrt(rng.uniform(inner, 1.02, count)).astype(np.float32)
    position = np.stack([np.sin(around) * HEAD_X * radius, -np.cos(around) * HEAD_Y * radius], -1)
    if keep_off:
        # The hairline: roots of front hair lie on the crown and the temples, never on the face.
        low = position[:, 1] > -0.24
        rim = np.stack([np.sin(around) * HEAD_X, -np.cos(around) * HEAD_Y], -1) * rng.uniform(
            0.97, 1.03, (count, 1)
        )
        position = np.where(low[:, None], rim, position)
    side = np.sign(position[:, 0] - parting)
    heading = np.stack([np.sin(around) * 0.8 + side * 0.5, -np.cos(around)], -1) * style.lift
    heading += np.stack([side * 0.36, np.full(count, 0.3)], -1) + rng.normal(0, 0.15, (count, 2))
    step = (length * rng.uniform(0.75, 1.0, count) / (points - 1)).astype(np.float32)[:, None]
    pull = np.array([wind, style.gravity]) * 6.0 * step
    curves = np.empty((count, points, 2), np.float32)
    for index in range(points):
        curves[:, index] = position
        heading = heading / (np.linalg.norm(heading, axis=1, keepdims=True) + 1e-6)
        position = position + heading * step
        if keep_off:
            position = _push_out(position, keep_off)
        heading = heading + pull + rng.normal(0, 0.05, (count, 2))
    return curves


def _push_out(position: np.ndarray, scale: float) -> np.ndarray:
    """Move points that would cross the face to its border."""
    x, y = position[:, 0] / (HEAD_X * scale), position[:, 1] / (HEAD_Y * scale)
    reach = np.hypot(x, y) + 1e-6
    hit = (reach < 1) & (position[:, 1] > -0.26)
    sideways = np.where(x >= 0, 1.0, -1.0) * np.sqrt(np.maximum(0, 1 - np.minimum(y * y, 0.98)))
    return np.where(hit[:, None], np.stack([sideways * HEAD_X * scale, position[:, 1]], -1), position)


def _strands(
    rng: np.random.Generator,
    style: HairStyle,
    guides: Curves,
    *,
    count: int,
    shade: float,
    spread: float = 0.045,
) -> Tuft:
    """Spread `count` strands around the guides: locks that close, curl, wander and fade."""
    locks, points = guides.shape[:2]
    lock = rng.integers(locks, size=count)
    t = np.linspace(0, 1, points, dtype=np.float32)[None, :, None]
    stray = (rng.random(count) < style.fly).astype(np.float32)[:, None, None]
    root = rng.normal(0, spread, (count, 1, 2)).astype(np.float32)
    curves = guides[lock] + root * (1 - np.float32(style.gather) * t)
    forward = np.gradient(guides, axis=1)[lock]
    across = np.stack([-forward[..., 1], forward[..., 0]], -1)
    across /= np.linalg.norm(across, axis=-1, keepdims=True) + np.float32(1e-6)
    phase = (rng.uniform(0, 6.28, locks)[lock] + rng.normal(0, 0.35, count)).astype(np.float32)[:, None, None]
    turns = rng.uniform(*style.turns, locks)[lock].astype(np.float32)[:, None, None]
    size = rng.uniform(*style.curl, locks)[lock].astype(np.float32)[:, None, None]
    curves = curves + across * size * np.minimum(1, 4 * t) * np.sin(6.2832 * turns * t + phase)
    wander = np.cumsum(rng.standard_normal((count, 6, 2), dtype=np.float32), axis=1) / np.float32(6**0.5)
    wander = _stretch(wander, points)
    drift = rng.standard_normal((count, 1, 2), dtype=np.float32)
    curves = curves + np.float32(style.frizz) * t * (0.6 * wander + 0.6 * drift) * (1 + 2.5 * stray)
    reach = rng.uniform(0.55, 1.0, (count, 1, 1)).astype(np.float32) * (1 + 0.15 * stray)
    curves = curves[:, :1] + _shorten(curves - curves[:, :1], reach)
    thick = np.exp(rng.normal(0, 0.3, (count, 1))).astype(np.float32) * (1 - 0.45 * stray[..., 0])
    width = thick * tip_fade(points, start=0.45)[None]
    band = np.exp(-(((t[..., 0] - rng.uniform(0.1, 0.4)) / 0.12) ** 2)) * rng.uniform(0, 0.5)
    tint = rng.uniform(0.7, 1.25, (locks,))[lock][:, None] * rng.uniform(0.75, 1.2, (count, 1))
    depth = 0.75 + 0.25 * np.minimum(1, t[..., 0] * 3)
    light = (shade * tint * depth + band).astype(np.float32)
    tone = np.clip(rng.uniform(0, 0.6, (count, 1)) + 0.4 * t[..., 0] * rng.random((count, 1)), 0, 1)
    return Tuft(curves.astype(np.float32), width.astype(np.float32), light, tone.astype(np.float32))


def _shorten(curves: Curves, reach: np.ndarray) -> Curves:
    """Cut strands to `reach` of their length by resampling along the same path, so that shapes stay."""
    points = curves.shape[1]
    at = np.clip(np.linspace(0, points - 1, points)[None] * reach[..., 0], 0, points - 1.001)
    low = at.astype(np.int64)
    part = (at - low)[..., None].astype(np.float32)
    rows = np.arange(len(curves))[:, None]
    return curves[rows, low] * (1 - part) + curves[rows, low + 1] * part


def _stretch(nodes: Curves, points: int) -> Curves:
    """Interpolate (S, n, 2) nodes smoothly at `points` places, so that hair bends and never kinks."""
    at = np.linspace(0, nodes.shape[1] - 1.001, points)
    low = at.astype(np.int64)
    part = (at - low)[None, :, None].astype(np.float32)
    part = part * part * (3 - 2 * part)
    return nodes[:, low] * (1 - part) + nodes[:, low + 1] * part


def _fringe(rng: np.random.Generator, style: HairStyle, density: float) -> Tuft:
    """Hair over the forehead."""
    count, points = 24, 16
    x = np.linspace(-0.27, 0.27, count) + rng.normal(0, 0.015, count)
    length = rng.uniform(0.16, 0.3)
    t = np.linspace(0, 1, points)[None]
    sweep = rng.normal(0, 0.12)
    curve = np.stack(
        [
            x[:, None] * (1 + 0.12 * t) + sweep * t**2,
            -0.4 + 0.55 * x[:, None] ** 2 + length * t - 0.06 * np.sin(3 * t),
        ],
        -1,
    )
    flat = replace(style, frizz=min(style.frizz, 0.05), curl=(0.0, 0.01), fly=0.05)
    return _strands(rng, flat, curve.astype(np.float32), count=int(320 * density), shade=1.0, spread=0.02)


def _tied(rng: np.random.Generator, style: HairStyle, density: float) -> list[Tuft]:
    """What a tie holds: a bun of loops, one tail, two tails, or two plaits."""
    points, count = 28, 26
    t = np.linspace(0, 1, points)[None]
    if style.tie == "bun":
        radius = rng.uniform(0.13, 0.24)
        centre = np.array([rng.normal(0, 0.08), -0.48 - 0.5 * radius])
        turn = rng.uniform(0, 6.28, (count, 1)) + t * rng.uniform(2, 5, (count, 1))
        reach = radius * np.sqrt(rng.uniform(0.05, 1.0, (count, 1))) * (1 + 0.1 * np.sin(5 * t))
        loops = centre + np.stack([np.cos(turn) * reach, 0.85 * np.sin(turn) * reach], -1)
        return [
            _strands(
                rng, replace(style, frizz=0.05), loops.astype(np.float32), count=int(500 * density), shade=0.9
            )
        ]
    tufts = []
    sides = (-1.0, 1.0) if style.tie in ("tails", "plaits") else (rng.choice([-1.0, 1.0]),)
    for side in sides:
        root = np.array([side * rng.uniform(0.2, 0.34), rng.uniform(-0.35, 0.05)])
        length = rng.uniform(0.7, 1.6)
        out = side * rng.uniform(0.1, 0.5)
        path = np.stack(
            [out * np.sqrt(t) + 0.05 * np.sin(5 * t), length * t**1.4 - 0.15 * np.sin(3.1 * t)], -1
        )
        girth = 0.09 * np.minimum(1, 6 * t) * (1 - 0.6 * t**3)
        lane = rng.normal(0, 1, (count, 1, 1))
        if style.tie == "plaits":
            lane = np.sin(6.28 * (np.arange(count)[:, None] / 3 + 4 * t))[..., None]
        guides = (
            root
            + path
            + np.concatenate([girth[..., None] * lane, np.zeros_like(path[:1, :, :1]) + 0 * lane], -1)
        )
        tufts.append(
            _strands(rng, style, guides.astype(np.float32), count=int(450 * density), shade=0.9, spread=0.02)
        )
    return tufts
