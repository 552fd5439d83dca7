"""Pixels at fault in an alpha beside its guidance: how much they are, and where.

All lengths are shares of the person's size as the mask tells it, so that a limit means the same for somebody
near and somebody far away. Planes are on the working grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.postprocess.losses import core_of
from maggie_core.postprocess.mask_shape import ball, pixels, size_of
from maggie_core.qc.change import Plane, outline_px
from maggie_core.qc.planes import FAINT

Pixels = NDArray[np.bool_]

SOFT = 0.1
"""An alpha is undecided above this and below one less it."""
PATCH_SHARE, PATCH_RANGE = 0.004, 0.08
"""An undecided pixel is flat where alpha differs by less than the range within this distance: the edge of a
person out of focus rises faster, up to a width of a tenth of the person."""
SOFT_EDGE_SHARE = 0.035
"""Who has wider edges is out of focus or translucent, and flat greys are their own."""
STREAK_OFF = 0.1
"""How far from the mask a streak ends at least: rough masks and hair are off by less."""
STREAK_WIDTH, STREAK_LENGTHS = 0.05, 8.0
"""Greatest width of a streak, bends included, as a share of the size, and its least length in widths: locks
of hair and what people hold are bent or wider."""
NEAR_MASK = 0.03
"""Up to here alpha is the edge's own."""
JOINED_SHARE = 0.02
"""Pieces nearer than this are named as one place."""
PIECE_OFF = 0.02
"""Distance from the rest of the matte from which a piece is apart."""


@dataclass(frozen=True, eq=False)
class Found:
    """Pixels at fault, and their amount in the measure's unit."""

    amount: float
    where: Pixels

    def joined(self, size: float) -> Pixels:
        """(h, w): `where` with pieces joined that lie near each other, for somebody of a size in pixels."""
        reach = pixels(JOINED_SHARE, size)
        closed = cv2.morphologyEx(np.pad(self.where.astype(np.uint8), reach), cv2.MORPH_CLOSE, ball(reach))
        return closed[reach:-reach, reach:-reach] > 0


@dataclass(frozen=True, eq=False)
class Person:
    """One alpha beside its mask and the other people's.

    Attributes:
        alpha, mask: (h, w); the mask is binary, not empty, and shares no pixel with another.
        others: (h, w) sum of the other people's alphas.
    """

    alpha: Plane
    mask: Plane
    others: Plane

    @cached_property
    def size(self) -> float:
        return size_of(self.mask)

    @cached_property
    def core(self) -> Pixels:
        """What is surely the person's own."""
        return core_of(self.mask > 0, self.size)

    def faults(self) -> Iterator[tuple[str, Found]]:
        """What is measured, by the name of the measure."""
        for name in ("undecided_inside", "patches", "streaks", "apart"):
            found = getattr(self, name)()
            if found is not None:
                yield name, found

    def undecided_inside(self) -> Found:
        """Pixels inside the mask that are neither in nor out, in percent of its area."""
        return self._share(self._undecided & self.core)

    def patches(self) -> Found | None:
        """Flat grey patches inside the mask, such as bites into a sleeve, in percent of its area; None for
        who has soft edges all around.
        """
        outline = outline_px(self.alpha)
        if outline < 1 or np.count_nonzero(self._undecided) > SOFT_EDGE_SHARE * self.size * outline:
            return None
        reach = pixels(PATCH_SHARE, self.size)
        around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        flat = cv2.dilate(self.alpha, around) - cv2.erode(self.alpha, around) < PATCH_RANGE
        return self._share(self._undecided & flat & self.core)

    def streaks(self) -> Found:
        """Thin pieces of alpha that lead away from the mask: how far the farthest, in percent of the size."""
        off = cv2.distanceTransform((self.mask == 0).astype(np.uint8), cv2.DIST_L2, 5) / self.size
        away = (self.alpha > FAINT) & (off > NEAR_MASK)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(away.astype(np.uint8), connectivity=8)
        farthest, where = 0.0, np.zeros_like(away)
        for label in range(1, count):
            x, y, w, h = (int(each) for each in stats[label, :4])
            if max(w, h) < (STREAK_OFF - NEAR_MASK) * self.size / 2:
                continue
            window = slice(y, y + h), slice(x, x + w)
            piece = labels[window] == label
            end = float(off[window][piece].max())
            if end > STREAK_OFF and _is_straight(piece, self.size):
                farthest = max(farthest, end)
                where[window] |= piece
        return Found(100 * farthest, where)

    def apart(self) -> Found:
        """Pieces that hang together with the rest neither by themselves nor through other people, where the
        mask has none; in percent of the mask's area.
        """
        reach = pixels(PIECE_OFF, self.size)
        joined = ((self.alpha + self.others) > FAINT).astype(np.uint8)
        count, labels = cv2.connectedComponents(cv2.dilate(joined, ball(reach // 2 + 1)), connectivity=8)
        own = self.alpha > FAINT
        sizes = np.bincount(labels[own], minlength=count)
        claimed = np.bincount(labels[own & (self.mask > 0)], minlength=count)
        loose = (sizes > 0) & (claimed < 0.5 * sizes)
        if sizes.any():
            loose[int(sizes.argmax())] = False
        return self._share(np.asarray(loose)[np.asarray(labels, np.int32)] & own)

    @cached_property
    def _undecided(self) -> Pixels:
        return (self.alpha > SOFT) & (self.alpha < 1 - SOFT)

    def _share(self, where: Pixels) -> Found:
        return Found(100 * float(np.count_nonzero(where)) / float(self.mask.sum(dtype=np.float64)), where)


def _is_straight(piece: Pixels, size: float) -> bool:
    """Whether a piece is a thin line."""
    y, x = np.nonzero(piece)
    points = np.stack([x, y], 1) - np.array([x.mean(), y.mean()])
    _, axes = np.linalg.eigh(points.T @ points)
    width, length = np.ptp(points @ axes, axis=0) + 1
    return bool(width < STREAK_WIDTH * size and length > STREAK_LENGTHS * width)
