"""Weights fitted to one shot, from a few of its frames whose alphas an artist has approved.

All weights move, the norms are frozen, and every step pulls the weights back a little to where they started.
Most crops of the approved frames are around places where the mattes were wrong. Most have the shot's own
masks; the others have generated faults, because the masks of other frames are wrong elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from maggie_api.errors import FrameError, GuidanceError
from maggie_api.sequences import compact_frames
from maggie_core.guidance import Guidance, exclusive
from maggie_core.io.plate import read_plate
from maggie_core.model.still import PAD_PX
from maggie_core.shot.first_look import better_guidance
from maggie_core.shot.matter import ShotMatter
from maggie_lab.synthesis import degrade
from maggie_lab.training.dataset import Arrays
from maggie_lab.training.settings import CLIP_SETTINGS, TrainSettings, with_length

SHOT_SETTINGS = TrainSettings(
    minutes=None,
    steps=300,
    batch=3,
    crops=((0.0, 192),),
    video_from=1.0,
    learning_rate=2e-3,
    weight_decay=0.0,
    pull=0.002,
    ema=0.985,
    freeze_norms_from=0.0,
    truth_shares=(0.2, 0.2, 0.2),
    validate_every=0,
)
SHOT_UNUSED = {
    **dict.fromkeys(("video_from", *CLIP_SETTINGS), "a shot is learnt from stills"),
    "validate_every": "every approved frame is learnt from, so none can validate",
    "blocky_guidance": "the masks are the shot's own",
    "looked_share": "the masks are those that the shot's mattes are made with",
    "published_start": "the training starts from weights",
    "imagenet_start": "the training starts from weights",
}
"""Settings that change nothing for a shot, and why."""
OWN_MASKS = 0.85
"""Share of the crops under the shot's own masks."""
WRONG = 0.75
"""Share of the crops around a place where the mattes are wrong; the others are around any soft edge."""
TINT = 0.06
"""Largest change of gain of a colour channel, so that the shot's light may drift."""


@dataclass(frozen=True, eq=False)
class ApprovedFrame:
    """One frame with approved alphas, at the size the network works at; float32."""

    frame: int
    image: np.ndarray
    """(3, h, w) sRGB-encoded [0, 1]."""
    guidance: np.ndarray
    """(N, h, w) binary: the shot's own masks, as a first look leaves them."""
    alphas: np.ndarray
    """(N, h, w) approved alphas; zeros for an instance without one."""
    known: np.ndarray
    """(N,) bool: which instances have an approved alpha."""
    matte: np.ndarray
    """(N, h, w) alphas of the weights before they are fitted."""

    def digests(self) -> dict[str, str]:
        """Digests of what was read of the frame, by what it is; the matte follows from it and the weights."""
        truth = (self.alphas, self.known)
        parts = {"plate": (self.image,), "mask": (self.guidance,), "approved alpha": truth}
        return {what: _digest(*arrays) for what, arrays in parts.items()}

    @property
    def error(self) -> np.ndarray:
        """(h, w) largest difference of matte and approved alpha."""
        return (np.abs(self.matte - self.alphas) * self.known[:, None, None]).max(0)


def approved_frames(matter: ShotMatter, approved: Guidance, frames: Sequence[int]) -> list[ApprovedFrame]:
    """Read `frames` of a shot as the network sees them, with their approved alphas.

    Args:
        approved: alphas of some or all of the shot's instances, by the names these have in its guidance.

    Raises:
        FrameError: a frame is not of the shot.
        GuidanceError: an approved alpha is missing, or its name is not that of an instance of the shot.
    """
    names = list(matter.guidance.names)
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
    pixels, _ = matter.view.to_model(
        plate.pixels, geometry=matter.geometry, data=plate.data, code_max=plate.code_max
    )
    here = replace(matter.geometry, data=plate.data)
    guidance = exclusive(matter.guidance.read(frame, here), matter.settings.overlap)
    alphas, known = np.zeros_like(guidance), np.zeros(len(names), bool)
    for instance, alpha in zip(approved.instances, approved.read(frame, here), strict=True):
        place = names.index(instance.name)
        alphas[place], known[place] = alpha, True
    image = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    model = matter.model
    # The masks that a job mattes with.
    guidance = better_guidance(model, image, guidance, share=model.info.first_look, pad_px=PAD_PX)
    matte = model.predict_clip(torch.from_numpy(image)[None], torch.from_numpy(guidance)[None])
    return ApprovedFrame(frame, image, guidance, alphas, known, matte[0].float().cpu().numpy())


class ShotSource:
    """Random crops of the approved frames, most of them where the mattes are wrong."""

    def __init__(self, frames: Sequence[ApprovedFrame]):
        self.frames = list(frames)
        self._errors = [each.error.ravel() / max(float(each.error.sum()), 1e-9) for each in self.frames]
        self._edges = [np.flatnonzero(_soft(each)) for each in self.frames]

    def _centre(self, place: int, rng: np.random.Generator) -> tuple[int, int]:
        """Row and column a crop of frame `place` is around."""
        _, width = self.frames[place].image.shape[1:]
        errors, edges = self._errors[place], self._edges[place]
        if errors.any() and (not len(edges) or rng.random() < WRONG):
            return divmod(int(rng.choice(len(errors), p=errors / errors.sum(dtype=np.float64))), width)
        return divmod(int(rng.choice(edges)) if len(edges) else len(errors) // 2, width)

    def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
        place = index % len(self.frames)
        chosen = self.frames[place]
        height, width = chosen.image.shape[1:]
        y, x = self._centre(place, rng)
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
        # An instance without an approved alpha is still guidance for the others; nothing is learnt about it.
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


def shot_settings(asked: Mapping[str, Any]) -> TrainSettings:
    """`SHOT_SETTINGS` with what was asked for."""
    return replace(SHOT_SETTINGS, **with_length(asked))


def _digest(*arrays: np.ndarray) -> str:
    state = hashlib.blake2b(digest_size=12)
    for array in arrays:
        state.update(f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def _soft(frame: ApprovedFrame) -> np.ndarray:
    """(h, w) bool: where an approved alpha is soft."""
    return np.any((frame.alphas > 0.02) & (frame.alphas < 0.98), axis=0)


def _grown(plane: np.ndarray, side: int) -> np.ndarray:
    """A crop at its full side: what lies outside of a small image repeats its border."""
    tall, wide = side - plane.shape[-2], side - plane.shape[-1]
    if tall or wide:
        plane = np.pad(plane, ((0, 0), (0, tall), (0, wide)), mode="edge")
    return np.ascontiguousarray(plane, dtype=np.float32)
