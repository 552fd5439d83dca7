"""Products of many rows, a block of them at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

STEP = 1024
"""Rows of a short block are a multiple of this, where every number of them costs."""


def times(rows: Tensor, matrix: Tensor, bias: Tensor | None, *, out: Tensor | None = None) -> Tensor:
    """(n, C) times (C, out), plus the bias."""
    if bias is None:
        return torch.mm(rows, matrix, out=out)
    return torch.addmm(bias, rows, matrix, out=out)


def by_block(product: Callable[..., object], out: Tensor, size: int, *rows: Tensor) -> Tensor:
    """Fill `out` (n, C), `size` rows at a time, and return it.

    Args:
        product: (a block of `out` to fill, the same block of each of `rows`).
        rows: (n, ...) each.
    """
    few = sizes_cost(out)
    for part, *blocks in zip(out.split(size), *(each.split(size) for each in rows), strict=True):
        count = len(part)
        if few and count < size:
            missing = min(size, -(-count // STEP) * STEP) - count
            filled = out.new_empty(count + missing, out.shape[1])
            product(filled, *(F.pad(block, (0, 0, 0, missing)) for block in blocks))
            part.copy_(filled[:count])
        else:
            product(part, *blocks)
    return out


def sizes_cost(rows: Tensor) -> bool:
    """Whether products of these rows had better come in few sizes.

    On a CPU, half precision is multiplied by oneDNN, which compiles a routine for each number of rows and
    keeps it: a third of a millisecond and of a megabyte, and every frame has other numbers.
    """
    return rows.device.type == "cpu" and rows.dtype != torch.float32
