"""Parts of an image that instances lie in: boxes, and crops of one size around all that is undecided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maggie_core.model.refinement import undecided
from maggie_core.sparse import Part

Box = tuple[slice, slice]
"""Rows and columns."""

CELL = 8
"""Crops begin and end at multiples of this, so that the grids of all strides go on inside them."""
MARGIN_PX = 24
"""Around what is undecided: the region grows by 7 pixels, and its coarser sites and their enlargement reach
further.
"""
MOST_PADDING = 1 << 18
"""Pixels that a larger map may add to the crops of the others. Beyond that it gets crops of its own."""


@dataclass(frozen=True, eq=False)
class Crops:
    """One place for each of some maps, all of the same size."""

    maps: list[int]
    """Which of the maps these are."""
    tops: list[int]
    lefts: list[int]
    height: int
    width: int
    part: Part
    """The same places, for the sites of a sparse stage."""

    @classmethod
    def around(cls, alpha: Tensor, boxes: Sequence[Box] | None) -> list[Crops]:
        """Around all that is undecided in mattes (M, H, W), inside `boxes` where there are any; maps that
        need far larger crops than the others have theirs apart.
        """
        whole = alpha.shape[1:]
        found = []
        for m, plane in enumerate(alpha):
            near = (
                (slice(0, whole[0]), slice(0, whole[1]))
                if boxes is None
                else grown(boxes[m], CELL, CELL, whole)
            )
            inner = bounds(undecided(plane[near])) or (slice(0, 0), slice(0, 0))
            rows, columns = grown(moved(inner, near), MARGIN_PX, MARGIN_PX, whole)
            top, left = rows.start // CELL * CELL, columns.start // CELL * CELL
            height, width = -(-(rows.stop - top) // CELL) * CELL, -(-(columns.stop - left) // CELL) * CELL
            found.append((height * width, m, top, left, height, width))
        apart: list[list[int]] = [[]]
        padded = 0
        for area, m, *_ in sorted(found):
            with_it = [*apart[-1], m]
            side = max(found[k][4] for k in with_it) * max(found[k][5] for k in with_it)
            if side * len(with_it) - padded - area > MOST_PADDING:
                apart.append([m])
                padded = area
            else:
                apart[-1] = with_it
                padded = side * len(with_it)
        return [cls._of_one_size([found[m][1:] for m in sorted(maps)], whole, alpha.device) for maps in apart]

    @classmethod
    def _of_one_size(
        cls, found: list[tuple[int, int, int, int, int]], whole: Sequence[int], device: torch.device
    ) -> Crops:
        """From map, top, left, height and width of each."""
        maps, tops, lefts, heights, widths = (list(side) for side in zip(*found, strict=True))
        height, width = max(heights), max(widths)
        tops = [min(top, whole[0] - height) for top in tops]
        lefts = [min(left, whole[1] - width) for left in lefts]
        corner = torch.tensor(list(zip(tops, lefts, strict=True)), device=device)
        return cls(maps, tops, lefts, height, width, Part(corner, whole[0], whole[1]))

    def of(self, planes: Tensor, *, stride: int = 1) -> Tensor:
        """(M, H/stride, W/stride) planes of all maps -> (m, height/stride, width/stride) crops of these."""
        return torch.stack([planes[m][box] for m, box in zip(self.maps, self._boxes(stride), strict=True)])

    def put(self, planes: Tensor, parts: Tensor) -> None:
        """Put the crops (m, height, width) where they belong in (M, H, W)."""
        for m, box, part in zip(self.maps, self._boxes(1), parts, strict=True):
            planes[m][box] = part

    def inside(self, boxes: Sequence[Box]) -> Tensor:
        """(m, height, width) bool: what of each crop lies in its map's box."""
        inside = torch.zeros(
            len(self.maps), self.height, self.width, dtype=torch.bool, device=self.part.corner.device
        )
        for plane, m, top, left in zip(inside, self.maps, self.tops, self.lefts, strict=True):
            rows, columns = boxes[m]
            plane[
                max(rows.start - top, 0) : max(rows.stop - top, 0),
                max(columns.start - left, 0) : max(columns.stop - left, 0),
            ] = True
        return inside

    def _boxes(self, stride: int) -> list[Box]:
        height, width = self.height // stride, self.width // stride
        return [
            (slice(top // stride, top // stride + height), slice(left // stride, left // stride + width))
            for top, left in zip(self.tops, self.lefts, strict=True)
        ]


def bounds(mask: Tensor) -> Box | None:
    """Rows and columns of a boolean (H, W) from the first that is set to the last; None when none is."""
    rows, columns = mask.any(dim=1).nonzero(), mask.any(dim=0).nonzero()
    if len(rows) == 0:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def grown(box: Box, before: int, after: int, size: Sequence[int]) -> Box:
    """The box that is larger on all sides, inside an image of `size`."""
    rows, columns = (
        slice(max(side.start - before, 0), min(side.stop + after, length))
        for side, length in zip(box, size, strict=True)
    )
    return rows, columns


def moved(box: Box, origin: Box) -> Box:
    """A box in a part of an image that begins where `origin` does, as a box in the image."""
    rows, columns = (
        slice(side.start + start.start, side.stop + start.start)
        for side, start in zip(box, origin, strict=True)
    )
    return rows, columns
