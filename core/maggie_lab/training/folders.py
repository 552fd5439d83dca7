"""Samples from data sets in the published layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from maggie_api.errors import SettingsError
from maggie_lab.datasets import Sample, find_samples, load_sample
from maggie_lab.synthesis import sample_generator
from maggie_lab.training.augment import SHORT_PX, Codes, augmented, scaled, to_codes
from maggie_lab.training.dataset import Arrays
from maggie_lab.training.validation import HeldOut

HELD_OUT_EVERY, MOST_HELD_OUT = 50, 24
"""Without samples of their own for it, every so many are kept for validation, and no more than so many."""


class FolderSource:
    """Stills or clips of a data set on disk, in a new order each time through, augmented as published."""

    def __init__(self, samples: list[Sample], *, seed: int, stride: int = 1, blocky: bool = False):
        self.samples, self.seed, self.stride, self.blocky = samples, seed, stride, blocky

    def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
        turn, place = divmod(index, len(self.samples))
        order = sample_generator(self.seed + 2, turn).permutation(len(self.samples))
        chosen = _frames_of(self.samples[order[place]], frames, self.stride, rng)
        arrays = load_sample(replace(chosen, masks=_none_like(chosen)))
        return augmented(arrays.image, arrays.alphas, rng, crop_px=crop_px, blocky=self.blocky)


def find_training_samples(dataset: str, root: Path) -> list[Sample]:
    """The samples of a data set, once each however many variants of masks it has.

    Raises:
        SettingsError, FrameError, GuidanceError: as `find_samples`.
    """
    samples = find_samples(dataset, root)
    return [sample for sample in samples if sample.variant == samples[0].variant]


def set_apart(samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """(to learn from, to validate with): every fiftieth is held out, the same ones always.

    Raises:
        SettingsError: there are too few to divide.
    """
    if len(samples) < 2:
        raise SettingsError(
            f"{len(samples)} sample to train on and none to validate with: name others with --validate"
        )
    held = samples[:: max(2, min(HELD_OUT_EVERY, len(samples) // 2))][:MOST_HELD_OUT]
    names = {sample.name for sample in held}
    return [sample for sample in samples if sample.name not in names], held


def set_apart_by_name(
    samples: list[Sample], names: Sequence[str], folder: Path
) -> tuple[list[Sample], list[Sample]]:
    """(to learn from, to validate with): the samples of those names are held out, as they were before.

    Raises:
        SettingsError: one of them is no longer there.
    """
    there = {sample.name: sample for sample in samples}
    gone = [name for name in names if name not in there]
    if gone:
        raise SettingsError(
            f"{folder} has no {gone[0]} any more, and the training is validated with it: put it back, or "
            "take another folder"
        )
    return [sample for sample in samples if sample.name not in names], [there[name] for name in names]


def held_out(samples: list[Sample], *, frames: int = 3, short_px: int = SHORT_PX) -> list[HeldOut]:
    """Stills, or the first `frames` frames of clips, at the size the network works at; guidance is the set's
    own, or made from the alphas without any error.
    """
    return [_held_out(_taken(sample, range(min(frames, len(sample.frames)))), short_px) for sample in samples]


def _held_out(sample: Sample, short_px: int) -> HeldOut:
    arrays = load_sample(sample)
    image, alphas, guidance = (to_codes(x) for x in (arrays.image, arrays.alphas, arrays.guidance))
    codes = scaled(
        Codes(image.transpose(0, 2, 3, 1), alphas, guidance), min(short_px, *arrays.image.shape[-2:])
    )
    return HeldOut(
        np.ascontiguousarray(codes.image.transpose(0, 3, 1, 2)).astype(np.float32) / 255,
        (codes.masks > 127).astype(np.float32),
        codes.alphas.astype(np.float32) / 255,
    )


def _frames_of(sample: Sample, count: int, stride: int, rng: np.random.Generator) -> Sample:
    """`count` different frames of a clip out of a window up to `stride` times as long, half the time
    backwards; a clip that is too short ends on its last frame, repeated.
    """
    there = len(sample.frames)
    if count == 1:
        return _taken(sample, [int(rng.integers(there))])
    window = min(there, count * int(rng.integers(1, stride + 1)))
    start = int(rng.integers(there - window + 1))
    chosen = sorted(rng.choice(window, min(count, window), replace=False) + start)
    chosen += chosen[-1:] * (count - len(chosen))
    return _taken(sample, chosen[::-1] if rng.random() < 0.5 else chosen)


def _taken(sample: Sample, frames) -> Sample:
    return replace(
        sample,
        frames=tuple(sample.frames[t] for t in frames),
        alphas=tuple(sample.alphas[t] for t in frames),
        masks=tuple(sample.masks[t] for t in frames),
    )


def _none_like(sample: Sample) -> tuple[tuple[None, ...], ...]:
    """No masks: training makes its own from the alphas."""
    return tuple((None,) * len(row) for row in sample.masks)
