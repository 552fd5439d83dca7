"""Stills and clips with exact mattes and imperfect guidance, composed from a bank."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from maggie_lab.random import FRAMES, generator

from .bank import Figures
from .fields import Plane, gaussian_blur
from .flow import flow_between
from .guidance_degradation import Degradation, draw_degradation
from .guidance_tracks import GuidanceTrack, draw_guidance_track
from .scene import Exposure, Scene, encoded
from .scene_sampling import SceneSpec, crop_scene, embrace_scene, enrich, group_scene

SamplePlanes = dict[str, Plane]
"""`image` (3, H, W) sRGB-encoded [0, 1], `alphas` (N, H, W) visible mattes, `guidance` (N, H, W); float32.
Clips have a leading T axis."""

MIN_VISIBLE = 0.002
"""Share of the crop an instance must fill to be one; less is not worth a plane."""


def compose(
    rng: np.random.Generator,
    bank: Figures,
    *,
    crop_px: int = 256,
    instances: tuple[int, int] = (1, 10),
    severity: str = "mixed",
    held_out: bool = False,
    extras: bool = False,
) -> SamplePlanes:
    """Compose one frame.

    Args:
        crop_px: side of the square crop; a multiple of 16.
        instances: least and most people with a matte. Hidden ones are dropped, so fewer may remain, never
            none.
        severity: how wrong the guidance is, see `degrade`.
        held_out: compose as for the held-out set: with its degradations, and with nothing newer than the set.
        extras: add colours, the clean frame, trimaps and flow, see `compose_clip`.

    Returns:
        `image` (3, H, W), `alphas` (N, H, W) with a sum of at most 1, `guidance` (N, H, W).
    """
    clip = compose_clip(
        rng,
        bank,
        frames=1,
        crop_px=crop_px,
        instances=instances,
        severity=severity,
        held_out=held_out,
        extras=extras,
    )
    return {name: planes[0] for name, planes in clip.items()}


def compose_clip(
    rng: np.random.Generator,
    bank: Figures,
    *,
    frames: int | tuple[int, int] = (3, 8),
    crop_px: int = 256,
    instances: tuple[int, int] = (1, 10),
    severity: str = "mixed",
    held_out: bool = False,
    times: Sequence[float] | None = None,
    extras: bool = False,
) -> SamplePlanes:
    """Compose a clip of smoothly moving people.

    Args:
        frames: a number or the least and most to draw from; frame k shows time k.
        times: times to show instead, in frames, in any order and at any spacing. A frame does not depend on
            the other times; only the choice of people does, as those hidden at all times are left out.
        extras: add `foreground` (T, N, 3, H, W) and `background` (T, 3, H, W), straight sRGB-encoded colours,
            `clean` (T, 3, H, W), the frame before the camera, `linear` (T,), 1 where it was composited in
            linear light, `trimap` (T, N, H, W): 0, 0.5 where alpha is neither 0 nor 1, 1, and `flow`
            (T, N, 2, H, W), pixels right and down to the next time. In that light `clean` is the sum of alpha
            x foreground, and the background where nobody is.

    Returns:
        `image` (T, 3, H, W), `alphas` (T, N, H, W), `guidance` (T, N, H, W).
    """
    count = frames if isinstance(frames, int) else int(rng.integers(frames[0], frames[1] + 1))
    if times is None:
        times = [float(time) for time in range(count)]
    extra_rng = None if held_out else rng.spawn(1)[0]
    moves = count > 1
    puppet_share = 0.0 if not bank.puppets else 1.0 if moves else 0.25
    spec = SceneSpec(bank, crop_px, severity, held_out, moves, puppet_share, extra_rng)
    for _ in range(20):
        scene, degradations = _draw_scene(rng, spec, instances)
        scene.keeps_paint = extras
        shots = [scene.expose(time) for time in times]
        alphas = np.stack([shot.mattes for shot in shots])
        kept = alphas.mean((2, 3)).max(0) > MIN_VISIBLE
        kept &= (alphas > 0.5).mean((2, 3)).max(0) > MIN_VISIBLE / 2
        if kept.any():
            break
    else:  # twenty empty scenes: the bank is broken, and this must not pass in silence
        raise RuntimeError("no scene with a visible figure could be drawn from this bank")
    clean = np.stack([encoded(shot.light, linear=scene.linear) for shot in shots])
    if extra_rng is None:
        images = np.stack([scene.camera.shoot(frame, rng) for frame in clean])
        seen = np.flatnonzero(kept)
        guidance = _frozen_guidance(rng, alphas[:, seen], [degradations[index] for index in seen])
        order = rng.permutation(len(seen))
        guidance, order = guidance[:, order], seen[order]
    else:
        noise = (generator(FRAMES, scene.noise_seed, round(time * 4096) % 2**31) for time in times)
        images = np.stack([scene.camera.shoot(frame, own) for frame, own in zip(clean, noise, strict=True)])
        order = np.array([index for index in extra_rng.permutation(len(kept)) if kept[index]])
        tracks = _draw_tracks(extra_rng, scene, degradations, severity)
        masks = [[tracks[index](time, moves) for index in order] for time in times]
        guidance = np.stack([np.stack(frame) for frame in masks])
    sample = {
        "image": np.ascontiguousarray(images),
        "alphas": np.ascontiguousarray(alphas[:, order]),
        "guidance": np.ascontiguousarray(guidance),
    }
    return sample | (_extras(scene, shots, clean, order, times) if extras else {})


def _draw_scene(
    rng: np.random.Generator, spec: SceneSpec, people: tuple[int, int]
) -> tuple[Scene, list[Degradation]]:
    extra_rng = spec.extra_rng
    if extra_rng is None:
        return crop_scene(rng, spec, people)
    drawn = extra_rng.random()
    if drawn < 0.12 and spec.bank.puppets > 1 and people[0] <= 2 <= people[1]:
        scene, degradations = embrace_scene(rng, spec)
    else:
        scene, degradations = (group_scene if drawn < 0.4 else crop_scene)(rng, spec, people)
    if scene.instances > max(1, people[0]) and extra_rng.random() < 0.06:
        # One mask for two people: the truth is the matte of both.
        scene.instances -= 1
        degradations.pop()
        for actor in scene.actors:
            if actor.instance == scene.instances:
                actor.instance = scene.instances - 1
    return enrich(extra_rng, scene, spec), degradations


def _frozen_guidance(rng: np.random.Generator, alphas: Plane, degradations: list[Degradation]) -> Plane:
    """Masks of the held-out set: some frames of a clip take another degradation, or lag one frame behind."""
    masks = np.zeros_like(alphas)
    for index, degradation in enumerate(degradations):
        other = draw_degradation(rng, "typical", subject_px=degradation.subject_px, held_out=True)
        for time in range(len(alphas)):
            flickers = len(alphas) > 1 and rng.random() < 0.15
            lag = 1 if flickers and time > 0 and rng.random() < 0.4 else 0
            chosen = other if flickers and not lag else degradation
            masks[time, index] = chosen.apply(alphas[time - lag, index], rng, time=float(time))
    return masks


def _draw_tracks(
    rng: np.random.Generator, scene: Scene, degradations: list[Degradation], severity: str
) -> list[Callable[[float, bool], Plane]]:
    """For each person a function that makes its mask at a time; a fifth of masks leave out held things."""
    covers = rng.random(scene.instances) < 0.8

    def coverage(time: float) -> Plane:
        shot = scene.expose(time)
        return np.where(covers[:, None, None], shot.mattes, shot.bodies)

    def mask_of(track: GuidanceTrack) -> Callable[[float, bool], Plane]:
        return lambda time, moves: track.mask(coverage, time, moves=moves)

    tracks = [
        draw_guidance_track(rng, index, degradation, scene.instances, severity=severity)
        for index, degradation in enumerate(degradations)
    ]
    return [mask_of(track) for track in tracks]


def _extras(
    scene: Scene, shots: list[Exposure], clean: Plane, order: np.ndarray, times: Sequence[float]
) -> SamplePlanes:
    foregrounds, backgrounds = [], []
    for shot in shots:
        mattes, paint = shot.mattes[order], shot.paint[order]
        foregrounds.append(encoded(_straight(paint, mattes[:, None]), linear=scene.linear))
        rest = np.clip(shot.light - paint.sum(0), 0, 1)
        backgrounds.append(encoded(_straight(rest, 1 - mattes.sum(0)), linear=scene.linear))
    alphas = np.stack([shot.mattes[order] for shot in shots])
    decided = np.where(alphas > 254.5 / 255, 1, np.where(alphas < 0.5 / 255, 0, 0.5))
    return {
        "foreground": np.stack(foregrounds),
        "background": np.stack(backgrounds),
        "clean": clean,
        "linear": np.full(len(shots), float(scene.linear), np.float32),
        "trimap": decided.astype(np.float32),
        "flow": np.stack(
            [flow_between(scene, a, b)[order] for a, b in zip(times, [*times[1:], times[-1]], strict=True)]
        ),
    }


def _straight(paint: Plane, coverage: Plane) -> Plane:
    """Premultiplied light divided by coverage; where coverage is below 0.001, the light around."""
    known = np.clip(coverage, 0, 1) * np.ones_like(paint[..., :1, :, :])
    near = gaussian_blur(np.concatenate([paint, known], axis=-3), 4.0)
    around = near[..., :-1, :, :] / np.maximum(near[..., -1:, :, :], np.float32(1e-4))
    return np.where(known > 1e-3, paint / np.maximum(known, np.float32(1e-3)), around)
