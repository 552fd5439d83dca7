"""Exact optical flow: where every point of a person goes from one time to another.

A pixel shows a point of a painted limb. At the other time the point is where the look-up gives it again;
Newton's method finds that place.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .fields import Plane
from .layer import Box, box_points
from .puppet import Puppet
from .scene import Actor, Scene

STEPS, REACH_PX = 6, 0.25
"""Newton steps, and the distance in pixels over which slopes are measured."""


def flow_between(scene: Scene, time: float, later: float) -> Plane:
    """(N, 2, H, W): how far (right, down) what each instance shows at `time` has gone by `later`, in pixels.

    Zero where an instance has nothing. Points that become hidden or leave the crop are followed too.
    """
    size = scene.crop_px
    flow = np.zeros((scene.instances, 2, size, size), np.float32)
    for actor in scene.actors:
        if actor.instance is None:
            continue
        for limb, box, covered in _limbs(scene, actor, time):
            x, y = np.broadcast_arrays(*box_points(box, None))
            x, y = x[covered], y[covered]
            gone = _followed(scene, actor, limb, x, y, time, later)
            for axis, (there, here) in enumerate(zip(gone, (x, y), strict=True)):
                flow[actor.instance, axis, *box][covered] = there - here
    return flow


def _limbs(scene: Scene, actor: Actor, time: float) -> list[tuple[str, Box, np.ndarray]]:
    """Limbs back to front with the pixels they show at `time`; a flat figure is one of them."""
    placement, warp, size = actor.placement_at(time, scene.shake), actor.sway.at(time), scene.crop_px
    found = []
    if isinstance(actor.figure, Puppet):
        bend = actor.bend_at(time, scene.shake)
        limbs = actor.limbs or {piece.limb for piece in actor.figure.pieces}
        for limb in dict.fromkeys(piece.limb for piece in actor.figure.pieces if piece.limb in limbs):
            drawn = actor.figure.draw(
                placement, size, bend=bend, shade=lambda colour, _: colour, warp=warp, limbs={limb}
            )
            found.append((limb, (slice(0, size), slice(0, size)), drawn[3] > 0.1))
        return found
    box = actor.figure.box(placement, size, warp=warp)
    if box is not None:
        found.append(("", box, actor.figure.sample(placement, size, warp=warp, box=box)[3] > 0.1))
    return found


def _followed(
    scene: Scene, actor: Actor, limb: str, x: Plane, y: Plane, time: float, later: float
) -> tuple[Plane, Plane]:
    u, v = _painted(scene, actor, limb, x, y, time)
    x, y = x.astype(np.float64), y.astype(np.float64)
    for _ in range(STEPS):
        u0, v0 = _painted(scene, actor, limb, x, y, later)
        ux, vx = _painted(scene, actor, limb, x + REACH_PX, y, later)
        uy, vy = _painted(scene, actor, limb, x, y + REACH_PX, later)
        a, b, c, d = ((end - start) / REACH_PX for end, start in ((ux, u0), (uy, u0), (vx, v0), (vy, v0)))
        turned = a * d - b * c
        turned = np.where(np.abs(turned) < 1e-6, 1e-6, turned)
        x = x + ((u - u0) * d - (v - v0) * b) / turned
        y = y + ((v - v0) * a - (u - u0) * c) / turned
    return x, y


def _painted(scene: Scene, actor: Actor, limb: str, x: Plane, y: Plane, time: float) -> tuple[Plane, Plane]:
    """The canvas points of the painted image that are seen at crop points (x, y)."""
    at = np.stack([y - 0.5, x - 0.5])
    right, down = (ndimage.map_coordinates(part, at, order=1, mode="nearest") for part in actor.sway.at(time))
    u, v = actor.placement_at(time, scene.shake).into_image(x + right, y + down)
    if isinstance(actor.figure, Puppet):
        return actor.figure.at_rest(limb, u, v, actor.bend_at(time, scene.shake))
    return u, v
