"""Steadier mattes: every frame meets its neighbours where the picture says they show the same thing.

A mask drawn or tracked anew in every frame is wrong in another way each time, and some of that comes through
the network. Along the plate's optical flow the alphas of a point in successive frames are estimates of one
value, so their mean is steadier, and nearer to the truth. Where the picture does not fit, the neighbour does
not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Steady = Literal["none", "flow"]
Plane = NDArray[np.float32]

SAME_COLOUR = 0.12
"""Root mean square difference of the sRGB-encoded colours at which a neighbour counts 1/e."""
AROUND_PX = 2.0
"""Standard deviation of that neighbourhood."""
LEAST_PX = 16
"""Short side below which there is no flow to be found."""


def steadied(
    picture: Plane, alphas: Plane, neighbours: Sequence[tuple[Plane, Plane, NDArray[np.bool_]]]
) -> Plane:
    """The alphas of one frame, averaged with those of its neighbours along the flow of the pictures.

    Args:
        picture: (3, H, W), sRGB-encoded in [0, 1].
        alphas: (N, H, W) in [0, 1].
        neighbours: of each, the picture, the alphas, and (N,) which instances are there.

    Returns:
        (N, H, W) float32.

    Source of the flow: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, in OpenCV.
    """
    height, width = picture.shape[1:]
    if min(height, width) < LEAST_PX:
        return alphas
    total, weights = alphas.astype(np.float32), np.ones_like(alphas, np.float32)
    for other, theirs, present in neighbours:
        if not present.any():
            continue
        x, y = _where(picture, other)
        difference = np.stack([_at(plane, x, y) for plane in other]) - picture
        apart = cv2.GaussianBlur((difference**2).mean(0), (0, 0), AROUND_PX)
        weight = np.exp(-apart / np.float32(SAME_COLOUR**2))
        weight *= (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
        for n in np.flatnonzero(present):
            total[n] += weight * _at(theirs[n], x, y)
            weights[n] += weight
    return total / weights


def _where(picture: Plane, other: Plane) -> tuple[Plane, Plane]:
    """(H, W) each: x and y in `other` of what `picture` shows at a pixel."""
    flow = _flow(_grey(picture), _grey(other))
    rows, columns = np.indices(flow.shape[:2], dtype=np.float32)
    return columns + flow[..., 0], rows + flow[..., 1]


def _flow(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> NDArray[np.float32]:
    # It cuts the picture into a strip for each thread, and the cuts show: with one they are always the same.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        return np.asarray(search.calc(here, there, None), np.float32)  # type: ignore[call-overload]
    finally:
        cv2.setNumThreads(threads)


def _grey(picture: Plane) -> NDArray[np.uint8]:
    luma = np.tensordot(np.array([0.299, 0.587, 0.114], np.float32), picture, axes=1)
    return np.round(np.clip(luma, 0, 1) * 255).astype(np.uint8)


def _at(plane: Plane, x: Plane, y: Plane) -> Plane:
    return np.asarray(cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
