"""How good a network is on held-out samples while it is trained."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from maggie_core.model import from_state_dict
from maggie_core.model.network import Network


@dataclass(frozen=True)
class HeldOut:
    """One still or clip: `image` (T, 3, H, W), `guidance` and `alphas` (T, N, H, W), float32."""

    image: np.ndarray
    guidance: np.ndarray
    alphas: np.ndarray


def validation(samples: Callable[[], list[HeldOut]]) -> Callable[[Network], dict[str, float]]:
    """Metrics of a network on `samples`, run as a shot is.

    `MAD` is the mean absolute, `MSE` the mean squared error of alpha, times 1000: means over all pixels of a
    sample, then over the samples. The samples are made when they are first needed.
    """
    made = cache(samples)

    def look(net: Network) -> dict[str, float]:
        kept = made()
        device = next(net.parameters()).device
        state = copy.deepcopy(net.state_dict())
        model = from_state_dict(
            {name: x.cpu() for name, x in state.items()}, metadata=net.config.metadata
        ).to(device)
        absolute, squared = [], []
        for sample in kept:
            alphas = model.predict_clip(torch.from_numpy(sample.image), torch.from_numpy(sample.guidance))
            error = alphas.cpu().numpy() - sample.alphas
            absolute.append(float(np.abs(error).mean()))
            squared.append(float((error**2).mean()))
        return {"MAD": 1000 * float(np.mean(absolute)), "MSE": 1000 * float(np.mean(squared))}

    return look
