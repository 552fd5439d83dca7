"""Weights fitted to one shot, from a few of its frames whose alphas an artist has approved.

The network keeps what it knows: all its weights move, but slowly, its norms are frozen, and every step pulls
it back a little to where it came from. Crops show the approved frames under the shot's own masks half of the
time and under generated faults the other half, so that other frames' masks, wrong elsewhere, do no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from maggie_core.errors import FrameError, GuidanceError
from maggie_core.guidance import Guidance, exclusive
from maggie_core.io.pattern import compact_frames
from maggie_core.io.plate import read_plate
from maggie_core.shot import ShotMatter
from maggie_core.synthesis import degrade
from maggie_core.training.feed import Arrays
from maggie_core.training.settings import TrainSettings

SHOT_SETTINGS = TrainSettings(
    minutes=None,
    steps=120,
    batch=4,
    clip_batch=4,
    crops=((0.0, 192),),
    video_from=1.0,
    learning_rate=2e-4,
    weight_decay=0.0,
    pull=0.02,
    ema=0.97,
    freeze_norms_from=0.0,
    validate_every=0,
)
OWN_MASKS = 0.5
"""Share of the crops under the shot's own masks."""
TINT = 0.06
"""Largest change of gain of a colour channel, so that the shot's light may drift."""


@dataclass(frozen=True, eq=False)
class ApprovedFrame:
    """What is known of one frame, on the working grid; float32."""

    frame: int
    image: np.ndarray
    """(3, h, w) sRGB-encoded [0, 1]."""
    guidance: np.ndarray
    """(N, h, w) binary: the shot's own masks."""
    alphas: np.ndarray
    """(N, h, w) approved alphas; zeros for an instance without one."""
    known: np.ndarray
    """(N,) bool: which instances have one."""


def approved_frames(matter: ShotMatter, approved: Guidance, frames: Sequence[int]) -> list[ApprovedFrame]:
    """Read `frames` of a shot as the network sees them, with their approved alphas.

    Args:
        approved: alphas of some or all of the shot's instances, by the names these have in its guidance.

    Raises:
        FrameError: a frame is not of the shot.
        GuidanceError: an approved alpha is missing, or of nobody in the shot.
    """
    names = [instance.name for instance in matter.guidance.instances]
    strangers = [instance.name for instance in approved.instances if instance.name not in names]
    if strangers:
        raise GuidanceError(
            f"approved alphas are of {strangers[0]} and the shot has {', '.join(names)}: use the shot's names"
        )
    outside = sorted(set(frames) - set(matter.shot_frames))
    if outside or not frames:
        raise FrameError(
            f"frames {compact_frames(outside) if outside else 'none'} are approved and the shot is "
            f"{compact_frames(matter.shot_frames)}: name frames of the shot"
        )
    approved.check(frames)
    return [_approved_frame(matter, approved, frame, names) for frame in sorted(set(frames))]


def _approved_frame(matter: ShotMatter, approved: Guidance, frame: int, names: list[str]) -> ApprovedFrame:
    plate = read_plate(matter.plate, frame, layer=matter.settings.plate_layer)
    picture, _ = matter.view.to_model(
        plate.pixels, geometry=matter.geometry, data=plate.data, code_max=plate.code_max
    )
    guidance = exclusive(matter.guidance.read(frame, matter.geometry), matter.settings.overlap)
    alphas, known = np.zeros_like(guidance), np.zeros(len(names), bool)
    for instance, alpha in zip(approved.instances, approved.read(frame, matter.geometry), strict=True):
        place = names.index(instance.name)
        alphas[place], known[place] = alpha, True
    return ApprovedFrame(frame, np.ascontiguousarray(picture.transpose(2, 0, 1)), guidance, alphas, known)


class ShotSource:
    """Random crops around the edges of the approved people."""

    def __init__(self, frames: Sequence[ApprovedFrame]):
        self.frames = list(frames)
        self._edges = [np.argwhere(_undecided(each)) for each in self.frames]

    def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
        place = index % len(self.frames)
        chosen, edges = self.frames[place], self._edges[place]
        height, width = chosen.image.shape[1:]
        y, x = (height // 2, width // 2) if not len(edges) else edges[int(rng.integers(len(edges)))]
        jitter = rng.integers(-crop_px // 3, crop_px // 3 + 1, 2)
        top = int(np.clip(y + jitter[0] - crop_px // 2, 0, max(0, height - crop_px)))
        left = int(np.clip(x + jitter[1] - crop_px // 2, 0, max(0, width - crop_px)))
        part = (slice(None), slice(top, top + crop_px), slice(left, left + crop_px))
        image, alphas, guidance = chosen.image[part], chosen.alphas[part].copy(), chosen.guidance[part].copy()
        if rng.random() >= OWN_MASKS:
            for n in np.flatnonzero(chosen.known):
                whole = degrade(chosen.alphas[n], rng) if chosen.alphas[n].max() > 0.5 else chosen.guidance[n]
                guidance[n] = whole[part[1:]]
        gain = rng.uniform(1 - TINT, 1 + TINT, (3, 1, 1)).astype(np.float32)
        planes = [np.clip(image * gain, 0, 1), alphas, guidance]
        if rng.random() < 0.5:
            planes = [plane[..., ::-1] for plane in planes]
        image, alphas, guidance = (_grown(plane, crop_px)[None] for plane in planes)
        # Who has no approved alpha still guides the others; nothing is learnt about them.
        valid = guidance.any((2, 3)) & chosen.known[None]
        if not valid.any():
            return None
        there = guidance.any((0, 2, 3))
        return {
            "image": image,
            "alphas": alphas[:, there],
            "guidance": guidance[:, there],
            "valid": valid[:, there],
        }


def shot_settings(**asked: object) -> TrainSettings:
    """`SHOT_SETTINGS` with what was asked for."""
    return replace(SHOT_SETTINGS, **asked)  # pyright: ignore[reportArgumentType] - checked by the class


def _undecided(frame: ApprovedFrame) -> np.ndarray:
    """(h, w) bool: where an approved alpha is soft or its mask is wrong."""
    known = frame.known[:, None, None]
    soft = (frame.alphas > 0.02) & (frame.alphas < 0.98)
    return ((soft | ((frame.alphas > 0.5) != (frame.guidance > 0.5))) & known).any(0)


def _grown(plane: np.ndarray, side: int) -> np.ndarray:
    """A crop at its full side: what lies outside of a small picture repeats its border."""
    tall, wide = side - plane.shape[-2], side - plane.shape[-1]
    if tall or wide:
        plane = np.pad(plane, ((0, 0), (0, tall), (0, wide)), mode="edge")
    return np.ascontiguousarray(plane, dtype=np.float32)
