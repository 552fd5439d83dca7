"""What it costs to say that a cell of a frame is somebody's, by how unlike it is to known cells of theirs.

Costs are negative logarithms of likelihoods. Known are the frame before, in which a cell looks around the
place where the optical flow leads, and each person's key, in which it looks for the part of the person that
would be there if the person had moved as a whole. Everybody, background included, competes for every cell.

Source: the idea of space-time memory networks (Oh et al., ICCV 2019) with the untrained affinity of
self-supervised label propagation (Jabri et al., NeurIPS 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

CELL_PX = 4
"""Side of a cell in pixels: an arm of somebody who fills half of the image is two cells wide."""
NEAR_CELLS = 5
"""How far from the end of the flow a cell looks in the frame before."""
SHARPNESS = 80.0
"""Cost of a squared distance of 1 between colours. Mean IoU of the demo shot and crossings 1, 4 and 7, first
30 frames: 0.804 with 10, 0.829 with 40; first 24 frames: 0.836 with 80, 0.828 with 160."""
FAR = 0.05
"""The same of a squared cell that a cell of the frame before lies from the end of the flow."""
KEY_REACH = 0.35
"""How far around the expected place a cell looks in a key, as a share of the person's longer side: an arm
moves that far while the body does not."""
KEY_FAR = 40.0
"""Cost of a squared distance from the expected place of the person's longer side."""
ELSEWHERE = 1.0
"""Cost of background that looks like background anywhere in the frame before: what is uncovered."""
SHADE = 0.2
"""Colours are gathered to this for it."""
SHADES = 1 << 12
"""More than there are shades of a colour's part."""
CERTAIN = 0.9
"""Share of background from which a cell tells what background looks like."""
LEAST_SHARE = 0.05
"""Somebody with less of a known cell is not in it."""
MOST = 90.0
"""Cost of somebody who has no cell in reach."""
OWN_SHARE = 0.3
"""A cell of a key shows the person of whom it has this share."""
LAB_UNIT = 30.0
"""Difference of CIE Lab colours that counts as a distance of 1."""


@dataclass(frozen=True, eq=False)
class Match:
    """One person's key compared with a frame.

    Attributes:
        cost: (h, w) of the person in the cells.
        row, column: (h, w) the cell of the key that a cell is most like; -1 for none.
    """

    cost: Plane
    row: NDArray[np.int32]
    column: NDArray[np.int32]


def colours(image: Plane) -> Plane:
    """(H, W, 3) CIE Lab colours over `LAB_UNIT` of an image (3, H, W), sRGB-encoded in [0, 1]."""
    lab = cv2.cvtColor(np.ascontiguousarray(image.transpose(1, 2, 0)), cv2.COLOR_RGB2Lab)
    return np.asarray(lab, np.float32) / np.float32(LAB_UNIT)


def in_cells(plane: Plane) -> Plane:
    """(h, w) or (h, w, C) means over cells of a plane (H, W) or (H, W, C)."""
    size = -(-plane.shape[1] // CELL_PX), -(-plane.shape[0] // CELL_PX)
    return np.ascontiguousarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def in_pixels(cells: Plane, shape: tuple[int, ...]) -> Plane:
    """A plane (H, W) of the values (h, w) of its cells."""
    return np.asarray(
        cv2.resize(np.ascontiguousarray(cells), shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32
    )


def by_the_frame_before(cells: Plane, before: Plane, carried: Plane, x: Plane, y: Plane) -> Plane:
    """(h, w, N + 1) costs of background and people.

    Args:
        cells, before: (h, w, C) of the frame and of the one before.
        carried: (N + 1, H, W) shares of the frame before, brought along the flow.
        x, y: (H, W) pixel in the frame before that shows what the frame shows at a pixel.
    """
    from maggie_core.propagation.affinity_loops import costs_nearby  # its compiler takes a second to import

    columns, rows = (
        np.clip(np.rint((in_cells(at) + 0.5) / CELL_PX - 0.5), 0, side - 1).astype(np.int32)
        for at, side in ((x, cells.shape[1]), (y, cells.shape[0]))
    )
    shares = np.stack([in_cells(plane) for plane in carried], axis=-1)
    scale = np.float32(SHARPNESS), np.float32(FAR), np.float32(MOST)
    return costs_nearby(cells, before, _unlikely(shares), (rows, columns), NEAR_CELLS, scale)


def by_colours(cells: Plane, before: Plane, background: Plane) -> Plane:
    """(h, w) cost of background by its colours alone, wherever they are in the frame before.

    Args:
        cells, before: (h, w, C) of the frame and of the one before.
        background: (h, w) its share in the one before.
    """
    from maggie_core.propagation.affinity_loops import nearest_colour

    shades = np.round(before[background > CERTAIN] / np.float32(SHADE)).astype(np.int64)
    numbers = np.unique((shades + SHADES // 2) @ (1, SHADES, SHADES**2))  # one for each shade: quickly sorted
    shades = np.stack([numbers // SHADES**k % SHADES - SHADES // 2 for k in range(3)], axis=1)
    squared = nearest_colour(
        cells, np.float32(SHADE) * shades.astype(np.float32), np.float32(MOST / SHARPNESS)
    )
    return np.float32(SHARPNESS) * squared + np.float32(ELSEWHERE)


def by_a_key(cells: Plane, key: Plane, share: Plane, moved_px: tuple[float, float], longer: int) -> Match:
    """What a person costs in the cells of a frame, by the person's key.

    Args:
        cells, key: (h, w, C) of the frame and of the key.
        share: (h, w) of the person in the key's cells.
        moved_px: how far the person has moved since the key, to the right and down.
        longer: longer side of the person in the key, in cells.
    """
    from maggie_core.propagation.affinity_loops import costs_of_one

    where = np.argwhere(share > OWN_SHARE)
    (top, left), (bottom, right) = where.min(axis=0), where.max(axis=0) + 1
    window = int(top), int(bottom), int(left), int(right), max(4, round(KEY_REACH * longer))
    moved = np.float32(moved_px[1] / CELL_PX), np.float32(moved_px[0] / CELL_PX)
    scale = np.float32(SHARPNESS), np.float32(KEY_FAR / longer**2), np.float32(MOST)
    unlikely = np.where(share > OWN_SHARE, _unlikely(share), np.float32(MOST))
    return Match(*costs_of_one(cells, key, unlikely, moved, window, scale))


def _unlikely(shares: Plane) -> Plane:
    return np.where(shares > LEAST_SHARE, -np.log(np.maximum(shares, np.float32(LEAST_SHARE))), MOST).astype(
        np.float32
    )
