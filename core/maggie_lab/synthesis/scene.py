"""Scenes: figures, background, light and camera as functions of continuous time, with exact mattes.

Everything random is drawn before the first frame. A frame depends on its time alone, so that a clip can be
shown at any rate and in either direction, and motion blur is the mean of the times while the shutter is open.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from maggie_lab.srgb import to_encoded, to_linear

from .camera import Camera
from .fields import Plane, convolve_separable, disc_blur, gaussian_blur
from .layer import Box, Layer, Placement
from .motion import Gestures, Motion, Sway, Wave
from .puppet import REST, Bend, Puppet


@dataclass(frozen=True)
class Hold:
    """A hand that stays on another person.

    Arm `side` (0 or 1) reaches for `joint` of the puppet `other`, or for a point `offset` (x, y) head heights
    away from it.
    """

    side: int
    other: Actor
    joint: str
    offset: tuple[float, float] = (0.0, 0.0)


@dataclass(eq=False)
class Actor:
    """One figure of the scene, or some of its limbs, with everything that was drawn for it."""

    figure: Layer | Puppet
    placement: Placement
    motion: Motion
    sway: Sway
    tint: tuple[Plane, Plane]
    """Gain and offset on its encoded colour, each (3,)."""
    blur_px: float
    streak: tuple[float, float]
    """Motion blur of the held-out set, as a vector in crop pixels."""
    subject_px: float
    instance: int | None = None
    """Number of the instance whose matte it adds to; None for strangers, who have no matte."""
    disc: bool = False
    """Whether it is defocused by a disc, as a lens does, or by a Gaussian."""
    gestures: Gestures | None = None
    turning: Wave | None = None
    holds: tuple[Hold, ...] = ()
    limbs: frozenset[str] | None = None
    """The limbs to draw; None for all. An arm around a neighbour is drawn after the neighbour."""
    body: Actor | None = None
    """The rest of the person, where these are lifted arms."""
    held_counts: bool = True
    """Whether what it holds is in its matte; otherwise it is background."""

    def placement_at(self, time: float, shake: Motion | None) -> Placement:
        placement = self.motion.at(self.placement, time)
        if shake is not None:
            placement = shake.at(placement, time)
        if self.turning is not None:
            placement = replace(placement, narrow=float(np.clip(1 - abs(self.turning.at(time)), 0.35, 1)))
        return placement

    def bend_at(self, time: float, shake: Motion | None) -> Bend:
        """The pose of a puppet, with its hands where they hold on."""
        bend = REST if self.gestures is None else self.gestures.at(time)
        for hold in self.holds:
            assert isinstance(self.figure, Puppet) and isinstance(hold.other.figure, Puppet)
            joint, unit = hold.other.figure.joints[hold.joint], hold.other.figure.unit_px
            target = (joint[0] + hold.offset[0] * unit, joint[1] + hold.offset[1] * unit)
            x, y = hold.other.placement_at(time, shake).into_crop(*target)
            u, v = self.placement_at(time, shake).into_image(np.array(x, np.float32), np.array(y, np.float32))
            turn = self.figure.reaching(hold.side, (float(u), float(v)))
            arms = (turn, bend.arms[1]) if hold.side == 0 else (bend.arms[0], turn)
            bend = replace(bend, arms=arms)
        return bend


@dataclass
class Exposure:
    """The image of one exposure, before the defects of the camera.

    Attributes:
        light: (3, H, W) in linear light or sRGB-encoded, as the scene says.
        mattes: (N, H, W) visible coverage of each instance; their sum is at most 1.
        bodies: (N, H, W) the same without what is held.
        paint: (N, 3, H, W) what each instance adds to `light`; empty unless the scene `keeps_paint`.
    """

    light: Plane
    mattes: Plane
    bodies: Plane
    paint: Plane


@dataclass
class Scene:
    actors: list[Actor]
    """Back to front."""
    background: Layer
    background_placement: Placement
    background_motion: Motion
    background_blur_px: float
    linear: bool
    shadow: float
    camera: Camera
    crop_px: int
    instances: int = 0
    background_disc: bool = False
    grounded: bool = False
    """Whether shadows and bounced colour fall on the background alone, and not on people behind."""
    bounce: float = 0.0
    shake: Motion | None = None
    """Movement of the camera, which carries everything along."""
    shutter: float = 0.0
    """How long the shutter is open, in frames."""
    moments: int = 1
    """Instants that an exposure is the mean of."""
    noise_seed: int = 0
    keeps_paint: bool = False
    _exposures: dict[float, Exposure] = field(default_factory=dict)

    def expose(self, time: float) -> Exposure:
        """The mean of the times while the shutter is open around `time`, in frames.

        Exposures are kept, as guidance looks at neighbouring times.
        """
        if time not in self._exposures:
            self._exposures[time] = self._exposed(time)
        return self._exposures[time]

    def _exposed(self, time: float) -> Exposure:
        if self.moments == 1:
            return self._instant(time)
        offsets = self.shutter * (np.arange(self.moments) / (self.moments - 1) - 0.5)
        total = self._instant(time + float(offsets[0]))
        planes = (total.light, total.mattes, total.bodies, total.paint)
        for offset in offsets[1:]:
            more = self._instant(time + float(offset))
            for plane, other in zip(planes, (more.light, more.mattes, more.bodies, more.paint), strict=True):
                plane += other
        for plane in planes:
            plane *= np.float32(1 / self.moments)
        return total

    def _instant(self, time: float) -> Exposure:
        size = self.crop_px
        drawn = [self._draw(actor, time) for actor in self.actors]
        boxes = [_visible(planes[3]) for planes in drawn]
        frame = self._background(time)
        if self.grounded:
            frame = self._lit_by(drawn, boxes, frame)
        mattes = np.zeros((self.instances, size, size), np.float32)
        bodies = np.zeros_like(mattes)
        paint = np.zeros((self.instances if self.keeps_paint else 0, 3, size, size), np.float32)
        for actor, whole, box in zip(self.actors, drawn, boxes, strict=True):
            if self.shadow > 0 and not self.grounded:
                alpha = np.clip(whole[3], 0, 1)
                cast = gaussian_blur(np.roll(alpha, (4, 3), (0, 1)), 0.03 * size)
                frame = frame * (1 - np.float32(self.shadow) * cast * (1 - alpha))
            planes = whole[:, *box]
            colour, alpha = planes[:3], np.clip(planes[3], 0, 1)
            for below in (frame, mattes, bodies, paint):
                below[..., *box] *= 1 - alpha
            frame[:, *box] += colour
            if actor.instance is None:
                continue
            body = alpha - np.clip(planes[4], 0, alpha)
            own = alpha if actor.held_counts else body
            mattes[actor.instance, *box] += own
            bodies[actor.instance, *box] += body
            if self.keeps_paint:
                paint[actor.instance, :, *box] += colour * (own / np.maximum(alpha, np.float32(1e-6)))
        return Exposure(np.clip(frame, 0, 1), mattes, bodies, paint)

    def _background(self, time: float) -> Plane:
        placement = self.background_motion.at(self.background_placement, time)
        if self.shake is not None:
            placement = self.shake.at(placement, time)
        frame = self.background.sample(placement, self.crop_px)
        if self.background_blur_px > 0:
            blur = disc_blur if self.background_disc else gaussian_blur
            frame = blur(frame, self.background_blur_px)
        frame = np.clip(frame, 0, 1)
        return to_linear(frame) if self.linear else frame

    def _lit_by(self, drawn: list[Plane], boxes: list[Box], frame: Plane) -> Plane:
        """Contact shadows below people, and their colour thrown onto what is behind them."""
        if not self.shadow and not self.bounce:
            return frame
        size = self.crop_px
        crowd = np.zeros((4, size, size), np.float32)
        for planes, box in zip(drawn, boxes, strict=True):
            crowd[:, *box] = np.maximum(crowd[:, *box], planes[:4, *box])
        if self.shadow:
            down = np.concatenate([np.zeros((size // 40, size), np.float32), crowd[3, : size - size // 40]])
            frame = frame * (1 - np.float32(self.shadow) * np.clip(gaussian_blur(down, 0.025 * size), 0, 1))
        if self.bounce:
            frame = frame * (1 + np.float32(self.bounce) * gaussian_blur(crowd[:3], 0.08 * size))
        return np.clip(frame, 0, 1)

    def _draw(self, actor: Actor, time: float) -> Plane:
        """(5, H, W): premultiplied colour, alpha and what is held, softened by the lens before anything is
        composited.
        """
        gain, offset = (values[:, None, None] for values in actor.tint)

        def shade(colour: Plane, _: Box) -> Plane:
            colour = np.clip(colour * gain + offset, 0, 1)
            return to_linear(colour) if self.linear else colour

        warp, placement, size = actor.sway.at(time), actor.placement_at(time, self.shake), self.crop_px
        if isinstance(actor.figure, Puppet):
            bend = actor.bend_at(time, self.shake)
            planes = actor.figure.draw(placement, size, bend=bend, shade=shade, warp=warp, limbs=actor.limbs)
        else:
            planes = np.zeros((5, size, size), np.float32)
            box = actor.figure.box(placement, size, warp=warp)
            if box is not None:
                seen = actor.figure.sample(placement, size, warp=warp, box=box)
                planes[:3, *box] = shade(seen[:3], box) * seen[3]
                planes[3:, *box] = seen[3:]
        if actor.blur_px > 0:
            blur = disc_blur if actor.disc else gaussian_blur
            margin = int(3 * actor.blur_px) + 2 if self.grounded else size
            box = _visible(planes[3], margin_px=margin)
            planes[:, *box] = blur(planes[:, *box], actor.blur_px)
        return planes if actor.streak == (0.0, 0.0) else _streak(planes, actor.streak)


def _visible(alpha: Plane, *, margin_px: int = 0) -> Box:
    """The box of a crop with all that is not empty; a pixel of it when everything is."""
    rows, columns = np.flatnonzero(alpha.max(1) > 0), np.flatnonzero(alpha.max(0) > 0)
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    (top, left), (bottom, right) = (rows[0], columns[0]), (rows[-1], columns[-1])
    return (
        slice(max(0, int(top) - margin_px), int(bottom) + 1 + margin_px),
        slice(max(0, int(left) - margin_px), int(right) + 1 + margin_px),
    )


def encoded(light: Plane, *, linear: bool) -> Plane:
    """A scene's light as sRGB-encoded colour in [0, 1]; `linear` where the scene is in linear light."""
    return to_encoded(light) if linear else np.clip(light, 0, 1)


def _streak(planes: Plane, vector: tuple[float, float]) -> Plane:
    """Average along a line: motion blur over one exposure, of a figure alone."""
    steps = int(min(9, max(3, np.ceil(np.hypot(*vector)))))
    total = np.zeros_like(planes)
    height, width = planes.shape[-2:]
    for part in np.linspace(-0.5, 0.5, steps):
        dx, dy = round(part * vector[0]), round(part * vector[1])
        rows = np.clip(np.arange(height) - dy, 0, height - 1)
        columns = np.clip(np.arange(width) - dx, 0, width - 1)
        total += planes[:, rows[:, None], columns[None]]
    return convolve_separable(total / np.float32(steps), np.array([0.2, 0.6, 0.2]))
