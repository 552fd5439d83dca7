"""Sparse convolutions in plain torch: gather rows, one matrix product. The reference on every device.

Weights keep the published layout (out, 3, 3, in). Rows are processed in blocks so that the gathered matrix
stays small whatever the number of sites.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from maggie_core.sparse.sites import Sites

BLOCK_ROWS = 16384
"""Rows gathered at a time without gradients: 16384 x 9 x 64 floats are 38 MB."""


def submanifold_conv3(rows: Tensor, weight: Tensor, bias: Tensor | None, sites: Sites) -> Tensor:
    """3x3 cross-correlation that keeps the set of active sites; inactive neighbours count as zero.

    Args:
        rows: (n, in) features at `sites`.
        weight: (out, 3, 3, in).
        bias: (out,) or None.

    Returns:
        (n, out) features at the same sites.
    """
    if torch.is_grad_enabled():
        out = _Submanifold.apply(rows, weight, sites.neighbours)
        assert isinstance(out, Tensor)
        return out if bias is None else out + bias
    return _gather_matmul(rows, sites.neighbours, weight.flatten(1).t(), bias)


def inverse_conv3(rows: Tensor, weight: Tensor, coarse: Sites, fine: Sites) -> Tensor:
    """Inverse of the 3x3, stride 2, padding 1 convolution that led from `fine` to `coarse`.

    Args:
        rows: (n_coarse, in) features at `coarse`.
        weight: (out, 3, 3, in).

    Returns:
        (n_fine, out) features at `fine`: sum of weight[:, r, s] . in[o] over 2 o - 1 + (r, s) = fine.
    """
    results, order = [], []
    for targets, sources, taps in fine.inverse_rules(coarse):
        matrix = torch.cat([weight[:, r, s] for r, s in taps], dim=1).t()
        results.append(_gather_matmul(rows, sources, matrix, None))
        order.append(targets)
    merged = torch.cat(results)
    return torch.empty_like(merged).index_copy(0, torch.cat(order), merged)


def _gather_matmul(rows: Tensor, sources: Tensor, matrix: Tensor, bias: Tensor | None) -> Tensor:
    """(n, out): the rows named by `sources` (n, k) side by side, times `matrix` (k * in, out)."""
    padded = F.pad(rows, (0, 0, 0, 1))
    if torch.is_grad_enabled():
        return _product(padded, sources, matrix, bias)
    blocks = [_product(padded, block, matrix, bias) for block in sources.split(BLOCK_ROWS)]
    return torch.cat(blocks)


class _Submanifold(torch.autograd.Function):
    """The same product with a gradient that gathers too: neighbourhood is mutual, scattering is slower."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, neighbours: Tensor) -> Tensor:
        gathered = _gather(F.pad(rows, (0, 0, 0, 1)), neighbours)
        ctx.save_for_backward(gathered, weight, neighbours)
        return gathered @ weight.flatten(1).t()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        gathered, weight, neighbours = ctx.saved_tensors
        (grad,) = grads
        mirrored = weight.flip(1, 2).permute(1, 2, 0, 3).reshape(-1, weight.shape[3])
        grad_rows = _gather(F.pad(grad, (0, 0, 0, 1)), neighbours) @ mirrored
        return grad_rows, (grad.t() @ gathered).view_as(weight), None


def _gather(padded: Tensor, sources: Tensor) -> Tensor:
    width = sources.shape[1] * padded.shape[1]
    return padded.index_select(0, sources.reshape(-1)).view(sources.shape[0], width)


def _product(padded: Tensor, sources: Tensor, matrix: Tensor, bias: Tensor | None) -> Tensor:
    gathered = _gather(padded, sources)
    return gathered @ matrix if bias is None else torch.addmm(bias, gathered, matrix)
