"""A first look at a frame: a mask that is off gives way to the network's own matte of it.

The network may leave a mask only near its edge, and compares the colours on both sides of that edge. Where a
mask is off, both are about the wrong edge. A matte of the frame is then the better mask: the frame is matted
with it as if it had been drawn.

So every frame is matted once in small. A mask gives way by the surer of two signs: its outline does not lie
on edges of the image, or that of the small matte lies on them better (`postprocess.alignment`). A mask that
the network hardly contradicts stays what it is. In between the outline moves part of the way, so that nothing
jumps from frame to frame. It moves no farther than a mask is wrong that is off by so much: in small the
network tears holes into people.

Where a mask's outline lies on no edges, which shows before the network runs, there is a look at half that
size before: the smaller the image, the farther the network sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.model import MatteModel
from maggie_core.model.still import matte_still
from maggie_core.postprocess.alignment import SeenMask, seen_in
from maggie_core.postprocess.edges import outline_distance, trust_in
from maggie_core.postprocess.mask_shape import depth_in, size_of
from maggie_core.runtime.threads import side_by_side

Planes = NDArray[np.floating]

LARGEST_SHORT_PX = 576
"""Short side of the largest frame that the share is taken of, which is the default working size. The more
pixels, the less far the network sees: at 864 lines a look at half of them leaves rough portraits with a MAD
of 13.9, one at a third with 12.6."""
FARTHEST_TIMES_OFF = 1.5
"""How far an outline may move at any place, as a multiple of the mean distance of both outlines."""


def better_guidance(
    model: MatteModel,
    image: Planes,
    guidance: Planes,
    doubts: Sequence[float] | None = None,
    *,
    share: float,
    pad_px: int,
    seen: Sequence[SeenMask] | None = None,
) -> Planes:
    """Masks to matte a frame with, a function of this frame alone.

    Args:
        image: (3, H, W) sRGB-encoded in [0, 1]: what the network sees.
        guidance: (N, H, W) binary.
        doubts: (N,) how far each mask is to be doubted, 0 to 1; None takes them from how `guidance` lies in
            the image.
        share: size of the first look as a share of the frame's, 0..1, or of `LARGEST_SHORT_PX` where the
            frame is larger; 0 takes the masks as they are.
        pad_px: the network sees a frame grown right and bottom to a multiple of this.
        seen: (N,) the masks as they lie in the image; None finds it out, for a plate that is not enlarged.

    Returns:
        (N, H, W) float32 binary; the given array where nothing changes. A mask never becomes empty, and takes
        no pixel of another that is kept.
    """
    if share == 0 or not guidance.any():
        return guidance
    share *= min(1.0, LARGEST_SHORT_PX / min(image.shape[1:]))
    if seen is None:
        seen = seen_in(image, guidance)
    if doubts is None:
        doubts = side_by_side(lambda each: each.doubt, seen)
    masks = guidance
    if any(doubts):
        masks = _looked(model, image, masks, doubts, share=share / 2, pad_px=pad_px)
    if masks is not guidance:
        seen = [replace(each, mask=mask, size=size_of(mask)) for each, mask in zip(seen, masks, strict=True)]
    return _looked(model, image, masks, doubts, share=share, pad_px=pad_px, seen=seen)


def _looked(
    model: MatteModel,
    image: Planes,
    guidance: Planes,
    doubts: Sequence[float],
    *,
    share: float,
    pad_px: int,
    seen: Sequence[SeenMask] | None = None,
) -> Planes:
    """Masks after a look at `share` of the size.

    Args:
        seen: (N,) the masks as they lie in the image; None: they give way by `doubts` alone.
    """
    height, width = guidance.shape[1:]
    size = round(width * share), round(height * share)
    if min(size) < 1:
        return guidance
    small = np.stack([cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 0.5 for mask in guidance])
    masks = small.astype(np.float32)
    channels = [cv2.resize(channel, size, interpolation=cv2.INTER_AREA) for channel in image]
    alphas = matte_still(model, np.stack(channels), masks, pad_px=pad_px)
    found = np.stack([cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR) for alpha in alphas])

    def way(n: int) -> float:
        contradicted = 1 - trust_in(alphas[n], masks[n])
        if contradicted == 0 or doubts[n] == 1:
            return contradicted
        better = 0.0 if seen is None else seen[n].better(found[n])
        return contradicted * max(doubts[n], better)

    ways = [way(n) if mask.any() else 0.0 for n, mask in enumerate(masks)]
    moved = np.array(ways) > 0
    if not moved.any():
        return guidance
    claimed = (found > 0.5) & (found == found.max(axis=0)) & ~guidance[~moved].any(axis=0)
    result = guidance.astype(np.float32, copy=True)
    for n in np.flatnonzero(moved):
        if claimed[n].any():
            result[n] = _between(guidance[n] > 0, claimed[n], ways[n])
    # Outlines that move towards each other may cross: what two hold now and one before is the surer one's.
    crossed = result.sum(axis=0) > np.maximum(guidance.sum(axis=0), 1)
    sureness = np.where(result > 0, found, -1)
    result[:, crossed] *= (sureness == sureness.max(axis=0))[:, crossed]
    lost = guidance.any(axis=(1, 2)) & ~result.any(axis=(1, 2))
    return guidance if lost.any() else result


def _between(own: NDArray[np.bool_], seen: NDArray[np.bool_], way: float) -> NDArray[np.bool_]:
    """An outline that lies so far on the way, 0 to 1, from its own to the one that was seen; never none."""
    apart = outline_distance(seen.astype(np.float32), own.astype(np.float32))
    signed = _signed(own)
    if apart is not None:
        limit = FARTHEST_TIMES_OFF * apart
        seen = (seen | (signed > limit)) & (signed >= -limit)
    if way >= 1:
        return seen if seen.any() else own
    moved = (1 - way) * signed + way * _signed(seen) > 0
    return moved if moved.any() else own


def _signed(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(H, W) depth inside, and distance outside as a negative number."""
    return depth_in(inside) - depth_in(~inside)
