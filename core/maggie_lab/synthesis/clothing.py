"""Clothes and limbs, painted from back to front around a posed body."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from maggie_lab.random import pick

from .canvas import Canvas, Light
from .details import Details
from .fields import Plane, value_noise
from .shapes import Capsule, Ellipse, Patch, Polygon, Shape, point_between
from .skeleton import Body
from .textures import cloth, random_colour


def paint_clothed_body(
    rng: np.random.Generator,
    canvas: Canvas,
    body: Body,
    light: Light,
    skin: np.ndarray,
    details: Details,
    *,
    held_out: bool,
    paint_head: Callable[[], None],
) -> None:
    """Paint legs, torso, arms and head with clothes, in an order that depends on the pose.

    Args:
        skin: (3,) sRGB-encoded colour.
        held_out: use the patterns of the held-out set.
        paint_head: is called when the head is due.
    """
    size, unit = canvas.size_px, body.unit_px
    top = cloth(rng, size, size, unit_px=unit, held_out=held_out)
    bottom = cloth(rng, size, size, unit_px=unit, held_out=held_out)
    sleeve = pick(rng, {"long": 0.5, "short": 0.3, "none": 0.2})
    lower = pick(rng, {"trousers": 0.55, "skirt": 0.22, "shorts": 0.13, "coat": 0.1})
    before = [rng.random() < (0.8 if body.faces_us else 0.3) for _ in range(2)]
    raised = [body[f"wrist{side}"][1] < body["neck"][1] for side in range(2)]
    if details.cape:
        _cape(details, canvas, body, light)
    if _shows(body["pelvis"][1] - unit, size):
        for side in rng.permutation(2):
            _leg(rng, canvas, body, light, skin, bottom, int(side), lower)
        if lower in ("skirt", "coat"):
            _skirt(rng, canvas, body, light, top if lower == "coat" else bottom, details)

    def arms(wanted: Callable[[int], bool]) -> None:
        for side in range(2):
            if wanted(side):
                _arm(rng, canvas, body, light, skin, top, side, sleeve, details)

    arms(lambda side: not before[side] and not raised[side])
    _neck(rng, canvas, body, light, skin)
    torso = _torso(rng, canvas, body, light, top)
    if torso is not None:
        _collar(rng, canvas, body, light, torso, top, skin, details, held_out=held_out)
    arms(lambda side: before[side] and not raised[side])
    if details.hood:
        _hood(details, canvas, body, light)
    paint_head()
    arms(lambda side: raised[side])
    if rng.random() < 0.12:
        _hat(rng, canvas, body, light, held_out=held_out)
    if rng.random() < 0.025:
        _veil(rng, canvas, body, light)


def _shows(y: float, size_px: int) -> bool:
    return y < size_px


def _limb(body: Body, a: str, b: str, width_a: float, width_b: float) -> Capsule:
    k = body.unit_px * (0.4 + 0.6 * body.girth)
    return Capsule(body[a], body[b], width_a * k, width_b * k)


def _arm(
    rng: np.random.Generator,
    canvas: Canvas,
    body: Body,
    light: Light,
    skin: np.ndarray,
    top: Plane,
    side: int,
    sleeve: str,
    details: Details,
) -> None:
    canvas.begin(f"arm{side}")
    unit = body.unit_px
    bare: list[Shape] = [
        _limb(body, f"shoulder{side}", f"elbow{side}", 0.21, 0.165),
        _limb(body, f"elbow{side}", f"wrist{side}", 0.165, 0.105),
    ]
    bare += _hand(rng, body, side)
    canvas.paint_skin(rng, bare, light, colour=skin, unit_px=unit, blend_px=0.05 * unit)
    if sleeve == "none":
        return
    loose = rng.uniform(1.1, 1.5)
    cuff = rng.uniform(0.8, 0.98) if sleeve == "long" else 0.0
    shapes: list[Shape] = []
    if sleeve == "short":
        end = point_between(body[f"shoulder{side}"], body[f"elbow{side}"], rng.uniform(0.45, 0.9))
        shapes.append(Capsule(body[f"shoulder{side}"], end, 0.24 * unit, 0.18 * loose * unit))
    else:
        end = point_between(body[f"elbow{side}"], body[f"wrist{side}"], cuff)
        shapes.append(_limb(body, f"shoulder{side}", f"elbow{side}", 0.24, 0.17 * loose))
        shapes.append(Capsule(body[f"elbow{side}"], end, 0.18 * loose * unit, 0.13 * loose * unit))
    canvas.paint_cloth(
        rng, shapes, light, unit_px=unit, blend_px=0.08 * unit, colour=top, opacity=details.sheer or 1.0
    )


def _hand(rng: np.random.Generator, body: Body, side: int) -> list[Shape]:
    """A palm and five fingers with gaps between them; a fist when the hand is small in the frame."""
    unit = body.unit_px
    wrist, tip = np.array(body[f"wrist{side}"]), np.array(body[f"hand{side}"])
    forward = (tip - wrist) / (np.linalg.norm(tip - wrist) + 1e-6)
    across = np.array([-forward[1], forward[0]])
    palm = wrist + forward * 0.14 * unit
    shapes: list[Shape] = [
        Capsule(tuple(wrist), tuple(palm + forward * 0.05 * unit), 0.1 * unit, 0.12 * unit)
    ]
    if unit < 20 or rng.random() < 0.25:
        return [*shapes, Ellipse(tuple(palm + forward * 0.08 * unit), 0.14 * unit, 0.14 * unit)]
    fan = rng.uniform(0.08, 0.3)
    for finger in range(4):
        lane = (finger - 1.5) / 1.5
        root = palm + across * lane * 0.09 * unit + forward * 0.1 * unit
        heading = forward + across * lane * fan * 1.6
        end = root + heading * unit * rng.uniform(0.14, 0.26)
        shapes.append(Capsule(tuple(root), tuple(end), 0.034 * unit, 0.026 * unit))
    thumb = palm + across * rng.choice([-1, 1]) * 0.2 * unit + forward * 0.06 * unit
    shapes.append(Capsule(tuple(palm), tuple(thumb), 0.05 * unit, 0.036 * unit))
    return shapes


def _leg(
    rng: np.random.Generator,
    canvas: Canvas,
    body: Body,
    light: Light,
    skin: np.ndarray,
    bottom: Plane,
    side: int,
    lower: str,
) -> None:
    unit = body.unit_px
    if not _shows(body[f"hip{side}"][1] - unit, canvas.size_px):
        return
    canvas.begin(f"leg{side}")
    thigh = _limb(body, f"hip{side}", f"knee{side}", 0.34, 0.24)
    shin = _limb(body, f"knee{side}", f"ankle{side}", 0.23, 0.13)
    if lower != "trousers":
        canvas.paint_skin(rng, [thigh, shin], light, colour=skin, unit_px=unit, blend_px=0.05 * unit)
    shoe = [_limb(body, f"ankle{side}", f"toe{side}", 0.15, 0.14)]
    colour = random_colour(rng) * 0.7
    canvas.paint_plain(rng, shoe, light, colour=colour, unit_px=unit)
    if lower == "trousers":
        wide = rng.uniform(0.12, 0.26)
        hem = point_between(body[f"knee{side}"], body[f"ankle{side}"], rng.uniform(0.85, 1.02))
        shapes = [
            _limb(body, f"hip{side}", f"knee{side}", 0.37, 0.26),
            Capsule(body[f"knee{side}"], hem, 0.26 * unit, wide * unit),
        ]
        canvas.paint_cloth(rng, shapes, light, unit_px=unit, blend_px=0.1 * unit, colour=bottom)
    elif lower == "shorts":
        end = point_between(body[f"hip{side}"], body[f"knee{side}"], rng.uniform(0.4, 0.9))
        shapes = [Capsule(body[f"hip{side}"], end, 0.4 * unit, 0.34 * unit)]
        canvas.paint_cloth(rng, shapes, light, unit_px=unit, colour=bottom)


def _skirt(
    rng: np.random.Generator, canvas: Canvas, body: Body, light: Light, colour: Plane, details: Details
) -> None:
    """A skirt or the tails of a coat, with a wavy hem; now and then thin enough to see through."""
    canvas.begin("skirt")
    unit, girth = body.unit_px, body.girth
    pelvis = np.array(body["pelvis"])
    length, flare = rng.uniform(0.9, 3.0), rng.uniform(0.55, 1.3)
    hem = [
        (flare * girth * s, length + 0.12 * np.sin(9 * s + rng.uniform(0, 6)) + rng.normal(0, 0.04))
        for s in np.linspace(1, -1, 9)
    ]
    outline = [(-0.5 * girth, -0.5), (0.5 * girth, -0.5), *hem]
    points = tuple((float(pelvis[0] + x * unit), float(pelvis[1] + y * unit)) for x, y in outline)
    opacity: Plane | float = 1.0
    if rng.random() < 0.06:
        folds = value_noise(rng, canvas.size_px, canvas.size_px, cell_px=0.4 * unit)
        opacity = np.clip(rng.uniform(0.4, 0.8) + 0.15 * folds, 0.15, 1).astype(np.float32)
    shape: list[Shape] = [Polygon(points, 0.06 * unit)]
    patch = canvas.paint_cloth(rng, shape, light, unit_px=unit, colour=colour, opacity=opacity)
    if patch is not None and details.frayed:
        _fray(details, canvas, patch, unit)


def _fray(details: Details, canvas: Canvas, patch: Patch, unit: float) -> None:
    """Threads hanging from the lower edge of what `patch` covers."""
    where = np.zeros_like(canvas.alpha)
    covered = patch.coverage()
    where[patch.box] = covered
    rows = np.flatnonzero(covered.max(1) > 0.5)
    if len(rows):
        where[: patch.top + int(rows[-1]) - int(max(3.0, 0.12 * unit))] = 0
        canvas.fur(details.rng, length_px=max(2.0, details.frayed * unit), density=0.8, where=where)


def _cape(details: Details, canvas: Canvas, body: Body, light: Light) -> None:
    """A sheet of cloth from the shoulders down the back, seen at both sides of the body."""
    canvas.begin("skirt")
    rng, unit = details.rng, body.unit_px
    (left, left_y), (right, right_y) = sorted((body["shoulder0"], body["shoulder1"]))
    middle, reach = 0.5 * (left + right), 0.5 * (right - left) + rng.uniform(0.3, 1.0) * unit
    phase = rng.uniform(0, 6)
    hem = [
        (middle + s * reach, left_y + (details.cape + 0.15 * np.sin(8 * s + phase)) * unit)
        for s in np.linspace(1, -1, 11)
    ]
    corners = [(left - 0.1 * unit, left_y), (right + 0.1 * unit, right_y), *hem]
    points = tuple((float(x), float(y)) for x, y in corners)
    patch = canvas.paint_cloth(rng, [Polygon(points, 0.08 * unit)], light, unit_px=unit)
    if patch is not None and details.frayed:
        _fray(details, canvas, patch, unit)


def _hood(details: Details, canvas: Canvas, body: Body, light: Light) -> None:
    """Cloth standing around the back of the head."""
    canvas.begin("head")
    rng, unit = details.rng, body.unit_px
    x, y = body["head"]
    wide, high = rng.uniform(0.46, 0.6) * unit, rng.uniform(0.55, 0.7) * unit
    hood: list[Shape] = [
        Ellipse((x, y - 0.02 * unit), wide, high, body.head_angle),
        Ellipse((x, y + 0.6 * unit), 1.1 * wide, 0.3 * unit),
    ]
    canvas.paint_cloth(rng, hood, light, unit_px=unit, blend_px=0.15 * unit)


def _neck(rng: np.random.Generator, canvas: Canvas, body: Body, light: Light, skin: np.ndarray) -> None:
    canvas.begin("torso")
    unit = body.unit_px
    (hx, hy), (nx, ny) = body["head"], body["neck"]
    neck = Capsule((hx, hy + 0.25 * unit), (nx, ny + 0.15 * unit), 0.2 * unit, 0.24 * unit)
    shoulders = Capsule(
        (nx - 0.25 * unit, ny + 0.25 * unit), (nx + 0.25 * unit, ny + 0.25 * unit), 0.22 * unit, 0.22 * unit
    )
    canvas.paint_skin(rng, [neck, shoulders], light, colour=skin * 0.92, unit_px=unit, blend_px=0.15 * unit)


def _torso(rng: np.random.Generator, canvas: Canvas, body: Body, light: Light, colour: Plane) -> Patch | None:
    unit, k = body.unit_px, body.unit_px * body.girth
    waist = point_between(body["chest"], body["pelvis"], 0.6)
    left, right = body["shoulder0"], body["shoulder1"]
    shapes: list[Shape] = [
        Capsule(left, right, 0.22 * unit, 0.22 * unit),
        *(
            Capsule(point_between(body["neck"], end, 0.15), end, 0.17 * unit, 0.21 * unit)
            for end in (left, right)
        ),
        Capsule(
            point_between(left, body["chest"], 0.45),
            point_between(right, body["chest"], 0.45),
            0.36 * unit,
            0.36 * unit,
        ),
        Capsule(body["chest"], waist, 0.62 * k, rng.uniform(0.46, 0.62) * k),
        Capsule(waist, body["pelvis"], 0.52 * k, rng.uniform(0.52, 0.66) * k),
    ]
    return canvas.paint_cloth(rng, shapes, light, unit_px=unit, blend_px=0.25 * unit, colour=colour)


def _collar(
    rng: np.random.Generator,
    canvas: Canvas,
    body: Body,
    light: Light,
    torso: Patch,
    top: Plane,
    skin: np.ndarray,
    details: Details,
    *,
    held_out: bool,
) -> None:
    """The neckline: open, a scarf, a fur collar, or a hood."""
    unit = body.unit_px
    x, y = body["neck"]
    kind = pick(rng, {"open": 0.5, "scarf": 0.14, "fur": 0.13, "collar": 0.23})
    if kind == "open" and body.faces_us:
        low = (x + 0.05 * unit, y + rng.uniform(0.25, 0.7) * unit)
        wide = rng.uniform(0.2, 0.38) * unit
        shape = [Polygon(((x - wide, y - 0.1 * unit), (x + wide, y - 0.1 * unit), low), 0.05 * unit)]
        canvas.paint_skin(rng, shape, light, colour=skin, unit_px=unit)
        return
    ring: list[Shape] = [
        Ellipse(
            (x, y + 0.14 * unit),
            rng.uniform(0.34, 0.5) * unit,
            rng.uniform(0.16, 0.3) * unit,
            rng.normal(0, 0.1),
        )
    ]
    if kind == "scarf":
        end = (x + rng.choice([-1, 1]) * 0.25 * unit, y + rng.uniform(0.8, 1.8) * unit)
        ring.append(Capsule((x, y + 0.2 * unit), end, 0.15 * unit, 0.17 * unit))
    own = top if kind == "collar" else None
    patch = canvas.paint_cloth(
        rng,
        ring,
        light,
        unit_px=unit,
        blend_px=0.06 * unit,
        held_out=held_out,
        colour=own,
        opacity=details.sheer or 1.0,
    )
    if patch is not None and kind in ("scarf", "fur"):
        where = np.zeros_like(canvas.alpha)
        where[patch.box] = patch.coverage()
        length = rng.uniform(0.15, 0.4) if kind == "fur" else rng.uniform(0.03, 0.1)
        canvas.fur(rng, length_px=max(2.0, length * unit), density=2.0, where=where)


def _hat(rng: np.random.Generator, canvas: Canvas, body: Body, light: Light, *, held_out: bool) -> None:
    canvas.begin("head")
    unit = body.unit_px
    x, y = body["head"]
    high, low = rng.uniform(0.3, 0.5), rng.uniform(0.14, 0.24)
    arc = [(0.42 * np.cos(a), -low - high * np.sin(a) ** 0.7) for a in np.linspace(0, np.pi, 13)]
    cos, sin = np.cos(body.head_angle), np.sin(body.head_angle)
    corners = tuple(
        (float(x + (u * cos - v * sin) * unit), float(y + (u * sin + v * cos) * unit)) for u, v in arc
    )
    dome: list[Shape] = [Polygon(corners, 0.03 * unit)]
    if rng.random() < 0.5:
        reach = rng.uniform(0.5, 0.85) * unit
        brim = y - low * unit
        tilt = body.head_angle + rng.normal(0, 0.08)
        dx, dy = reach * np.cos(tilt), reach * np.sin(tilt)
        dome.append(Capsule((x - dx, brim - dy), (x + dx, brim + dy), 0.05 * unit, 0.05 * unit))
    patch = canvas.paint_cloth(rng, dome, light, unit_px=unit, held_out=held_out)
    if patch is not None and rng.random() < 0.3:
        where = np.zeros_like(canvas.alpha)
        where[patch.box] = patch.coverage()
        canvas.fur(rng, length_px=max(2.0, rng.uniform(0.04, 0.15) * unit), density=1.8, where=where)


def _veil(rng: np.random.Generator, canvas: Canvas, body: Body, light: Light) -> None:
    """Thin cloth falling from the head: true translucency over figure and background."""
    canvas.begin("hair")
    unit = body.unit_px
    x, y = body["head"]
    reach, wide = rng.uniform(0.8, 2.2), rng.uniform(0.45, 0.8)
    outline = [
        (-0.3, -0.5),
        (0.0, -0.6),
        (0.3, -0.5),
        (0.5, 0.0),
        (wide, reach),
        (0.1, reach + 0.1),
        (-wide, reach),
        (-0.5, 0.0),
    ]
    points = tuple((x + float(px) * unit, y + float(py) * unit) for px, py in outline)
    folds = value_noise(rng, canvas.size_px, canvas.size_px, cell_px=max(3.0, 0.25 * unit))
    density = np.clip(rng.uniform(0.15, 0.5) + 0.12 * folds, 0.05, 0.85).astype(np.float32)
    shape: list[Shape] = [Polygon(points, 0.08 * unit)]
    canvas.paint_cloth(rng, shape, light, unit_px=unit, opacity=density)
