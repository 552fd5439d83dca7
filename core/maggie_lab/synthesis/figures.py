"""Single figures: people of all kinds, made of capsules, cloth and strands.

A figure is straight sRGB-encoded colour and alpha on a square canvas; `make_figure` returns it premultiplied.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from maggie_lab.random import DETAILS, FIGURES, PUPPETS, generator

from .canvas import Canvas, Light
from .clothing import paint_clothed_body
from .details import Details, draw_details
from .fields import Plane, fractal_noise, value_noise
from .hairstyles import HEAD_X, Hair, draw_style, grow
from .props import draw_prop
from .puppet import Puppet, cut_out
from .shapes import Capsule, Ellipse, Shape
from .skeleton import Body, draw_body
from .strands import Tuft, close_gaps, splat
from .textures import hair_colours, skin_colour


@dataclass(frozen=True)
class Figure:
    """A generated foreground.

    Attributes:
        colour: (S, S, 3) straight sRGB-encoded colour in [0, 1], continued where alpha is 0.
        alpha: (S, S) coverage in [0, 1].
        held: (S, S) part of alpha that belongs to things in the hands, not to the person.
    """

    colour: Plane
    alpha: Plane
    held: Plane


def make_figure(seed: int, size_px: int = 384, *, held_out: bool = False) -> Plane:
    """Draw figure number `seed`.

    Returns:
        (size_px, size_px, 4) premultiplied sRGB-encoded RGBA in [0, 1], float32.
    """
    figure = draw_figure(seed, size_px, held_out=held_out)
    return np.concatenate([figure.colour * figure.alpha[..., None], figure.alpha[..., None]], -1)


def draw_figure(seed: int, size_px: int = 384, *, held_out: bool = False) -> Figure:
    """As `make_figure`, but with straight colour."""
    canvas = Canvas(size_px)
    for attempt in range(8):
        rng = generator(FIGURES, int(held_out), seed, attempt)
        canvas = Canvas(size_px)
        if rng.random() < 0.04:
            _paint_plush(rng, canvas, held_out=held_out)
        else:
            _paint_person(rng, canvas, _details(seed, attempt, held_out=held_out), held_out=held_out)
        if (canvas.alpha > 0.5).mean() > 0.03:
            break
    alpha = np.clip(canvas.alpha, 0, 1)
    return Figure(canvas.straight_colour(), alpha, np.clip(canvas.held, 0, alpha))


def draw_puppet(seed: int, size_px: int = 384, *, held_out: bool = False) -> Puppet:
    """Draw person number `seed` in pieces that can be posed; `draw_figure` draws other people."""
    puppet = _draw_puppet(seed, 0, size_px, held_out=held_out)
    for attempt in range(1, 8):
        if (puppet.flat()[..., 3] > 127).mean() > 0.03:
            break
        puppet = _draw_puppet(seed, attempt, size_px, held_out=held_out)
    return puppet


def _draw_puppet(seed: int, attempt: int, size_px: int, *, held_out: bool) -> Puppet:
    canvas = Canvas(size_px, in_pieces=True)
    details = _details(seed, attempt, held_out=held_out, kind=PUPPETS)
    rng = generator(PUPPETS, int(held_out), seed, attempt)
    body = _paint_person(rng, canvas, details, held_out=held_out)
    canvas.begin("")
    pieces = [cut_out(painted) for painted in canvas.pieces]
    return Puppet(size_px, body.unit_px, body.joints, tuple(piece for piece in pieces if piece is not None))


def _details(seed: int, attempt: int, *, held_out: bool, kind: int = FIGURES) -> Details:
    return Details() if held_out else draw_details(generator(DETAILS, kind, seed, attempt))


def _paint_person(rng: np.random.Generator, canvas: Canvas, details: Details, *, held_out: bool) -> Body:
    body = draw_body(rng, canvas.size_px)
    light = replace(Light.draw(rng), fills=details.fills, sky=details.sky)
    skin = skin_colour(rng)
    style = draw_style(rng, held_out=held_out)
    density = float(np.clip(body.unit_px / 120, 0.25, 1.6) * details.strands)
    hair = grow(rng, style, faces_us=body.faces_us, density=density)
    tones = hair_colours(rng)
    hair_over_torso = not body.faces_us
    if not hair_over_torso:
        _paint_hair(rng, canvas, body, hair.behind, hair, tones)
    if rng.random() < 0.3:
        draw_prop(rng, canvas, body, light, held_out=held_out)

    def paint_head() -> None:
        _paint_head(rng, canvas, body, light, skin, hair, tones, hair_over_torso, details)

    paint_clothed_body(rng, canvas, body, light, skin, details, held_out=held_out, paint_head=paint_head)
    return body


def _paint_head(
    rng: np.random.Generator,
    canvas: Canvas,
    body: Body,
    light: Light,
    skin: np.ndarray,
    hair: Hair,
    tones: tuple[np.ndarray, np.ndarray],
    hair_over_torso: bool,
    details: Details,
) -> None:
    canvas.begin("head")
    unit = body.unit_px
    onto_canvas = _HeadFrame(body)
    skull: list[Shape] = [
        Ellipse(onto_canvas(0, -0.05), HEAD_X * unit, 0.43 * unit, body.head_angle),
        Ellipse(onto_canvas(0.04 * body.yaw, 0.17), 0.27 * unit, 0.32 * unit, body.head_angle),
    ]
    for side in (-1, 1):
        if abs(body.yaw) < 0.6 or side * body.yaw < 0:
            skull.append(Ellipse(onto_canvas(side * 0.355, 0.03), 0.055 * unit, 0.1 * unit, body.head_angle))
    if body.faces_us or hair.style.length[1] <= 0:
        canvas.paint_skin(rng, skull, light, colour=skin, unit_px=unit, blend_px=0.06 * unit)
    else:
        canvas.paint_plain(rng, skull, light, colour=tones[0], unit_px=unit, blend_px=0.06 * unit)
    if body.faces_us and unit > 22:
        _paint_face(rng, canvas, body, light, skin, tones[0], details)
        if rng.random() < 0.14:
            _paint_beard(rng, canvas, body, tones)
    if hair_over_torso:
        _paint_hair(rng, canvas, body, hair.behind, hair, tones)
    _paint_hair(rng, canvas, body, hair.before, hair, tones)


class _HeadFrame:
    """Maps head units (origin: the head's centre) onto the canvas."""

    def __init__(self, body: Body) -> None:
        self.x, self.y = body["head"]
        self.unit = body.unit_px
        self.cos, self.sin = np.cos(body.head_angle), np.sin(body.head_angle)

    def __call__(self, x: float, y: float) -> tuple[float, float]:
        return (
            float(self.x + (x * self.cos - y * self.sin) * self.unit),
            float(self.y + (x * self.sin + y * self.cos) * self.unit),
        )

    def curves(self, curves: Plane) -> Plane:
        x, y = curves[..., 0], curves[..., 1]
        placed = [
            self.x + (x * self.cos - y * self.sin) * self.unit,
            self.y + (x * self.sin + y * self.cos) * self.unit,
        ]
        return np.stack(placed, -1).astype(np.float32)


def _paint_face(
    rng: np.random.Generator,
    canvas: Canvas,
    body: Body,
    light: Light,
    skin: np.ndarray,
    brow: np.ndarray,
    details: Details,
) -> None:
    """Paint a face with enough contrast that the network learns to keep faces whole."""
    unit, onto_canvas = body.unit_px, _HeadFrame(body)
    shift = 0.12 * body.yaw
    dark, lips = skin * 0.55, np.clip(skin * [0.95, 0.62, 0.6], 0, 1)
    glasses = rng.random() < 0.15
    open_eye = rng.uniform(0.012, 0.032)
    for side in (-1, 1):
        x = shift + side * 0.14
        a, b = onto_canvas(x - 0.075, -0.115 + 0.01 * side), onto_canvas(x + 0.075, -0.115)
        canvas.paint_flat([Capsule(a, b, 0.018 * unit, 0.014 * unit)], colour=brow * 0.8, opacity=0.75)
        canvas.paint_flat(
            [Ellipse(onto_canvas(x, -0.02), 0.052 * unit, open_eye * unit, body.head_angle)], colour=0.92
        )
        canvas.paint_flat(
            [Ellipse(onto_canvas(x, -0.02), 0.024 * unit, 0.026 * unit)], colour=rng.uniform(0.02, 0.35, 3)
        )
        if glasses:
            rim = Ellipse(onto_canvas(x, -0.01), 0.105 * unit, 0.085 * unit, body.head_angle)
            if details.lenses:
                tint = details.rng.uniform(0, 0.6, 3)
                canvas.paint_flat([rim], colour=tint, opacity=details.lenses)
            canvas.paint_ring(rim, width_px=0.02 * unit, colour=rng.uniform(0, 0.3, 3))
    nose = [Capsule(onto_canvas(shift, 0.0), onto_canvas(shift * 1.5, 0.12), 0.02 * unit, 0.045 * unit)]
    canvas.paint_flat(nose, colour=np.clip(skin * 1.08, 0, 1), opacity=0.55)
    nostrils = Capsule(
        onto_canvas(shift - 0.03, 0.16), onto_canvas(shift + 0.04, 0.16), 0.012 * unit, 0.012 * unit
    )
    canvas.paint_flat([nostrils], colour=dark, opacity=0.5)
    grin = rng.uniform(0.05, 0.1)
    mouth = [
        Capsule(
            onto_canvas(shift - grin, 0.265), onto_canvas(shift + grin, 0.265), 0.022 * unit, 0.022 * unit
        )
    ]
    canvas.paint_flat(mouth, colour=lips)
    if rng.random() < 0.3:
        teeth = [
            Capsule(
                onto_canvas(shift - 0.6 * grin, 0.26),
                onto_canvas(shift + 0.6 * grin, 0.26),
                0.012 * unit,
                0.012 * unit,
            )
        ]
        canvas.paint_flat(teeth, colour=0.95)


def _paint_beard(
    rng: np.random.Generator, canvas: Canvas, body: Body, tones: tuple[np.ndarray, np.ndarray]
) -> None:
    count, points = int(np.clip(5 * body.unit_px, 150, 900)), 8
    length = rng.uniform(0.03, 0.35)
    around = rng.uniform(-1.5, 1.5, count)
    inset = rng.uniform(0.72, 1.0, count)
    root = np.stack(
        [0.29 * np.sin(around) * inset + 0.05 * body.yaw, 0.12 + 0.34 * np.cos(around) * inset], -1
    )
    heading = np.stack([0.5 * np.sin(around), np.cos(around) * 0.6 + 0.5], -1)
    t = np.linspace(0, 1, points)[None, :, None]
    sway = rng.normal(0, 0.25, (count, 1, 2)) * t * t
    curves = root[:, None] + (heading[:, None] + sway) * t * length * rng.uniform(0.5, 1, (count, 1, 1))
    keep = root[:, 1] > 0.16
    shape = (int(keep.sum()), points)
    shade = np.broadcast_to(rng.uniform(0.6, 1.2, (shape[0], 1)), shape).astype(np.float32)
    tone = np.broadcast_to(rng.random((shape[0], 1)), shape).astype(np.float32)
    width = np.broadcast_to(_fade(points), shape).astype(np.float32)
    tuft = Tuft(curves[keep].astype(np.float32), width, shade, tone)
    _paint_tuft(rng, canvas, body, tuft, tones, mass=0.0, thickness=1.3)


def _fade(points: int) -> Plane:
    t = np.linspace(0, 1, points, dtype=np.float32)
    return np.minimum(1, (1 - t) * 1.8)


def _paint_hair(
    rng: np.random.Generator,
    canvas: Canvas,
    body: Body,
    tufts: tuple[Tuft, ...],
    hair: Hair,
    tones: tuple[np.ndarray, np.ndarray],
) -> None:
    canvas.begin("hair")
    thickness = float(np.exp(rng.normal(0, 0.25)))
    for tuft in tufts:
        _paint_tuft(rng, canvas, body, tuft, tones, mass=hair.style.mass, thickness=thickness)


def _paint_tuft(
    rng: np.random.Generator,
    canvas: Canvas,
    body: Body,
    tuft: Tuft,
    tones: tuple[np.ndarray, np.ndarray],
    *,
    mass: float,
    thickness: float,
) -> None:
    """Every strand with its own sub-pixel width, over an opaque body where strands are dense."""
    unit = body.unit_px
    width_px = np.float32(np.clip(0.0042 * unit * thickness, 0.08, 1.1))
    placed = Tuft(_HeadFrame(body).curves(tuft.curves), tuft.width_px * width_px, tuft.shade, tuft.tone)
    depth, shade, tone = splat(rng, placed, canvas.size_px, step_px=1.0)
    if mass > 0:
        reach_px = max(0.5, 0.2 * mass * unit)
        alpha, dim, soft = close_gaps(depth, shade, tone, reach_px=reach_px)
        canvas.over(canvas.everything, _hair_colour(dim * np.float32(0.85), soft, tones), alpha)
    canvas.over(canvas.everything, _hair_colour(shade, tone, tones), 1 - np.exp(-depth))


def _hair_colour(shade: Plane, tone: Plane, tones: tuple[np.ndarray, np.ndarray]) -> Plane:
    first, second = (colour.astype(np.float32) for colour in tones)
    colour = first + tone[..., None] * (second - first)
    return np.clip(colour * shade[..., None], 0, 1)


def _paint_plush(rng: np.random.Generator, canvas: Canvas, *, held_out: bool) -> None:
    """Paint a furry animal or toy, made of strands on plain shapes."""
    size, light = canvas.size_px, Light.draw(rng)
    unit = size * rng.uniform(0.2, 0.34)
    x, y = size * rng.uniform(0.42, 0.58), size * rng.uniform(0.3, 0.42)
    colour = hair_colours(rng)[0]
    parts: list[Shape] = [
        Ellipse((x, y + 1.25 * unit), 0.75 * unit, rng.uniform(0.8, 1.3) * unit),
        Ellipse((x, y), 0.55 * unit, 0.5 * unit),
    ]
    for side in (-1, 1):
        ear = (x + side * 0.42 * unit, y - rng.uniform(0.35, 0.6) * unit)
        parts.append(Ellipse(ear, 0.18 * unit, rng.uniform(0.18, 0.35) * unit, side * 0.3))
        hand = (x + side * rng.uniform(0.7, 1.2) * unit, y + rng.uniform(1.0, 2.0) * unit)
        parts.append(Capsule((x + side * 0.5 * unit, y + 0.8 * unit), hand, 0.25 * unit, 0.18 * unit))
    canvas.paint_plain(rng, parts, light, colour=colour, unit_px=unit, blend_px=0.15 * unit)
    mottle = (
        1
        + 0.2 * fractal_noise(rng, size, size, cell_px=0.5 * unit)
        + 0.1 * value_noise(rng, size, size, cell_px=3)
    )
    canvas.rgb *= np.clip(mottle, 0.3, 1.8)[..., None]
    canvas.fur(rng, length_px=unit * rng.uniform(0.08, 0.4), density=2.2 if held_out else 1.6)
    for side in (-1, 1):
        canvas.paint_flat([Ellipse((x + side * 0.2 * unit, y), 0.09 * unit, 0.09 * unit)], colour=0.03)
    canvas.paint_flat([Ellipse((x, y + 0.2 * unit), 0.08 * unit, 0.06 * unit)], colour=0.1)
