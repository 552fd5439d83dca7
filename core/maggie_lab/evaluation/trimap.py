"""Where an edge is, by the truth: the regions that MAD_f, MAD_u and MAD_b look at."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

BACKGROUND, UNKNOWN, FOREGROUND = 0, 1, 2

REACH_PX = 12
"""How far an edge makes pixels unknown: half the side of the 25 x 25 ellipse of the published evaluation."""

_ELLIPSE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * REACH_PX + 1, 2 * REACH_PX + 1))


def truth_trimap(truth: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The regions of one true alpha.

    Unknown is everything within reach of a change of alpha, however small: a lone speck of 1/255 makes a blob
    25 wide. The rest is foreground where alpha is above one half.

    Args:
        truth: (H, W) coverage in [0, 1].

    Returns:
        (H, W) uint8 of `BACKGROUND`, `UNKNOWN` and `FOREGROUND`. A constant grey is background or foreground.
    """
    alpha = np.ascontiguousarray(truth, dtype=np.float32)
    # Untouched by what lies outside the image: OpenCV's default border counts in neither operation.
    spread: Any = cv2.dilate(alpha, _ELLIPSE) - cv2.erode(alpha, _ELLIPSE)
    solid = np.where(alpha > 0.5, FOREGROUND, BACKGROUND)
    return np.where(spread > 0, UNKNOWN, solid).astype(np.uint8)
