"""Label propagation: a cell of a frame takes the labels of the cells it is most like in known frames.

Known frames are the keys, in which it may look everywhere, and the frame before, in which it looks around the
place where the optical flow leads. Everybody, background included, competes for every cell.

Source: the idea of space-time memory networks (Oh et al., ICCV 2019) with the untrained affinity of
self-supervised label propagation (Jabri et al., NeurIPS 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

CELL_PX = 4
"""Side of a cell in pixels: an arm of somebody who fills half of the image is two cells wide."""
NEAR_CELLS = 5
"""How far from the end of the flow a cell looks in the frame before."""
KEY_STRIDE = 2
"""A cell is compared with every second cell of a key, along each axis, for a quarter of the time."""
KEY_PENALTY = 0.3
"""Added to the squared distance of a cell of a key: the frame before is to be believed first."""
FAR_PENALTY = 0.005
"""The same per squared cell that a cell of the frame before lies from the end of the flow."""
MOST_ALIKE = 10
"""Cells whose labels a cell takes, weighted by their likeness."""
SHARPNESS = 10.0
"""A cell counts 1/e for each tenth that its squared distance is larger than that of the best one."""
UNLIKE = 1e3
"""Stands for the colours of a cell that is not to be found."""
LAB_UNIT = 30.0
"""Difference of CIE Lab colours that counts as a distance of 1."""


@dataclass(frozen=True, eq=False)
class Known:
    """A frame whose labels are known."""

    cells: Plane
    """(h, w, C) what its cells look like, from `describe`."""
    labels: Plane
    """(h, w, N + 1) shares of background and people in its cells, from `cell_labels`."""


def describe(image: Plane) -> Plane:
    """What the cells of an image look like: (h, w, 3) their mean CIE Lab colours over `LAB_UNIT`.

    Colours alone: beside them the features of the default model's encoder bring nothing and cost five times
    the time (benchmarks/propagation.md).

    Args:
        image: (3, H, W) sRGB-encoded in [0, 1].
    """
    lab = cv2.cvtColor(np.ascontiguousarray(image.transpose(1, 2, 0)), cv2.COLOR_RGB2Lab)
    return np.ascontiguousarray(_shrunk(np.asarray(lab, np.float32)) / np.float32(LAB_UNIT))


def cell_labels(shares: Plane) -> Plane:
    """(N + 1, H, W) shares of background and people -> (h, w, N + 1) of the cells."""
    return np.ascontiguousarray(np.stack([_shrunk(plane) for plane in shares], axis=-1))


def remembered(image: Plane, shares: Plane) -> Known:
    """A key (3, H, W) with its shares (N + 1, H, W); cells of which nothing is known are like no other."""
    cells, labels = describe(image), cell_labels(shares)
    total = labels.sum(axis=-1, keepdims=True)
    cells[total[..., 0] < 0.5] = UNLIKE
    return Known(cells, labels / np.maximum(total, np.float32(1e-3)))


def _shrunk(plane: Plane) -> Plane:
    size = -(-plane.shape[1] // CELL_PX), -(-plane.shape[0] // CELL_PX)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def alike(cells: Plane, before: Known, x: Plane, y: Plane, keys: Sequence[Known]) -> Plane:
    """Labels of a frame by affinity.

    Args:
        cells: (h, w, C) of the frame.
        before: the frame before.
        x, y: (H, W) pixel in it that shows what the frame shows at a pixel.
        keys: frames with given masks.

    Returns:
        (N + 1, H, W) shares of background and people, which sum to 1.
    """
    from maggie_core.propagation.affinity_loops import labels_of  # its compiler takes a second to import

    columns, rows = (
        np.clip(np.rint((_shrunk(at) + 0.5) / CELL_PX - 0.5), 0, side - 1).astype(np.int32)
        for at, side in ((x, cells.shape[1]), (y, cells.shape[0]))
    )
    found = labels_of(
        cells,
        np.stack([before.cells, *(key.cells for key in keys)]),
        np.stack([before.labels, *(key.labels for key in keys)]),
        (rows, columns),
        (NEAR_CELLS, KEY_STRIDE, MOST_ALIKE),
        (np.float32(FAR_PENALTY), np.float32(KEY_PENALTY), np.float32(SHARPNESS)),
    )
    return np.stack([_grown(np.ascontiguousarray(found[..., n]), x.shape) for n in range(found.shape[-1])])


def _grown(cells: Plane, shape: tuple[int, ...]) -> Plane:
    return np.asarray(cv2.resize(cells, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
