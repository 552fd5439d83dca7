"""The canvas a figure is painted on, one layer over the other, and the light that shades it.

A canvas is painted flat, or in pieces of one limb each, which are put over each other later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .fields import Plane, gaussian_blur, resize
from .shapes import Ellipse, Patch, Shape, union
from .strands import Tuft, splat, tip_fade
from .textures import cloth, skin


@dataclass(frozen=True)
class Light:
    """One key light, an ambient term and a rim; directions in canvas axes, z towards us.

    `fills` are further lights as (x, y, z, strength); `sky` is how much lighter the ambient term is from
    above than from below.
    """

    key: tuple[float, float, float]
    ambient: float
    strength: float
    rim: tuple[float, float]
    rim_strength: float
    fills: tuple[tuple[float, float, float, float], ...] = ()
    sky: float = 0.0

    @staticmethod
    def draw(rng: np.random.Generator) -> Light:
        angle, rise = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.95)
        side = np.sqrt(1 - rise * rise)
        turn = rng.uniform(0, 2 * np.pi)
        return Light(
            key=(float(np.cos(angle) * side), float(-abs(np.sin(angle)) * side), float(rise)),
            ambient=float(rng.uniform(0.45, 0.9)),
            strength=float(rng.uniform(0.1, 0.6)),
            rim=(float(np.cos(turn)), float(np.sin(turn))),
            rim_strength=float(rng.choice([0.0, rng.uniform(0, 0.5)], p=[0.65, 0.35])),
        )

    def shade(self, distance: Plane, *, girth_px: float) -> Plane:
        """Brightness factor of a rounded body given its distance field; (h, w)."""
        slope_y, slope_x = np.gradient(distance)
        flat = np.clip(-distance / np.float32(max(1.0, girth_px)), 0, 1)
        nx, ny = slope_x * (1 - flat), slope_y * (1 - flat)
        nz = np.sqrt(np.clip(1 - nx * nx - ny * ny, 0, 1))
        lambert = np.maximum(0, nx * self.key[0] + ny * self.key[1] + nz * self.key[2])
        rim = np.maximum(0, nx * self.rim[0] + ny * self.rim[1]) ** 3
        total = self.ambient + self.strength * lambert + self.rim_strength * rim
        for x, y, z, strength in self.fills:
            total = total + strength * np.maximum(0, nx * x + ny * y + nz * z)
        if self.sky:
            total = total - self.sky * ny
        return total.astype(np.float32)


@dataclass(frozen=True)
class PaintedPiece:
    """One limb of a figure on the whole canvas: (S, S, 3) straight colour and (S, S) coverage."""

    limb: str
    colour: Plane
    alpha: Plane


class Canvas:
    """Premultiplied colour and coverage of what has been painted so far.

    Attributes:
        rgb: (S, S, 3) premultiplied sRGB-encoded colour.
        alpha: (S, S) coverage.
        held: (S, S) part of the coverage that belongs to things in the hands, not to the person.
        pieces: finished pieces, back to front, of a canvas painted `in_pieces`.
    """

    def __init__(self, size_px: int, *, in_pieces: bool = False) -> None:
        self.size_px = size_px
        self.everything = (slice(0, size_px), slice(0, size_px))
        self.pieces: list[PaintedPiece] = []
        self._in_pieces, self._limb = in_pieces, ""
        self._clear()

    def _clear(self) -> None:
        self.rgb = np.zeros((self.size_px, self.size_px, 3), np.float32)
        self.alpha = np.zeros((self.size_px, self.size_px), np.float32)
        self.held = np.zeros_like(self.alpha)
        self._holds = False

    def begin(self, limb: str) -> None:
        """Begin to paint another limb.

        Args:
            limb: name of the limb; "held0" and "held1" for things in the hands.
        """
        if self._in_pieces and limb != self._limb and self.alpha.any():
            self.pieces.append(PaintedPiece(self._limb, self.straight_colour(), np.clip(self.alpha, 0, 1)))
            self._clear()
        self._limb = limb

    def over(self, box: tuple[slice, slice], colour: Plane, alpha: Plane) -> None:
        """Composite straight `colour` (h, w, 3) with `alpha` (h, w) over what is in `box`."""
        keep = 1 - alpha
        self.rgb[box] = self.rgb[box] * keep[..., None] + colour * alpha[..., None]
        self.alpha[box] = self.alpha[box] * keep + alpha
        if self._limb.startswith("held"):
            self.held[box] = self.held[box] * keep + alpha
            self._holds = True
        elif self._holds:
            self.held[box] *= keep

    def paint_cloth(
        self,
        rng: np.random.Generator,
        shapes: Sequence[Shape],
        light: Light,
        *,
        unit_px: float,
        blend_px: float = 0.0,
        held_out: bool = False,
        colour: Plane | None = None,
        opacity: Plane | float = 1.0,
    ) -> Patch | None:
        """Paint a garment.

        Args:
            shapes: the outline, joined smoothly over `blend_px`.
            unit_px: height of the wearer's head; patterns and folds scale with it.
            colour: (S, S, 3) a texture that several garments share; drawn where it is None.
            opacity: a number, or (S, S), in [0, 1].

        Returns:
            Where it was painted; None when nothing of it lies on the canvas.
        """
        patch = union(shapes, self.size_px, blend_px=blend_px)
        if patch is None:
            return None
        height, width = patch.distance.shape
        texture = colour[patch.box] if colour is not None else cloth(
            rng, height, width, unit_px=unit_px, held_out=held_out
        )  # fmt: skip
        density = opacity[patch.box] if isinstance(opacity, np.ndarray) else opacity
        self._paint(patch, texture, light, unit_px, density)
        return patch

    def paint_skin(
        self,
        rng: np.random.Generator,
        shapes: Sequence[Shape],
        light: Light,
        *,
        colour: np.ndarray,
        unit_px: float,
        blend_px: float = 0.0,
    ) -> None:
        patch = union(shapes, self.size_px, blend_px=blend_px)
        if patch is not None:
            texture = skin(rng, *patch.distance.shape, colour=colour, unit_px=unit_px)
            self._paint(patch, texture, light, unit_px, 1.0)

    def paint_plain(
        self,
        rng: np.random.Generator,
        shapes: Sequence[Shape],
        light: Light,
        *,
        colour: np.ndarray,
        unit_px: float,
        blend_px: float = 0.0,
    ) -> None:
        patch = union(shapes, self.size_px, blend_px=blend_px)
        if patch is not None:
            grain = 1 + np.float32(0.04) * rng.standard_normal(patch.distance.shape, dtype=np.float32)
            self._paint(patch, colour.astype(np.float32) * grain[..., None], light, unit_px, 1.0)

    def paint_flat(
        self,
        shapes: Sequence[Shape],
        *,
        colour: np.ndarray | float,
        opacity: float = 1.0,
        ramp_px: float = 1.2,
    ) -> None:
        """Paint a detail on top of what is there: it changes colour, never coverage."""
        patch = union(shapes, self.size_px)
        if patch is None:
            return
        alpha = patch.coverage(ramp_px=ramp_px) * np.float32(opacity) * self.alpha[patch.box]
        flat = np.broadcast_to(np.asarray(colour, np.float32), (*alpha.shape, 3))
        box = patch.box
        inside = self.alpha[box]
        share = alpha / np.maximum(inside, np.float32(1e-3))
        self.rgb[box] = self.rgb[box] * (1 - share[..., None]) + flat * alpha[..., None]

    def paint_ring(self, shape: Ellipse, *, width_px: float, colour: np.ndarray) -> None:
        """Paint only the outline of an ellipse, holes left open."""
        patch = union([shape], self.size_px)
        if patch is None:
            return
        ring = Patch(patch.left, patch.top, np.abs(patch.distance) - np.float32(width_px / 2))
        alpha = ring.coverage() * np.float32(min(1.0, width_px))
        self.over(ring.box, np.broadcast_to(colour.astype(np.float32), (*alpha.shape, 3)), alpha)

    def fur(
        self,
        rng: np.random.Generator,
        *,
        length_px: float,
        density: float,
        where: Plane | None = None,
    ) -> None:
        """Let hair grow outwards from what is painted, in its colours; `where` (S, S) limits the roots."""
        region = self.alpha if where is None else where
        rows, columns = np.nonzero((region > 0.6) & (self.alpha > 0.6))
        if len(rows) < 20:
            return
        count = int(min(9000, density * len(rows) / max(3.0, 0.35 * length_px)))
        chosen = rng.integers(len(rows), size=count)
        row, column = rows[chosen], columns[chosen]
        wide = gaussian_blur(region, max(1.5, 0.6 * length_px), edge=False)
        slope_y, slope_x = np.gradient(wide, axis=0), np.gradient(wide, axis=1)
        outward = -np.stack([slope_x[row, column], slope_y[row, column]], -1)
        outward = outward / (np.linalg.norm(outward, axis=1, keepdims=True) + 1e-4)
        points = 8
        t = np.linspace(0, 1, points, dtype=np.float32)[None, :, None]
        heading = outward + rng.normal(0, 0.35, (count, 2)) + np.array([0, 0.35])
        bend = rng.normal(0, 0.35, (count, 1, 2)) + np.array([0, 0.3])
        reach = length_px * rng.uniform(0.4, 1.1, (count, 1, 1))
        root = np.stack([column + 0.5, row + 0.5], -1) + rng.uniform(-0.5, 0.5, (count, 2))
        curves = (root[:, None] + (heading[:, None] * t + bend * t * t) * reach).astype(np.float32)
        width = np.float32(np.clip(0.02 * length_px, 0.25, 0.9)) * tip_fade(points, start=0.2)[None]
        shade = rng.uniform(0.7, 1.3, (count, 1)) * (0.75 + 0.4 * t[..., 0])
        colour = self.rgb[row, column] / np.maximum(self.alpha[row, column], 0.05)[:, None]
        self._splat_coloured(rng, curves, np.broadcast_to(width, shade.shape), shade, colour)

    def _splat_coloured(
        self, rng: np.random.Generator, curves: Plane, width: Plane, shade: Plane, colour: Plane
    ) -> None:
        """Draw strands that carry a colour each: two channels per pass of the splatter."""
        width = np.ascontiguousarray(width, dtype=np.float32)
        channels = [
            np.broadcast_to(shade * colour[:, k : k + 1], width.shape).astype(np.float32) for k in range(3)
        ]
        state = rng.bit_generator.state
        depth, red, green = splat(rng, Tuft(curves, width, channels[0], channels[1]), self.size_px)
        rng.bit_generator.state = state
        _, blue, _ = splat(rng, Tuft(curves, width, channels[2], channels[2]), self.size_px)
        self.over(self.everything, np.clip(np.stack([red, green, blue], -1), 0, 1), 1 - np.exp(-depth))

    def straight_colour(self) -> Plane:
        """(S, S, 3) colour divided by coverage; empty pixels take the colour of what is nearest."""
        solid = self.rgb.copy()
        weight = self.alpha[..., None].copy()
        levels = [np.concatenate([solid, weight], -1)]
        while min(levels[-1].shape[:2]) > 3:
            last = levels[-1]
            levels.append(resize(last, (last.shape[0] + 1) // 2, (last.shape[1] + 1) // 2))
        filled = levels[-1][..., :3] / np.maximum(levels[-1][..., 3:], 1e-4)
        for level in reversed(levels[:-1]):
            filled = resize(np.ascontiguousarray(filled), *level.shape[:2])
            share = np.clip(level[..., 3:] * 4, 0, 1)
            own = level[..., :3] / np.maximum(level[..., 3:], 1e-4)
            filled = filled + share * (own - filled)
        return np.clip(filled, 0, 1)

    def _paint(
        self, patch: Patch, texture: Plane, light: Light, unit_px: float, opacity: Plane | float
    ) -> None:
        brightness = light.shade(patch.distance, girth_px=0.32 * unit_px)
        colour = np.clip(texture * brightness[..., None], 0, 1)
        self.over(patch.box, colour, patch.coverage() * np.asarray(opacity, np.float32))
