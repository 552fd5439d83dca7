"""The searches of `affinity` as compiled loops. Import them where they are used."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maggie_core.runtime.jit import njit_cached

Plane = NDArray[np.float32]
Cells = NDArray[np.int32]


@njit_cached
def costs_nearby(
    cells: Plane,
    known: Plane,
    unlikely: Plane,
    centre: tuple[Cells, Cells],
    reach: int,
    scale: tuple[np.float32, np.float32, np.float32],
) -> Any:
    """(h, w, N + 1): cost of everybody in each cell, by the cell of theirs it is most like.

    Args:
        cells, known: (h, w, C) of the frame and of the known one.
        unlikely: (h, w, N + 1) negative logarithms of the shares in the known cells.
        centre: rows and columns (h, w) in the known frame, around which a cell looks.
        reach: cells around the centre.
        scale: cost of a squared distance of colours, of a squared cell of distance, and the greatest cost.
    """
    height, width = cells.shape[:2]
    people = unlikely.shape[2]
    sharp, far, most = scale
    out = np.full((height, width, people), most, np.float32)
    for y in range(height):
        for x in range(width):
            row, column = centre[0][y, x], centre[1][y, x]
            first, second, third = cells[y, x, 0], cells[y, x, 1], cells[y, x, 2]
            for v in range(max(0, row - reach), min(height, row + reach + 1)):
                for u in range(max(0, column - reach), min(width, column + reach + 1)):
                    a, b, c = first - known[v, u, 0], second - known[v, u, 1], third - known[v, u, 2]
                    apart = sharp * (a * a + b * b + c * c)
                    apart += far * np.float32((v - row) ** 2 + (u - column) ** 2)
                    for n in range(people):
                        cost = apart + unlikely[v, u, n]
                        if cost < out[y, x, n]:
                            out[y, x, n] = cost
    return out


@njit_cached
def nearest_colour(cells: Plane, shades: Plane, most: np.float32) -> Any:
    """(h, w) squared distance of each cell (h, w, C) from the nearest shade of (S, C); `most` at most."""
    height, width = cells.shape[:2]
    out = np.full((height, width), most, np.float32)
    for y in range(height):
        for x in range(width):
            first, second, third = cells[y, x, 0], cells[y, x, 1], cells[y, x, 2]
            best = most
            for s in range(len(shades)):
                a, b, c = first - shades[s, 0], second - shades[s, 1], third - shades[s, 2]
                apart = a * a + b * b + c * c
                if apart < best:
                    best = apart
            out[y, x] = best
    return out


@njit_cached
def costs_of_one(
    cells: Plane,
    known: Plane,
    unlikely: Plane,
    moved: tuple[np.float32, np.float32],
    window: tuple[int, int, int, int, int],
    scale: tuple[np.float32, np.float32, np.float32],
) -> Any:
    """(h, w) cost of one person in each cell, and row and column of their cell in the key it is most like.

    Args:
        cells, known: (h, w, C) of the frame and of the key.
        unlikely: (h, w) negative logarithms of the person's shares in the key.
        moved: rows and columns that the person has moved since the key.
        window: rows and columns of the person in the key, first and end of each; and cells around the place
            that the movement leads to.
        scale: as in `costs_nearby`.

    Returns:
        cost, row, column; -1 where there is no cell.
    """
    height, width = cells.shape[:2]
    top, bottom, left, right, reach = window
    sharp, far, most = scale
    out = np.full((height, width), most, np.float32)
    rows = np.full((height, width), -1, np.int32)
    columns = np.full((height, width), -1, np.int32)
    for y in range(height):
        row = int(np.rint(y - moved[0]))
        for x in range(width):
            column = int(np.rint(x - moved[1]))
            first, second, third = cells[y, x, 0], cells[y, x, 1], cells[y, x, 2]
            best = most
            for k in range(2 * reach + 1):  # the nearest first: those behind them are soon too far
                v = row + (k + 1) // 2 * (1 - 2 * (k % 2))
                down = far * np.float32((v - row) ** 2)
                if down >= best:
                    break
                if v < top or v >= bottom:
                    continue
                for u in range(max(left, column - reach), min(right, column + reach + 1)):
                    cost = unlikely[v, u] + down + far * np.float32((u - column) ** 2)
                    if cost >= best:
                        continue
                    a, b, c = first - known[v, u, 0], second - known[v, u, 1], third - known[v, u, 2]
                    cost += sharp * (a * a + b * b + c * c)
                    if cost < best:
                        best = cost
                        rows[y, x], columns[y, x] = v, u
            out[y, x] = best
    return out, rows, columns
