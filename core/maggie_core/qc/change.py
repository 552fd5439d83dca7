"""How much an alpha changes from one frame to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maggie_core.postprocess.temporal import LEAST_PX, correspondence, sampled

Plane = NDArray[np.float32]

LEAST_OUTLINE_PX = 16.0
"""Motion is not measured on an outline shorter than this."""
LEAST_SHARE = 0.15
"""Share of the outline along which the optical flow must be reliable."""
VISIBLE = 0.02
"""Mean difference of two frames' sRGB-encoded colours from which the change is visible."""


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

    def is_visible(self, alpha: Plane) -> bool:
        """Whether the image changed where the alpha (H, W) is."""
        total = float(alpha.sum())
        return total > 0 and float((self._apart * alpha).sum()) / total > VISIBLE


def _per_outline(change: Plane, alpha: Plane, before: Plane, weight: Plane | float) -> float | None:
    outline = _outline(alpha, before, weight)
    return float((change * weight).sum(dtype=np.float64)) / outline if outline >= LEAST_OUTLINE_PX else None


def _outline(alpha: Plane, before: Plane, weight: Plane | float = 1.0) -> float:
    return (outline_px(alpha, weight) + outline_px(before, weight)) / 2
