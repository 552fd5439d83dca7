"""Rectangles of pixels, and images moved from one to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maggie_api.errors import InputError


@dataclass(frozen=True)
class Window:
    """A rectangle of whole pixels; `x`, `y` is its top left pixel and may be negative."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise InputError(f"a window is {self.width}x{self.height} pixels: it needs at least 1x1")

    @property
    def right(self) -> int:
        """First column to the right of the window."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below the window."""
        return self.y + self.height

    @property
    def written(self) -> str:
        """`480x512+100+40`: width, height, x and y."""
        return f"{self.width}x{self.height}{self.x:+d}{self.y:+d}"

    def union(self, other: Window) -> Window:
        """Smallest window that holds both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Window(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)

    def intersection(self, other: Window) -> Window | None:
        """The part both share, or None."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Window(x, y, right - x, bottom - y) if right > x and bottom > y else None


def reframe(pixels: np.ndarray, data: Window, target: Window, *, fill: float = 0.0) -> np.ndarray:
    """Move pixels from one window to another by pixel coordinates, without resampling.

    Args:
        pixels: (H, W) or (H, W, C) covering exactly `data`.
        data: where `pixels` lie.
        target: the window wanted.
        fill: value of the pixels of `target` outside `data`.

    Returns:
        (H', W') or (H', W', C) covering exactly `target`, same dtype; a view where nothing needs copying.
    """
    if pixels.shape[:2] != (data.height, data.width):
        raise InputError(
            f"pixels are {pixels.shape[1]}x{pixels.shape[0]}, their window {data.width}x{data.height}"
        )
    shared = data.intersection(target)
    if shared == target:
        return pixels[target.y - data.y : target.bottom - data.y, target.x - data.x : target.right - data.x]
    framed = np.full((target.height, target.width, *pixels.shape[2:]), fill, dtype=pixels.dtype)
    if shared is not None:
        rows = slice(shared.y - target.y, shared.bottom - target.y)
        columns = slice(shared.x - target.x, shared.right - target.x)
        framed[rows, columns] = reframe(pixels, data, shared)
    return framed
