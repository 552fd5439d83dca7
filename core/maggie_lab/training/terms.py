"""Terms of the published loss, on any set of maps.

Throughout, `a` is a prediction, `g` the true alpha and `w` a weight map, all (M, H, W) with values in [0, 1]
(weights may be larger); a term over time takes (T, ..., H, W). Every term is a scalar.

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


def coarse_weights(a8: Tensor, g: Tensor) -> Tensor:
    """W8: 1 where the instance exists in the frame, and 1 more where it or its coarse matte is undecided."""
    exists = (g > 0).flatten(-2).any(dim=-1)[..., None, None]
    return exists.to(a8.dtype) + (_between(g) | _between(a8)).to(a8.dtype)


def attention(weights: Tensor, inside: Tensor, *, frames: int) -> Tensor:
    """What tokens look at outside their own instance; 0 for an instance that is nowhere.

    Args:
        weights: (B, N, K) attention of each token over the K cells of its window; rows sum to 1.
        inside: (B, N, K) bool, cells that hold a pixel of the true instance.
        frames: of the window, by which the sum is divided as published.
    """
    outside = 1 - (weights * inside).sum(dim=-1)
    return (outside * inside.any(dim=-1)).sum() / (frames * len(weights))


def temporal(ahead: Tensor, behind: Tensor, change: Tensor) -> Tensor:
    """Term of the change head.

    Args:
        ahead: (T, ..., H, W) logits of frame t against t-1; the first says nothing.
        behind: the same of frame t against t+1; the last says nothing.
        change: 1 where the true alphas changed from the frame before.
    """
    return (change_likelihood(ahead, behind, change) + change_steadiness(ahead, behind, change)) / 4


def change_likelihood(ahead: Tensor, behind: Tensor, change: Tensor) -> Tensor:
    """Binary cross entropy of both directions, added up."""
    return F.binary_cross_entropy_with_logits(ahead[1:], change[1:]) + F.binary_cross_entropy_with_logits(
        behind[:-1], change[1:]
    )


def change_steadiness(ahead: Tensor, behind: Tensor, change: Tensor) -> Tensor:
    """dtSSD of both directions' change maps, added up."""
    even = torch.ones_like(change[1:])
    return dtssd(torch.sigmoid(ahead[1:]), change[1:], even) + dtssd(
        torch.sigmoid(behind[:-1]), change[1:], even
    )


def _between(alpha: Tensor) -> Tensor:
    # Both bounds belong to it here, unlike in the region the network refines.
    return (alpha >= 1 / 255) & (alpha <= 254 / 255)


def _sobel(x: Tensor) -> Tensor:
    x = F.pad(x.unsqueeze(1), (1, 1, 1, 1), mode="replicate").squeeze(1)
    across = (x[..., 2:] - x[..., :-2]) / 8
    smooth = (x[..., :-2] + 2 * x[..., 1:-1] + x[..., 2:]) / 8
    gx = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    gy = smooth[..., 2:, :] - smooth[..., :-2, :]
    return torch.sqrt(gx**2 + gy**2 + 1e-6)


def _reduce(x: Tensor) -> Tensor:
    """Binomial blur, then every second pixel; of slices, which train far faster than a convolution of one
    channel.
    """
    x = F.pad(x.unsqueeze(1), (2, 2, 2, 2), mode="reflect").squeeze(1)
    return _halved(_halved(x).transpose(-1, -2)).transpose(-1, -2)


def _halved(x: Tensor) -> Tensor:
    """(..., W + 4) -> (..., (W + 1) // 2): every second pixel of the last axis, blurred."""
    width = x.shape[-1] - 4
    a, b, c, d, e = (x[..., k : k + width : 2] for k in range(5))
    return (a + e + 4 * (b + d) + 6 * c) / 16


def _expand(x: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    x = _expanded(x, size[1])
    return _expanded(x.transpose(-1, -2), size[0]).transpose(-1, -2)


def _expanded(x: Tensor, size: int) -> Tensor:
    """Zeros between the samples of the last axis, then the binomial filter with gain 2; the widened row is
    reflected at its ends.
    """
    after = x[..., -1:] if size % 2 == 0 else x[..., -2:-1]
    padded = torch.cat([x[..., 1:2], x, after], dim=-1)
    even = (padded[..., :-2] + 6 * padded[..., 1:-1] + padded[..., 2:]) / 8
    odd = (padded[..., 1:-1] + padded[..., 2:]) / 2
    return torch.stack([even, odd], dim=-1).flatten(-2)[..., :size]
