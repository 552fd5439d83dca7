"""Things people hold. The canvas remembers which part of a figure they are: scenes decide whose matte they
are in.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from maggie_lab.random import pick

from .canvas import Canvas, Light
from .fields import value_noise
from .shapes import Capsule, Ellipse, Patch, Polygon, Shape, point_between, union
from .skeleton import Body
from .textures import random_colour

Prop = Callable[[np.random.Generator, Canvas, tuple[float, float], float, Light, bool], None]


def draw_prop(rng: np.random.Generator, canvas: Canvas, body: Body, light: Light, *, held_out: bool) -> None:
    """Put something into one of the hands."""
    side = int(rng.integers(2))
    canvas.begin(f"held{side}")
    prop = pick(rng, HELD_OUT if held_out else TRAINING)
    prop(rng, canvas, body[f"hand{side}"], body.unit_px, light, held_out)


def _ball(
    rng: np.random.Generator,
    canvas: Canvas,
    at: tuple[float, float],
    unit: float,
    light: Light,
    held_out: bool,
) -> None:
    radius = rng.uniform(0.2, 0.6) * unit
    canvas.paint_cloth(rng, [Ellipse(at, radius, radius)], light, unit_px=unit, held_out=held_out)


def _box(
    rng: np.random.Generator,
    canvas: Canvas,
    at: tuple[float, float],
    unit: float,
    light: Light,
    held_out: bool,
) -> None:
    wide, high, turn = rng.uniform(0.15, 0.6) * unit, rng.uniform(0.2, 0.7) * unit, rng.normal(0, 0.4)
    corners = _turned(at, [(-wide, -high), (wide, -high), (wide, high), (-wide, high)], turn)
    canvas.paint_cloth(rng, [Polygon(corners, 0.03 * unit)], light, unit_px=unit, held_out=held_out)


def _bag(
    rng: np.random.Generator,
    canvas: Canvas,
    at: tuple[float, float],
    unit: float,
    light: Light,
    held_out: bool,
) -> None:
    """A bag hanging from a handle with a hole."""
    wide, high = rng.uniform(0.3, 0.55) * unit, rng.uniform(0.3, 0.6) * unit
    centre = (at[0], at[1] + 0.4 * unit + high)
    handle = Ellipse((at[0], at[1] + 0.35 * unit), 0.8 * wide, 0.45 * unit)
    canvas.paint_ring(handle, width_px=max(1.0, 0.06 * unit), colour=random_colour(rng))
    corners = _turned(centre, [(-wide, -high), (wide, -high), (1.1 * wide, high), (-1.1 * wide, high)], 0.0)
    canvas.paint_cloth(rng, [Polygon(corners, 0.08 * unit)], light, unit_px=unit, held_out=held_out)


def _stick(
    rng: np.random.Generator,
    canvas: Canvas,
    at: tuple[float, float],
    unit: float,
    light: Light,
    held_out: bool,
) -> None:
    turn, reach, radius = rng.uniform(0, np.pi), rng.uniform(0.6, 2.5) * unit, rng.uniform(0.015, 0.05) * unit
    dx, dy = reach * np.cos(turn), reach * np.sin(turn)
    back = rng.uniform(0.1, 1.0)
    stick: list[Shape] = [
        Capsule((at[0] - back * dx, at[1] - back * dy), (at[0] + dx, at[1] + dy), radius, radius)
    ]
    canvas.paint_plain(rng, stick, light, colour=random_colour(rng), unit_px=unit)


def _balloon(
    rng: np.random.Generator,
    canvas: Canvas,
    at: tuple[float, float],
    unit: float,
    light: Light,
    held_out: bool,
) -> None:
    top = (at[0] + rng.normal(0, 0.6) * unit, at[1] - rng.uniform(1.5, 3.0) * unit)
    string = union([Capsule(at, top, 0.5, 0.5)], canvas.size_px)
    if string is not None:
        alpha = string.coverage() * np.float32(rng.uniform(0.4, 0.9))
        canvas.over(string.box, np.full((*alpha.shape, 3), rng.uniform(0, 1), np.float32), alpha)
    shape: list[Shape] = [Ellipse(top, 0.5 * unit, 0.6 * unit)]
    canvas.paint_plain(rng, shape, light, colour=random_colour(rng), unit_px=unit)


def _flowers(
    rng: np.random.Generator,
    canvas: Canvas,
    at: tuple[float, float],
    unit: float,
    light: Light,
    held_out: bool,
) -> None:
    stem, bloom = np.array([0.15, 0.4, 0.12]), random_colour(rng)
    for _ in range(int(rng.integers(5, 12))):
        tip = (at[0] + rng.normal(0, 0.3) * unit, at[1] - rng.uniform(0.3, 1.0) * unit)
        canvas.paint_plain(
            rng, [Capsule(at, tip, 0.02 * unit, 0.012 * unit)], light, colour=stem, unit_px=unit
        )
        leaf = Ellipse(point_between(at, tip, 0.5), 0.04 * unit, 0.14 * unit, rng.uniform(0, np.pi))
        canvas.paint_plain(rng, [leaf], light, colour=stem * rng.uniform(0.8, 1.6), unit_px=unit)
        petal = [Ellipse(tip, rng.uniform(0.05, 0.12) * unit, rng.uniform(0.05, 0.12) * unit)]
        canvas.paint_plain(
            rng, petal, light, colour=np.clip(bloom * rng.uniform(0.7, 1.2), 0, 1), unit_px=unit
        )


def _racket(
    rng: np.random.Generator,
    canvas: Canvas,
    at: tuple[float, float],
    unit: float,
    light: Light,
    held_out: bool,
) -> None:
    """A frame with a mesh that the background shows through."""
    turn = rng.uniform(-0.8, 0.8)
    centre = (at[0] + 0.9 * unit * np.sin(turn), at[1] - 0.9 * unit * np.cos(turn))
    oval = Ellipse(centre, 0.38 * unit, 0.5 * unit, turn)
    patch = union([oval], canvas.size_px)
    if patch is None:
        return
    height, width = patch.distance.shape
    pitch = max(3.0, 0.07 * unit)
    across = np.minimum(np.arange(width) % pitch, pitch - np.arange(width) % pitch)[None]
    down = np.minimum(np.arange(height) % pitch, pitch - np.arange(height) % pitch)[:, None]
    mesh = Patch(patch.left, patch.top, (np.minimum(across, down) - 0.35).astype(np.float32))
    alpha = mesh.coverage() * patch.coverage() * np.float32(0.7)
    canvas.over(patch.box, np.full((*alpha.shape, 3), 0.9, np.float32), alpha)
    colour = random_colour(rng)
    canvas.paint_ring(oval, width_px=max(1.5, 0.06 * unit), colour=colour)
    grip = point_between(at, centre, 0.45)
    canvas.paint_plain(rng, [Capsule(at, grip, 0.05 * unit, 0.04 * unit)], light, colour=colour, unit_px=unit)


def _umbrella(
    rng: np.random.Generator,
    canvas: Canvas,
    at: tuple[float, float],
    unit: float,
    light: Light,
    held_out: bool,
) -> None:
    top = (at[0] + rng.normal(0, 0.2) * unit, at[1] - 1.8 * unit)
    canvas.paint_plain(
        rng, [Capsule(at, top, 0.03 * unit, 0.02 * unit)], light, colour=random_colour(rng), unit_px=unit
    )
    arc = [(np.cos(a) * 1.3, -0.7 * np.sin(a)) for a in np.linspace(0, np.pi, 12)]
    hem = [(x, 0.1 * abs(np.sin(5 * x))) for x in np.linspace(-1.3, 1.3, 14)]
    corners = tuple((top[0] + x * unit, top[1] + (y + 0.4) * unit) for x, y in [*arc, *hem[1:-1]])
    canvas.paint_cloth(rng, [Polygon(corners, 0.02 * unit)], light, unit_px=unit, held_out=held_out)


def _phone(
    rng: np.random.Generator,
    canvas: Canvas,
    at: tuple[float, float],
    unit: float,
    light: Light,
    held_out: bool,
) -> None:
    """A dark slab with a bright screen, seen more or less from the side."""
    high, turn = rng.uniform(0.2, 0.32) * unit, rng.normal(0, 0.5)
    wide = high * rng.uniform(0.1, 0.55)
    for part, colour in ((1.0, rng.uniform(0, 0.15, 3)), (0.85, random_colour(rng))):
        w, h = part * wide, part * high
        corners = _turned(at, [(-w, -h), (w, -h), (w, h), (-w, h)], turn)
        canvas.paint_plain(rng, [Polygon(corners, 0.02 * unit)], light, colour=colour, unit_px=unit)


def _bottle(
    rng: np.random.Generator,
    canvas: Canvas,
    at: tuple[float, float],
    unit: float,
    light: Light,
    held_out: bool,
) -> None:
    """Clear glass or plastic: the background shows through."""
    high, girth = rng.uniform(0.3, 0.5) * unit, rng.uniform(0.1, 0.18) * unit
    body: list[Shape] = [
        Capsule((at[0], at[1] - 0.5 * high), (at[0], at[1] + high), girth, girth),
        Capsule((at[0], at[1] - 1.4 * high), (at[0], at[1] - 0.5 * high), 0.35 * girth, 0.7 * girth),
    ]
    _paint_sheer(rng, canvas, body, light, unit)


def _parasol(
    rng: np.random.Generator,
    canvas: Canvas,
    at: tuple[float, float],
    unit: float,
    light: Light,
    held_out: bool,
) -> None:
    """A sheer round screen on a stick."""
    turn = rng.normal(0, 0.5)
    centre = (at[0] + 1.6 * unit * np.sin(turn), at[1] - 1.6 * unit * np.cos(turn))
    stick: list[Shape] = [Capsule(at, centre, 0.03 * unit, 0.02 * unit)]
    canvas.paint_plain(rng, stick, light, colour=random_colour(rng), unit_px=unit)
    screen = Ellipse(centre, rng.uniform(0.8, 1.3) * unit, rng.uniform(0.3, 1.0) * unit, turn)
    _paint_sheer(rng, canvas, [screen], light, unit)


def _paint_sheer(
    rng: np.random.Generator, canvas: Canvas, shapes: list[Shape], light: Light, unit: float
) -> None:
    """Cloth or glass that lets 20 to 85 % through, more where it is thin."""
    folds = value_noise(rng, canvas.size_px, canvas.size_px, cell_px=max(3.0, 0.2 * unit))
    density = np.clip(rng.uniform(0.25, 0.7) + 0.1 * folds, 0.15, 0.8).astype(np.float32)
    canvas.paint_cloth(rng, shapes, light, unit_px=unit, blend_px=0.05 * unit, opacity=density)


def _turned(
    centre: tuple[float, float], offsets: list[tuple[float, float]], turn: float
) -> tuple[tuple[float, float], ...]:
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    return tuple((centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos) for x, y in offsets)


TRAINING: dict[Prop, float] = {
    _ball: 1.0, _box: 1.0, _bag: 1.0, _stick: 0.8, _balloon: 0.4, _flowers: 0.6,
    _phone: 0.6, _bottle: 0.2, _parasol: 0.15,
}  # fmt: skip
HELD_OUT: dict[Prop, float] = {_racket: 1.0, _umbrella: 1.0}
