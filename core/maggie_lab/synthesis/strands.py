"""Strands: hair, fur, fringes and threads as true fractional coverage.

A strand is a curve with a width below one pixel. It is sampled about every pixel along its length and each
sample adds `width x length` of optical depth to the four pixels around it, so that many strands give
`alpha = 1 - exp(-depth)`, the limit of `1 - prod(1 - a_k)`. Nothing is thresholded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .fields import Plane, gaussian_blur, smoothstep

Curves = NDArray[np.floating]
"""(S, K, 2): S strands of K control points (x, y) in canvas pixels, root first."""


@dataclass(frozen=True)
class Tuft:
    """Strands with what is needed to draw them.

    Attributes:
        curves: (S, K, 2) control points.
        width_px: (S, K) widths; 0 at a faded tip.
        shade: (S, K) brightness factor.
        tone: (S, K) 0..1 between the two colours of the hair.
    """

    curves: Curves
    width_px: Plane
    shade: Plane
    tone: Plane


def tip_fade(count: int, *, start: float, power: float = 1.0) -> Plane:
    """(count,) factor along a strand: 1 up to `start` of its length, then falling to 0 at the tip."""
    t = np.linspace(0, 1, count, dtype=np.float32)
    return np.clip((1 - t) / np.float32(max(1e-3, 1 - start)), 0, 1) ** np.float32(power)


def splat(
    rng: np.random.Generator, tuft: Tuft, size_px: int, *, step_px: float = 1.0, scale: float = 1.0
) -> tuple[Plane, Plane, Plane]:
    """Draw a tuft onto an empty canvas.

    Args:
        step_px: spacing of samples along a strand.
        scale: canvas pixels per curve unit (0.5 draws at half size).

    Returns:
        (depth, shade, tone), each (size, size): optical depth, and the brightness and tone of the nearest
        strands.
    """
    points, width, shade, tone = _resample(tuft, step_px=step_px / scale)
    ahead = np.exp(2.5 * rng.random((len(points), 1), dtype=np.float32))
    following = np.diff(points, axis=1, append=points[:, -1:])
    length = np.hypot(following[..., 0], following[..., 1])
    amount = (width * length * np.float32(scale * scale)).ravel()
    x = points[..., 0].ravel() * np.float32(scale) - np.float32(0.5)
    y = points[..., 1].ravel() * np.float32(scale) - np.float32(0.5)
    inside = (x > -1) & (y > -1) & (x < size_px) & (y < size_px) & (amount > 0)
    ahead = np.broadcast_to(ahead, width.shape).ravel()[inside] * amount[inside]
    planes = _accumulate(
        x[inside],
        y[inside],
        (amount[inside], ahead, ahead * shade.ravel()[inside], ahead * tone.ravel()[inside]),
        size_px,
    )
    weight = planes[1] + np.float32(1e-6)
    return planes[0], planes[2] / weight, planes[3] / weight


def close_gaps(depth: Plane, shade: Plane, tone: Plane, *, reach_px: float) -> tuple[Plane, Plane, Plane]:
    """The opaque body of a head of hair: solid where strands are dense within `reach_px`, nothing where they
    thin.

    Returns:
        (alpha, shade, tone), each as large as what `splat` returned; alpha in [0, 1].
    """
    depth, shade, tone = gaussian_blur(np.stack([depth, depth * shade, depth * tone]), reach_px, edge=False)
    weight = depth + np.float32(1e-6)
    return smoothstep(depth, 0.2, 1.0), shade / weight, tone / weight


def _resample(tuft: Tuft, *, step_px: float) -> tuple[Plane, Plane, Plane, Plane]:
    """Refine every strand so that neighbouring samples lie about `step_px` apart."""
    edges = np.hypot(*np.moveaxis(np.diff(tuft.curves, axis=1), -1, 0))
    splits = int(np.clip(np.ceil(np.quantile(edges, 0.98) / step_px), 1, 24))
    if splits == 1:
        return tuft.curves, tuft.width_px, tuft.shade, tuft.tone
    part = (np.arange(splits, dtype=np.float32) / splits)[None, None, :]

    def refine(values: Plane, ramp: Plane) -> Plane:
        fine = values[:, :-1, None] * (1 - ramp) + values[:, 1:, None] * ramp
        return np.concatenate([fine.reshape(len(values), -1), values[:, -1:]], axis=1)

    bend = part * (1 - part)

    def bent(values: Plane) -> Plane:
        """A cubic through the control points: curls stay round however few points they have."""
        slope = np.gradient(values, axis=1)
        edge = values[:, 1:] - values[:, :-1]
        leave, arrive = slope[:, :-1] - edge, slope[:, 1:] - edge
        curve = bend * (leave[..., None] * (1 - part) - arrive[..., None] * part)
        smooth = refine(values, part)
        smooth[:, :-1] += curve.reshape(len(values), -1)
        return smooth

    points = np.stack([bent(tuft.curves[..., 0]), bent(tuft.curves[..., 1])], -1)
    return points, refine(tuft.width_px, part), refine(tuft.shade, part), refine(tuft.tone, part)


def _accumulate(x: Plane, y: Plane, values: tuple[Plane, ...], size_px: int) -> list[Plane]:
    """Sum samples into the four pixels around each, weighted by nearness; planes (size, size)."""
    side = size_px + 2
    column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    fx, fy = x - column, y - row
    base = (row + 1) * side + column + 1
    corners = ((0, (1 - fx) * (1 - fy)), (1, fx * (1 - fy)), (side, (1 - fx) * fy), (side + 1, fx * fy))
    planes = []
    for value in values:
        total = np.zeros(side * side)
        for offset, weight in corners:
            total += np.bincount(base + offset, weights=weight * value, minlength=side * side)[: side * side]
        planes.append(total.reshape(side, side)[1:-1, 1:-1].astype(np.float32))
    return planes
