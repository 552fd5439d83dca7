"""Guidance put right by a look of the network at a smaller image, where a mask is poor.

At its own size the network follows its guidance: an arm that a rough mask leaves out stays out, a bag that it
takes in stays in. Seen small, a person is judged as a whole and the mask counts for less, but edges are
coarse. So a poor mask first becomes what the small look makes of it, and the network then draws the edges
from that. The small look has a ninth of the pixels; good masks are better than it and never take it.

What is done to a frame is a function of that frame alone: its image, its guidance, and the scale, which holds
for a segment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.postprocess.mask_shape import depth_in

Plane = NDArray[np.floating]

LOOK_PX = 256.0
"""Height of a person in the small look. On photographs with rough masks the network's mean error falls from
33 to 20 / 18 / 19 with 288 / 192 / 144 pixels, and to 25 with a second look at full size; with typical
masks 256 is better than 192."""
STEPS_PER_OCTAVE = 2
"""Scales are powers of the square root of 2, so that painting a mask anew hardly ever changes them."""


def look_scale(sizes: Sequence[float]) -> float:
    """How much smaller the small look is than the working grid, at most 1.

    Args:
        sizes: of the people of a pass, in pixels of its working grid; 0 counts for nobody.
    """
    there = [size for size in sizes if size > 0]
    if not there:
        return 1.0
    step = round(STEPS_PER_OCTAVE * math.log2(LOOK_PX / float(np.median(there))))
    return float(2 ** (min(step, 0) / STEPS_PER_OCTAVE))


def small_look(image: Plane, guidance: Plane, *, scale: float) -> tuple[Plane, Plane]:
    """What the network sees in the small look: image (3, h, w) and guidance (N, h, w), binary, by area."""
    height, width = (max(1, round(scale * length)) for length in image.shape[1:])

    def small(planes: Plane) -> Plane:
        return np.stack([cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA) for p in planes])

    masks = small(guidance) if len(guidance) else np.zeros((0, height, width), np.float32)
    return small(image).astype(np.float32), (masks > 0.5).astype(np.float32)


def corrected_guidance(guidance: Plane, seen: Plane, doubts: Sequence[float]) -> Plane:
    """Guidance whose poor masks have become what the small look saw.

    Args:
        guidance: (N, H, W) binary.
        seen: (N, h, w) alphas of the small look.
        doubts: of each mask, 0 to 1. At 0 it stays bit for bit; between, its outline lies as far on the way
            from its own to the one that was seen, so that nothing jumps as the doubt changes.

    Returns:
        (N, H, W) float32, binary. A mask does not grow into another one, and never becomes empty.
    """
    result = guidance.astype(np.float32, copy=True)
    height, width = guidance.shape[1:]
    for n, doubtful in enumerate(doubts):
        if doubtful <= 0 or not guidance[n].any():
            continue
        own = guidance[n] > 0
        whole = cv2.resize(seen[n], (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
        others = (guidance > 0).sum(axis=0) - own > 0
        whole &= own | ~others
        if whole.any():
            outline = (1 - doubtful) * _signed(own) + doubtful * _signed(whole)
            moved = outline > 0
            result[n] = moved if moved.any() else own
    return result


def _signed(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(H, W) depth inside, and distance outside as a negative number."""
    return depth_in(inside) - depth_in(~inside)
