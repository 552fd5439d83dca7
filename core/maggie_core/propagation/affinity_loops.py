"""The search of `affinity` as a compiled loop. Import it where it is used."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maggie_core.runtime.jit import njit_cached

Plane = NDArray[np.float32]
Cells = NDArray[np.int32]


@njit_cached
def labels_of(
    cells: Plane,
    known: Plane,
    labels: Plane,
    centre: tuple[Cells, Cells],
    reach: tuple[int, int, int],
    penalties: tuple[np.float32, np.float32, np.float32],
) -> Any:
    """(h, w, N + 1): mean labels of the known cells that each cell is most like.

    Args:
        cells: (h, w, C).
        known: (M, h, w, C); the first is the frame before, in which a cell looks around its `centre` alone.
        labels: (M, h, w, N + 1).
        centre: rows and columns (h, w).
        reach: cells around the centre, stride in the keys, number of cells that count.
        penalties: of a squared cell of distance, of a key; and the sharpness of the weights.
    """
    height, width, channels = cells.shape
    frames, people = known.shape[0], labels.shape[3]
    near, stride, most = reach
    far, key, sharpness = penalties
    out = np.zeros((height, width, people), np.float32)
    best = np.empty(most, np.float32)
    place = np.empty((most, 3), np.int32)
    for y in range(height):
        for x in range(width):
            best[:] = np.float32(1e9)
            for m in range(frames):
                row, column, step = centre[0][y, x], centre[1][y, x], 1
                y0, y1 = max(0, row - near), min(height, row + near + 1)
                x0, x1 = max(0, column - near), min(width, column + near + 1)
                if m > 0:
                    y0, y1, x0, x1, step = 0, height, 0, width, stride
                for v in range(y0, y1, step):
                    for u in range(x0, x1, step):
                        apart = key
                        if m == 0:
                            apart = far * np.float32((v - row) ** 2 + (u - column) ** 2)
                        for c in range(channels):
                            difference = cells[y, x, c] - known[m, v, u, c]
                            apart += difference * difference
                        if apart < best[most - 1]:
                            i = most - 1
                            while i > 0 and best[i - 1] > apart:
                                best[i] = best[i - 1]
                                place[i] = place[i - 1]
                                i -= 1
                            best[i] = apart
                            place[i, 0], place[i, 1], place[i, 2] = m, v, u
            total = np.float32(0)
            for i in range(most):
                if best[i] >= np.float32(1e9):
                    break
                weight = np.exp((best[0] - best[i]) * sharpness)
                total += weight
                for n in range(people):
                    out[y, x, n] += weight * labels[place[i, 0], place[i, 1], place[i, 2], n]
            for n in range(people):
                out[y, x, n] /= total
    return out
