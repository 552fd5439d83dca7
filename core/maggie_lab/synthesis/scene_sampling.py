"""Random scenes: people, their placements, order and motion, and the background.

There are three kinds: a crop that looks at part of a figure and may show others beside it, a group on common
ground with a wanted occlusion, and an embrace of two. The held-out set is made by `crop_scene`, so that its
draws must never change; everything newer is drawn from `SceneSpec.extra_rng`, see `enrich`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from maggie_lab.random import pick

from .bank import Anchors, Figures
from .camera import add_defects, draw_camera
from .fields import Plane, gaussian_blur
from .guidance_degradation import Degradation, draw_degradation
from .layer import Layer, Placement
from .motion import Motion, draw_gestures, draw_motion, draw_sway, draw_wave
from .placing import aim, hide_cuts
from .puppet import REST, Puppet
from .scene import Actor, Hold, Scene

VIEWS = {"whole": 0.24, "edge": 0.2, "soft": 0.21, "core": 0.2, "rim": 0.15}
"""Shares of what a crop looks at. More than a third is deep inside a figure or nearly plain, as otherwise a
network learns to find holes in faces."""

PEOPLE = {1: 0.46, 2: 0.3, 3: 0.15, 4: 0.09, 5: 0.04, 6: 0.03, 7: 0.02, 8: 0.015, 9: 0.01, 10: 0.01}
IN_GROUPS = {1: 0.1, 2: 0.3, 3: 0.22, 4: 0.14, 5: 0.08, 6: 0.06, 7: 0.04, 8: 0.03, 9: 0.02, 10: 0.01}

BANDS = {(0.0, 0.0): 0.35, (0.05, 0.3): 0.35, (0.3, 0.5): 0.2, (0.5, 0.85): 0.1}
"""Shares of a person that the next one in front may hide."""


@dataclass(frozen=True)
class SceneSpec:
    """The settings that all figures of a scene share."""

    bank: Figures
    crop_px: int
    severity: str
    held_out: bool
    moves: bool
    puppet_share: float = 0.0
    """Share of figures that come in pieces, in [0, 1]."""
    extra_rng: np.random.Generator | None = None
    """Generator of the draws that the held-out set does not make; None for the held-out set."""

    @property
    def margin_px(self) -> float:
        """Pixels that the cut side of a figure keeps from the crop, so that motion does not show it."""
        return 0.12 * self.crop_px if self.moves else 4.0


Actors = list[tuple[Actor, Degradation]]
"""People with the degradations of their guidance, back to front."""


def crop_scene(
    rng: np.random.Generator, spec: SceneSpec, people: tuple[int, int]
) -> tuple[Scene, list[Degradation]]:
    """Draw a crop that looks at one figure, with others beside it.

    Args:
        people: least and most people with a matte.

    Returns:
        The scene, and the degradation of each instance's guidance.
    """
    crop_px = spec.crop_px
    count = pick(rng, _between(PEOPLE, people))
    view = pick(rng, VIEWS)
    background, background_placement = _draw_background(rng, spec.bank, crop_px)
    first = _draw_actor(rng, spec, view)
    actors = [first, *(_draw_actor(rng, spec, view, beside=first[0]) for _ in range(count - 1))]
    strangers = set()
    if rng.random() < 0.25:
        for _ in range(int(rng.integers(1, 3))):
            actors.append(_draw_actor(rng, spec, view, beside=first[0]))
            strangers.add(len(actors) - 1)
    # A stranger never stands in front of the one the crop is about.
    order = sorted((int(i) for i in rng.permutation(len(actors))), key=lambda i: i not in strangers)
    return _scene(
        rng,
        spec,
        [actors[i] for i in order],
        strangers=len(strangers),
        background=(background, background_placement),
        camouflaged=first[0],
    )


def _between(weights: dict[int, float], people: tuple[int, int]) -> dict[int, float]:
    return {n: weights.get(n, 0.005) for n in range(people[0], people[1] + 1)}


def _scene(
    rng: np.random.Generator,
    spec: SceneSpec,
    actors: Actors,
    *,
    strangers: int,
    background: tuple[Layer, Placement],
    camouflaged: Actor | None = None,
) -> tuple[Scene, list[Degradation]]:
    """The scene of `actors`, whose first are strangers, and the degradations of the others' guidance."""
    crop_px = spec.crop_px
    for index, (actor, _) in enumerate(actors[strangers:]):
        actor.instance = index
    if camouflaged is not None and rng.random() < 0.3 and spec.extra_rng is None:
        _tint_like(rng, camouflaged, _background_colours(background, crop_px))
    deep = rng.random()
    blur = float(np.exp(rng.uniform(np.log(0.6), np.log(9.0)))) if deep < 0.45 else 0.0
    scene = Scene(
        actors=[actor for actor, _ in actors],
        background=background[0],
        background_placement=background[1],
        background_motion=draw_motion(rng, crop_px, calm=0.7),
        background_blur_px=blur * crop_px / 256,
        linear=bool(rng.random() < 0.5),
        shadow=float(rng.uniform(0.1, 0.5)) if rng.random() < 0.25 else 0.0,
        camera=draw_camera(rng),
        crop_px=crop_px,
        instances=len(actors) - strangers,
    )
    return scene, [degradation for _, degradation in actors[strangers:]]


def _draw_background(rng: np.random.Generator, bank: Figures, crop_px: int) -> tuple[Layer, Placement]:
    image = bank.background(int(rng.integers(bank.backgrounds)))
    size = bank.size_px
    scale = crop_px / size * float(np.exp(rng.uniform(np.log(0.8), np.log(2.2))))
    pivot = rng.uniform(0.3, 0.7, 2) * size
    flip = int(rng.choice([-1, 1]))
    placement = Placement(
        (float(pivot[0]), float(pivot[1])), (crop_px / 2, crop_px / 2), scale, float(rng.normal(0, 0.1)), flip
    )
    return Layer(image, closed=False), placement


def _draw_actor(
    rng: np.random.Generator, spec: SceneSpec, view: str, *, beside: Actor | None = None
) -> tuple[Actor, Degradation]:
    """Draw a figure: the one the crop looks at, or one `beside` it at about its scale."""
    crop_px = spec.crop_px
    figure, anchors = _draw_figure(rng, spec)
    size = spec.bank.size_px
    if beside is not None:
        view = "edge"
    placement = aim(rng, anchors, image_px=size, crop_px=crop_px, view=view, margin_px=spec.margin_px)
    if beside is not None:
        near = rng.normal(0, 0.3, 2) * crop_px + crop_px / 2
        scale = beside.placement.scale * float(rng.uniform(0.75, 1.3))
        placement = Placement(
            placement.pivot, (float(near[0]), float(near[1])), scale, placement.angle, placement.flip
        )
        placement = hide_cuts(placement, anchors, image_px=size, crop_px=crop_px, margin_px=spec.margin_px)
    return _actor(rng, spec, figure, anchors, placement)


def _draw_figure(rng: np.random.Generator, spec: SceneSpec) -> tuple[Layer | Puppet, Anchors]:
    bank = spec.bank
    index = int(rng.integers(bank.figures))
    if spec.extra_rng is not None and spec.extra_rng.random() < spec.puppet_share:
        index %= bank.puppets
        return bank.puppet(index), bank.puppet_anchors(index)
    return Layer(bank.figure(index), closed=True), bank.anchors(index)


def _actor(
    rng: np.random.Generator, spec: SceneSpec, figure: Layer | Puppet, anchors: Anchors, placement: Placement
) -> tuple[Actor, Degradation]:
    crop_px = spec.crop_px
    left, top, right, bottom = anchors.box
    subject_px = float(np.sqrt((right - left) * (bottom - top)) * placement.scale)
    defocused = rng.random() < 0.25
    streaked = rng.random() < 0.1
    angle, reach = rng.uniform(0, np.pi), rng.uniform(2, 9) * crop_px / 256
    gain = np.exp(rng.normal(0, 0.12, 3) + rng.normal(0, 0.15))
    actor = Actor(
        figure=figure,
        placement=placement,
        motion=draw_motion(rng, crop_px, calm=0.25),
        sway=draw_sway(rng, crop_px, subject_px),
        tint=(gain.astype(np.float32), rng.normal(0, 0.02, 3).astype(np.float32)),
        blur_px=float(np.exp(rng.uniform(np.log(0.4), np.log(3.5)))) * crop_px / 256 if defocused else 0.0,
        streak=(float(reach * np.cos(angle)), float(reach * np.sin(angle))) if streaked else (0.0, 0.0),
        subject_px=subject_px,
    )
    return actor, draw_degradation(rng, spec.severity, subject_px=subject_px, held_out=spec.held_out)


# Groups and embraces


def group_scene(
    rng: np.random.Generator, spec: SceneSpec, people: tuple[int, int]
) -> tuple[Scene, list[Degradation]]:
    """Draw people on common ground: those far away are smaller, higher up and behind.

    Each person hides a part of another one, or is hidden by it, as a band of `BANDS` says. Arguments and
    result are those of `crop_scene`.
    """
    crop_px, size = spec.crop_px, spec.bank.size_px
    count = pick(rng, _between(IN_GROUPS, people))
    standing = bool(rng.random() < 0.6)
    horizon = crop_px * rng.uniform(0.2, 0.45)
    ground = crop_px * (rng.uniform(0.9, 1.1) if standing else rng.uniform(1.05, 1.4))
    height = (ground - horizon) * rng.uniform(0.95, 1.25)
    placed: list[tuple[float, tuple[Actor, Degradation], Plane]] = []
    for _ in range(count):
        figure, anchors = _draw_like(rng, spec, standing=standing)
        left, top, right, bottom = anchors.box
        depth = float(rng.uniform(1.0, 1.2 + 0.15 * count))
        scale = height * rng.uniform(0.85, 1.1) / depth / max(bottom - top, 0.3 * size)
        feet = horizon + (ground - horizon) / depth
        placement = Placement(
            ((left + right) / 2, bottom),
            (crop_px * float(rng.uniform(0.15, 0.85)), float(feet)),
            float(scale),
            float(rng.normal(0, 0.03)),
            int(rng.choice([-1, 1])),
        )
        if bottom >= size - 3:
            placement = hide_cuts(
                placement, anchors, image_px=size, crop_px=crop_px, margin_px=spec.margin_px
            )
        actor, degradation = _actor(rng, spec, figure, anchors, placement)
        if placed:
            other_depth, (other, _), seen = placed[int(rng.integers(len(placed)))]
            low, high = pick(rng, BANDS)
            wanted = float(rng.uniform(low, high))
            shift = _shift_to_hide(rng, actor, other, seen, wanted, in_front=depth < other_depth)
            actor.placement = actor.placement.moved(shift, 0.0)
        placed.append((depth, (actor, degradation), _silhouette(actor, crop_px)))
    placed.sort(key=lambda item: -item[0])
    background = _draw_background(rng, spec.bank, crop_px)
    return _scene(rng, spec, [item[1] for item in placed], strangers=0, background=background)


COARSE = 8
"""Silhouettes are compared on a grid this much coarser than the crop, twice as wide as it."""


def _silhouette(actor: Actor, crop_px: int) -> Plane:
    """(2h, 2w) coverage on the coarse grid, the crop in its middle."""
    side = crop_px // COARSE
    placement = actor.placement.shrunk(COARSE).moved(side / 2, side / 2)
    if isinstance(actor.figure, Puppet):
        return actor.figure.draw(placement, 2 * side, bend=REST, shade=lambda colour, _: colour)[3]
    return actor.figure.sample(placement, 2 * side)[3]


def _shift_to_hide(
    rng: np.random.Generator, actor: Actor, other: Actor, seen: Plane, wanted: float, *, in_front: bool
) -> float:
    """How far to move `actor` sideways so that the one in front hides `wanted` of the one behind."""
    crop_px = seen.shape[0] // 2 * COARSE
    own, side = _silhouette(actor, crop_px), crop_px // COARSE
    behind = seen if in_front else own
    best, shift = np.inf, 0.0
    for step in rng.permutation(np.arange(-side, side)):
        moved = np.zeros_like(own)
        source, target = (
            slice(max(0, -step), 2 * side - max(0, step)),
            slice(max(0, step), 2 * side + min(0, step)),
        )
        moved[:, target] = own[:, source]
        inside = moved[side // 2 : -side // 2, side // 2 : -side // 2].sum()
        if inside < 0.35 * own.sum() and wanted > 0 or inside < 0.15 * own.sum():
            continue
        hidden = float((moved * seen).sum() / max(behind.sum(), 1e-3))
        if abs(hidden - wanted) < best - 0.01:
            best, shift = abs(hidden - wanted), float(step * COARSE)
    return shift


def _draw_like(
    rng: np.random.Generator, spec: SceneSpec, *, standing: bool
) -> tuple[Layer | Puppet, Anchors]:
    """A figure whose feet are on its canvas, or one that the canvas cuts; the last of six tries anyhow."""
    figure, anchors = _draw_figure(rng, spec)
    for _ in range(5):
        if (anchors.box[3] < spec.bank.size_px - 3) == standing:
            break
        figure, anchors = _draw_figure(rng, spec)
    return figure, anchors


def embrace_scene(rng: np.random.Generator, spec: SceneSpec) -> tuple[Scene, list[Degradation]]:
    """Draw two people who touch: an arm over a shoulder, arms around the other, or hair over a face.

    The result is that of `crop_scene`. The bank needs puppets.
    """
    bank, crop_px, size = spec.bank, spec.crop_px, spec.bank.size_px
    kind = pick(rng, {"shoulder": 0.45, "hug": 0.3, "hair": 0.25})
    index = int(rng.integers(bank.puppets))
    figure, anchors = bank.puppet(index), bank.puppet_anchors(index)
    view = pick(rng, {"whole": 0.5, "edge": 0.35, "soft": 0.15})
    placement = aim(rng, anchors, image_px=size, crop_px=crop_px, view=view, margin_px=spec.margin_px)
    held, held_degradation = _actor(rng, spec, figure, anchors, replace(placement, angle=0.0))
    other, other_anchors, beside = _partner(rng, spec, held, figure, kind)
    holder, degradation = _actor(rng, spec, other, other_anchors, beside)
    holder.motion = held.motion
    holder.streak = held.streak = (0.0, 0.0)
    actors: Actors = [(holder, degradation), (held, held_degradation)]
    if kind == "hair":
        actors = actors[::-1]
        return _scene(rng, spec, actors, strangers=0, background=_draw_background(rng, bank, crop_px))
    neck = held.placement.into_crop(*figure.joints["neck"])[0]
    shoulders = [holder.placement.into_crop(*other.joints[f"shoulder{side}"])[0] for side in (0, 1)]
    sides = sorted((0, 1), key=lambda side: abs(shoulders[side] - neck))
    reaching = sides[:1] if kind == "shoulder" else sides
    if kind == "shoulder":
        targets = [(f"shoulder{rng.integers(2)}", (0.0, float(rng.uniform(-0.1, 0.3))))]
    else:
        targets = [
            ("chest", (float(rng.uniform(-0.3, 0.3)), float(rng.uniform(-0.4, 0.4)))) for _ in reaching
        ]
    holder.holds = tuple(
        Hold(side, held, joint, offset) for side, (joint, offset) in zip(reaching, targets, strict=True)
    )
    scene, degradations = _scene(
        rng, spec, actors, strangers=0, background=_draw_background(rng, bank, crop_px)
    )
    arms = frozenset(f"{part}{side}" for side in reaching for part in ("arm", "held"))
    limbs = frozenset(piece.limb for piece in other.pieces)
    lifted = replace(holder, limbs=arms, body=holder)
    holder.limbs = limbs - arms
    scene.actors.append(lifted)
    return scene, degradations


def _partner(
    rng: np.random.Generator, spec: SceneSpec, held: Actor, figure: Puppet, kind: str
) -> tuple[Puppet, Anchors, Placement]:
    """A person of the same size beside `held`: of eight, the one whose cut sides are farthest out of view."""
    bank, crop_px = spec.bank, spec.crop_px
    way = float(rng.choice([-1, 1]))
    apart = {"shoulder": rng.uniform(1.3, 1.9), "hug": rng.uniform(0.3, 1.1), "hair": rng.uniform(0.4, 0.9)}
    joint = "head" if kind == "hair" else "neck"
    found = []
    for _ in range(8):
        index = int(rng.integers(bank.puppets))
        other, anchors = bank.puppet(index), bank.puppet_anchors(index)
        scale = held.placement.scale * figure.unit_px / other.unit_px * float(rng.uniform(0.9, 1.1))
        x, y = held.placement.into_crop(*figure.joints[joint])
        unit = held.placement.scale * figure.unit_px
        at = (x + way * apart[kind] * unit, y + float(rng.normal(-0.1, 0.2)) * unit)
        placement = Placement(other.joints[joint], at, scale, 0.0, int(rng.choice([-1, 1])))
        hidden = hide_cuts(
            placement, anchors, image_px=bank.size_px, crop_px=crop_px, margin_px=spec.margin_px
        )
        moved = np.hypot(hidden.centre[0] - at[0], hidden.centre[1] - at[1]) / unit
        found.append((moved + abs(np.log(hidden.scale / scale)) + 2 * (scale > 3), other, anchors, hidden))
        if found[-1][0] < 0.05:
            break
    _, other, anchors, placement = min(found, key=lambda item: item[0])
    return other, anchors, placement


# Additions that the held-out set does not have


def enrich(rng: np.random.Generator, scene: Scene, spec: SceneSpec) -> Scene:
    """Add gestures, crossings and turns, exact motion blur, lens blur, camouflage, crowds, light on the
    ground, a shaking camera and the rest of its guidance_degradation.
    """
    crop_px = scene.crop_px
    shutter = float(rng.uniform(0.3, 1.0))
    people = [actor for actor in scene.actors if actor.body is None]
    fastest = people[int(rng.integers(len(people)))]
    for actor in people:
        if actor is not fastest:
            actor.streak = (0.0, 0.0)
        _animate(rng, actor, spec, shutter)
    blurred = fastest.streak != (0.0, 0.0) or rng.random() < 0.05
    fastest.streak = (0.0, 0.0)
    background = (scene.background, scene.background_placement)
    if rng.random() < 0.15:
        scene.background = Layer(_with_crowd(rng, spec.bank, scene.background.codes), closed=False)
    _camouflage(rng, people, background, crop_px)
    scene.actors = [
        actor if actor.body is None else replace(actor.body, limbs=actor.limbs, body=actor.body)
        for actor in scene.actors
    ]
    return replace(
        scene,
        background_disc=bool(rng.random() < 0.5),
        linear=bool(rng.random() < 0.6),
        grounded=True,
        shadow=float(rng.uniform(0.1, 0.6)) if rng.random() < 0.4 else 0.0,
        bounce=float(rng.uniform(0.05, 0.3)) if rng.random() < 0.3 else 0.0,
        shake=_draw_shake(rng, crop_px) if rng.random() < 0.35 else None,
        shutter=shutter,
        moments=int(rng.integers(5, 10)) if blurred else 1,
        camera=add_defects(rng, scene.camera),
        noise_seed=int(rng.integers(2**31)),
    )


def _animate(rng: np.random.Generator, actor: Actor, spec: SceneSpec, shutter: float) -> None:
    crop_px = spec.crop_px
    if isinstance(actor.figure, Puppet):
        actor.gestures = draw_gestures(rng, loose=actor.figure.looseness)
    if rng.random() < 0.15:
        actor.turning = draw_wave(rng, 0.25)
    drift = actor.motion.drift
    if actor.streak != (0.0, 0.0):
        # A figure that is blurred by its speed keeps that speed before and after.
        drift = (actor.streak[0] / shutter, actor.streak[1] / shutter)
    elif spec.moves and rng.random() < 0.2:
        speed = float(rng.choice([-1, 1]) * rng.uniform(3, 12)) * crop_px / 256
        drift = (speed, 0.1 * speed * float(rng.normal()))
    actor.motion = replace(actor.motion, drift=(drift[0], 0.3 * drift[1]))  # people walk, they do not rise
    actor.disc = bool(rng.random() < 0.5)
    actor.held_counts = bool(rng.random() < 0.7)


def _draw_shake(rng: np.random.Generator, crop_px: int) -> Motion:
    motion = draw_motion(rng, crop_px, calm=0.5)
    return replace(motion, swing=(motion.swing[0], motion.swing[1], 0.0, 0.0))


def _camouflage(
    rng: np.random.Generator, people: list[Actor], background: tuple[Layer, Placement], crop_px: int
) -> None:
    """Give a tenth of the people the background's colours, a tenth its texture, a tenth a neighbour's."""
    for index, actor in enumerate(people):
        drawn = rng.random()
        if drawn < 0.1:
            _tint_like(rng, actor, _background_colours(background, crop_px))
        elif drawn < 0.2:
            actor.figure = _with_background_texture(rng, actor, background, crop_px)
        elif drawn < 0.3 and len(people) > 1:
            other = people[(index + 1) % len(people)]
            _tint_like(rng, actor, _figure_colours(other) * other.tint[0] + other.tint[1], least=0.7)


def _background_colours(background: tuple[Layer, Placement], crop_px: int) -> Plane:
    """Colours of the background in the crop, (K, 3)."""
    step, (layer, placement) = 8, background
    small = Placement(
        placement.pivot,
        (placement.centre[0] / step, placement.centre[1] / step),
        placement.scale / step,
        0.0,
        placement.flip,
    )
    return layer.sample(small, crop_px // step).reshape(3, -1).T


def _figure_colours(actor: Actor) -> Plane:
    """Colours of a figure before it is tinted, (K, 3)."""
    figure = actor.figure
    codes = [piece.codes for piece in figure.pieces] if isinstance(figure, Puppet) else [figure.codes]
    own = np.concatenate([c[::8, ::8, :4].reshape(-1, 4) for c in codes]).astype(np.float32) / 255
    return own[own[:, 3] > 0.5, :3]


def _tint_like(rng: np.random.Generator, actor: Actor, wanted: Plane, *, least: float = 0.4) -> None:
    """Pull a figure's colours towards those of `wanted` (K, 3)."""
    own = _figure_colours(actor)
    if len(own) < 4 or len(wanted) < 4:
        return
    share = rng.uniform(least, 1.0)
    gain = 1 + share * (np.clip(wanted.std(0) / (own.std(0) + 0.03), 0.5, 1.6) - 1)
    offset = share * (wanted.mean(0) - own.mean(0) * gain) + (1 - share) * own.mean(0) * (1 - gain)
    actor.tint = (gain.astype(np.float32), offset.astype(np.float32))


def _with_background_texture(
    rng: np.random.Generator, actor: Actor, background: tuple[Layer, Placement], crop_px: int
) -> Layer | Puppet:
    """The figure with the background near it as its texture, shaded as it was."""
    shift = rng.normal(0, 0.08, 2) * crop_px
    placement = actor.placement.moved(float(shift[0]), float(shift[1]))
    share = np.float32(rng.uniform(0.5, 1.0))

    def textured(codes: np.ndarray, left: int, top: int) -> np.ndarray:
        height, width = codes.shape[:2]
        u = np.arange(width, dtype=np.float32)[None] + np.float32(left)
        v = np.arange(height, dtype=np.float32)[:, None] + np.float32(top)
        texture = background[0].fetch(
            *background[1].into_image(*placement.into_crop(u, v)), background[1].scale / placement.scale
        )
        colour = codes[..., :3].astype(np.float32) / 255
        light = colour.mean(-1, keepdims=True)
        shaded = texture.transpose(1, 2, 0) * np.clip(light / max(float(light.mean()), 0.05), 0.5, 1.5)
        mixed = np.clip(colour + share * (shaded - colour), 0, 1)
        return np.concatenate([(mixed * 255 + 0.5).astype(np.uint8), codes[..., 3:]], -1)

    figure = actor.figure
    if isinstance(figure, Layer):
        return Layer(textured(figure.codes, 0, 0), closed=True)
    pieces = tuple(
        replace(piece, codes=textured(piece.codes, piece.left, piece.top)) for piece in figure.pieces
    )
    return replace(figure, pieces=pieces)


def _with_crowd(rng: np.random.Generator, bank: Figures, codes: np.ndarray) -> np.ndarray:
    """(S, S, 3) codes of a background with a blurred crowd of people in it, who have no mattes."""
    size = codes.shape[0]
    frame = codes.transpose(2, 0, 1).astype(np.float32) / 255
    blur = float(rng.uniform(0.8, 4.0)) * size / 384
    for depth in np.sort(rng.uniform(0.15, 0.6, int(rng.integers(3, 9)))):
        figure = Layer(bank.figure(int(rng.integers(bank.figures))), closed=True)
        centre = (float(rng.uniform(0, size)), float(size * rng.uniform(0.5, 0.75)))
        placement = Placement((size / 2, size / 2), centre, float(depth), 0.0, int(rng.choice([-1, 1])))
        planes = gaussian_blur(_premultiplied(figure.sample(placement, size)), blur)
        frame = frame * (1 - planes[3]) + planes[:3]
    return (np.clip(frame, 0, 1).transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)


def _premultiplied(planes: Plane) -> Plane:
    planes[:3] *= planes[3]
    return planes
