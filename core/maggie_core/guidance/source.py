"""The interface of every kind of guidance: its instances, and their masks at a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from maggie_core.image.frame import Frame
from maggie_core.image.window import Window


@dataclass(frozen=True)
class Mask:
    """One instance at one frame, at the size and in the window of its own file."""

    name: str
    pixels: np.ndarray
    """(h0, w0) float32 coverage in [0, 1], finite; covers exactly `data`."""
    data: Window
    display: Window
    pixel_aspect: float = 1.0
    nan: int = 0
    """Pixels that were NaN in the file, and count as 0."""


class GuidanceSource(Protocol):
    """Masks of one or more instances over the shot."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every instance of the source, known before a frame is read, whatever frame is asked for."""
        ...

    @property
    def frames(self) -> tuple[int, ...] | None:
        """Frames there are masks for; None when one image serves every frame."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the files, as far as they were read: a sentence each."""
        ...

    def read(self, frame: int) -> list[Mask]:
        """Masks at `frame`; an instance that is absent there may be left out.

        Raises:
            GuidanceError: there is no file for the frame, or it cannot be used.
        """
        ...

    def digest(self, frame: int) -> str:
        """Text that changes whenever the result of `read(frame)` may change."""
        ...


def mask_of(name: str, plane: np.ndarray, image: Frame) -> Mask:
    """The mask that a plane of an image is: (h0, w0), as stored."""
    coverage = coverage_of(plane)
    with np.errstate(invalid="ignore"):  # the sum of infinities of both signs is NaN, too
        nan = int(np.count_nonzero(np.isnan(plane))) if np.isnan(np.sum(plane)) else 0
    return Mask(name, coverage, image.data, image.display, image.pixel_aspect, nan)


def coverage_of(plane: np.ndarray) -> np.ndarray:
    """A plane as coverage: float32, contiguous, NaN is 0, clipped to [0, 1]."""
    clean = np.ascontiguousarray(np.clip(np.asarray(plane, dtype=np.float32), 0.0, 1.0))
    if np.isnan(clean.sum()):  # one pass that writes nothing
        clean[np.isnan(clean)] = 0.0
    return clean
