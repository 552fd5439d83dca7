"""Solid shapes as distance fields, and a mesh of their surface.

A body is a smooth union of ellipsoids and tapered capsules. Metres, z up, the figure faces -y.
Every shape is a function of points (P, 3) that returns signed distances (P,), negative inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Shape = Callable[[np.ndarray], np.ndarray]
Point = Sequence[float]


def ellipsoid(center: Point, radii: Point) -> Shape:
    """Distance to an ellipsoid; exact on the surface, first order away from it."""
    c, r = np.asarray(center), np.asarray(radii)

    def distance(p: np.ndarray) -> np.ndarray:
        q = (p - c) / r
        length = np.linalg.norm(q, axis=1)
        slope = np.maximum(np.linalg.norm(q / r, axis=1), 1e-6)
        return length * (length - 1.0) / slope

    return distance


def capsule(start: Point, end: Point, start_radius: float, end_radius: float | None = None) -> Shape:
    """Distance to a line with round ends whose radius changes linearly."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    tail_radius = start_radius if end_radius is None else end_radius

    def distance(p: np.ndarray) -> np.ndarray:
        t = along(p, a, b)
        nearest = a + t[:, None] * (b - a)
        return np.linalg.norm(p - nearest, axis=1) - (start_radius + t * (tail_radius - start_radius))

    return distance


def ring(center: Point, radius: float, thickness: float, *, tilt: float = 0.0, squash: float = 1.0) -> Shape:
    """Distance to a lying torus; `tilt` leans its plane forward (metres of drop per metre towards -y)."""
    c = np.asarray(center, float)

    def distance(p: np.ndarray) -> np.ndarray:
        q = p - c
        height = q[:, 2] - tilt * q[:, 1]
        around = np.hypot(q[:, 0], q[:, 1] / squash) - radius
        return np.hypot(around, height) - thickness

    return distance


def along(p: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Position (P,) in [0, 1] of each point's projection on the line from `a` to `b`."""
    axis = b - a
    return np.clip((p - a) @ axis / (axis @ axis), 0.0, 1.0)


def union(shapes: Sequence[Shape], *, blend: float) -> Shape:
    """Smooth union; seams are rounded over about `blend` metres."""

    def distance(p: np.ndarray) -> np.ndarray:
        total = shapes[0](p)
        for shape in shapes[1:]:
            total = _smooth_min(total, shape(p), blend)
        return total

    return distance


def carve(shape: Shape, holes: Sequence[Shape], *, blend: float) -> Shape:
    """`shape` with `holes` cut out, edges rounded over about `blend` metres."""

    def distance(p: np.ndarray) -> np.ndarray:
        total = shape(p)
        for hole in holes:
            total = -_smooth_min(-total, hole(p), blend)
        return total

    return distance


def _smooth_min(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    h = np.clip(0.5 + 0.5 * (b - a) / blend, 0.0, 1.0)
    return b + (a - b) * h - blend * h * (1.0 - h)


def surface(shape: Shape, low: Point, high: Point, *, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Mesh the zero surface of `shape` inside the box low..high with surface nets.

    Args:
        step: grid spacing in metres; detail below it is lost.

    Returns:
        vertices (V, 3) float64 and quads (Q, 4) int, wound so that normals point outwards.
    """
    axes = [np.arange(lo, hi + step, step) for lo, hi in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    size = grid.shape[:3]
    field = shape(grid.reshape(-1, 3)).reshape(size)
    inside = field < 0

    sums = np.zeros([n - 1 for n in size] + [3])
    counts = np.zeros(sums.shape[:3])
    crossings = []
    for axis in range(3):
        lower, upper = _slice(axis, slice(None, -1)), _slice(axis, slice(1, None))
        crossed = inside[lower] != inside[upper]
        where = np.argwhere(crossed)
        a, b = field[lower][crossed], field[upper][crossed]
        points = where.astype(float)
        points[:, axis] += a / (a - b)
        crossings.append((axis, where, inside[lower][crossed]))
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for du in (0, 1):
            for dv in (0, 1):
                cell = where.copy()
                cell[:, u] -= du
                cell[:, v] -= dv
                ok = ((cell >= 0) & (cell < counts.shape)).all(1)
                index = tuple(cell[ok].T)
                np.add.at(sums, index, points[ok])
                np.add.at(counts, index, 1)

    used = counts > 0
    number = np.full(counts.shape, -1)
    number[used] = np.arange(used.sum())
    vertices = np.asarray(low) + step * sums[used] / counts[used][:, None]
    quads = [_quads(number, axis, where, starts_inside) for axis, where, starts_inside in crossings]
    return vertices, np.concatenate(quads)


def _quads(number: np.ndarray, axis: int, where: np.ndarray, starts_inside: np.ndarray) -> np.ndarray:
    u, v = (axis + 1) % 3, (axis + 2) % 3
    corners = []
    for du, dv in ((0, 0), (1, 0), (1, 1), (0, 1)):
        cell = where.copy()
        cell[:, u] -= du
        cell[:, v] -= dv
        ok = ((cell >= 0) & (cell < number.shape)).all(1)
        found = np.full(len(cell), -1)
        found[ok] = number[tuple(cell[ok].T)]
        corners.append(found)
    quads = np.stack(corners, 1)
    quads[~starts_inside] = quads[~starts_inside, ::-1]
    return quads[(quads >= 0).all(1)]


def _slice(axis: int, part: slice) -> tuple[slice, ...]:
    return tuple(part if i == axis else slice(None) for i in range(3))


def diffuse(values: np.ndarray, quads: np.ndarray, *, rounds: int) -> np.ndarray:
    """Average per-vertex `values` (V, C) with their mesh neighbours, `rounds` times."""
    edges = np.concatenate([quads[:, [i, (i + 1) % 4]] for i in range(4)])
    edges = np.concatenate([edges, edges[:, ::-1]])
    degree = np.bincount(edges[:, 0], minlength=len(values))[:, None]
    for _ in range(rounds):
        total = np.stack(
            [
                np.bincount(edges[:, 0], weights=column[edges[:, 1]], minlength=len(values))
                for column in values.T
            ],
            1,
        )
        values = 0.5 * values + 0.5 * total / np.maximum(degree, 1)
    return values
