"""Parts of a picture that instances lie in: boxes, and crops of one size around all that is undecided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maggie_core.sparse import Part

Box = tuple[slice, slice]
"""Rows and columns."""

CELL = 8
"""Crops begin and end at multiples of this, so that the grids of all strides go on inside them."""
MARGIN_PX = 24
"""Around what is undecided: the region grows by 7 pixels, and its coarser sites and their enlargement reach
further.
"""


@dataclass(frozen=True, eq=False)
class Crops:
    """One place for each of M maps, all of the same size."""

    tops: list[int]
    lefts: list[int]
    height: int
    width: int
    part: Part
    """The same for the sites of a sparse stage."""

    @classmethod
    def around(cls, unsure: Tensor, boxes: Sequence[Box] | None) -> Crops:
        """Around all that is set in boolean maps (M, H, W), inside `boxes` where there are any."""
        whole = unsure.shape[1:]
        found = []
        for m, plane in enumerate(unsure):
            near = (
                (slice(0, whole[0]), slice(0, whole[1]))
                if boxes is None
                else grown(boxes[m], CELL, CELL, whole)
            )
            inner = bounds(plane[near]) or (slice(0, 0), slice(0, 0))
            found.append(grown(moved(inner, near), MARGIN_PX, MARGIN_PX, whole))
        starts = [[side.start // CELL * CELL for side in box] for box in found]
        height, width = (
            max(
                -(-(box[axis].stop - start[axis]) // CELL) * CELL
                for box, start in zip(found, starts, strict=True)
            )
            for axis in range(2)
        )
        tops = [min(start[0], whole[0] - height) for start in starts]
        lefts = [min(start[1], whole[1] - width) for start in starts]
        corner = torch.tensor(list(zip(tops, lefts, strict=True)), device=unsure.device)
        return cls(tops, lefts, height, width, Part(corner, *whole))

    def of(self, planes: Tensor, *, stride: int = 1) -> Tensor:
        """(M, H/stride, W/stride) -> (M, height/stride, width/stride)."""
        return torch.stack([plane[box] for plane, box in zip(planes, self._boxes(stride), strict=True)])

    def put(self, planes: Tensor, parts: Tensor) -> None:
        """Put the crops (M, height, width) where they belong in (M, H, W)."""
        for plane, box, part in zip(planes, self._boxes(1), parts, strict=True):
            plane[box] = part

    def inside(self, boxes: Sequence[Box]) -> Tensor:
        """(M, height, width) bool: what of each crop lies in its box."""
        inside = torch.zeros(
            len(boxes), self.height, self.width, dtype=torch.bool, device=self.part.corner.device
        )
        for plane, top, left, (rows, columns) in zip(inside, self.tops, self.lefts, boxes, strict=True):
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
    """The box that is larger on all sides, inside a picture of `size`."""
    rows, columns = (
        slice(max(side.start - before, 0), min(side.stop + after, length))
        for side, length in zip(box, size, strict=True)
    )
    return rows, columns


def moved(box: Box, origin: Box) -> Box:
    """A box in a part of a picture that begins where `origin` does, as a box in the picture."""
    rows, columns = (
        slice(side.start + start.start, side.stop + start.start)
        for side, start in zip(box, origin, strict=True)
    )
    return rows, columns
