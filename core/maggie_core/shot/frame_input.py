"""One frame as the network sees it, and its digests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from maggie_core.color import RepairCount
from maggie_core.image.frame import Frame
from maggie_core.shot.cache import array_digest

PIXELS = ("plate", "guidance", "pins")
"""Digests of a `FrameDigest` that the network's matte depends on."""


@dataclass(frozen=True, eq=False)
class FrameInput:
    """A frame as the network sees it, on the working grid."""

    header: Frame
    """The plate's frame without its pixels."""
    repairs: RepairCount
    image: np.ndarray
    """(3, h, w) float32, sRGB-encoded in [0, 1]."""
    guidance: np.ndarray
    """(N, h, w) float32."""
    pinned: np.ndarray | None
    """(N, h, w) float32 alphas the artist gave; NaN for who has none in this frame."""
    beyond: np.ndarray
    """(N,) bool: whose mask goes on outside the region that is seen."""

    @property
    def present(self) -> np.ndarray:
        """(N,) bool: who has guidance, or a pin."""
        there = np.asarray(self.guidance.any(axis=(1, 2)))
        return there if self.pinned is None else there | ~np.isnan(self.pinned[:, 0, 0])


@dataclass(frozen=True)
class FrameDigest:
    """What the cache keeps of a `FrameInput`, as JSON can hold it."""

    plate: str
    """Digest of the image."""
    guidance: str
    pins: str
    """Digest of the pinned alphas; empty where the frame has none."""
    present: str
    """`1` for each instance that has guidance or a pin, `0` for the others."""
    beyond: str
    """`1` for each instance whose mask goes on outside the region, `0` for the others."""
    repairs: dict[str, int]
    """The fields of its `RepairCount`."""

    @property
    def pixels(self) -> dict[str, str]:
        """Digests of all that the network sees of the frame."""
        return {name: getattr(self, name) for name in PIXELS}


def flags(each: np.ndarray) -> str:
    """`1` for what is set, `0` for the others."""
    return "".join("01"[bool(one)] for one in each)


def set_in(flags: str, instances: Sequence[int]) -> np.ndarray:
    """(N,) bool: which of some instances are set in what `flags` wrote."""
    return np.array([flags[n] == "1" for n in instances])


def digest_of(frame_input: FrameInput) -> FrameDigest:
    """The digests of a frame's arrays."""
    pinned = frame_input.pinned
    return FrameDigest(
        plate=array_digest(frame_input.image),
        guidance=array_digest(frame_input.guidance),
        pins="" if pinned is None else array_digest(pinned),
        present=flags(frame_input.present),
        beyond=flags(frame_input.beyond),
        repairs=asdict(frame_input.repairs),
    )
