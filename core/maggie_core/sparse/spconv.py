"""Sparse convolutions by spconv on CUDA, where `MAGGIE_SPARSE=spconv` asks for it; for inference alone.

Weights are (out, 3, 3, in) there too. Results are those of `native` but for the order of sums.

Source: spconv, https://github.com/traveller59/spconv, Apache-2.0; needs version 2.2 or later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import spconv.pytorch as spconv  # pyright: ignore[reportMissingImports]
import torch
from torch import Tensor
from torch.func import functional_call

from maggie_core.sparse.sites import Sites


@dataclass
class _Rules:
    """Rulebooks of one scale, kept as long as its sites."""

    at: Tensor
    """(n, 3) int32."""
    size: tuple[list[int], int]
    """[H, W], maps."""
    same: dict[str, Any] = field(default_factory=dict)
    down: Any = None
    """Result of a strided convolution of these sites, and the row in it of each site of `Sites.coarse`."""

    def hold(self, rows: Tensor, known: dict[str, Any] | None = None) -> Any:
        return spconv.SparseConvTensor(rows.contiguous(), self.at, *self.size, indice_dict=known)


_known: WeakKeyDictionary[Sites, _Rules] = WeakKeyDictionary()


def submanifold_conv3(rows: Tensor, weight: Tensor, bias: Tensor | None, sites: Sites) -> Tensor:
    """As `native.submanifold_conv3`."""
    if len(sites) == 0:
        return rows.new_zeros(0, len(weight))
    rules = _rules(sites)
    layer = _layer(spconv.SubMConv2d, *weight.shape[::3], indice_key="same")
    out = _called(layer, weight, rules.hold(_supported(rows), rules.same))
    rules.same = out.indice_dict
    found = out.features.to(rows.dtype)
    return found if bias is None else found + bias


def inverse_conv3(rows: Tensor, weight: Tensor, coarse: Sites, fine: Sites) -> Tensor:
    """As `native.inverse_conv3`; `coarse` is `fine.coarse`."""
    if len(fine) == 0:
        return rows.new_zeros(0, len(weight))
    down, order = _down(fine)
    placed = torch.empty_like(rows).index_copy(0, order, rows)
    layer = _layer(spconv.SparseInverseConv2d, *weight.shape[::3], indice_key="down")
    return _called(layer, weight, down.replace_feature(_supported(placed))).features.to(rows.dtype)


def _rules(sites: Sites) -> _Rules:
    if sites not in _known:
        size = [sites.height, sites.width], sites.maps
        _known[sites] = _Rules(sites.coords.int().contiguous(), size)
    return _known[sites]


def _down(fine: Sites) -> tuple[Any, Tensor]:
    rules = _rules(fine)
    if rules.down is None:
        ones = torch.ones(len(fine), 1, device=fine.coords.device)
        layer = _layer(spconv.SparseConv2d, 1, 1, indice_key="down", stride=2, padding=1)
        out = _called(layer, ones.new_ones(1, 3, 3, 1), rules.hold(ones))
        m, y, x = out.indices.long().unbind(1)
        # spconv lists the sites it reaches in an order of its own.
        order = ((m * fine.coarse.height + y) * fine.coarse.width + x).argsort()
        rules.down = out, order
    return rules.down


@cache
def _layer(kind: Any, outputs: int, inputs: int, **how: Any) -> torch.nn.Module:
    """A layer without weights."""
    with torch.device("meta"):
        return kind(inputs, outputs, 3, bias=False, **how).eval()


def _called(layer: torch.nn.Module, weight: Tensor, x: Any) -> Any:
    return functional_call(layer, {"weight": weight.to(x.features.dtype).contiguous()}, (x,))


def _supported(rows: Tensor) -> Tensor:
    """Rows in a type that spconv has: float32 in place of bfloat16."""
    return rows.float() if rows.dtype == torch.bfloat16 else rows
