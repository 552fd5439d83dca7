"""What a matte lost of its mask, and what it covers of other people: for a warning that says who, where and
how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.postprocess.mask_shape import box_of, depth_in, unit_of

Plane = NDArray[np.floating]

CORE_SHARE, CORE_PX = 0.009, 2.0
"""What counts as inside a mask: deeper than this share of the person's size, and than this many pixels of the
grid. Nearer to its edge a mask may be wrong."""
LEAST_SHARE = 0.05
"""Less is no loss to speak of."""
SLIVER = 0.0015
"""Share of the grid that the inside of a mask counts as at least: of somebody who just comes into the image a
few pixels are there, and 5 % of them are noise. In 1920x1080 it is a square of 56 pixels."""


@dataclass(frozen=True)
class Loss:
    """A matte that is worse than its mask somewhere."""

    kind: Literal["lost", "covers"]
    """`lost`: alpha is missing inside the person's own mask. `covers`: alpha lies inside another's mask."""
    instance: int
    """Whose matte it is."""
    other: int | None
    """On whom, where it `covers`."""
    share: float
    """Of the inside of the mask, own or other's: the mean of what is missing, or of what is too much."""
    where: Window
    """Around the largest piece, in plate pixels."""


def losses(
    alphas: Plane,
    guidance: Plane,
    sizes: Sequence[float],
    geometry: Geometry,
    *,
    own: Sequence[int] | None = None,
    least: float = LEAST_SHARE,
) -> tuple[Loss, ...]:
    """What is to be warned of in one frame.

    Args:
        alphas: (N, h, w) on the working grid of `geometry`.
        guidance: (M, h, w) binary, of all who are there.
        sizes: (M,) of each person, in pixels of that grid; 0 for who is not there.
        own: (N,) whose mask belongs to each alpha; None: they come in the order of the masks.
        least: share from which on it counts, of the inside or of a sliver of the grid, whichever is larger.

    Returns:
        In the order of the instances. A pixel that two masks claim is nobody's loss.
    """
    cores = [core_of(mask > 0, size) for mask, size in zip(guidance, sizes, strict=True)]
    claims = (guidance > 0).sum(axis=0)
    found: list[Loss] = []
    for owner, core in enumerate(cores):
        inside = core & (claims == 1)
        box = box_of(inside)
        if box is None:
            continue
        for n, alpha in zip(range(len(alphas)) if own is None else own, alphas, strict=True):
            wrong = np.where(inside[box], 1 - alpha[box] if owner == n else alpha[box], 0)
            amount, within = float(wrong.sum()), int(inside[box].sum())
            share = amount / within
            if amount > least * max(within, SLIVER * core.size):
                where = largest_window(wrong > min(0.5, float(wrong.max()) / 2), geometry, box=box)
                found.append(
                    Loss("lost", n, None, share, where)
                    if owner == n
                    else Loss("covers", n, owner, share, where)
                )
    return tuple(sorted(found, key=lambda loss: (loss.instance, loss.kind != "lost", loss.other or 0)))


def core_of(inside: NDArray[np.bool_], size: float) -> NDArray[np.bool_]:
    """(H, W): the pixels of a mask that are so far from its edge that it is sure of them."""
    core = np.zeros_like(inside)
    box = box_of(inside, margin=1)
    if box is not None:
        core[box] = depth_in(inside[box]) > max(CORE_PX, CORE_SHARE * unit_of(size, inside.shape))
    return core


def largest_window(
    there: NDArray[np.bool_], geometry: Geometry, *, box: tuple[slice, slice] = (slice(0, 0), slice(0, 0))
) -> Window:
    """Around the largest connected piece of what is set, in plate pixels.

    Args:
        there: (h, w) on the working grid, or on a part of it.
        box: where that part begins.
    """
    _, _, stats, _ = cv2.connectedComponentsWithStats(there.astype(np.uint8), connectivity=8)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    left, top, wide, tall = (int(each) for each in stats[largest, :4])
    left, top = left + box[1].start, top + box[0].start
    width, height = geometry.working_size
    region = geometry.region
    across, down = region.width / width, region.height / height
    x, y = int(left * across), int(top * down)
    right, bottom = int(np.ceil((left + wide) * across)), int(np.ceil((top + tall) * down))
    return Window(region.x + x, region.y + y, min(right, region.width) - x, min(bottom, region.height) - y)
