"""A first look at a frame in small: a mask that is far off gives way to the network's own matte of it.

The network may leave a mask only near its edge, and compares the colours on both sides of that edge. Where a
mask is rough, both are about the wrong edge. A matte of the frame in small is then the better mask: the frame
is matted with it as if it had been drawn. Masks that the network hardly contradicts stay what they are.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812

from maggie_core.model import MatteModel
from maggie_core.postprocess.edges import trust_in

Planes = NDArray[np.floating]


def better_guidance(
    model: MatteModel, picture: Planes, guidance: Planes, *, share: float, pad_px: int
) -> Planes:
    """Masks to matte a frame with, a function of this frame alone.

    Args:
        picture: (3, H, W) sRGB-encoded in [0, 1]: what the network sees.
        guidance: (N, H, W) binary.
        share: size of the first look as a share of the frame's, 0..1; 0 takes the masks as they are.
        pad_px: the network sees a frame grown right and bottom to a multiple of this.

    Returns:
        (N, H, W) float32 binary; the given array where nothing changes. A mask never becomes empty, and takes
        no pixel of another that is kept.
    """
    height, width = guidance.shape[1:]
    size = round(width * share), round(height * share)
    if min(size) < 1 or not guidance.any():
        return guidance
    small = np.stack([cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 0.5 for mask in guidance])
    masks = small.astype(np.float32)
    channels = [cv2.resize(channel, size, interpolation=cv2.INTER_AREA) for channel in picture]
    alphas = _matte(model, np.stack(channels), masks, pad_px)
    open_ones = [
        n for n, (a, m) in enumerate(zip(alphas, masks, strict=True)) if m.any() and not trust_in(a, m)
    ]
    if not open_ones:
        return guidance
    found = np.stack([cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR) for alpha in alphas])
    kept = np.delete(guidance, open_ones, axis=0).any(axis=0)
    claimed = (found > 0.5) & (found == found.max(axis=0)) & ~kept
    better = guidance.astype(np.float32, copy=True)
    for n in open_ones:
        if claimed[n].any():
            better[n] = claimed[n]
    return better


def _matte(model: MatteModel, picture: Planes, masks: Planes, pad_px: int) -> Planes:
    """(N, h, w) alphas of a still."""
    height, width = masks.shape[1:]
    margin = (0, -width % pad_px, 0, -height % pad_px)
    image, guidance = (
        F.pad(torch.from_numpy(x)[None], margin, mode="replicate")[0] for x in (picture, masks)
    )
    alphas = model.window([model.encode(image, guidance)]).alpha[0]
    return alphas[:, :height, :width].float().cpu().numpy()
