"""Figures in pieces that hang on joints, so that a clip can pose them at any time.

A pose is a `Bend`: the turn of each limb against the pose in which the figure was painted. Every pixel is
looked up where it lay at rest, so that colour and coverage move together and mattes are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from .canvas import PaintedPiece
from .fields import Plane, smoothstep
from .layer import Box, Layer, Placement, box_around, box_points

Codes = NDArray[np.uint8]
Shade = Callable[[Plane, Box], Plane]
"""Straight encoded colour (3, h, w) of a box of the crop to the scene's light."""

Joints = dict[str, tuple[float, float]]

GRID = 8
"""Pieces are a multiple of this wide and high, so that their smaller copies have whole pixels."""


@dataclass(frozen=True)
class Bend:
    """Turns against the painted pose in radians: (upper, lower) per limb, left then right."""

    arms: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    legs: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    head: float = 0.0
    hair: float = 0.0
    skirt: float = 0.0


REST = Bend()


@dataclass(frozen=True, eq=False)
class Piece:
    """The image of one limb: (h, w, 4) codes whose first pixel is the canvas pixel (left, top).

    Limbs are "torso", "head", "hair", "skirt", and with 0 or 1 behind them "arm", "leg" and "held".
    """

    limb: str
    left: int
    top: int
    codes: Codes


def cut_out(painted: PaintedPiece) -> Piece | None:
    """The visible part of a painted piece; None when nothing of it shows."""
    alpha = np.floor(painted.alpha * 255 + np.float32(0.5)).astype(np.uint8)
    rows, columns = np.flatnonzero(alpha.max(1)), np.flatnonzero(alpha.max(0))
    if not len(rows):
        return None
    top, left = max(0, int(rows[0]) - 1), max(0, int(columns[0]) - 1)
    high, wide = int(rows[-1]) + 2 - top, int(columns[-1]) + 2 - left
    codes = np.zeros((-(-high // GRID) * GRID, -(-wide // GRID) * GRID, 4), np.uint8)
    colour = np.floor(painted.colour * 255 + np.float32(0.5)).astype(np.uint8)
    both = np.concatenate([colour, alpha[..., None]], -1)[top : top + high, left : left + wide]
    codes[: both.shape[0], : both.shape[1]] = both
    return Piece(painted.limb, left, top, codes)


@dataclass(frozen=True, eq=False)
class Puppet:
    """A figure in pieces, back to front, on a canvas of `size_px`."""

    size_px: int
    unit_px: float
    joints: Joints
    pieces: tuple[Piece, ...]

    def save(self, stream: IO[bytes]) -> None:
        names = [*self.joints]
        np.savez(
            stream,
            about=np.array([self.size_px, self.unit_px]),
            joint_names=np.array(names),
            joints=np.array([self.joints[name] for name in names]),
            limbs=np.array([piece.limb for piece in self.pieces]),
            corners=np.array([(piece.left, piece.top) for piece in self.pieces]),
            allow_pickle=False,
            **{f"piece{index:02d}": piece.codes for index, piece in enumerate(self.pieces)},
        )

    @staticmethod
    def load(path: Path) -> Puppet:
        with np.load(path) as stored:
            names = [str(name) for name in stored["joint_names"]]
            joints = {
                name: (float(x), float(y)) for name, (x, y) in zip(names, stored["joints"], strict=True)
            }
            pieces = tuple(
                Piece(str(limb), int(left), int(top), stored[f"piece{index:02d}"])
                for index, (limb, (left, top)) in enumerate(
                    zip(stored["limbs"], stored["corners"], strict=True)
                )
            )
            size_px, unit_px = stored["about"]
        return Puppet(int(size_px), float(unit_px), joints, pieces)

    def flat(self) -> Codes:
        """(S, S, 5) codes of the painted pose: straight colour, alpha, and alpha of held things."""
        planes = self.draw(
            Placement((0, 0), (0, 0), 1.0), self.size_px, bend=REST, shade=lambda colour, _: colour
        )
        planes[:3] /= np.maximum(planes[3], np.float32(1e-3))
        return np.floor(np.clip(planes, 0, 1).transpose(1, 2, 0) * 255 + np.float32(0.5)).astype(np.uint8)

    def draw(
        self,
        placement: Placement,
        size_px: int,
        *,
        bend: Bend,
        shade: Shade,
        warp: Plane | None = None,
        limbs: Collection[str] | None = None,
    ) -> Plane:
        """Draw (5, size_px, size_px): premultiplied colour in the light of `shade`, alpha, what is held.

        Args:
            warp: (2, size, size) displacement in crop pixels.
            limbs: draw these only.
        """
        out = np.zeros((5, size_px, size_px), np.float32)
        for piece, layer in zip(self.pieces, self._layers, strict=True):
            box = self._box(piece, placement, size_px, bend, warp)
            if box is None or (limbs is not None and piece.limb not in limbs):
                continue
            rows, columns = box
            u, v = self.at_rest(piece.limb, *placement.into_image(*box_points(box, warp)), bend)
            planes = layer.fetch(u - np.float32(piece.left), v - np.float32(piece.top), placement.scale)
            alpha, window = planes[3], out[:, rows, columns]
            window *= 1 - alpha
            window[:3] += shade(planes[:3], box) * alpha
            window[3] += alpha
            if piece.limb.startswith("held"):
                window[4] += alpha
        return out

    @cached_property
    def _layers(self) -> list[Layer]:
        return [Layer(piece.codes, closed=True) for piece in self.pieces]

    def looseness(self, limb: str) -> float:
        """1 for a whole limb, 0.12 for one that the canvas cuts, as moving it would show the cut."""
        for piece in self.pieces:
            high, wide = piece.codes.shape[:2]
            cut = piece.left <= 0 or piece.top <= 0
            cut |= max(piece.left + wide, piece.top + high) >= self.size_px
            if piece.limb == limb and cut:
                return 0.12
        return 1.0

    def _chain(self, limb: str) -> tuple[str, str, str]:
        side = limb[-1]
        names = ("hip", "knee", "ankle") if limb.startswith("leg") else ("shoulder", "elbow", "wrist")
        return f"{names[0]}{side}", f"{names[1]}{side}", f"{names[2]}{side}"

    def at_rest(self, limb: str, u: Plane, v: Plane, bend: Bend) -> tuple[Plane, Plane]:
        """Where the posed points (u, v) of a limb lay when it was painted."""
        if limb == "torso":
            return u, v
        if limb == "skirt":
            return _swung(u, v, self.joints["chest"], bend.skirt, self.unit_px)
        if limb in ("head", "hair"):
            u, v = _turned(u, v, self.joints["neck"], -bend.head)
            return _swung(u, v, self.joints["head"], bend.hair, self.unit_px) if limb == "hair" else (u, v)
        side = int(limb[-1])
        upper, lower = (bend.legs if limb.startswith("leg") else bend.arms)[side]
        root, middle, end = (np.array(self.joints[name]) for name in self._chain(limb))
        u, v = _turned(u, v, root, -upper)
        share: Plane | float = 1.0
        if not limb.startswith("held"):
            # Across the joint the turn sets in smoothly, along the line that halves its angle.
            thigh, shin = _unit(middle - root), _rotated(_unit(end - middle), lower)
            along = _unit(thigh + shin)
            reach = 0.2 * float(np.linalg.norm(middle - root)) + 1e-3
            ahead = (u - np.float32(middle[0])) * np.float32(along[0])
            ahead = ahead + (v - np.float32(middle[1])) * np.float32(along[1])
            share = smoothstep(ahead, -reach, reach)
        return _turned(u, v, middle, -lower * share)

    def joint(self, name: str, bend: Bend) -> tuple[float, float]:
        """Where a joint of an arm or a leg lies in a pose, in canvas pixels."""
        point, side = np.array(self.joints[name]), name[-1]
        if name.startswith(("elbow", "wrist", "hand")):
            root, middle, (upper, lower) = "shoulder", "elbow", bend.arms[int(side)]
        elif name.startswith(("knee", "ankle", "toe")):
            root, middle, (upper, lower) = "hip", "knee", bend.legs[int(side)]
        else:
            return self.joints[name]
        if not name.startswith(middle):
            centre = np.array(self.joints[f"{middle}{side}"])
            point = centre + _rotated(point - centre, lower)
        centre = np.array(self.joints[f"{root}{side}"])
        x, y = centre + _rotated(point - centre, upper)
        return float(x), float(y)

    def reaching(self, side: int, target: tuple[float, float]) -> tuple[float, float]:
        """Turns (upper, lower) of arm `side` that bring its wrist to `target` (canvas pixels), or as near as
        its length allows. The elbow bends the way it was painted, so that it never flips on the way.
        """
        root, middle, end = (np.array(self.joints[name]) for name in self._chain(f"arm{side}"))
        first, second = float(np.linalg.norm(middle - root)), float(np.linalg.norm(end - middle))
        away = np.array(target) - root
        far = float(np.clip(np.linalg.norm(away), abs(first - second) * 1.02 + 1e-3, (first + second) * 0.98))
        inner = np.arccos(np.clip((first**2 + far**2 - second**2) / (2 * first * far + 1e-9), -1, 1))
        at_elbow = np.arccos(np.clip((first**2 + second**2 - far**2) / (2 * first * second + 1e-9), -1, 1))
        rest_upper, rest_lower = _direction(middle - root), _direction(end - middle)
        rest_bend = (rest_lower - rest_upper + np.pi) % (2 * np.pi) - np.pi
        way = 1.0 if rest_bend >= 0 else -1.0
        upper = _direction(away) - way * inner - rest_upper
        return float(upper), float(way * (np.pi - at_elbow) - rest_bend)

    def _box(
        self, piece: Piece, placement: Placement, size_px: int, bend: Bend, warp: Plane | None
    ) -> Box | None:
        """The part of the crop a posed piece can reach; None when that is nothing."""
        high, wide = piece.codes.shape[:2]
        corners = np.array(
            [(x, y) for x in (piece.left, piece.left + wide) for y in (piece.top, piece.top + high)]
        )
        points = corners.astype(np.float64)
        if piece.limb == "skirt":
            points = _circle(points, self.joints["chest"], bend.skirt)
        elif piece.limb in ("head", "hair"):
            points = _about(points, self.joints["neck"], bend.head)
            if piece.limb == "hair":
                points = _circle(points, self.joints["head"], bend.hair)
        elif piece.limb != "torso":
            side = int(piece.limb[-1])
            upper, lower = (bend.legs if piece.limb.startswith("leg") else bend.arms)[side]
            root, middle, _ = (self.joints[name] for name in self._chain(piece.limb))
            points = np.concatenate([_circle(points, middle, lower), points])
            points = _about(points, root, upper)
        return box_around(placement, points, size_px, warp=warp)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / (np.linalg.norm(vector) + 1e-6)


def _direction(vector: np.ndarray) -> float:
    return float(np.arctan2(vector[1], vector[0]))


def _rotated(vector: np.ndarray, angle: float) -> np.ndarray:
    """Vectors (..., 2) turned by `angle`."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = vector[..., 0], vector[..., 1]
    return np.stack([x * cos - y * sin, x * sin + y * cos], -1)


def _about(points: np.ndarray, centre: tuple[float, float], angle: float) -> np.ndarray:
    return np.array(centre) + _rotated(points - np.array(centre), angle)


def _circle(points: np.ndarray, centre: tuple[float, float], angle: float) -> np.ndarray:
    """The points at rest and turned by any part of `angle`."""
    steps = np.linspace(-abs(angle), abs(angle), 5) if angle else [0.0]
    return np.concatenate([_about(points, centre, float(step)) for step in steps])


def _turned(
    u: Plane, v: Plane, centre: tuple[float, float] | np.ndarray, angle: Plane | float
) -> tuple[Plane, Plane]:
    turn = np.asarray(angle, np.float32)
    cos, sin = np.cos(turn), np.sin(turn)
    x, y = np.float32(centre[0]), np.float32(centre[1])
    du, dv = u - x, v - y
    return x + du * cos - dv * sin, y + du * sin + dv * cos


def _swung(
    u: Plane, v: Plane, centre: tuple[float, float], angle: float, unit_px: float
) -> tuple[Plane, Plane]:
    """Turn back what hangs: not near its root, and more with the distance."""
    far = np.hypot(u - np.float32(centre[0]), v - np.float32(centre[1])) / np.float32(unit_px)
    return _turned(u, v, centre, -np.float32(angle) * smoothstep(far, 0.35, 2.2))
