"""The few layers the family shares: spectrally normalised and sparse convolutions, and their folding."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils import skip_init

from maggie_core import sparse
from maggie_core.sparse import Sites
from maggie_core.sparse.blocks import STEP, by_block, sizes_cost, times

SLOPE = 0.2
"""Negative slope of every LeakyReLU."""


class SpectralWeight(nn.Module):
    """A raw weight and the two vectors its largest singular value is read from, in the published order."""

    def __init__(self, bar: Tensor):
        super().__init__()
        self.weight_u = nn.Parameter(_unit_vector(bar.shape[0]), requires_grad=False)
        self.weight_v = nn.Parameter(_unit_vector(bar[0].numel()), requires_grad=False)
        self.weight_bar = nn.Parameter(bar)


def _unit_vector(size: int) -> Tensor:
    """A random direction. The meta device has no values: to draw some would only load torch's compiler."""
    vector = torch.empty(size)
    return vector if vector.is_meta else F.normalize(vector.normal_(), dim=0)


class SpectralConv(nn.Module):
    """Convolution whose weight is divided by its largest singular value (no bias).

    While training each call takes one power-iteration step; in evaluation the stored vectors are used as they
    are. `folded_weight` takes one step, which equals the published code's first call.

    Source: Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, transposed: bool = False):
        super().__init__()
        shape = (inputs, outputs, kernel, kernel) if transposed else (outputs, inputs, kernel, kernel)
        bar = torch.empty(shape)
        nn.init.xavier_uniform_(bar)
        self.module = SpectralWeight(bar)
        self.stride, self.transposed = stride, transposed
        self.padding = 1 if kernel > 1 else 0

    def forward(self, x: Tensor) -> Tensor:
        weight = self._weight(step=self.training)
        if self.transposed:
            return F.conv_transpose2d(x, weight, stride=self.stride, padding=self.padding)
        return F.conv2d(x, weight, stride=self.stride, padding=self.padding)

    def folded_weight(self) -> Tensor:
        """The weight the network multiplies with, after one power-iteration step."""
        with torch.no_grad():
            return self._weight(step=True)

    def _weight(self, *, step: bool) -> Tensor:
        bar, u, v = self.module.weight_bar, self.module.weight_u, self.module.weight_v
        with torch.autocast(bar.device.type, enabled=False):
            matrix = bar.flatten(1)
            if step:
                with torch.no_grad():
                    product = matrix.t() @ u
                    v.copy_(product / (product.norm() + 1e-12))
                    product = matrix @ v
                    u.copy_(product / (product.norm() + 1e-12))
            # Clones: the next call steps the vectors in place while this one's graph still needs them.
            sigma = torch.dot(u.clone(), matrix @ v.clone())
            return bar / sigma


class SparseConv3(nn.Module):
    """3x3 sparse convolution, submanifold or inverse of a stride-2 one; weight (out, 3, 3, in)."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = False, inverse: bool = False):
        super().__init__()
        weight = torch.empty(outputs, inputs, 3, 3)
        nn.init.kaiming_uniform_(weight, a=SLOPE, nonlinearity="leaky_relu")
        self.weight = nn.Parameter(weight.permute(0, 2, 3, 1).contiguous())
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.inverse = inverse

    def forward(self, rows: Tensor, sites: Sites, fine: Sites | None = None) -> Tensor:
        rows = rows.to(self.weight.dtype)
        if not self.inverse:
            return sparse.submanifold_conv3(rows, self.weight, self.bias, sites)
        assert fine is not None
        out = sparse.inverse_conv3(rows, self.weight, sites, fine)
        return out if self.bias is None else out + self.bias


class Pointwise(nn.Module):
    """1x1 sparse convolution; weight (out, 1, 1, in), read in memory order as a matrix (in, out).

    The re-reading is not a transpose: it is what the published weights were trained with.
    """

    def __init__(self, inputs: int, outputs: int, *, bias: bool = False):
        super().__init__()
        weight = torch.empty(outputs, inputs)
        nn.init.kaiming_uniform_(weight, a=SLOPE, nonlinearity="leaky_relu")
        self.weight = nn.Parameter(weight.t().reshape(outputs, 1, 1, inputs).contiguous())
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, *rows: Tensor) -> Tensor:
        """(n, C) each, side by side -> (n, out)."""
        outputs, _, _, inputs = self.weight.shape
        matrix = self.weight.reshape(inputs, outputs)
        weights = matrix.split([part.shape[1] for part in rows])

        def product(out: Tensor | None, first: Tensor, *others: Tensor) -> Tensor:
            out = times(first, weights[0], self.bias, out=out)
            for part, weight in zip(others, weights[1:], strict=True):
                out.addmm_(part, weight)
            return out

        parts = [part.to(matrix.dtype) for part in rows]
        if torch.is_grad_enabled() or not sizes_cost(parts[0]):
            return product(None, *parts)
        return by_block(product, parts[0].new_empty(len(parts[0]), outputs), 8 * STEP, *parts)


def fold(module: nn.Module) -> nn.Module:
    """Replace, in place, every spectral convolution by a plain one, with the batch norm behind it folded in.

    Blocks name their own pairs in `folds`; in a sequential a norm directly behind a convolution is its pair.
    A norm behind an activation is left alone. Products are made in float64, so that a weight is rounded once.
    """
    for child in module.children():
        fold(child)
    pairs = list(getattr(module, "folds", ()))
    if isinstance(module, nn.Sequential):
        names = list(module._modules)
        pairs += [
            (a, b) for a, b in zip(names, names[1:], strict=False) if isinstance(module._modules[b], _NORMS)
        ]
    for conv_name, norm_name in pairs:
        conv, norm = getattr(module, conv_name), getattr(module, norm_name)
        if isinstance(conv, (SpectralConv, nn.Conv2d, SparseConv3, Pointwise)):
            setattr(module, conv_name, _with_norm(conv.double(), norm.double()).float())
            setattr(module, norm_name, nn.Identity())
    for name, child in module.named_children():
        if isinstance(child, SpectralConv):
            setattr(module, name, _plain(child, child.double().folded_weight(), None).float())
    return module


_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@torch.no_grad()
def _with_norm(conv: nn.Module, norm: nn.Module) -> nn.Module:
    assert isinstance(norm, _NORMS) and norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    if isinstance(conv, SparseConv3):
        conv.weight.mul_(scale.view(-1, 1, 1, 1))
    elif isinstance(conv, Pointwise):
        outputs, _, _, inputs = conv.weight.shape
        conv.weight.copy_((conv.weight.reshape(inputs, outputs) * scale).reshape(conv.weight.shape))
    else:
        assert isinstance(conv, (SpectralConv, nn.Conv2d))
        weight = conv.folded_weight() if isinstance(conv, SpectralConv) else conv.weight
        outward = 1 if getattr(conv, "transposed", False) else 0
        shape = [1] * 4
        shape[outward] = -1
        return _plain(conv, weight * scale.view(shape), shift)
    conv.bias = nn.Parameter(shift if conv.bias is None else conv.bias * scale + shift)
    return conv


def _plain(conv: SpectralConv | nn.Conv2d, weight: Tensor, bias: Tensor | None) -> nn.Module:
    transposed = isinstance(conv, SpectralConv) and conv.transposed
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    groups = getattr(conv, "groups", 1)
    inputs, outputs = weight.shape[:2] if transposed else (weight.shape[1] * groups, weight.shape[0])
    plain = skip_init(
        kind,
        inputs,
        outputs,
        weight.shape[2],
        stride=conv.stride,
        padding=conv.padding,
        dilation=getattr(conv, "dilation", 1),
        groups=groups,
        bias=bias is not None,
    )
    plain.weight = nn.Parameter(weight.clone(memory_format=torch.channels_last))
    if bias is not None:
        plain.bias = nn.Parameter(bias)
    return plain
