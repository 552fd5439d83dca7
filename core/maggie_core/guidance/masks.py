"""Guidance as artists mostly have it: one sequence of masks per instance."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from maggie_core.guidance.channels import alpha_index, mask_channels, named_channels
from maggie_core.guidance.files import GuidanceFiles
from maggie_core.guidance.source import Mask, coverage_of, mask_of
from maggie_core.image.frame import Frame

_LEARNT_FROM = 3
"""Frames looked at, at least, before a sequence is taken to be coded as they are."""


class MaskSequence:
    """One instance's masks: any size, soft or binary, in any format that can be read.

    Without a named channel the mask is the lone channel; else the alpha, unless it is 1 everywhere;
    else the brightest of R, G and B, so that a mask painted in a colour is as good as a white one.
    Which of them, and whether integers 0 and 1 mean 0 and full coverage, is decided once for the whole
    sequence from its first, middle and last file, and on until one is not empty; one that cannot be
    used has no say in it.
    """

    def __init__(
        self, name: str, pattern: str | Path, *, channel: str | None = None, exact: bool = False
    ) -> None:
        """
        Args:
            name: of the instance.
            pattern: a sequence, a movie or one file.
            channel: the channel that is the mask; None finds it.
            exact: the files are alphas, not rough masks: integers are scaled by their type alone, so code 1
                of 8 bits is 1/255 even where no code is larger.

        Raises:
            GuidanceError: there is no such file.
        """
        self._name = name
        self._channel = channel
        self._exact = exact
        self._files = GuidanceFiles(pattern)

    @property
    def names(self) -> tuple[str, ...]:
        return (self._name,)

    @property
    def frames(self) -> tuple[int, ...] | None:
        return self._files.frames

    @property
    def notes(self) -> tuple[str, ...]:
        return self._files.notes

    @property
    def stored(self) -> tuple[int, ...]:
        """Frame numbers of the files themselves, also of one that serves every frame."""
        return self._files.stored

    def read(self, frame: int) -> list[Mask]:
        uses_alpha, full = self._coding
        image = self._files.read(frame)
        plane = self._plane(image, uses_alpha=uses_alpha)
        plane = plane if full == 1.0 else plane / full
        return [mask_of(self._name, plane, image)]

    def digest(self, frame: int) -> str:
        return f"mask:{self._channel}:{self._coding}:{self._files.digest(frame)}"

    def _plane(self, image: Frame, *, uses_alpha: bool) -> np.ndarray:
        """The mask as stored: (h0, w0)."""
        pixels, channels = self._candidates(image)
        alpha = alpha_index(channels)
        if alpha is not None and len(channels) > 1:
            pixels = pixels[..., alpha, None] if uses_alpha else np.delete(pixels, alpha, axis=-1)
        return pixels[..., 0] if pixels.shape[-1] == 1 else pixels.max(axis=-1)

    def _candidates(self, image: Frame) -> tuple[np.ndarray, tuple[str, ...]]:
        if self._channel is None:
            wanted = mask_channels(image.channels)
        else:
            wanted = named_channels(image.channels, self._channel)
        if wanted == image.channels:
            return image.pixels, wanted
        return image.pixels[..., [image.channels.index(c) for c in wanted]], wanted

    def _look(self, frame: int) -> tuple[Frame, np.ndarray, tuple[str, ...]]:
        image = self._files.read(frame)
        return image, *self._candidates(image)

    @cached_property
    def _coding(self) -> tuple[bool, float]:
        """(whether the alpha is the mask, what full coverage is stored as)."""
        stored = self._files.stored
        typical = [stored[0], stored[len(stored) // 2], stored[-1]]
        uses_alpha, peak, smallest_code = False, 0.0, None
        looked_at = 0
        for _, (image, pixels, channels) in self._files.learn(dict.fromkeys([*typical, *stored]), self._look):
            looked_at += 1
            alpha = alpha_index(channels)
            if alpha is not None and len(channels) > 1:
                uses_alpha = uses_alpha or bool((pixels[..., alpha] != 1.0).any())
            smallest_code = 1 / image.code_max if image.code_max else None
            peak = max(peak, float(coverage_of(self._plane(image, uses_alpha=uses_alpha)).max()))
            if looked_at >= _LEARNT_FROM and peak > 0:
                break
        holds_0_and_1 = smallest_code is not None and abs(peak / smallest_code - 1) < 1e-3
        return uses_alpha, smallest_code if smallest_code and holds_0_and_1 and not self._exact else 1.0
