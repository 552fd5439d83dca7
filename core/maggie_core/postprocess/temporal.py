"""Steadier mattes: every frame meets its neighbours where the image says they show the same thing.

A mask drawn or tracked anew in every frame is wrong in another way each time, and some of that comes through
the network. Along the plate's optical flow the alphas of a point in successive frames are estimates of one
value, so their mean is steadier, and nearer to the truth. Where the images do not fit, or the way back
leads elsewhere, the neighbour does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.runtime.threads import side_by_side

Plane = NDArray[np.float32]

SAME_COLOUR = 0.05
"""Root mean square difference of the sRGB-encoded colours at which a neighbour counts 1/e."""
AROUND_PX = 2.0
"""Standard deviation of that neighbourhood."""
BACK_PX = 1.0
"""How far the flow there and back misses its start where a neighbour counts 1/e: what is hidden in one of two
frames has no way back."""
LEAST_PX = 16
"""Short side below which there is no flow to be found."""


@dataclass(frozen=True, eq=False)
class Flows:
    """Optical flow between two images, (H, W, 2) float32 each: x and y."""

    there: Plane
    back: Plane

    @property
    def turned(self) -> Flows:
        """The same as seen from the other image."""
        return Flows(self.back, self.there)


def flows(image: Plane, other: Plane) -> Flows:
    """The flow from one image (3, H, W) to another and back.

    Args:
        image, other: sRGB-encoded in [0, 1], sides of at least `LEAST_PX`.

    Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, in OpenCV.
    """
    here, there = _grey(image), _grey(other)
    # It cuts the image into a strip for each thread, and the cuts show: with one they are always the same.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return Flows(*side_by_side(lambda pair: _flow(*pair), ((here, there), (there, here))))
    finally:
        cv2.setNumThreads(threads)


def smoothed(
    image: Plane,
    alphas: Plane,
    neighbours: Sequence[tuple[Plane, Plane, NDArray[np.bool_], Callable[[], Flows]]],
) -> Plane:
    """The alphas of one frame, averaged with those of its neighbours along the flow of the images.

    Args:
        image: (3, H, W), sRGB-encoded in [0, 1].
        alphas: (N, H, W) in [0, 1].
        neighbours: of each, the image, the alphas, (N,) which instances are there, and what gives the flows
            from `image` to it.

    Returns:
        (N, H, W) float32.
    """
    if min(image.shape[1:]) < LEAST_PX:
        return alphas
    total, weights = alphas.astype(np.float32), np.ones_like(alphas, np.float32)
    found = [(other, theirs, present, ways()) for other, theirs, present, ways in neighbours if present.any()]
    met = side_by_side(lambda each: correspondence(image, each[0], each[3]), found)
    for (_, theirs, present, _), (x, y, weight) in zip(found, met, strict=True):
        for n in np.flatnonzero(present):
            total[n] += weight * sampled(theirs[n], x, y)
            weights[n] += weight
    return total / weights


def correspondence(image: Plane, other: Plane, ways: Flows | None = None) -> tuple[Plane, Plane, Plane]:
    """Where another frame shows the same, and how far that is to be believed.

    Args:
        image, other: (3, H, W), sRGB-encoded in [0, 1], sides of at least `LEAST_PX`.
        ways: `flows` of the two, where they are at hand.

    Returns:
        (H, W) float32 each: x and y in `other` of what `image` shows at a pixel, and a weight in [0, 1]: 1
        where the colours agree and the way back leads to the pixel, towards 0 where either does not.
    """
    height, width = image.shape[1:]
    x, y, missed = _where(ways or flows(image, other))
    apart = sum((sampled(theirs, x, y) - ours) ** 2 for theirs, ours in zip(other, image, strict=True))
    apart = cv2.GaussianBlur(np.asarray(apart / np.float32(len(image))), (0, 0), AROUND_PX)
    weight = np.exp(-apart / np.float32(SAME_COLOUR**2) - missed / np.float32(BACK_PX**2))
    weight *= (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return x, y, weight


def sampled(plane: Plane, x: Plane, y: Plane) -> Plane:
    """A plane (H, W) at the places x, y, bilinearly; beyond the border as at the border."""
    return np.asarray(cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def smoothed_clip(images: Plane, alphas: Plane, present: NDArray[np.bool_]) -> Plane:
    """Every frame of a clip averaged with the ones before and after it.

    Args:
        images: (T, 3, H, W), sRGB-encoded in [0, 1].
        alphas: (T, N, H, W) in [0, 1].
        present: (T, N) which instances are there.

    Returns:
        (T, N, H, W) float32.
    """
    between = cache(lambda t: flows(images[t], images[t + 1]))

    def beside(t: int, other: int) -> tuple[Plane, Plane, NDArray[np.bool_], Callable[[], Flows]]:
        ways = (lambda: between(t)) if other > t else (lambda: between(other).turned)
        return images[other], alphas[other], present[other], ways

    last = len(images) - 1
    return np.stack(
        [
            smoothed(images[t], alphas[t], [beside(t, j) for j in (t - 1, t + 1) if 0 <= j <= last])
            for t in range(last + 1)
        ]
    )


def _where(ways: Flows) -> tuple[Plane, Plane, Plane]:
    """(H, W) each: x and y in the other image of what an image shows at a pixel, and the square of how far
    the way back misses that pixel.
    """
    flow, back = ways.there, ways.back
    rows, columns = np.indices(flow.shape[:2], dtype=np.float32)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    missed = sum((flow[..., k] + sampled(np.ascontiguousarray(back[..., k]), x, y)) ** 2 for k in range(2))
    return x, y, np.asarray(missed)


def _flow(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> NDArray[np.float32]:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(search.calc(here, there, None), np.float32)  # type: ignore[call-overload]


def _grey(image: Plane) -> NDArray[np.uint8]:
    luma = np.tensordot(np.array([0.299, 0.587, 0.114], np.float32), image, axes=1)
    return np.round(np.clip(luma, 0, 1) * 255).astype(np.uint8)
