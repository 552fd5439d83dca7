"""Where pixels are: windows in pixel coordinates, pixel aspect, the network's working size.

Coordinates follow OpenEXR and OpenImageIO: x to the right, y down, integers name pixels, and the
centre of pixel (0, 0) lies at (0.5, 0.5). Resampling is by pixel centres, so an edge stays where it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from maggie_core.errors import InputError


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

    def union(self, other: Window) -> Window:
        """Smallest window that holds both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Window(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)

    def intersection(self, other: Window) -> Window | None:
        """The part both share, or None."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Window(x, y, right - x, bottom - y) if right > x and bottom > y else None
