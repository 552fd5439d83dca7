"""People cut out of pictures of one person each, as the figures of generated groups."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from maggie_api.errors import FrameError
from maggie_core.mattes.foreground import unmixed_foreground
from maggie_lab.datasets import Sample, read_grey, read_rgb
from maggie_lab.srgb import to_encoded, to_linear

from .backgrounds import make_background
from .bank import Anchors, Codes, find_anchors, to_codes
from .images import on_canvas
from .puppet import Puppet

BACKGROUNDS = 1500
"""Different generated backgrounds, as many as a bank has."""
KEPT = 256
"""Decoded figures and backgrounds that a process keeps, and anchors: 150 MB at 384 pixels."""


class CutPeople:
    """Figures from stills of one person each, read when they are asked for; generated backgrounds.

    A person's own colour is estimated where the picture mixes it with the background, so that they can stand
    before another one.

    Args:
        samples: stills with one instance each.
        size_px: side of the square figures and backgrounds.
        seed: of the backgrounds.
    """

    puppets = 0
    backgrounds = BACKGROUNDS

    def __init__(self, samples: Sequence[Sample], *, size_px: int = 384, seed: int = 0) -> None:
        self.samples, self.size_px, self.seed = samples, size_px, seed
        self.figures = len(samples)
        self.figure = lru_cache(KEPT)(self._cut)
        self.background = lru_cache(KEPT)(self._drawn_background)
        self.anchors = lru_cache(KEPT)(self._anchors)

    def __reduce__(self):
        """For another process, without what is kept."""
        return _again, (self.samples, self.size_px, self.seed)

    def puppet(self, index: int) -> Puppet:
        raise IndexError(index)

    def puppet_anchors(self, index: int) -> Anchors:
        raise IndexError(index)

    def _cut(self, index: int) -> Codes:
        return cut_person(self.samples[index], self.size_px)

    def _anchors(self, index: int) -> Anchors:
        return find_anchors(self.figure(index)[..., 3])

    def _drawn_background(self, index: int) -> Codes:
        return to_codes(make_background(self.seed + index, self.size_px))


def cut_person(sample: Sample, size_px: int) -> Codes:
    """The person of a still: (size_px, size_px, 5) codes as of a drawn figure.

    Raises:
        FrameError: a file cannot be read, picture and alpha differ in size, or nobody is in it.
    """
    [path], [[alpha_path]] = sample.frames, sample.alphas
    assert alpha_path is not None
    image, alpha = read_rgb(path), read_grey(alpha_path)
    if alpha.shape != image.shape[1:]:
        raise FrameError(
            f"{alpha_path} has {alpha.shape[1]}x{alpha.shape[0]} pixels and {path} "
            f"{image.shape[2]}x{image.shape[1]}: picture and alpha need the same size"
        )
    rows, columns = np.flatnonzero(alpha.max(1) > 0.5), np.flatnonzero(alpha.max(0) > 0.5)
    if not len(rows):
        raise FrameError(f"{alpha_path} shows nobody: remove it and its picture")
    seen = np.maximum(alpha, np.float32(1 / 255))[..., None]
    colour = unmixed_foreground(to_linear(image.transpose(1, 2, 0)), alpha) / seen
    cutout = to_codes(np.concatenate([to_encoded(colour), alpha[..., None]], -1))
    rows, columns = np.flatnonzero(alpha.max(1)), np.flatnonzero(alpha.max(0))
    return on_canvas(cutout[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], size_px)


def _again(samples: Sequence[Sample], size_px: int, seed: int) -> CutPeople:
    return CutPeople(samples, size_px=size_px, seed=seed)
