"""Outlines as an artist draws them: points near the edge of a subject, joined by lines or a spline."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from .fields import Plane, resize

Points = np.ndarray
"""(K, 2) points (x, y) in pixels of the mask, closed."""

_AHEAD = {
    (1, 0): ((-1, 0), (0, 0)),
    (0, 1): ((0, 0), (0, -1)),
    (-1, 0): ((0, -1), (-1, -1)),
    (0, -1): ((-1, -1), (-1, 0)),
}
"""Per heading (x, y): the pixels (row, column) ahead on the left and on the right of a corner."""


def trace(inside: np.ndarray) -> Points:
    """The border of the largest connected part of a mask (H, W), along pixel edges, clockwise; (K, 2).

    Empty for an empty mask.
    """
    if not inside.any():
        return np.zeros((0, 2))
    labels = np.asarray(ndimage.label(inside)[0])  # type: ignore[index]
    sizes = np.bincount(labels.ravel())[1:]
    part = np.pad(labels == 1 + int(sizes.argmax()), 1)
    y, x = divmod(int(part.ravel().argmax()), part.shape[1])
    heading = (1, 0)
    start, points = (x, y), []
    while not points or (x, y) != start:
        points.append((x - 1, y - 1))
        x, y = x + heading[0], y + heading[1]
        (lr, lc), (rr, rc) = _AHEAD[heading]
        if part[y + lr, x + lc]:
            heading = (heading[1], -heading[0])
        elif not part[y + rr, x + rc]:
            heading = (-heading[1], heading[0])
    return np.array(points, np.float64)


def outline(alpha: Plane, count: int, *, cell_px: float) -> Points:
    """Find `count` points at even distances along the border of a subject, beginning at its top; (count, 2).

    The subject is taken to go on beyond the borders of `alpha` (H, W) that it touches. The border is traced
    on cells of `cell_px`. Empty where there is no subject.
    """
    height, width = alpha.shape
    rows, columns = max(4, round(height / cell_px)), max(4, round(width / cell_px))
    small = resize(np.ascontiguousarray(alpha, np.float32), min(rows, height), min(columns, width))
    beyond = max(2, min(small.shape) // 10)
    border = trace(np.pad(small > 0.5, beyond, mode="edge"))
    if len(border) < 4:
        return np.zeros((0, 2))
    at = np.linspace(0, len(border), count, endpoint=False)
    soft = ndimage.uniform_filter1d(border, 3, axis=0, mode="wrap")
    scale = np.array([width / small.shape[1], height / small.shape[0]])
    return (soft[at.astype(int)] - beyond) * scale


def drawn_by_hand(points: Points, rng: np.random.Generator, *, jitter_px: float, swell_px: float) -> Points:
    """Move points outwards by `swell_px`, and each by `jitter_px` on its own."""
    if not len(points):
        return points
    along = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    outward = np.stack([along[:, 1], -along[:, 0]], -1)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True) + 1e-6
    return points + outward * swell_px + rng.normal(0, jitter_px, points.shape)


def between(first: Points, second: Points, share: float) -> Points:
    """Points at `share` in [0, 1] of the way from one key to the next; the other one where one is empty."""
    if not len(first) or not len(second):
        return second if not len(first) else first
    turns = [np.roll(second, turn, axis=0) for turn in range(len(second))]
    nearest = min(turns, key=lambda points: float(np.abs(points - first).sum()))
    return first + share * (nearest - first)


def filled(points: Points, height: int, width: int, *, smooth: bool) -> Plane:
    """(height, width) mask, 0 or 1, of the inside; `smooth` draws a closed spline through the points."""
    if not len(points):
        return np.zeros((height, width), np.float32)
    if smooth:
        points = _spline(points)
    image = Image.new("L", (width, height))
    ImageDraw.Draw(image).polygon([(float(x) - 0.5, float(y) - 0.5) for x, y in points], fill=1)
    return np.asarray(image).astype(np.float32)


def _spline(points: Points, steps: int = 6) -> Points:
    """A closed Catmull-Rom spline, sampled."""
    before, after, beyond = (np.roll(points, turn, axis=0) for turn in (1, -1, -2))
    t = (np.arange(steps) / steps)[None, :, None]
    p0, p1, p2, p3 = (p[:, None] for p in (before, points, after, beyond))
    curve = (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return (0.5 * curve).reshape(-1, 2)
