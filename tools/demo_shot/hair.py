"""Hair as strands: combed, clumped, frizzed, kept out of the body, with fly-aways.

All strands are points (S, K, 3), metres, in the figure's rest pose, root first.
"""

from __future__ import annotations

import numpy as np

from demo_shot.people import Build, head_center
from demo_shot.sculpt import Shape, capsule, ellipsoid, union

POINTS = 14
"""Control points of one strand."""


def long_hair(build: Build, *, strands: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Shoulder-long wavy hair with a side parting.

    Returns:
        points (S, POINTS, 3) and thickness (S,), a factor on the strand radius; fly-aways are thin.
    """
    rng = np.random.default_rng(seed)
    c = head_center(build)
    roots = _scalp(rng, strands, hairline=0.30)
    flyaway = rng.random(strands) < 0.10
    length = rng.uniform(0.30, 0.40, strands) * np.where(flyaway, rng.uniform(0.30, 0.85, strands), 1.0)
    clump = _clumps(rng, roots, 150)

    normal = roots / np.linalg.norm(roots, axis=1, keepdims=True)
    parting = np.sign(roots[:, 0] - 0.018 + 0.004 * rng.standard_normal(strands))
    comb = np.stack([parting * 0.80, np.full(strands, 0.50), np.full(strands, -0.55)], 1)
    comb -= normal * (comb * normal).sum(1, keepdims=True)
    phase = clump["phase"] + rng.normal(0, 0.25, strands)
    points = _grow(
        rng,
        c + roots,
        start=0.22 * normal + 0.9 * comb + clump["lean"] * 0.16,
        length=length,
        solid=_obstacles(build),
        lift=np.where(flyaway, rng.uniform(0.006, 0.026, strands), rng.uniform(0.002, 0.013, strands)),
        stray=np.where(flyaway, 0.70, 0.05),
    )
    t = np.linspace(0, 1, POINTS)
    wave = 0.009 * t[None] * np.sin(phase[:, None] + 11.0 * t[None])
    side = np.stack([np.cos(phase), np.sin(phase), np.zeros(strands)], 1)
    points = points + wave[..., None] * side[:, None]
    points = _gather(points, clump["index"], amount=0.55 * ~flyaway)
    return points, np.where(flyaway, 0.85, 1.0)


def curly_hair(build: Build, *, strands: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A short head of curls; returns as `long_hair`."""
    rng = np.random.default_rng(seed)
    c = head_center(build)
    roots = _scalp(rng, strands, hairline=0.34)
    flyaway = rng.random(strands) < 0.09
    normal = roots / np.linalg.norm(roots, axis=1, keepdims=True)
    clump = _clumps(rng, roots, 420)
    top = np.clip(0.4 + normal[:, 2] * 0.9, 0.35, 1.0)
    length = 0.052 * top * rng.uniform(0.8, 1.2, strands) * np.where(flyaway, 1.5, 1.0)
    lean = clump["lean"] * 0.45 + np.array([0, 0.25, 0.1])
    heading = normal + np.where(flyaway[:, None], rng.normal(0, 0.5, (strands, 3)), lean)
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    u = np.cross(heading, [0.3, 0.5, 0.8])
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    w = np.cross(heading, u)
    t = np.linspace(0, 1, POINTS)
    turn = clump["phase"][:, None] + rng.normal(0, 0.35, strands)[:, None] + 8.5 * t
    coil = (0.0085 * np.sqrt(t))[None] * np.where(flyaway, 0.8, 1.0)[:, None]
    spine = (c + roots)[:, None] + length[:, None, None] * t[None, :, None] * heading[:, None]
    points = spine + (coil * (np.cos(turn) - np.cos(turn[:, :1])))[..., None] * u[:, None]
    points = points + (coil * (np.sin(turn) - np.sin(turn[:, :1])))[..., None] * w[:, None]
    return points, np.where(flyaway, 0.8, 1.0)


def stubble(build: Build, *, strands: int, seed: int, face: Shape) -> tuple[np.ndarray, np.ndarray]:
    """A short beard on jaw, chin and upper lip."""
    rng = np.random.default_rng(seed)
    c = head_center(build)
    direction = rng.normal(0, 1, (strands * 14, 3)) * [1.0, 1.0, 0.8] + [0, -0.8, -0.9]
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    origin = c + [0, -0.005, -0.03]
    reach = np.full(len(direction), 0.03)
    for _ in range(40):
        reach += 0.9 * -face(origin + reach[:, None] * direction)
    at = direction * reach[:, None] + [0, -0.005, -0.03]
    x, y, z = at.T
    jaw = (z < -0.050 - 0.9 * np.clip(y + 0.065, -0.1, 0.02)) & (y < 0.012) & (z > -0.125)
    lips = ((x / 0.025) ** 2 + ((z + 0.064) / 0.0125) ** 2 < 1) & (y < -0.07)
    sideburn = (np.abs(x) > 0.052) & (y < 0.010) & (y > -0.020) & (z > -0.06) & (z < 0.02)
    keep = np.flatnonzero((jaw & ~lips) | sideburn)[:strands]
    at, direction = at[keep], direction[keep]
    fall = direction + [0, -0.1, -0.7] + rng.normal(0, 0.25, at.shape)
    fall /= np.linalg.norm(fall, axis=1, keepdims=True)
    t = np.linspace(-0.1, 1, 4)
    size = rng.uniform(0.005, 0.011, len(at))
    points = (c + at)[:, None] + (size[:, None] * t)[..., None] * fall[:, None]
    return points, np.full(len(at), 0.8)


def fuzz(vertices: np.ndarray, quads: np.ndarray, *, strands: int, seed: int, length: float) -> tuple:
    """Short fibres standing off a woollen surface."""
    rng = np.random.default_rng(seed)
    corners = vertices[quads]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0])
    area = np.linalg.norm(normals, axis=1)
    pick = rng.choice(len(quads), strands, p=area / area.sum())
    blend = rng.dirichlet(np.ones(4), strands)
    root = (corners[pick] * blend[..., None]).sum(1)
    heading = normals[pick] / area[pick, None] + rng.normal(0, 0.7, (strands, 3))
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    bend = rng.normal(0, 0.6, (strands, 3))
    t = np.linspace(0, 1, 5)
    size = length * rng.gamma(3.0, 1 / 3.0, strands)
    points = root[:, None] + size[:, None, None] * (
        t[None, :, None] * heading[:, None] + (t**2)[None, :, None] * bend[:, None]
    )
    return points, np.full(strands, 0.7)


def _scalp(rng: np.random.Generator, count: int, *, hairline: float) -> np.ndarray:
    """(count, 3) roots on the skull, relative to the head's centre; the face stays bare."""
    direction = rng.normal(0, 1, (count * 5, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    x, y, z = direction.T
    bare = (y < -0.05) & (z < hairline + 0.50 * (-y) - 0.15 * np.abs(x))
    bare |= z < -0.35 - 0.35 * np.clip(y, -1, 1)
    bare |= (np.abs(x) > 0.80) & (z < 0.12) & (y < 0.28)
    direction = direction[~bare][:count]
    return direction * [0.0735, 0.0925, 0.0825] + [0, 0.012, 0.022]


def _clumps(rng: np.random.Generator, roots: np.ndarray, count: int) -> dict[str, np.ndarray]:
    centers = roots[rng.choice(len(roots), count, replace=False)]
    index = ((roots[:, None] - centers[None]) ** 2).sum(-1).argmin(1)
    return {
        "index": index,
        "phase": rng.uniform(0, 2 * np.pi, count)[index],
        "lean": rng.normal(0, 1, (count, 3))[index],
    }


def _obstacles(build: Build) -> Shape:
    c, k = head_center(build), build.height / 1.68
    shapes = [
        ellipsoid(c + [0, 0.012, 0.022], (0.075, 0.094, 0.084)),
        ellipsoid(c + [0, -0.012, -0.04], (0.066, 0.070, 0.080)),
        capsule(c + [0, 0.02, -0.06], c + [0, 0.032, -0.20], 0.058, 0.075),
        ellipsoid([0, 0.012, 1.245 * k], (build.chest + 0.01, 0.110, 0.145)),
    ]
    for s in (1.0, -1.0):
        shapes.append(
            capsule([s * 0.02, 0.025, 1.395 * k], [s * build.shoulder, 0.02, 1.345 * k], 0.056, 0.060)
        )
        shapes.append(ellipsoid([s * 0.062, -0.052, 1.225 * k], (0.066, build.bust + 0.02, 0.066)))
    return union(shapes, blend=0.02)


def _grow(
    rng: np.random.Generator,
    roots: np.ndarray,
    *,
    start: np.ndarray,
    length: np.ndarray,
    solid: Shape,
    lift: np.ndarray,
    stray: np.ndarray,
) -> np.ndarray:
    """Step each strand from its root; gravity takes over from the combed heading, the body pushes it out."""
    heading = start / np.linalg.norm(start, axis=1, keepdims=True)
    wander = rng.normal(0, 1, roots.shape)
    at, path = roots.copy(), [roots]
    step = length / (POINTS - 1)
    for _ in range(POINTS - 1):
        wander = 0.75 * wander + 0.5 * rng.normal(0, 1, roots.shape)
        pull = np.array([0.0, 0.03, -0.75]) * (1.0 - 0.6 * stray)[:, None]
        heading = heading + pull + 0.22 * stray[:, None] * wander
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        moved = at + step[:, None] * heading
        for _ in range(2):
            gap = solid(moved) - lift
            slope = _gradient(solid, moved)
            moved = moved + np.maximum(-gap, 0)[:, None] * slope
        heading = (moved - at) / np.maximum(np.linalg.norm(moved - at, axis=1, keepdims=True), 1e-6)
        at = moved
        path.append(at)
    return np.stack(path, 1)


def _gradient(solid: Shape, p: np.ndarray) -> np.ndarray:
    nudge = 1e-3
    slope = np.stack([solid(p + nudge * axis) - solid(p - nudge * axis) for axis in np.eye(3)], 1)
    return slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-6)


def _gather(points: np.ndarray, clump: np.ndarray, *, amount: np.ndarray) -> np.ndarray:
    """Draw strands towards their clump's mean path, more at the tips."""
    count = clump.max() + 1
    size = np.maximum(np.bincount(clump, minlength=count), 1)
    mean = np.stack(
        [
            [np.bincount(clump, weights=points[:, k, a], minlength=count) / size for a in range(3)]
            for k in range(POINTS)
        ]
    )
    target = mean.transpose(2, 0, 1)[clump]
    pull = amount[:, None] * np.linspace(0, 1, POINTS) ** 1.2
    return points + pull[..., None] * (target - points)
