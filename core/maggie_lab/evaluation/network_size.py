"""To the size the published networks are tested at, and back to the size the truth has."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812

Planes = NDArray[np.floating]

SHORT_SIDE_PX = 576
PAD_PX = 64
"""The network sees zeros right and below, up to a multiple of this."""
DECIDED = 1 / 255
"""An alpha this near to 0 or 1 is 0 or 1."""


def to_network_size(image: Planes, guidance: Planes) -> tuple[Planes, Planes]:
    """Images and masks at short side 576, resampled as published.

    Args:
        image: (T, 3, H, W) sRGB-encoded, [0, 1].
        guidance: (T, N, H, W) 0 or 1.

    Returns:
        (T, 3, h, w) bilinear, in steps of 1/255, and (T, N, h, w) nearest, float32 both; h and w are cut
        down to whole pixels.
    """
    height, width = image.shape[-2:]
    ratio = SHORT_SIDE_PX / min(height, width)
    size = (int(width * ratio), int(height * ratio))
    if size == (width, height):
        return image.astype(np.float32), guidance.astype(np.float32)
    images = [cv2.resize(_codes(frame), size, interpolation=cv2.INTER_LINEAR) for frame in image]
    small = [
        [cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST) for mask in masks] for masks in guidance
    ]
    return np.stack(images).transpose(0, 3, 1, 2) / np.float32(255), np.array(small, np.float32)


def padded(planes: Planes) -> torch.Tensor:
    """(..., h, w) with zeros right and below, to multiples of 64."""
    height, width = planes.shape[-2:]
    return F.pad(torch.from_numpy(np.ascontiguousarray(planes)), (0, -width % PAD_PX, 0, -height % PAD_PX))


def from_network_size(alphas: Planes, size: tuple[int, int]) -> Planes:
    """Mattes at the truth's size: bilinear between the corners' centres, then settled where nearly decided.

    Args:
        alphas: (T, N, h, w) in [0, 1], without padding.
        size: (H, W).

    Returns:
        (T, N, H, W) float32; at most 1/255 is 0, at least 254/255 is 1.
    """
    grown = np.empty((*alphas.shape[:2], *size), np.float32)
    for t, frame in enumerate(alphas):
        planes = torch.from_numpy(np.ascontiguousarray(frame, np.float32))
        if tuple(planes.shape[-2:]) != size:
            planes = F.interpolate(planes[None], size, mode="bilinear", align_corners=True)[0]
        grown[t] = planes.numpy()
    grown[grown <= np.float32(DECIDED)] = 0
    grown[grown >= np.float32(1 - DECIDED)] = 1
    return grown


def _codes(frame: Planes) -> NDArray[np.uint8]:
    """(3, H, W) in [0, 1] to (H, W, 3) in whole steps, as the published networks' images were resampled."""
    return np.ascontiguousarray(np.rint(frame * 255).astype(np.uint8).transpose(1, 2, 0))
