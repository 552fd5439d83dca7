"""One frame as the network sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maggie_core.color import RepairCount
from maggie_core.image.frame import Frame


@dataclass(frozen=True, eq=False)
class FrameInput:
    """A frame as the network sees it, on the working grid."""

    header: Frame
    """The plate's frame without its pixels."""
    repairs: RepairCount
    picture: np.ndarray
    """(3, h, w) float32, sRGB-encoded in [0, 1]."""
    guidance: np.ndarray
    """(N, h, w) float32."""
    pinned: np.ndarray | None
    """(N, h, w) float32 alphas the artist gave; NaN for who has none in this frame."""

    @property
    def present(self) -> np.ndarray:
        """(N,) bool: who has guidance, or a pin."""
        there = np.asarray(self.guidance.any(axis=(1, 2)))
        return there if self.pinned is None else there | ~np.isnan(self.pinned[:, 0, 0])
