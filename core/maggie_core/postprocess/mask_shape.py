"""The size of a person as their mask tells it, and how deep a pixel lies in it.

Lengths of the last steps are shares of that size: what is a pixel for somebody far away is a hand's breadth
for somebody near.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating]

BODY_RADII = 8.0
"""No person is taller than this many radii of the largest circle inside them: standing people have 8 to 13. A
mask of a whole group, or of somebody who lies or stretches out their arms, tells no more by its height."""


def size_of(mask: Plane) -> float:
    """Height of the person of a mask (H, W), in pixels; 0 for an empty mask.

    A size for every frame would make windows jump by a pixel: in a shot, give the last steps the median of a
    segment.
    """
    inside = mask > 0
    box = box_of(inside, margin=1)
    if box is None:
        return 0.0
    # Somebody who comes into the image is as wide as the part that shows, and goes on beyond the border.
    radius = float(depth_in(inside[box]).max())
    rows = np.flatnonzero(inside[box].any(axis=1))
    return min(float(rows[-1] - rows[0] + 1), BODY_RADII * radius)


def unit_of(size: float, shape: tuple[int, ...]) -> float:
    """The size that lengths are shares of: a person's own, or the short side where their mask is empty, as
    the alpha then has no person to measure."""
    return size if size > 0 else float(min(shape[-2:]))


def pixels(share: float, unit: float) -> int:
    """A share of a size in whole pixels, at least one."""
    return max(1, round(share * unit))


def ball(radius: int) -> NDArray[np.uint8]:
    """(2 * radius + 1, 2 * radius + 1): a disc, to grow, shrink and close masks with."""
    side = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def depth_in(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(H, W): distance in pixels of what is set from the nearest pixel that is not; 0 there.

    The image's border is no edge: who is cut off by it goes on beyond.
    """
    if inside.all():
        return np.full(inside.shape, float(sum(inside.shape)), np.float32)
    grown = np.pad(inside.astype(np.uint8), 1, mode="edge")
    return np.asarray(cv2.distanceTransform(grown, cv2.DIST_L2, 5)[1:-1, 1:-1], np.float32)


def box_of(there: NDArray[np.bool_], *, margin: int = 0) -> tuple[slice, slice] | None:
    """The rows and columns around all that is set, `margin` pixels further, inside the plane; None where
    nothing is."""
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    if not rows.size:
        return None
    height, width = there.shape
    return (
        slice(max(int(rows[0]) - margin, 0), min(int(rows[-1]) + 1 + margin, height)),
        slice(max(int(columns[0]) - margin, 0), min(int(columns[-1]) + 1 + margin, width)),
    )
