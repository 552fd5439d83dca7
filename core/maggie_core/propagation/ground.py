"""The background behind people: earlier frames, laid over the one in work by the camera's motion.

Where an earlier frame showed background and shows the same colours as now, there is background now; where it
showed others, there is not. And what stays where it is in the image of the background, while a person has
walked on, is not the person: so the background that a person uncovers does not become theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.propagation.affinity import Plane

Matrix = NDArray[np.float64]
"""(3, 3) from a pixel of the frame in work to one of another frame."""

STEPS = (3, 6, 12)
"""Frames to come, or gone by where there are none, in which it is asked what stays where it is."""
PLATES = 6
"""Earlier frames that tell where the background is, spread over the way from the key."""
STEP_PX = 6
"""Grid of the pixels that the camera's motion is estimated from."""
LEAST_POINTS = 30
"""Pixels below which the camera counts as still."""
FIT_PX = 0.5
"""A pixel of the background moves with the camera to within this."""
CLEAR = 0.9
"""Share of background from which a pixel of an earlier frame shows it."""
NOISE = (0.06, 0.35)
"""Limits of the noise of `affinity.colours`: of a clean plate, and of a very grainy one."""
USUAL_NOISE = 0.12
"""The same where too little background is known to measure it."""
MOST_APART = 4.0
"""Squared distances of colours above count as this."""


@dataclass(frozen=True, eq=False)
class View:
    """An earlier frame."""

    frame: int
    matrix: Matrix

    def moved_on(self, motion: Matrix) -> View:
        """The same as seen from the next frame, from which `motion` leads to the last one."""
        return View(self.frame, self.matrix @ motion)


def camera_motion(way: tuple[Plane, Plane], sure: Plane, background: Plane) -> Matrix:
    """How the background moves: turn, scale and shift.

    Args:
        way: (H, W) each, x and y in the other frame of what the frame shows at a pixel.
        sure: (H, W) in [0, 1], how far to believe it.
        background: (H, W) share of background.
    """
    inner = (slice(STEP_PX, max(STEP_PX, side - STEP_PX), STEP_PX) for side in sure.shape[::-1])
    x, y = np.mgrid[*inner].reshape(2, -1)
    use = (sure[y, x] > 0.3) & (background[y, x] > 0.7)
    if use.sum() < LEAST_POINTS:
        return np.eye(3)
    here = np.stack([x, y], axis=1)[use].astype(np.float32)
    cv2.setRNGSeed(0)  # equal input, equal motion
    matrix, _ = cv2.estimateAffinePartial2D(
        here,
        np.stack([plane[y[use], x[use]] for plane in way], axis=1),
        method=cv2.RANSAC,
        ransacReprojThreshold=FIT_PX,
        maxIters=300,
        confidence=0.995,
    )
    return np.eye(3) if matrix is None else np.vstack([matrix, [0.0, 0.0, 1.0]])


def shift_of(motion: Matrix, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """(2,) pixels to the right and down by which the background at the image's centre has moved."""
    centre = np.array([shape[1] / 2, shape[0] / 2, 1.0])
    return (centre - motion @ centre)[:2]


def seen_from(plane: Plane, matrix: Matrix) -> Plane:
    """A plane (H, W) or (H, W, C) of another frame, laid over the frame in work; 0 beyond its border."""
    return np.asarray(
        cv2.warpAffine(
            plane,
            matrix[:2],
            plane.shape[1::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        ),
        np.float32,
    )


def nearest_of(here: Plane, views: Iterable[tuple[Plane, Matrix]]) -> tuple[Plane, NDArray[np.bool_]]:
    """(H, W) squared distance of a frame's colours from the nearest of other frames, and where any of these
    shows what is asked for.

    Where none does, and beyond it, the distance is `MOST_APART`.

    Args:
        here: (H, W, 4) colours of the frame and anything.
        views: of each other frame its colours and how far they are what is asked for (H, W, 4), and the way
            to it.
    """
    from maggie_core.propagation.ground_loops import lower_to  # its compiler takes a second to import

    nearest = np.full(here.shape[:2], MOST_APART, np.float32)
    seen = np.zeros(here.shape[:2], bool)
    for there, matrix in views:
        lower_to(here, seen_from(there, matrix), np.float32(CLEAR), nearest, seen)
    return nearest, seen
