"""How much an alpha changes from one frame to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maggie_core.postprocess.temporal import LEAST_PX, correspondence, sampled

Plane = NDArray[np.float32]

LEAST_OUTLINE_PX = 16.0
"""A shorter outline says nothing of its own motion."""
LEAST_SHARE = 0.15
"""Of the outline, the part along which the motion of the picture must be known."""
SEEN = 0.02
"""Mean difference of two frames' sRGB-encoded colours from which a picture has changed to the eye."""


def outline_px(alpha: Plane, weight: Plane | float = 1.0) -> float:
    """Length of an alpha's outline: its total variation, which for a soft edge is that of a hard one."""
    y, x = (np.diff(alpha, axis=k, append=alpha.take([-1], axis=k)) for k in (0, 1))
    return float((np.hypot(y, x) * weight).sum(dtype=np.float64))


def change_px(alpha: Plane, before: Plane) -> float | None:
    """How far the outline of an alpha (H, W) moved, on average, in pixels; None where there is none."""
    return _per_outline(np.abs(alpha - before), alpha, before, 1.0)


class Motion:
    """Where a frame's picture (3, H, W), sRGB-encoded in [0, 1], was in the frame before."""

    def __init__(self, picture: Plane, before: Plane) -> None:
        self._way = correspondence(picture, before) if min(picture.shape[1:]) >= LEAST_PX else None
        self._apart = np.abs(picture - before).mean(0)

    def flicker_px(self, alpha: Plane, before: Plane) -> float | None:
        """As `change_px`, less what the motion of the picture explains.

        The alpha before is carried along the flow. Only pixels count where the pictures agree: what is
        uncovered or out of the picture had no alpha before. None where too little of the outline is left.
        """
        if self._way is None:
            return None
        x, y, weight = self._way
        moved, known = sampled(before, x, y), (weight > 0.5).astype(np.float32)
        if _outline(alpha, moved, known) < LEAST_SHARE * _outline(alpha, moved):
            return None
        return _per_outline(np.abs(alpha - moved), alpha, moved, known)

    def is_seen(self, alpha: Plane) -> bool:
        """Whether the picture changed where the alpha (H, W) is."""
        total = float(alpha.sum())
        return total > 0 and float((self._apart * alpha).sum()) / total > SEEN


def _per_outline(change: Plane, alpha: Plane, before: Plane, weight: Plane | float) -> float | None:
    outline = _outline(alpha, before, weight)
    return float((change * weight).sum(dtype=np.float64)) / outline if outline >= LEAST_OUTLINE_PX else None


def _outline(alpha: Plane, before: Plane, weight: Plane | float = 1.0) -> float:
    return (outline_px(alpha, weight) + outline_px(before, weight)) / 2
