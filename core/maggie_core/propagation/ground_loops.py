"""Sums over pixels of `ground` and `tracker` as compiled loops. Import them where they are used."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maggie_core.runtime.jit import njit_cached

Plane = NDArray[np.float32]


@njit_cached
def lower_to(here: Plane, there: Plane, clear: np.float32, nearest: Plane, seen: NDArray[np.bool_]) -> None:
    """Lower distances to those of another frame, where it shows what is asked for.

    Args:
        here, there: (H, W, 4) colours of the frame and of the other one; the last plane of `there` is how far
            it shows what is asked for.
        clear: from which it does.
        nearest: (H, W) squared distances, changed in place.
        seen: (H, W) where any frame showed it, changed in place.
    """
    height, width = nearest.shape
    for y in range(height):
        for x in range(width):
            if there[y, x, 3] > clear:
                seen[y, x] = True
                a = there[y, x, 0] - here[y, x, 0]
                b = there[y, x, 1] - here[y, x, 1]
                c = there[y, x, 2] - here[y, x, 2]
                nearest[y, x] = min(nearest[y, x], a * a + b * b + c * c)


@njit_cached
def add_motion(
    total: Plane,
    way: tuple[Plane, Plane, Plane],
    background: Plane,
    speeds: Plane,
    alike: Plane,
    scale: tuple[np.float32, np.float32, np.float32],
) -> None:
    """Add to the costs (N + 1, H, W) of background and people what a pixel's motion says against them.

    Args:
        way: (H, W) each, x and y in the next frame of what a frame shows at a pixel, and how sure that is.
        background: (2, 3) from a pixel to where the background is in the next frame.
        speeds: (N, 2) pixels to the right and down that each person moves.
        alike: (N, H, W) in [0, 1], how far a pixel looks as in the key of each person.
        scale: the greatest cost; how much nearer in pixels another one's motion is from which it costs, and
            how much more until it costs in full.
    """
    count, height, width = total.shape
    most, from_px, more_px = scale
    off = np.empty(count, np.float32)
    for row in range(height):
        for column in range(width):
            x, y = np.float32(column), np.float32(row)
            to_x, to_y, sure = way[0][row, column], way[1][row, column], way[2][row, column]
            least = np.float32(np.inf)
            for n in range(count):
                if n == 0:
                    right = background[0, 0] * x + background[0, 1] * y + background[0, 2]
                    down = background[1, 0] * x + background[1, 1] * y + background[1, 2]
                else:
                    right, down = x + speeds[n - 1, 0], y + speeds[n - 1, 1]
                right, down = to_x - right, to_y - down
                off[n] = np.sqrt(right * right + down * down)
                least = min(least, off[n])
            for n in range(count):
                worse = min(max((off[n] - least - from_px) / more_px, np.float32(0)), np.float32(1))
                if n > 0:
                    worse *= 1 - alike[n - 1, row, column]
                total[n, row, column] += most * sure * worse
