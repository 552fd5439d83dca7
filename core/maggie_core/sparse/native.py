"""Sparse convolutions in plain torch: gather rows, one matrix product. The reference on every device.

Weights keep the published layout (out, 3, 3, in). Rows are processed in blocks so that the gathered matrix
stays small whatever the number of sites.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from maggie_core.sparse.blocks import STEP, by_block, times
from maggie_core.sparse.sites import Sites

BLOCK = 1 << 18
"""Numbers gathered at a time without gradients: 1 MB in float32, which stays in a core's cache."""


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
        out = _Submanifold.apply(rows, weight, sites)
        assert isinstance(out, Tensor)
        return out if bias is None else out + bias
    if len(weight) == 1:
        # Multiplied first, nine numbers a site are gathered instead of nine rows.
        matrix, taps = weight[0].flatten(0, 1).t(), rows.new_empty(len(rows), 9)
        rows = by_block(
            lambda out, block: times(block, matrix, None, out=out), taps, BLOCK // len(matrix), rows
        )
        weight = torch.eye(9, dtype=rows.dtype, device=rows.device).view(1, 3, 3, 9)
    return _product(_windows(rows, sites), sites.windows, weight.flatten(1).t(), bias)


def inverse_conv3(rows: Tensor, weight: Tensor, coarse: Sites, fine: Sites) -> Tensor:
    """Inverse of the 3x3, stride 2, padding 1 convolution that led from `fine` to `coarse`.

    Args:
        rows: (n_coarse, in) features at `coarse`.
        weight: (out, 3, 3, in).

    Returns:
        (n_fine, out) features at `fine`: sum of weight[:, r, s] . in[o] over 2 o - 1 + (r, s) = fine.
    """
    laid_out = coarse.laid_out(rows)
    out = rows.new_empty(len(fine), len(weight))
    for targets, sources, taps in fine.inverse_rules(coarse):
        matrix = torch.cat([weight[:, r, s] for r, s in taps], dim=1).t()
        out.index_copy_(0, targets, _product(laid_out, sources, matrix, None))
    return out


def _windows(rows: Tensor, sites: Sites) -> Tensor:
    """(rows of the layout - 2, 3 C): every row and the two after it side by side, without a copy."""
    laid_out = sites.laid_out(rows)
    count, channels = laid_out.shape
    return laid_out.as_strided((count - 2, 3 * channels), (channels, 1))


def _product(pieces: Tensor, sources: Tensor, matrix: Tensor, bias: Tensor | None) -> Tensor:
    """(n, out): the pieces named by `sources` (n, k) side by side, times `matrix` (k * C, out)."""
    if torch.is_grad_enabled():
        return times(_gather(pieces, sources), matrix, bias)
    size = max(1, BLOCK // len(matrix))
    held = pieces.new_empty(min(size, len(sources) + STEP) * sources.shape[1], pieces.shape[1])

    def product(out: Tensor, block: Tensor) -> None:
        times(_gather(pieces, block, out=held[: block.numel()]), matrix, bias, out=out)

    return by_block(product, pieces.new_empty(len(sources), matrix.shape[1]), size, sources)


class _Submanifold(torch.autograd.Function):
    """The same product with a gradient that gathers too: neighbourhood is mutual, scattering is slower."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, sites: Sites) -> Tensor:
        gathered = _gather(_windows(rows, sites), sites.windows)
        ctx.sites = sites
        ctx.save_for_backward(gathered, weight)
        return gathered @ weight.flatten(1).t()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        gathered, weight = ctx.saved_tensors
        (grad,) = grads
        mirrored = weight.flip(1, 2).permute(1, 2, 0, 3).reshape(-1, weight.shape[3])
        grad_rows = _gather(_windows(grad, ctx.sites), ctx.sites.windows) @ mirrored
        return grad_rows, (grad.t() @ gathered).view_as(weight), None


def _gather(pieces: Tensor, sources: Tensor, *, out: Tensor | None = None) -> Tensor:
    rows = torch.index_select(pieces, 0, sources.reshape(-1), out=out)
    return rows.view(len(sources), sources.shape[1] * pieces.shape[1])
