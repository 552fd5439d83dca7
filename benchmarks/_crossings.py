"""Generated clips in which people cross each other, with exact mattes and a typical mask in every frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from maggie_lab.random import HELD_OUT_SET, generator
from maggie_lab.synthesis.bank import BankPlan, DrawnBank
from maggie_lab.synthesis.fields import Plane
from maggie_lab.synthesis.guidance_degradation import draw_degradation, subject_size
from maggie_lab.synthesis.motion import draw_gestures
from maggie_lab.synthesis.puppet import Puppet
from maggie_lab.synthesis.scene import Scene, encoded
from maggie_lab.synthesis.scene_sampling import SceneSpec, group_scene

FASTEST = 0.03
"""Greatest walking speed, as a share of the image's side per frame."""
SHARES = (0.03, 0.25)
"""Least and largest share of the image that a person fills at first."""
PUPPETS = 24
"""Figures that the clips draw from, and backgrounds."""


@dataclass(frozen=True, eq=False)
class Crossing:
    """A clip of people who walk past each other.

    Attributes:
        images: (T, 3, H, W) sRGB-encoded [0, 1].
        alphas: (T, N, H, W) visible mattes.
        masks: (T, N, H, W) binary, a typical mask in every frame.
    """

    name: str
    images: Plane
    alphas: Plane
    masks: Plane


def crossing(index: int, *, frames: int = 48, side_px: int = 288) -> Crossing:
    """Clip `index`: two or three people, each walking to the other side of the image; the same every time.

    In every third clip one of them walks out of the image, in half of these backwards: somebody comes in.
    """
    rng = generator(HELD_OUT_SET, 1, index)
    count = 2 + index % 2
    scene = _scene(rng, count, side_px, frames, leaves=index % 3 == 2)
    times = [float(t) for t in range(frames)][:: -1 if index % 6 == 5 else 1]
    shots = [scene.expose(time) for time in times]
    images = [scene.camera.shoot(encoded(shot.light, linear=scene.linear), rng) for shot in shots]
    alphas = np.stack([shot.mattes for shot in shots])
    faults = [
        draw_degradation(rng, "typical", subject_px=subject_size(alphas[:, n].max(0)), held_out=True)
        for n in range(count)
    ]
    masks = [
        [fault.apply(alpha, rng, time=float(t)) for fault, alpha in zip(faults, planes, strict=True)]
        for t, planes in enumerate(alphas)
    ]
    return Crossing(f"crossing {index}", np.stack(images), alphas, np.asarray(masks, np.float32))


def _scene(rng: np.random.Generator, count: int, side_px: int, frames: int, *, leaves: bool) -> Scene:
    """People on common ground who walk past each other, each of a size within `SHARES` of the image."""
    plan = BankPlan(figures=PUPPETS, backgrounds=PUPPETS, puppets=PUPPETS, seed=7, held_out=True)
    while True:
        spec = SceneSpec(DrawnBank(plan), side_px, "typical", True, True, 1.0, rng.spawn(1)[0])
        scene, _ = group_scene(rng, spec, (count, count))
        places = rng.permutation(np.linspace(0.2, 0.8, count)) * side_px
        leaver = int(rng.integers(count)) if leaves else None
        for number, (actor, place) in enumerate(zip(scene.actors, places, strict=True)):
            actor.placement = replace(actor.placement, centre=(float(place), actor.placement.centre[1]))
            way = side_px - 2 * place
            if number == leaver:
                way = 1.3 * side_px - place if way > 0 else -0.3 * side_px - place
            most = FASTEST * side_px * (frames - 1)
            drift = float(np.clip(way, -most, most)) / (frames - 1)
            actor.motion = replace(actor.motion, drift=(drift, 0.02 * drift * float(rng.normal())))
            actor.streak = (0.0, 0.0)
            if isinstance(actor.figure, Puppet):
                actor.gestures = draw_gestures(rng, loose=actor.figure.looseness)
        scene.grounded = True
        shares = scene.expose(0.0).mattes.mean(axis=(1, 2))
        if SHARES[0] < shares.min() and shares.max() < SHARES[1]:
            return scene
