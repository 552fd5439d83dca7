"""What the network gets of a shot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812

from maggie_core import ShotMatter
from maggie_core.shot.inputs import InputAccount


def seen(engine: ShotMatter, frames: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (T, 3, H, W) and guidance (T, N, H, W) as the network gets them."""
    account = InputAccount()
    inputs = [engine._reader.inputs(frame, engine.passes(frame), account)[0] for frame in frames]
    planes = (np.stack([getattr(each, what) for each in inputs]) for what in ("image", "guidance"))
    image, guidance = (grown(p) for p in planes)
    return image, guidance


def grown(planes: np.ndarray) -> torch.Tensor:
    """(T, C, H, W) with its last column and row going on to a multiple of 64."""
    height, width = planes.shape[-2:]
    return F.pad(torch.from_numpy(planes), (0, -width % 64, 0, -height % 64), mode="replicate")
