"""How much an alpha changes from one frame to the next."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.postprocess.mask_shape import pixels
from maggie_core.postprocess.temporal import LEAST_PX, correspondence, sampled

Plane = NDArray[np.float32]

LEAST_OUTLINE_PX = 16.0
"""Motion is not measured on an outline shorter than this."""
LEAST_SHARE = 0.15
"""Share of the outline along which the optical flow must be reliable."""
VISIBLE = 0.02
"""Mean difference of two frames' sRGB-encoded colours from which the change is visible."""

FLASH = 0.5
"""Change of alpha from which a pixel belongs to a patch that comes or goes."""
FLASH_SHARE, FLASH_PX = 0.012, 2
"""Half the least width of such a patch, as a share of the person's size and in pixels: less is an edge that
the optical flow missed by a little."""


def outline_px(alpha: Plane, weight: Plane | float = 1.0) -> float:
    """Length of an alpha's outline in pixels: its total variation, whether the edge is soft or hard."""
    y, x = (np.diff(alpha, axis=k, append=alpha.take([-1], axis=k)) for k in (0, 1))
    return float((np.hypot(y, x) * weight).sum(dtype=np.float64))


def change_px(alpha: Plane, before: Plane) -> float | None:
    """Mean motion of an alpha's (H, W) outline in pixels; None where the outline is too short to say."""
    return _per_outline(np.abs(alpha - before), alpha, before, 1.0)


class Motion:
    """Optical flow from a frame's image (3, H, W), sRGB-encoded in [0, 1], to that of the frame before."""

    def __init__(self, image: Plane, before: Plane) -> None:
        self._way = correspondence(image, before) if min(image.shape[1:]) >= LEAST_PX else None
        self._apart = np.abs(image - before).mean(0)

    def flicker_px(self, alpha: Plane, before: Plane) -> float | None:
        """As `change_px`, less what the motion of the image explains.

        The alpha before is carried along the flow. Only pixels where both images agree count: a pixel that
        was hidden or outside the image has no alpha before. None where too little of the outline is left.
        """
        if self._way is None:
            return None
        x, y, weight = self._way
        moved, known = sampled(before, x, y), (weight > 0.5).astype(np.float32)
        if _outline(alpha, moved, known) < LEAST_SHARE * _outline(alpha, moved):
            return None
        return _per_outline(np.abs(alpha - moved), alpha, moved, known)

    def flash(self, alpha: Plane, before: Plane, size: float) -> tuple[float, NDArray[np.bool_]] | None:
        """Patches that come or go at once, beyond what the motion of the image explains.

        Args:
            size: of the person in pixels.

        Returns:
            The area of the largest patch in percent of the size's square, and (H, W) the pixels of all; None
            where the flow is not known.
        """
        if self._way is None:
            return None
        x, y, weight = self._way
        changed = (np.abs(alpha - sampled(before, x, y)) > FLASH) & (weight > 0.5)
        thick = 2 * max(FLASH_PX, pixels(FLASH_SHARE, size)) + 1
        ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (thick, thick))
        where = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_OPEN, ball)
        count, _, stats, _ = cv2.connectedComponentsWithStats(where, connectivity=8)
        largest = int(stats[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0
        return 100 * largest / size**2, where > 0

    def is_visible(self, alpha: Plane) -> bool:
        """Whether the image changed where the alpha (H, W) is."""
        total = float(alpha.sum())
        return total > 0 and float((self._apart * alpha).sum()) / total > VISIBLE


def _per_outline(change: Plane, alpha: Plane, before: Plane, weight: Plane | float) -> float | None:
    outline = _outline(alpha, before, weight)
    return float((change * weight).sum(dtype=np.float64)) / outline if outline >= LEAST_OUTLINE_PX else None


def _outline(alpha: Plane, before: Plane, weight: Plane | float = 1.0) -> float:
    return (outline_px(alpha, weight) + outline_px(before, weight)) / 2
