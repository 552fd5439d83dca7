"""Temporal smoothing: a frame's mattes averaged with those of its two neighbours where they flicker.

A mask drawn or tracked anew in every frame is wrong in another way each time, and some of that comes through
the network. Along the plate's optical flow the alphas of a point in successive frames are estimates of one
value, so their mean is steadier, and nearer to the truth. A neighbour does not count where the images do not
fit, or where the way back leads elsewhere.

Flow is never exact, so the mean also blurs edges that were right. Errors of the flow and flicker differ. An
edge that the flow displaces is displaced forwards in one neighbour and backwards in the other, and its
colours are displaced with it. Flicker is where both neighbours lie on the same side of the frame's alpha and
the colours do not explain it. The sum of that over the length of the edges is the flicker of an instance in a
frame, in pixels. Mattes that agree already have next to none and are returned bit for bit. So are the mattes
of the first and the last frame of a shot, which have one neighbour.

A mask that lacks a hand in one frame alone leaves it at two thirds in the mean. Where an alpha is so far off
what both neighbours have, it is no estimate but a mistake: the nearer neighbour's takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.postprocess.guided_filter import box_mean, fitted
from maggie_core.postprocess.mask_shape import pixels, size_of
from maggie_core.runtime.threads import side_by_side

Plane = NDArray[np.float32]

FLICKER_PX = (0.07, 0.10)
"""Flicker up to which an instance is left alone, and from which it is averaged in full; linear between.

Exact alphas of moving people, hair included, have 0.00 to 0.07, one frame in a hundred 0.09; the default
network's have 0.03 to 0.8 with typical masks, most of them above 0.07."""
MISTAKEN = (0.15, 0.35)
"""How far an alpha may lie outside what lies between its neighbours and still count in the mean, and from
which on it does not; linear between. Clips of four kinds have the same errors with (0.3, 0.5) and without the
lower end."""
AGREED = 0.9
"""Alpha from which a frame and a neighbour agree that somebody is there, and one less it that nobody is."""
MISTAKEN_BESIDE = (0.2, 0.4)
"""How far the other neighbour may be off that and still count in full, and from which on it does not."""
MISTAKEN_RADIUS = 0.02
"""Half of the width from which that is more than an edge that jumps, as a share of the person's size."""
FIT_RADIUS_PX, FIT_EPS = 2, 1e-3
"""Window and regularisation of the fit that says how alpha changes with colour."""
SAME_WAY_PX = 0.5
"""Motions below this count as independent of each other, whichever way they lead."""
SAME_COLOUR = 0.05
"""Root mean square difference of the sRGB-encoded colours at which a neighbour counts 1/e."""
AROUND_PX = 2.0
"""Standard deviation of that neighbourhood."""
BACK_PX = 1.5
"""Distance of a pixel from the end of the flow there and back, at which a neighbour counts 1/e. A point
that is hidden in one of two frames has no way back."""
LEAST_PX = 16
"""Short side below which there is no flow to be found."""
_ONE_THREAD = Lock()
"""OpenCV's number of threads is the process's: who sets it and who restores it take turns."""


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
        image, other: sRGB-encoded in [0, 1]. With a side shorter than `LEAST_PX` nothing moves.

    Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, in OpenCV.
    """
    if min(image.shape[1:]) < LEAST_PX:
        still = np.zeros((*image.shape[1:], 2), np.float32)
        return Flows(still, still)
    here, there = _grey(image), _grey(other)
    # It cuts the image into a strip for each thread, and the cuts show: with one they are always the same.
    with _ONE_THREAD:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            return Flows(*side_by_side(lambda pair: _flow(*pair), ((here, there), (there, here))))
        finally:
            cv2.setNumThreads(threads)


Neighbour = tuple[Plane, Plane, NDArray[np.bool_], Callable[[], Flows]]
"""A frame beside another: its image (3, H, W), its alphas (N, H, W), (N,) which instances are there, and what
gives the flows from the other frame's image to its own."""


def smoothed(image: Plane, alphas: Plane, neighbours: Sequence[Neighbour]) -> Plane:
    """The alphas of one frame; those that flicker are averaged with both neighbours along the flow, or are
    those of the nearer one where both contradict them.

    Args:
        image: (3, H, W), sRGB-encoded in [0, 1].
        alphas: (N, H, W) in [0, 1].
        neighbours: the frames before and after. With fewer, or where an instance is absent from one of them,
            alphas are returned as they are.

    Returns:
        (N, H, W) float32 in [0, 1].
    """
    if len(neighbours) < 2 or min(image.shape[1:]) < LEAST_PX:
        return alphas
    (_, before, there_before, _), (_, after, there_after, _) = neighbours
    in_both = [n for n, both in enumerate(there_before & there_after) if both]
    if not in_both:
        return alphas
    first, second = side_by_side(lambda each: _Seen.of(image, each[0], each[3]()), neighbours)
    certain = np.minimum(first.weight, second.weight) * _independence(first, second)
    result = alphas.astype(np.float32, copy=True)

    def one(n: int) -> None:
        alpha, a, b = result[n], first.carried(before[n]), second.carried(after[n])
        flicker = _flicker(image, alpha, (first, a), (second, b), certain)
        gate = np.float32(np.interp(flicker, FLICKER_PX, (0, 1)))
        if gate > 0:
            nearer = np.clip(alpha, np.minimum(a, b), np.maximum(a, b))
            mistaken = certain * np.interp(np.abs(nearer - alpha), MISTAKEN, (0, 1)).astype(np.float32)
            radius = pixels(MISTAKEN_RADIUS, size_of(alpha > 0.5))
            v = first.weight * _counts(a, alpha, b, radius)
            w = second.weight * _counts(b, alpha, a, radius)
            alpha += gate * (v * (a - alpha) + w * (b - alpha)) / (1 + v + w)
            alpha += gate * mistaken * (nearer - alpha)

    side_by_side(one, in_both)
    return result


def _counts(other: Plane, alpha: Plane, third: Plane, radius: int) -> Plane:
    """(H, W) in [0, 1]: how far a neighbour's alpha counts beside a frame's and the third's; 0 where it alone
    is wrong.

    Args:
        radius: in pixels; what is narrower than twice as much may be an edge that has moved.
    """
    low, high = np.minimum(alpha, third), np.maximum(alpha, third)
    off = np.where((low > AGREED) | (high < 1 - AGREED), _outside(other, low, high), np.float32(0))
    if off.max() > MISTAKEN_BESIDE[0]:
        square = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
        wide = cv2.morphologyEx(off, cv2.MORPH_OPEN, square)
        off = np.minimum(off, cv2.dilate(wide, square))  # with its corners
    return np.interp(off, MISTAKEN_BESIDE, (1, 0)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A neighbour as seen from a frame."""

    x: Plane
    y: Plane
    """(H, W) where the neighbour shows what the frame shows at a pixel."""
    weight: Plane
    """(H, W) how far that is to be believed, in [0, 1]."""
    change: list[Plane]
    """Colours there less the frame's colours, a plane (H, W) for each channel."""

    @classmethod
    def of(cls, image: Plane, other: Plane, ways: Flows) -> _Seen:
        x, y, weight = correspondence(image, other, ways)
        return cls(
            x, y, weight, [sampled(theirs, x, y) - ours for theirs, ours in zip(other, image, strict=True)]
        )

    def carried(self, plane: Plane) -> Plane:
        """A plane (H, W) of the neighbour, brought to the frame."""
        return sampled(plane, self.x, self.y)

    @property
    def motion(self) -> tuple[Plane, Plane]:
        """(H, W) each: how far the neighbour's place lies to the right and below."""
        rows, columns = np.indices(self.x.shape, dtype=np.float32)
        return self.x - columns, self.y - rows


def _independence(first: _Seen, second: _Seen) -> Plane:
    """(H, W) in [0, 1]: how far the errors of two neighbours' flows are independent.

    Where both neighbours lie the same way (a ball at its highest point) their flows err alike, and that both
    contradict the frame says no more than that one does.
    """
    (x, y), (u, v) = first.motion, second.motion
    apart, far = np.hypot(x - u, y - v), np.hypot(x, y) + np.hypot(u, v)
    return (apart + np.float32(SAME_WAY_PX)) / (far + np.float32(SAME_WAY_PX))


def _flicker(
    image: Plane, alpha: Plane, first: tuple[_Seen, Plane], second: tuple[_Seen, Plane], certain: Plane
) -> float:
    """How far an alpha (H, W) is contradicted by both neighbours together, per pixel of edge.

    Args:
        first, second: a neighbour, and its alpha brought to the frame.
        certain: (H, W) in [0, 1], what each pixel counts.
    """
    edge = float(_steepness(alpha).sum())
    contradicted = _outside(alpha, first[1], second[1])
    if edge == 0 or (contradicted * certain).sum() <= FLICKER_PX[0] * edge:
        return 0.0
    return float((_unexplained(image, alpha, first, second) * certain).sum()) / edge


def _unexplained(
    image: Plane, alpha: Plane, first: tuple[_Seen, Plane], second: tuple[_Seen, Plane]
) -> Plane:
    """(H, W) how far an alpha lies outside what lies between its neighbours, as far as the difference of
    colours does not explain it.
    """
    fit, _ = fitted(image, alpha, radius_px=FIT_RADIUS_PX, eps=FIT_EPS)
    slopes = [box_mean(np.asarray(slope, np.float32), FIT_RADIUS_PX) for slope in fit]
    explained = [
        np.clip(carried - sum(s * c for s, c in zip(slopes, seen.change, strict=True)), 0, 1)
        for seen, carried in (first, second)
    ]
    return np.minimum(_outside(alpha, first[1], second[1]), _outside(alpha, *explained))


class Between:
    """A frame between its two neighbours: how far both contradict an alpha of it.

    Args:
        image: (3, H, W), sRGB-encoded in [0, 1], sides of at least `LEAST_PX`.
        before, after: a neighbour's image, and the flows from the frame's image to it.
    """

    def __init__(self, image: Plane, before: tuple[Plane, Flows], after: tuple[Plane, Flows]) -> None:
        self._image = image
        self._first, self._second = side_by_side(lambda each: _Seen.of(image, *each), (before, after))
        self.sure: Plane = np.minimum(self._first.weight, self._second.weight)
        """(H, W) in [0, 1]: how far both flows are to be believed."""
        self._certain = self.sure * _independence(self._first, self._second)

    def carried(self, before: Plane, after: Plane) -> tuple[Plane, Plane]:
        """The neighbours' alphas, brought to the frame."""
        return self._first.carried(before), self._second.carried(after)

    def contradicted(self, alpha: Plane, before: Plane, after: Plane) -> Plane:
        """(H, W) in [0, 1]: how far an alpha lies outside what the neighbours' alphas and the colours let
        expect, times how sure that is.

        Args:
            before, after: carried.
        """
        seen = (self._first, before), (self._second, after)
        return np.asarray(_unexplained(self._image, alpha, *seen) * self._certain, np.float32)


def _outside(alpha: Plane, a: NDArray[np.floating], b: NDArray[np.floating]) -> Plane:
    """(H, W) how far alpha lies outside what lies between a and b."""
    return np.maximum(np.minimum(a, b) - alpha, 0) + np.maximum(alpha - np.maximum(a, b), 0)


def _steepness(alpha: Plane) -> Plane:
    """(H, W) length of the gradient; its sum is the length of the edges in pixels."""
    y, x = np.gradient(alpha)
    return np.hypot(y, x)


def correspondence(image: Plane, other: Plane, ways: Flows | None = None) -> tuple[Plane, Plane, Plane]:
    """Find the places in another frame that show the same, with a weight of confidence.

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
    """Every frame of a clip by `smoothed`, with the ones before and after it.

    Args:
        images: (T, 3, H, W), sRGB-encoded in [0, 1].
        alphas: (T, N, H, W) in [0, 1].
        present: (T, N) which instances are there.

    Returns:
        (T, N, H, W) float32.
    """
    between = cache(lambda t: flows(images[t], images[t + 1]))

    def beside(t: int, other: int) -> Neighbour:
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
