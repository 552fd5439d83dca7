"""How much an alpha changes from one frame to the next."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.postprocess.mask_shape import ball, pixels
from maggie_core.postprocess.temporal import LEAST_PX, Between, correspondence, flows, sampled

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
JOLT_OUTLINE_PX = 4.0
"""Outline, weighted by how well the flow is known, that a shift can be measured on."""
JOLT_BLOCK_PX = 16
"""Side of the blocks whose errors count as independent: optical flow errs in patches of about that size."""
JOLT_DEVIATIONS = 2.0
"""Deviations that chance is granted."""
POP = 0.3
"""How far both neighbours contradict a pixel that belongs to a patch in one frame alone."""
POP_SHARE, POP_PX = 0.006, 1
"""As for patches that come or go; flow that errs alike both ways is no contradiction, so less is needed."""


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
        self._images = image, before
        self._flows = flows(image, before) if min(image.shape[1:]) >= LEAST_PX else None
        self._way = None if self._flows is None else correspondence(image, before, self._flows)
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
        return _patch(changed, max(FLASH_PX, pixels(FLASH_SHARE, size)), size)

    def around(self, following: Motion) -> Between | None:
        """A frame between the two that its motion, and that of the frame after it, lead to."""
        if self._flows is None or following._flows is None:
            return None
        image, before = self._images
        return Between(image, (before, self._flows), (following._images[0], following._flows.turned))

    def is_visible(self, alpha: Plane) -> bool:
        """Whether the image changed where the alpha (H, W) is."""
        total = float(alpha.sum())
        return total > 0 and float((self._apart * alpha).sum()) / total > VISIBLE


def chatter_px(contradicted: Plane, alpha: Plane) -> float | None:
    """How far both neighbours contradict an alpha (H, W), per pixel of its outline; None where that is too
    short to say.

    Args:
        contradicted: from `Between`.
    """
    outline = outline_px(alpha)
    return float(contradicted.sum(dtype=np.float64)) / outline if outline >= LEAST_OUTLINE_PX else None


def jolt_px(alpha: Plane, before: Plane, after: Plane, sure: Plane) -> float | None:
    """How far an alpha (H, W) is shifted against both its neighbours, less what chance does; None where too
    little of the outline is known.

    It is the shift of the neighbours' mean that comes nearest to the alpha. Motion that the flow misses is
    missed in opposite ways before and after, so it is no shift.

    Args:
        before, after: the neighbours' alphas, carried to the frame.
        sure: (H, W) weights in [0, 1].
    """
    mean = (before + after) / 2
    y, x = np.gradient((mean + alpha) / 2)
    slopes = np.stack([x, y])
    known = np.einsum("iyx,jyx,yx->ij", slopes, slopes, sure)
    if np.trace(known) < JOLT_OUTLINE_PX:
        return None
    inverse = np.linalg.inv(known + np.eye(2) * 1e-3 * np.trace(known))
    apart = alpha - mean
    shift = -inverse @ (slopes * sure * apart).sum(axis=(1, 2))
    rest = np.asarray(slopes * sure * (apart + shift[0] * x + shift[1] * y), np.float32)
    scatter = inverse @ _in_blocks(rest) @ inverse
    length = float(np.hypot(*shift))
    way = shift / max(length, 1e-9)
    return max(0.0, length - JOLT_DEVIATIONS * float(np.sqrt(way @ scatter @ way)))


def _in_blocks(parts: Plane) -> NDArray[np.floating]:
    """(2, 2) products of two planes (2, H, W), summed over blocks: pixels that lie near each other err
    alike."""
    rows, columns = (np.arange(0, side, JOLT_BLOCK_PX) for side in parts.shape[1:])
    blocks = np.add.reduceat(np.add.reduceat(parts, rows, axis=1), columns, axis=2).reshape(2, -1)
    return np.asarray(blocks @ blocks.T)


def pop(contradicted: Plane, size: float) -> tuple[float, NDArray[np.bool_]]:
    """Patches that are in one frame and in neither of its neighbours, as `Motion.flash` gives them.

    Args:
        contradicted: from `Between`.
        size: of the person in pixels.
    """
    return _patch(contradicted > POP, max(POP_PX, pixels(POP_SHARE, size)), size)


def _patch(where: NDArray[np.bool_], radius: int, size: float) -> tuple[float, NDArray[np.bool_]]:
    """The area of the largest patch thicker than a radius, in percent of the size's square, and all of
    them."""
    thick = cv2.morphologyEx(where.astype(np.uint8), cv2.MORPH_OPEN, ball(radius))
    count, _, stats, _ = cv2.connectedComponentsWithStats(thick, connectivity=8)
    largest = int(stats[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0
    return 100 * largest / size**2, thick > 0


def _per_outline(change: Plane, alpha: Plane, before: Plane, weight: Plane | float) -> float | None:
    outline = _outline(alpha, before, weight)
    return float((change * weight).sum(dtype=np.float64)) / outline if outline >= LEAST_OUTLINE_PX else None


def _outline(alpha: Plane, before: Plane, weight: Plane | float = 1.0) -> float:
    return (outline_px(alpha, weight) + outline_px(before, weight)) / 2
