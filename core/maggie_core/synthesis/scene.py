"""Scenes: figures, background, light and camera put together, with exact mattes and imperfect guidance.

`compose` makes one frame, `compose_clip` several. Everything random is drawn once per scene; what moves is a
smooth function of time, so a clip of one frame and a still are the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bank import Figures
from .camera import Camera, draw_camera, to_encoded, to_linear
from .faults import Fault, draw_fault
from .fields import Plane, convolve_separable, gaussian_blur
from .motion import Motion, Sway, draw_motion, draw_sway
from .placing import Layer, Place, aim, hide_cuts
from .seeds import pick

Sample = dict[str, Plane]
"""`image` (3, H, W) sRGB-encoded [0, 1], `alphas` (N, H, W) visible mattes, `guidance` (N, H, W) binary;
float32. Clips have a leading T axis."""

MIN_VISIBLE = 0.002
"""Share of the crop an instance must fill to be one; less is not worth a plane."""

VIEWS = {"whole": 0.24, "edge": 0.2, "soft": 0.21, "core": 0.2, "rim": 0.15}
"""What a crop looks at. More than a third is deep inside or nearly plain: without those a network learns to
find holes in faces."""


@dataclass
class Actor:
    """One figure of the scene with everything that was drawn for it."""

    layer: Layer
    place: Place
    motion: Motion
    sway: Sway
    tint: tuple[Plane, Plane]
    """Gain and offset on its encoded colour, each (3,)."""
    blur_px: float
    streak: tuple[float, float]
    """Motion blur as a vector in crop pixels."""
    has_matte: bool
    subject_px: float
    fault: Fault


@dataclass
class Scene:
    actors: list[Actor]
    """Back to front."""
    background: Layer
    background_place: Place
    background_motion: Motion
    background_blur_px: float
    linear: bool
    shadow: float
    camera: Camera
    crop_px: int


def compose(
    rng: np.random.Generator,
    bank: Figures,
    *,
    crop_px: int = 256,
    instances: tuple[int, int] = (1, 4),
    severity: str = "mixed",
    held_out: bool = False,
) -> Sample:
    """Compose one frame.

    Args:
        crop_px: side of the square crop; a multiple of 16.
        instances: least and most people with a matte. Hidden ones are dropped, so fewer may remain, never
        none. severity: of the guidance faults, see `faults.degrade`.

    Returns:
        `image` (3, H, W), `alphas` (N, H, W) with a sum of at most 1, `guidance` (N, H, W).
    """
    clip = compose_clip(
        rng, bank, frames=1, crop_px=crop_px, instances=instances, severity=severity, held_out=held_out
    )
    return {name: planes[0] for name, planes in clip.items()}


def compose_clip(
    rng: np.random.Generator,
    bank: Figures,
    *,
    frames: int | tuple[int, int] = (3, 8),
    crop_px: int = 256,
    instances: tuple[int, int] = (1, 4),
    severity: str = "mixed",
    held_out: bool = False,
) -> Sample:
    """Compose a clip of smoothly moving people; `frames` is a number or the least and most to draw from.

    Returns:
        `image` (T, 3, H, W), `alphas` (T, N, H, W), `guidance` (T, N, H, W).
    """
    count = frames if isinstance(frames, int) else int(rng.integers(frames[0], frames[1] + 1))
    brief = _Brief(bank, crop_px, severity, held_out, moves=count > 1)
    for _ in range(20):
        scene = _draw_scene(rng, brief, instances)
        shots = [_render(scene, float(time), rng) for time in range(count)]
        alphas = np.stack([alphas for _, alphas in shots])
        kept = alphas.mean((2, 3)).max(0) > MIN_VISIBLE
        kept &= (alphas > 0.5).mean((2, 3)).max(0) > MIN_VISIBLE / 2
        if kept.any():
            break
    else:  # twenty scenes with nobody in them: the bank is broken, and that must be seen
        raise RuntimeError("no scene with a visible figure could be drawn from this bank")
    images = np.stack([scene.camera.shoot(frame, rng) for frame, _ in shots])
    alphas = np.ascontiguousarray(alphas[:, kept])
    faults = [actor.fault for actor in scene.actors if actor.has_matte]
    faults = [fault for fault, keep in zip(faults, kept, strict=True) if keep]
    guidance = _guide(rng, alphas, faults, held_out=held_out)
    order = rng.permutation(alphas.shape[1])
    return {
        "image": images,
        "alphas": np.ascontiguousarray(alphas[:, order]),
        "guidance": np.ascontiguousarray(guidance[:, order]),
    }


def _guide(rng: np.random.Generator, alphas: Plane, faults: list[Fault], *, held_out: bool) -> Plane:
    """Masks with a steady fault that wanders; some frames of a clip flicker to another, or lag behind."""
    masks = np.zeros_like(alphas)
    for index, fault in enumerate(faults):
        other = draw_fault(rng, "typical", subject_px=fault.subject_px, held_out=held_out)
        for time in range(len(alphas)):
            flickers = len(alphas) > 1 and rng.random() < 0.15
            lag = 1 if flickers and time > 0 and rng.random() < 0.4 else 0
            chosen = other if flickers and not lag else fault
            masks[time, index] = chosen.apply(alphas[time - lag, index], rng, time=float(time))
    return masks


@dataclass(frozen=True)
class _Brief:
    """What all figures of a scene have in common."""

    bank: Figures
    crop_px: int
    severity: str
    held_out: bool
    moves: bool

    @property
    def margin_px(self) -> float:
        """How far outside the crop the cut side of a figure stays: far enough not to be carried into view."""
        return 0.12 * self.crop_px if self.moves else 4.0


def _draw_scene(rng: np.random.Generator, brief: _Brief, instances: tuple[int, int]) -> Scene:
    crop_px = brief.crop_px
    weights = {
        n: {1: 0.46, 2: 0.3, 3: 0.15, 4: 0.09}.get(n, 0.05) for n in range(instances[0], instances[1] + 1)
    }
    count = pick(rng, weights)
    view = pick(rng, VIEWS)
    background, background_place = _draw_background(rng, brief.bank, crop_px)
    first = _draw_actor(rng, brief, view)
    others = [_draw_actor(rng, brief, view, beside=first) for _ in range(count - 1)]
    people = [first, *others]
    if rng.random() < 0.25:
        for _ in range(int(rng.integers(1, 3))):
            stranger = _draw_actor(rng, brief, view, beside=first)
            stranger.has_matte = False
            people.append(stranger)
    order = rng.permutation(len(people))
    actors = [people[i] for i in order]
    # A stranger never stands in front of the one the crop is about.
    actors.sort(key=lambda actor: actor.has_matte)
    if rng.random() < 0.3:
        camouflage(rng, first, background, background_place, crop_px)
    deep = rng.random()
    blur = float(np.exp(rng.uniform(np.log(0.6), np.log(9.0)))) if deep < 0.45 else 0.0
    return Scene(
        actors=actors,
        background=background,
        background_place=background_place,
        background_motion=draw_motion(rng, crop_px, calm=0.7),
        background_blur_px=blur * crop_px / 256,
        linear=bool(rng.random() < 0.5),
        shadow=float(rng.uniform(0.1, 0.5)) if rng.random() < 0.25 else 0.0,
        camera=draw_camera(rng),
        crop_px=crop_px,
    )


def _draw_background(rng: np.random.Generator, bank: Figures, crop_px: int) -> tuple[Layer, Place]:
    picture = bank.background(int(rng.integers(bank.backgrounds)))
    size = bank.size_px
    scale = crop_px / size * float(np.exp(rng.uniform(np.log(0.8), np.log(2.2))))
    pivot = rng.uniform(0.3, 0.7, 2) * size
    flip = int(rng.choice([-1, 1]))
    place = Place(
        (float(pivot[0]), float(pivot[1])), (crop_px / 2, crop_px / 2), scale, float(rng.normal(0, 0.1)), flip
    )
    return Layer(picture, closed=False), place


def _draw_actor(rng: np.random.Generator, brief: _Brief, view: str, *, beside: Actor | None = None) -> Actor:
    """Draw a figure: the one the crop looks at, or one `beside` it at about its scale."""
    bank, crop_px = brief.bank, brief.crop_px
    index = int(rng.integers(bank.figures))
    codes, anchors = bank.figure(index), bank.anchors(index)
    if beside is not None:
        view = "edge"
    place = aim(rng, anchors, picture_px=bank.size_px, crop_px=crop_px, view=view, margin_px=brief.margin_px)
    if beside is not None:
        near = rng.normal(0, 0.3, 2) * crop_px + crop_px / 2
        scale = beside.place.scale * float(rng.uniform(0.75, 1.3))
        place = Place(place.pivot, (float(near[0]), float(near[1])), scale, place.angle, place.flip)
        place = hide_cuts(place, anchors, picture_px=bank.size_px, crop_px=crop_px, margin_px=brief.margin_px)
    left, top, right, bottom = anchors.box
    subject_px = float(np.sqrt((right - left) * (bottom - top)) * place.scale)
    defocused = rng.random() < 0.25
    streaked = rng.random() < 0.1
    angle, reach = rng.uniform(0, np.pi), rng.uniform(2, 9) * crop_px / 256
    gain = np.exp(rng.normal(0, 0.12, 3) + rng.normal(0, 0.15))
    return Actor(
        layer=Layer(codes, closed=True),
        place=place,
        motion=draw_motion(rng, crop_px, calm=0.25),
        sway=draw_sway(rng, crop_px, subject_px),
        tint=(gain.astype(np.float32), rng.normal(0, 0.02, 3).astype(np.float32)),
        blur_px=float(np.exp(rng.uniform(np.log(0.4), np.log(3.5)))) * crop_px / 256 if defocused else 0.0,
        streak=(float(reach * np.cos(angle)), float(reach * np.sin(angle))) if streaked else (0.0, 0.0),
        has_matte=True,
        subject_px=subject_px,
        fault=draw_fault(rng, brief.severity, subject_px=subject_px, held_out=brief.held_out),
    )


def camouflage(rng: np.random.Generator, actor: Actor, background: Layer, place: Place, crop_px: int) -> None:
    """Pull a figure's colours towards those of the background behind it."""
    step = 8
    small = Place(
        place.pivot, (place.centre[0] / step, place.centre[1] / step), place.scale / step, 0.0, place.flip
    )
    behind = background.sample(small, crop_px // step).reshape(3, -1).T
    own = actor.layer.codes[::step, ::step].reshape(-1, 4).astype(np.float32) / 255
    own = own[own[:, 3] > 0.5, :3]
    if len(own) < 4:
        return
    share = rng.uniform(0.4, 1.0)
    gain = 1 + share * (np.clip(behind.std(0) / (own.std(0) + 0.03), 0.5, 1.6) - 1)
    offset = share * (behind.mean(0) - own.mean(0) * gain) + (1 - share) * own.mean(0) * (1 - gain)
    actor.tint = (gain.astype(np.float32), offset.astype(np.float32))


def _render(scene: Scene, time: float, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """The frame before the camera (3, H, W) and the visible mattes (N, H, W) at `time`."""
    size = scene.crop_px
    place = scene.background_motion.at(scene.background_place, time)
    frame = scene.background.sample(place, size)
    if scene.background_blur_px > 0:
        frame = gaussian_blur(frame, scene.background_blur_px)
    frame = np.clip(frame, 0, 1)
    if scene.linear:
        frame = to_linear(frame)
    mattes: list[Plane] = []
    for actor in scene.actors:
        colour, alpha = _draw(actor, scene, time)
        if scene.shadow > 0:
            cast = gaussian_blur(np.roll(alpha, (4, 3), (0, 1)), 0.03 * size)
            frame = frame * (1 - np.float32(scene.shadow) * cast * (1 - alpha))
        keep = 1 - alpha
        frame = frame * keep + colour
        mattes = [matte * keep for matte in mattes]
        if actor.has_matte:
            mattes.append(alpha)
    frame = to_encoded(frame) if scene.linear else np.clip(frame, 0, 1)
    return frame, np.stack(mattes)


def _draw(actor: Actor, scene: Scene, time: float) -> tuple[Plane, Plane]:
    """Premultiplied colour and alpha of one figure, softened by lens and motion before anything is
    composited.
    """
    warp = actor.sway.at(time)
    planes = actor.layer.sample(actor.motion.at(actor.place, time), scene.crop_px, warp=warp)
    gain, offset = (values[:, None, None] for values in actor.tint)
    colour = np.clip(planes[:3] * gain + offset, 0, 1)
    if scene.linear:
        colour = to_linear(colour)
    planes[:3] = colour * planes[3]
    if actor.blur_px > 0:
        planes = gaussian_blur(planes, actor.blur_px)
    if actor.streak != (0.0, 0.0):
        planes = _streak(planes, actor.streak)
    return planes[:3], np.clip(planes[3], 0, 1)


def _streak(planes: Plane, vector: tuple[float, float]) -> Plane:
    """Average along a line: motion blur over one exposure."""
    steps = int(min(9, max(3, np.ceil(np.hypot(*vector)))))
    total = np.zeros_like(planes)
    height, width = planes.shape[-2:]
    for part in np.linspace(-0.5, 0.5, steps):
        dx, dy = round(part * vector[0]), round(part * vector[1])
        rows = np.clip(np.arange(height) - dy, 0, height - 1)
        columns = np.clip(np.arange(width) - dx, 0, width - 1)
        total += planes[:, rows[:, None], columns[None]]
    return convolve_separable(total / np.float32(steps), np.array([0.2, 0.6, 0.2]))
