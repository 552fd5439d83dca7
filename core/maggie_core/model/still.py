"""An image as the network gets it, and its mattes of one image by itself."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.matte_model import MatteModel

Planes = NDArray[np.floating]

PAD_PX = 64
"""The network sees an image grown right and bottom to a multiple of this. The last row and column are
repeated, so that a person cut by the image's border does not seem to end there. The published program pads
with black."""


def padded(planes: Planes, pad_px: int = PAD_PX) -> torch.Tensor:
    """Planes (C, H, W) as a float32 tensor, grown right and bottom to multiples of `pad_px` by repeating the
    last column and row."""
    height, width = planes.shape[1:]
    margin = (0, -width % pad_px, 0, -height % pad_px)
    tensor = torch.from_numpy(np.ascontiguousarray(planes, np.float32))
    return F.pad(tensor[None], margin, mode="replicate")[0]


def matte_still(model: MatteModel, image: Planes, masks: Planes, *, pad_px: int) -> Planes:
    """(N, H, W) alphas of a still in [0, 1].

    Args:
        image: (3, H, W) sRGB-encoded in [0, 1].
        masks: (N, H, W) binary.
        pad_px: the network sees the image grown right and bottom to a multiple of this.
    """
    height, width = masks.shape[1:]
    features = model.encode(padded(image, pad_px), padded(masks, pad_px))
    alphas = model.window([features]).alpha[0]
    return alphas[:, :height, :width].float().cpu().numpy()
