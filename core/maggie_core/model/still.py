"""The network's mattes of one image by itself."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.matte_model import MatteModel

Planes = NDArray[np.floating]


def matte_still(model: MatteModel, image: Planes, masks: Planes, *, pad_px: int) -> Planes:
    """(N, H, W) alphas of a still in [0, 1].

    Args:
        image: (3, H, W) sRGB-encoded in [0, 1].
        masks: (N, H, W) binary.
        pad_px: the network sees the image grown right and bottom to a multiple of this.
    """
    height, width = masks.shape[1:]
    margin = (0, -width % pad_px, 0, -height % pad_px)
    picture, guidance = (
        F.pad(torch.from_numpy(np.ascontiguousarray(planes, np.float32))[None], margin, mode="replicate")[0]
        for planes in (image, masks)
    )
    alphas = model.window([model.encode(picture, guidance)]).alpha[0]
    return alphas[:, :height, :width].float().cpu().numpy()
