"""Objectives of the published training, on any set of maps.

Throughout, `a` is a prediction, `g` the true alpha and `w` a weight map, all (M, H, W) with values in [0, 1]
(weights may be larger).

Source: Huynh et al., "MaGGIe", CVPR 2024, and its released configuration.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def l1(a: Tensor, g: Tensor, w: Tensor) -> Tensor:
    """Weighted mean absolute difference."""
    return ((a - g).abs() * w).sum() / (w.sum() + 1e-8)


def gradient(a: Tensor, g: Tensor, w: Tensor) -> Tensor:
    """Difference of Sobel magnitudes of the weighted maps."""
    return (_sobel(a * w) - _sobel(g * w)).abs().sum() / (w.sum() + 1e-6)


def laplacian(a: Tensor, g: Tensor, w: Tensor, *, levels: int = 3) -> Tensor:
    """Weighted difference of Laplacian pyramids, three times the formula as in the release."""
    total = a.new_zeros(())
    for _ in range(levels):
        a_small, g_small = _reduce(a), _reduce(g)
        difference = (a - _expand(a_small, a.shape[-2:])) - (g - _expand(g_small, g.shape[-2:]))
        total = total + (difference.abs() * w).sum() / (w.sum() + 1e-6)
        a, g, w = a_small, g_small, w[..., ::2, ::2]
    return 3 * total


def dtssd(a: Tensor, g: Tensor, w: Tensor) -> Tensor:
    """Squared difference of temporal derivatives over (T, ...) maps."""
    change = (a[1:] - a[:-1]) - (g[1:] - g[:-1])
    return (change**2 * w[1:]).sum() / (w[1:] + 1e-6).sum()


def _sobel(x: Tensor) -> Tensor:
    kernel = x.new_tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
    kernels = torch.stack([kernel, kernel.t()]).unsqueeze(1)
    gx, gy = F.conv2d(F.pad(x.unsqueeze(1), (1, 1, 1, 1), mode="replicate"), kernels).unbind(1)
    return torch.sqrt(gx**2 + gy**2 + 1e-6)


def _binomial(x: Tensor, gain: float) -> Tensor:
    row = x.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    kernel = gain * torch.outer(row, row).view(1, 1, 5, 5)
    return F.conv2d(F.pad(x.unsqueeze(1), (2, 2, 2, 2), mode="reflect"), kernel).squeeze(1)


def _reduce(x: Tensor) -> Tensor:
    return _binomial(x, 1.0)[..., ::2, ::2]


def _expand(x: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    spread = x.new_zeros(*x.shape[:-2], *size)
    spread[..., ::2, ::2] = x
    return _binomial(spread, 4.0)
