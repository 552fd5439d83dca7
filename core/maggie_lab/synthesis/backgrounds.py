"""Backgrounds with the statistics of images: edges at all scales, 1/f spectra, clutter, soft lights.

A background is sRGB-encoded colour in [0, 1], (S, S, 3). Training and held-out sets share no generator.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import KDTree

from maggie_lab.random import BACKGROUNDS, generator, pick

from .fields import Plane, fractal_noise, gaussian_blur, resize, smoothstep, spectral_noise, value_noise
from .shapes import Capsule, Ellipse, Polygon, Shape, union
from .textures import cloth, random_colour

Maker = Callable[[np.random.Generator, int], Plane]


def make_background(seed: int, size_px: int = 384, *, held_out: bool = False) -> Plane:
    """Draw background number `seed`: (size_px, size_px, 3) sRGB-encoded colour in [0, 1], float32."""
    rng = generator(BACKGROUNDS, int(held_out), seed)
    makers = HELD_OUT if held_out else TRAINING
    image = pick(rng, makers)(rng, size_px)
    if rng.random() < 0.25:
        other = pick(rng, makers)(rng, size_px)
        cut = fractal_noise(rng, size_px, size_px, cell_px=size_px * rng.uniform(0.2, 0.8))
        share = smoothstep(cut, -0.05, rng.uniform(0.05, 0.8))[..., None]
        image = image * (1 - share) + other * share
    light = 1 + 0.25 * rng.random() * value_noise(rng, size_px, size_px, cell_px=size_px * 0.6)
    return np.clip(image * np.clip(light, 0.3, 1.7)[..., None], 0, 1).astype(np.float32)


def _palette(rng: np.random.Generator, count: int) -> Plane:
    """Colours that belong together: a few anchors and mixtures of them; (count, 3)."""
    anchors = np.stack([random_colour(rng) for _ in range(int(rng.integers(2, 5)))])
    mix = rng.dirichlet(np.full(len(anchors), 0.5), count)
    return np.clip(mix @ anchors + rng.normal(0, 0.05, (count, 3)), 0, 1).astype(np.float32)


def _spectral(rng: np.random.Generator, size: int) -> Plane:
    slope = rng.uniform(0.8, 1.9)
    luminance = spectral_noise(rng, size, size, slope=slope)
    chroma = spectral_noise(rng, size, size, slope=slope + 0.3)
    mean, lean = random_colour(rng), rng.normal(0, 0.12, 3)
    contrast = rng.uniform(0.06, 0.22)
    return np.clip(mean + contrast * luminance[..., None] + lean * chroma[..., None], 0, 1).astype(np.float32)


def _gradient(rng: np.random.Generator, size: int) -> Plane:
    """A wall or a studio sweep: nearly plain, with light falling across it."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    turn = rng.uniform(0, 2 * np.pi)
    t = smoothstep(x * np.float32(np.cos(turn)) + y * np.float32(np.sin(turn)), -0.6, 1.2)[..., None]
    first = random_colour(rng)
    second = random_colour(rng) if rng.random() < 0.4 else np.clip(first + rng.normal(0, 0.15, 3), 0, 1)
    grain = 0.02 * fractal_noise(rng, size, size, cell_px=rng.uniform(3, 40))
    return (first * (1 - t) + second * t + grain[..., None]).astype(np.float32)


def _leaf_shape(rng: np.random.Generator, at: np.ndarray, radius: float) -> Shape:
    kind = rng.integers(4)
    x, y = float(at[0]), float(at[1])
    if kind == 0:
        return Ellipse((x, y), radius, radius * rng.uniform(0.3, 1.0), rng.uniform(0, np.pi))
    if kind == 1:
        turn = rng.uniform(0, np.pi)
        dx, dy = radius * np.cos(turn), radius * np.sin(turn)
        return Capsule(
            (x - dx, y - dy),
            (x + dx, y + dy),
            radius * rng.uniform(0.05, 0.3),
            radius * rng.uniform(0.05, 0.3),
        )
    corners = (
        np.sort(rng.uniform(0, 2 * np.pi, 4))
        if kind == 2
        else rng.uniform(0, 6.28) + np.arange(4) * np.pi / 2
    )
    reach = radius * rng.uniform(0.6, 1.2, 4) if kind == 2 else np.full(4, radius)
    stretch = rng.uniform(0.3, 1.0)
    points = tuple(
        (float(x + r * np.cos(a)), float(y + stretch * r * np.sin(a)))
        for a, r in zip(corners, reach, strict=True)
    )
    return Polygon(points)


def _paint(image: Plane, shape: Shape, colour: np.ndarray, *, relief: float, grain: Plane) -> None:
    patch = union([shape], image.shape[0], margin_px=1.5)
    if patch is None:
        return
    alpha = patch.coverage()[..., None]
    depth = 1 - np.float32(relief) * np.exp(patch.distance / np.float32(6))[..., None]
    texture = colour.astype(np.float32) * depth * (1 + grain[patch.box][..., None])
    image[patch.box] = image[patch.box] * (1 - alpha) + texture * alpha


def _dead_leaves(rng: np.random.Generator, size: int) -> Plane:
    """Opaque shapes dropped over each other with a power law of sizes: the edge statistics of photographs."""
    count = int(rng.integers(60, 130))
    image = np.broadcast_to(random_colour(rng).astype(np.float32), (size, size, 3)).copy()
    colours = _palette(rng, count)
    radius = size * np.sort(0.03 * rng.uniform(0.02, 1, count) ** (-0.6))[::-1].clip(0.008, 0.4)
    if rng.random() < 0.5:
        radius = rng.permutation(radius)
    grain = np.float32(rng.uniform(0, 0.2)) * fractal_noise(rng, size, size, cell_px=rng.uniform(3, 30))
    relief = rng.uniform(0, 0.5)
    for index in range(count):
        shape = _leaf_shape(rng, rng.uniform(-0.05, 1.05, 2) * size, float(radius[index]))
        _paint(image, shape, colours[index], relief=relief, grain=grain)
    return image


def _voronoi(rng: np.random.Generator, size: int) -> Plane:
    """Cells with joints: stones, tiles, dry earth."""
    count = int(rng.integers(20, 300))
    half = size // 2
    y, x = np.mgrid[:half, :half]
    bend = rng.uniform(0, 6) * np.stack([value_noise(rng, half, half, cell_px=20) for _ in range(2)], -1)
    distance, nearest = KDTree(rng.uniform(0, half, (count, 2))).query(np.stack([x, y], -1) + bend, k=2)
    joint = smoothstep((distance[..., 1] - distance[..., 0]).astype(np.float32), 0.0, rng.uniform(1, 4))
    colour = (
        _palette(rng, count)[np.asarray(nearest)[..., 0]]
        * (rng.uniform(0.1, 1.0) * (1 - joint) + joint)[..., None]
    )
    grain = rng.uniform(0, 0.12) * fractal_noise(rng, size, size, cell_px=12)
    return resize(colour.astype(np.float32), size, size) * (1 + grain[..., None]).astype(np.float32)


def _bokeh(rng: np.random.Generator, size: int) -> Plane:
    """Lights out of focus over something dim."""
    dim = _spectral(rng, size).transpose(2, 0, 1) * np.float32(rng.uniform(0.2, 0.7))
    image = np.ascontiguousarray(gaussian_blur(dim, rng.uniform(2, 8)).transpose(1, 2, 0))
    radius = size * rng.uniform(0.015, 0.09)
    for _ in range(int(rng.integers(15, 60))):
        disc = union([Ellipse(tuple(rng.uniform(0, size, 2)), *(2 * [radius * rng.uniform(0.7, 1.3)]))], size)
        if disc is not None:
            glow = disc.coverage(ramp_px=2.5)[..., None] * np.float32(rng.uniform(0.08, 0.7))
            image[disc.box] += glow * random_colour(rng).astype(np.float32)
    return image


def _grid(rng: np.random.Generator, size: int) -> Plane:
    """Bricks, tiles, shelves or fences: regular courses with a colour for every stone."""
    high = rng.uniform(8, 60)
    wide = high * rng.uniform(0.5, 3.0)
    turn = rng.choice([0.0, rng.normal(0, 0.1)])
    y, x = np.mgrid[:size, :size].astype(np.float32)
    u = (x * np.float32(np.cos(turn)) + y * np.float32(np.sin(turn))) / np.float32(wide) + 50
    v = (y * np.float32(np.cos(turn)) - x * np.float32(np.sin(turn))) / np.float32(high) + 50
    row = np.floor(v).astype(np.int64)
    u = u + np.float32(rng.choice([0.0, 0.5])) * (row % 2)
    column = np.floor(u).astype(np.int64)
    colours = _palette(rng, 97)
    joint = rng.uniform(0.5, 3.0)
    near = np.minimum(
        np.minimum(u % 1, 1 - u % 1) * np.float32(wide), np.minimum(v % 1, 1 - v % 1) * np.float32(high)
    )
    mortar = np.clip(near - np.float32(joint) + 0.5, 0, 1)[..., None]
    stone = colours[(row * 31 + column * 17) % 97]
    grain = rng.uniform(0, 0.15) * fractal_noise(rng, size, size, cell_px=rng.uniform(4, 30))
    return (stone * mortar + random_colour(rng) * (1 - mortar)).astype(np.float32) * (1 + grain[..., None])


def _foliage(rng: np.random.Generator, size: int) -> Plane:
    """Many small leaves in layers, darker behind."""
    hue = np.array([rng.uniform(0.1, 0.5), rng.uniform(0.3, 0.6), rng.uniform(0.05, 0.25)])
    image = np.broadcast_to((hue * 0.15).astype(np.float32), (size, size, 3)).copy()
    grain = np.float32(0.1) * fractal_noise(rng, size, size, cell_px=6)
    leaf, count = size * rng.uniform(0.012, 0.05), int(rng.integers(150, 260))
    lean = rng.uniform(0, np.pi)
    for index in range(count):
        colour = np.clip(
            hue * (0.3 + 1.1 * index / count) * rng.uniform(0.7, 1.4) + rng.normal(0, 0.03, 3), 0, 1
        )
        at = tuple(rng.uniform(-0.02, 1.02, 2) * size)
        long = leaf * rng.uniform(0.6, 1.8)
        shape = Ellipse(at, long, long * rng.uniform(0.15, 0.45), lean + rng.normal(0, 0.7))
        _paint(image, shape, colour, relief=0.2, grain=grain)
    return image


def _room(rng: np.random.Generator, size: int) -> Plane:
    """Wall, floor and upright furniture: long straight edges and flat colour."""
    image = _gradient(rng, size)
    floor = int(size * rng.uniform(0.5, 0.95))
    image[floor:] = _gradient(rng, size)[floor:]
    grain = np.float32(0.05) * fractal_noise(rng, size, size, cell_px=10)
    for _ in range(int(rng.integers(4, 22))):
        x, y = rng.uniform(0, size, 2)
        wide, high = size * rng.uniform(0.02, 0.25), size * rng.uniform(0.02, 0.4)
        corners = ((x, y), (x + wide, y), (x + wide, y + high), (x, y + high))
        _paint(image, Polygon(corners), random_colour(rng), relief=rng.uniform(0, 0.3), grain=grain)
    return image


def _signs(rng: np.random.Generator, size: int) -> Plane:
    """Rows of strokes like lettering, wires and branches over a quiet ground."""
    image = _gradient(rng, size) if rng.random() < 0.5 else _spectral(rng, size)
    grain = np.zeros((size, size), np.float32)
    ink = _palette(rng, 5)
    em = size * rng.uniform(0.02, 0.08)
    for _ in range(int(rng.integers(30, 110))):
        x, y = rng.uniform(0, size, 2)
        x, y = np.round(x / em) * em, np.round(y / (1.6 * em)) * 1.6 * em
        dx, dy = rng.normal(0, 0.5, 2) * em * rng.choice([1, 1, 1, 6])
        thick = em * rng.uniform(0.04, 0.14)
        _paint(
            image,
            Capsule((x, y), (x + dx, y + dy), thick, thick),
            ink[rng.integers(5)],
            relief=0,
            grain=grain,
        )
    return image


def _fabric(rng: np.random.Generator, size: int) -> Plane:
    return cloth(rng, size, size, unit_px=size * rng.uniform(0.1, 0.5))


def _ripples(rng: np.random.Generator, size: int) -> Plane:
    """Water-like interference of waves."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    total = np.zeros((size, size), np.float32)
    for _ in range(7):
        turn, period = rng.uniform(0, np.pi), rng.uniform(8, 70)
        total += np.sin(
            (x * np.cos(turn) + y * np.sin(turn)) * 2 * np.pi / period + rng.uniform(0, 6)
        ).astype(np.float32)
    t = smoothstep(total, -3, 3)[..., None]
    return (random_colour(rng) * (1 - t) + random_colour(rng) * t).astype(np.float32)


def _wood(rng: np.random.Generator, size: int) -> Plane:
    """Year rings cut into planks."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    bend = 25 * fractal_noise(rng, size, size, cell_px=0.5 * size, octaves=3)
    rings = np.sin(
        np.hypot(0.15 * (x - size / 2), y + 0.5 * size) * np.float32(rng.uniform(0.3, 1.0)) + 0.15 * bend
    )
    plank = np.floor(y / np.float32(size / rng.integers(3, 9)))
    tone = 1 + 0.2 * rings + 0.12 * np.sin(7.1 * plank)
    return np.clip(random_colour(rng) * tone[..., None], 0, 1).astype(np.float32)


def _windows(rng: np.random.Generator, size: int) -> Plane:
    """Facades with windows lit at random, seen at a slant."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    slant = np.float32(rng.uniform(-0.6, 0.6))
    v = (y - 0.5) * (1 + slant * (x - 0.5)) * np.float32(rng.uniform(6, 18)) + 40
    u = x * (1 + 0.5 * slant * x) * np.float32(rng.uniform(6, 18)) + 40
    pane = np.clip((0.32 - np.abs(u % 1 - 0.5)) * 20, 0, 1) * np.clip((0.36 - np.abs(v % 1 - 0.5)) * 20, 0, 1)
    lit = rng.uniform(0.05, 1.0, 101)[(np.floor(u).astype(int) * 13 + np.floor(v).astype(int) * 29) % 101]
    wall = random_colour(rng) * (1 + 0.05 * fractal_noise(rng, size, size, cell_px=8))[..., None]
    glass = lit[..., None] * random_colour(rng)
    return np.clip(wall * (1 - pane[..., None]) + glass * pane[..., None], 0, 1).astype(np.float32)


def _hills(rng: np.random.Generator, size: int) -> Plane:
    """Layers of ridges fading into haze."""
    x = np.arange(size)
    y = np.arange(size, dtype=np.float32)[:, None]
    haze, near = random_colour(rng), random_colour(rng)
    image = np.broadcast_to(haze.astype(np.float32), (size, size, 3)).copy()
    for layer in np.linspace(0.15, 0.95, 8):
        ridge = size * layer + 0.08 * size * fractal_noise(rng, 4, size, cell_px=size * 0.3, octaves=6)[0][x]
        alpha = np.clip(y - ridge[None] + 0.5, 0, 1)[..., None].astype(np.float32)
        grain = 1 + 0.15 * layer * fractal_noise(rng, size, size, cell_px=10, octaves=3)
        colour = (haze * (1 - layer) + near * layer) * grain[..., None]
        image = (image * (1 - alpha) + colour * alpha).astype(np.float32)
    return image


TRAINING: dict[Maker, float] = {
    _spectral: 1.4, _gradient: 1.4, _dead_leaves: 2.4, _voronoi: 0.8, _bokeh: 1.0, _grid: 1.2, _foliage: 1.2,
    _room: 1.5, _signs: 1.0, _fabric: 0.6,
}  # fmt: skip
HELD_OUT: dict[Maker, float] = {_ripples: 1.0, _wood: 1.0, _windows: 1.2, _hills: 1.2}
