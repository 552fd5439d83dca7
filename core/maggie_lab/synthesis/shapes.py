"""Signed distances of simple shapes, joined smoothly and turned into edges of one pixel.

Distances are in pixels, negative inside. A `Patch` is a distance field on the part of the canvas that a
shape can reach; everything outside its box is far away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .fields import Plane

Point = tuple[float, float]
"""(x, y) in canvas pixels, y down; the centre of the first pixel is (0.5, 0.5)."""


@dataclass(frozen=True)
class Capsule:
    """A tapered limb from `a` to `b`, radii in pixels."""

    a: Point
    b: Point
    radius_a: float
    radius_b: float

    def box(self) -> tuple[float, float, float, float]:
        radius = max(self.radius_a, self.radius_b)
        (ax, ay), (bx, by) = self.a, self.b
        return min(ax, bx) - radius, min(ay, by) - radius, max(ax, bx) + radius, max(ay, by) + radius

    def distance(self, x: Plane, y: Plane) -> Plane:
        (ax, ay), (bx, by) = self.a, self.b
        dx, dy = np.float32(bx - ax), np.float32(by - ay)
        px, py = x - np.float32(ax), y - np.float32(ay)
        along = np.clip((px * dx + py * dy) / np.float32(dx * dx + dy * dy + 1e-6), 0, 1)
        radius = np.float32(self.radius_a) + np.float32(self.radius_b - self.radius_a) * along
        return np.hypot(px - along * dx, py - along * dy) - radius


@dataclass(frozen=True)
class Ellipse:
    """An ellipse turned by `angle` radians, semi-axes in pixels."""

    centre: Point
    semi_x: float
    semi_y: float
    angle: float = 0.0

    def box(self) -> tuple[float, float, float, float]:
        radius = max(self.semi_x, self.semi_y)
        x, y = self.centre
        return x - radius, y - radius, x + radius, y + radius

    def distance(self, x: Plane, y: Plane) -> Plane:
        cos, sin = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        px, py = x - np.float32(self.centre[0]), y - np.float32(self.centre[1])
        u = (px * cos + py * sin) / np.float32(self.semi_x)
        v = (py * cos - px * sin) / np.float32(self.semi_y)
        # First-order distance: (|q| - 1) |q| / |grad|, right near the edge, where it is looked at.
        length = np.hypot(u, v) + np.float32(1e-6)
        slope = np.hypot(u / np.float32(self.semi_x), v / np.float32(self.semi_y)) + np.float32(1e-6)
        return np.maximum((length - 1) * length / slope, np.float32(-min(self.semi_x, self.semi_y)))


@dataclass(frozen=True)
class Polygon:
    """A simple convex or concave polygon with rounded corners."""

    points: tuple[Point, ...]
    rounding: float = 0.0

    def box(self) -> tuple[float, float, float, float]:
        xs, ys = zip(*self.points, strict=True)
        r = self.rounding
        return min(xs) - r, min(ys) - r, max(xs) + r, max(ys) + r

    def distance(self, x: Plane, y: Plane) -> Plane:
        squared = np.full(np.broadcast_shapes(x.shape, y.shape), 1e9, np.float32)
        inside = np.zeros(squared.shape, bool)
        for (ax, ay), (bx, by) in zip(self.points, self.points[1:] + self.points[:1], strict=True):
            dx, dy = np.float32(bx - ax), np.float32(by - ay)
            px, py = x - np.float32(ax), y - np.float32(ay)
            along = np.clip((px * dx + py * dy) / np.float32(dx * dx + dy * dy + 1e-6), 0, 1)
            squared = np.minimum(squared, (px - along * dx) ** 2 + (py - along * dy) ** 2)
            crosses = (ay > y) != (by > y)
            if dy != 0:
                inside ^= crosses & (x < px * 0 + (y - np.float32(ay)) / dy * dx + np.float32(ax))
        distance = np.sqrt(squared)
        return np.where(inside, -distance, distance) - np.float32(self.rounding)


Shape = Capsule | Ellipse | Polygon


def point_between(a: Point, b: Point, t: float) -> Point:
    """The point at a share `t` of the way from `a` to `b`."""
    return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t


@dataclass
class Patch:
    """A signed distance field (h, w) whose first pixel is the canvas pixel (left, top)."""

    left: int
    top: int
    distance: Plane

    @property
    def box(self) -> tuple[slice, slice]:
        height, width = self.distance.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def coverage(self, *, ramp_px: float = 1.0) -> Plane:
        """Coverage in [0, 1]: one pixel of ramp across the edge, which is exact for straight edges."""
        return np.clip(np.float32(0.5) - self.distance / np.float32(ramp_px), 0, 1)


def union(
    shapes: Sequence[Shape], size_px: int, *, blend_px: float = 0.0, margin_px: float = 4.0
) -> Patch | None:
    """Join shapes smoothly over `blend_px`; None when none of it lies on the canvas of `size_px` square."""
    boxes = np.array([shape.box() for shape in shapes], dtype=np.float64)
    margin = margin_px + blend_px
    left, top = np.floor(np.maximum(boxes[:, :2].min(0) - margin, 0)).astype(int)
    right, bottom = np.ceil(np.minimum(boxes[:, 2:].max(0) + margin, size_px)).astype(int)
    if right - left < 2 or bottom - top < 2:
        return None
    total = np.full((bottom - top, right - left), 1e4, np.float32)
    for shape, (x0, y0, x1, y1) in zip(shapes, boxes, strict=True):
        l = int(max(left, np.floor(x0 - margin)))  # noqa: E741
        t = int(max(top, np.floor(y0 - margin)))
        r = int(min(right, np.ceil(x1 + margin)))
        b = int(min(bottom, np.ceil(y1 + margin)))
        if r <= l or b <= t:
            continue
        x = (np.arange(l, r, dtype=np.float32) + 0.5)[None]
        y = (np.arange(t, b, dtype=np.float32) + 0.5)[:, None]
        window = total[t - top : b - top, l - left : r - left]
        window[...] = smooth_min(window, shape.distance(x, y), blend_px)
    return Patch(int(left), int(top), total)


def smooth_min(a: Plane, b: Plane, blend_px: float) -> Plane:
    """The smaller of two distances, rounded off where they differ by less than `blend_px`."""
    if blend_px <= 0:
        return np.minimum(a, b)
    h = np.maximum(np.float32(blend_px) - np.abs(a - b), 0) / np.float32(blend_px)
    return np.minimum(a, b) - h * h * np.float32(blend_px / 4)
