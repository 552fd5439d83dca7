"""Compositions that a recipe draws: people on a canvas before a background, with their footage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maggie_core.mattes.foreground import unmixed_foreground
from maggie_lab.datasets.sample import resized
from maggie_lab.srgb import to_encoded, to_linear

from .compositing import Composite, Layer, compose, placed_on
from .footage import Footage, OpenFootage

Box = tuple[int, int, int, int]
"""left, top, right, bottom."""


class Person:
    """One person in some frames of footage, all cut by the same box.

    Mattes are read at once, colours when they are asked for, as most compositions are drawn and not used.
    """

    def __init__(self, footage: Footage, opened: OpenFootage, frames: Sequence[int], *, unmix: bool) -> None:
        self.footage = footage
        self.first = frames[0]
        self._opened, self._frames, self._unmix = opened, frames, unmix
        self._mattes = [_trimmed(_codes(opened.alpha(frame))) for frame in frames]
        boxes = [box for box, _ in self._mattes if box is not None]
        self.box: Box | None = None
        """Union of the boxes of `alpha > 0`; None where there is nobody in any frame."""
        if boxes:
            left, top, right, bottom = zip(*boxes, strict=True)
            self.box = (min(left), min(top), max(right), max(bottom))
        self.width = self.box[2] - self.box[0] if self.box else 0
        self.height = self.box[3] - self.box[1] if self.box else 0

    def matte(self, frame: int, width: int, height: int) -> np.ndarray:
        """The box of one frame scaled to `width` x `height`: (height, width) uint8."""
        return _codes(resized(self._matte(frame), height, width))

    def colour(self, frame: int, width: int, height: int) -> np.ndarray:
        """The box of one frame's colour, scaled alike: (height, width, 3) uint8, not multiplied by alpha.

        Pixels are weighted by alpha when they are resampled, so that the old background does not bleed in.
        """
        assert self.box is not None
        left, top, right, bottom = self.box
        image = self._opened.colour(self._frames[frame])
        if self._unmix:
            alpha = self._opened.alpha(self._frames[frame])
            light = unmixed_foreground(to_linear(image), alpha)
            image = to_encoded(light / np.maximum(alpha, 1e-3)[..., None])
        alpha = self._matte(frame)[..., None]
        planes = np.concatenate([image[top:bottom, left:right] * alpha, alpha], 2)
        planes = resized(planes, height, width)
        return _codes(planes[..., :3] / np.maximum(planes[..., 3:], 1 / 512))

    def _matte(self, frame: int) -> np.ndarray:
        """(h, w) float32 in [0, 1] of the person's box."""
        assert self.box is not None
        box, codes = self._mattes[frame]
        whole = np.zeros((self.height, self.width), np.float32)
        if box is not None:
            rows = slice(box[1] - self.box[1], box[3] - self.box[1])
            whole[rows, box[0] - self.box[0] : box[2] - self.box[0]] = codes / np.float32(255)
        return whole

    def close(self) -> None:
        self._opened.close()


def _trimmed(matte: np.ndarray) -> tuple[Box | None, np.ndarray]:
    """The box of what is above 0, and what is in it."""
    rows, columns = np.flatnonzero(matte.any(1)), np.flatnonzero(matte.any(0))
    if not len(rows):
        return None, matte[:0, :0]
    left, top, right, bottom = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    return (left, top, right, bottom), matte[top:bottom, left:right].copy()


def _codes(planes: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(planes, 0, 1) * 255).astype(np.uint8)


@dataclass(frozen=True)
class PlacedPerson:
    """One person on the canvas; `x`, `y` is the top left pixel of the box, whatever the frame."""

    person: Person
    mattes: list[np.ndarray]
    """(h, w) uint8 of each frame."""
    x: int
    y: int

    def layer(self, frame: int) -> Layer:
        matte = self.mattes[frame]
        return Layer(self.person.colour(frame, matte.shape[1], matte.shape[0]), matte, self.x, self.y)

    def described(self) -> dict[str, Any]:
        height, width = self.mattes[0].shape
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
class Composition:
    """People before a background, which `render` makes an image of, frame by frame."""

    background: Background
    people: list[PlacedPerson]
    frames: int
    occlusion: float
    """The largest share of a person's visible area that one paste hides, in any frame."""

    def whole(self, frame: int) -> np.ndarray:
        """(N, H, W) uint8: each person's matte without the people in front."""
        return whole_mattes(self.people, self.background.canvas, frame)

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

    def close(self) -> None:
        self.background.opened.close()
        for placed in self.people:
            placed.person.close()


def whole_mattes(people: Sequence[PlacedPerson], canvas: tuple[int, int], frame: int) -> np.ndarray:
    """(N, H, W) uint8 mattes of one frame on a canvas of (W, H), each as if alone."""
    size = canvas[1], canvas[0]
    return np.stack([placed_on(size, each.mattes[frame], each.x, each.y) for each in people])
