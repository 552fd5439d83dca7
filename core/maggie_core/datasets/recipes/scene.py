"""What a recipe draws: people on a canvas, and where each came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maggie_core.mattes.foreground import unmixed_foreground
from maggie_core.synthesis.camera import to_encoded, to_linear

from ..sample import resized
from .compositing import Composite, Layer, compose, whole_mattes
from .footage import Footage, OpenFootage

Box = tuple[int, int, int, int]
"""left, top, right, bottom."""


class Person:
    """One person cut out of some frames of footage, all by the same box."""

    def __init__(self, footage: Footage, opened: OpenFootage, frames: Sequence[int], *, unmix: bool) -> None:
        self.footage = footage
        self.first = frames[0]
        self._cuts = [_cut(opened, frame, unmix=unmix) for frame in frames]
        boxes = [box for box, _ in self._cuts if box is not None]
        self.box: Box | None = None
        """Union of the boxes of `alpha > 0`; None where there is nobody in any frame."""
        if boxes:
            left, top, right, bottom = zip(*boxes, strict=True)
            self.box = (min(left), min(top), max(right), max(bottom))
        self.width = self.box[2] - self.box[0] if self.box else 0
        self.height = self.box[3] - self.box[1] if self.box else 0

    def patches(self, width: int, height: int) -> list[np.ndarray]:
        """The box of every frame scaled to `width` x `height`: (height, width, 4) uint8, colour and alpha."""
        assert self.box is not None
        patches = []
        for box, codes in self._cuts:
            whole = np.zeros((self.height, self.width, 4), np.uint8)
            if box is not None:
                rows = slice(box[1] - self.box[1], box[3] - self.box[1])
                whole[rows, box[0] - self.box[0] : box[2] - self.box[0]] = codes
            patches.append(_scaled(whole, width, height))
        return patches


def _cut(opened: OpenFootage, frame: int, *, unmix: bool) -> tuple[Box | None, np.ndarray]:
    """The box of `alpha > 0` and its (h, w, 4) codes."""
    colour, alpha = opened.cut_out(frame)
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    if not len(rows):
        return None, np.zeros((0, 0, 4), np.uint8)
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    if unmix:
        light = unmixed_foreground(to_linear(colour), alpha)
        colour = to_encoded(light / np.maximum(alpha, 1e-3)[..., None])
    planes = np.concatenate([colour, alpha[..., None]], 2)[box[1] : box[3], box[0] : box[2]]
    return box, _codes(planes)


def _scaled(codes: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resample colour weighted by alpha, so that what lies beside the person does not bleed in."""
    planes = codes.astype(np.float32) / 255
    alpha = planes[..., 3:]
    planes = resized(np.concatenate([planes[..., :3] * alpha, alpha], 2), height, width)
    planes[..., :3] /= np.maximum(planes[..., 3:], 1 / 512)
    return _codes(planes)


def _codes(planes: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(planes, 0, 1) * 255).astype(np.uint8)


@dataclass(frozen=True)
class Placed:
    """One person on the canvas; `x`, `y` is the top left pixel of every patch."""

    person: Person
    patches: list[np.ndarray]
    x: int
    y: int

    def layer(self, frame: int) -> Layer:
        patch = self.patches[frame]
        return Layer(patch[..., :3], patch[..., 3], self.x, self.y)

    def described(self) -> dict[str, Any]:
        height, width = self.patches[0].shape[:2]
        return {
            "footage": self.person.footage.name,
            "source": self.person.footage.source,
            "first_frame": self.person.first,
            "box": self.person.box,
            "size": [width, height],
            "at": [self.x, self.y],
        }


@dataclass(frozen=True)
class Background:
    """Frames of a background from `first` on; the last one is held when it ends."""

    footage: Footage
    opened: OpenFootage
    first: int
    canvas: tuple[int, int]
    """(W, H)"""

    def codes(self, frame: int) -> np.ndarray:
        """(H, W, 3) uint8; scaled to cover the canvas and cut around the middle where it has another size."""
        colour = self.opened.colour(min(self.first + frame, self.opened.frames - 1))
        (height, width), (wide, tall) = colour.shape[:2], self.canvas
        if (width, height) != self.canvas:
            scale = max(wide / width, tall / height)
            colour = resized(colour, max(tall, round(height * scale)), max(wide, round(width * scale)))
            top, left = (colour.shape[0] - tall) // 2, (colour.shape[1] - wide) // 2
            colour = colour[top : top + tall, left : left + wide]
        return _codes(colour)


@dataclass(frozen=True)
class Scene:
    """A composite yet to be rendered, frame by frame."""

    background: Background
    people: list[Placed]
    frames: int
    occlusion: float
    """The most that one paste hid of what was seen of anybody, in any frame."""

    def whole(self, frame: int) -> np.ndarray:
        """(N, H, W) uint8: everybody's matte as if alone."""
        width, height = self.background.canvas
        return whole_mattes([placed.layer(frame) for placed in self.people], (height, width))

    def render(self, frame: int) -> Composite:
        return compose(self.background.codes(frame), [placed.layer(frame) for placed in self.people])

    def described(self) -> dict[str, Any]:
        return {
            "canvas": self.background.canvas,
            "frames": self.frames,
            "background": {
                "footage": self.background.footage.name,
                "source": self.background.footage.source,
                "first_frame": self.background.first,
            },
            "people": [placed.described() for placed in self.people],
            "occlusion": round(self.occlusion, 4),
        }
