"""A first look at a frame: a mask that is far off gives way to the network's own matte of it.

The network may leave a mask only near its edge, and compares the colours on both sides of that edge. Where a
mask is rough, both are about the wrong edge. A matte of the frame is then the better mask: the frame is
matted with it as if it had been drawn.

Whether a mask is rough shows before the network runs: its outline does not lie on edges of the image
(`postprocess.alignment`). Without such a mask there is no first look, and a frame costs what it costs. A mask
that the network hardly contradicts stays what it is. In between the outline moves part of the way, so that
nothing jumps from frame to frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.model import MatteModel
from maggie_core.model.still import matte_still
from maggie_core.postprocess.edges import trust_in
from maggie_core.postprocess.mask_shape import depth_in

Planes = NDArray[np.floating]


def better_guidance(
    model: MatteModel,
    picture: Planes,
    guidance: Planes,
    doubts: Sequence[float],
    *,
    share: float,
    pad_px: int,
) -> Planes:
    """Masks to matte a frame with, a function of this frame alone.

    Args:
        picture: (3, H, W) sRGB-encoded in [0, 1]: what the network sees.
        guidance: (N, H, W) binary.
        doubts: (N,) how far each mask is to be doubted, 0 to 1.
        share: size of the first look as a share of the frame's, 0..1; 0 takes the masks as they are.
        pad_px: the network sees a frame grown right and bottom to a multiple of this.

    Returns:
        (N, H, W) float32 binary; the given array where nothing changes. A mask never becomes empty, and takes
        no pixel of another that is kept.
    """
    height, width = guidance.shape[1:]
    size = round(width * share), round(height * share)
    doubted = [n for n, doubt in enumerate(doubts) if doubt > 0 and guidance[n].any()]
    if min(size) < 1 or not doubted:
        return guidance
    small = np.stack([cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 0.5 for mask in guidance])
    masks = small.astype(np.float32)
    channels = [cv2.resize(channel, size, interpolation=cv2.INTER_AREA) for channel in picture]
    alphas = matte_still(model, np.stack(channels), masks, pad_px=pad_px)
    ways = {n: doubts[n] * (1 - trust_in(alphas[n], masks[n])) for n in doubted if masks[n].any()}
    moved = [n for n, way in ways.items() if way > 0]
    if not moved:
        return guidance
    found = np.stack([cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR) for alpha in alphas])
    kept = np.delete(guidance, moved, axis=0).any(axis=0)
    claimed = (found > 0.5) & (found == found.max(axis=0)) & ~kept
    better = guidance.astype(np.float32, copy=True)
    for n in moved:
        if claimed[n].any():
            better[n] = _between(guidance[n] > 0, claimed[n], ways[n])
    return better


def _between(own: NDArray[np.bool_], seen: NDArray[np.bool_], way: float) -> NDArray[np.bool_]:
    """An outline that lies so far on the way, 0 to 1, from its own to the one that was seen; never none."""
    if way >= 1:
        return seen
    moved = (1 - way) * _signed(own) + way * _signed(seen) > 0
    return moved if moved.any() else own


def _signed(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(H, W) depth inside, and distance outside as a negative number."""
    return depth_in(inside) - depth_in(~inside)
