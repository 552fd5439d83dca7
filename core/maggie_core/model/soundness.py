"""What weights must hold for a matte to mean anything: tensors that no trained network has are refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from maggie_api.errors import ModelError

LARGEST_WEIGHT = 1e3
"""Absolute value of a parameter. Those of the default network reach 3, of the largest test network 11."""
LARGEST_STATISTIC = 1e6
"""Absolute value of a batch norm's running mean or variance; the default network's reach 428."""
NAMED = 4
"""Tensors that a sentence names."""

_AGAIN = "fetch or copy the file again, or take an earlier checkpoint"
_WEIGHTS = ("weight", "weight_bar", "weight_u")
"""Ends of names whose tensors are never all zero: what such a layer gives says nothing about the image, and a
spectral norm divides by zero. `weight` counts from two dimensions on, because a norm may start at zero.
"""
_MAY_BE_ZERO = "decoder.diff_module."
"""A change head of zeros means that nothing ever changes."""


def check_types(state: Mapping[str, Tensor]) -> None:
    """Refuse tensors that hold no floating-point numbers.

    Raises:
        ModelError: there is one.
    """
    wrong = [
        f"{name} is {str(tensor.dtype).removeprefix('torch.')}"
        for name, tensor in state.items()
        if not tensor.is_floating_point()
    ]
    if wrong:
        raise ModelError(
            f"weights of a wrong type: {listed(wrong)}, a network needs floating-point numbers: "
            "save the checkpoint as float16 or float32"
        )


def check_values(state: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are not finite, absurdly large, or zero where a layer cannot do without.

    Args:
        state: float32 tensors of the network, by their published names.

    Raises:
        ModelError: there is one.
    """
    broken, large, zero, negative = [], [], [], []
    for name, tensor in state.items():
        if not tensor.numel():
            continue
        low, high = (float(value) for value in torch.aminmax(tensor))  # NaN comes through
        reach = max(-low, high)
        if not -torch.inf < low <= high < torch.inf:
            broken.append(name)
        elif reach > (LARGEST_STATISTIC if ".running_" in name else LARGEST_WEIGHT):
            large.append(f"{name} reaches {reach:.3g}")
        elif reach == 0 and _needs_values(name, tensor):
            zero.append(name)
        elif name.endswith(".running_var") and low < 0:
            negative.append(name)
    if broken:
        raise ModelError(f"weights hold NaN or infinity: {listed(broken)}, all need to be finite: {_AGAIN}")
    if large:
        raise ModelError(
            f"weights are too large: {listed(large)}, a trained network's stay below "
            f"{LARGEST_WEIGHT:,.0f} and its norms' statistics below {LARGEST_STATISTIC:,.0f}: {_AGAIN}"
        )
    if zero:
        raise ModelError(f"weights are all zero: {listed(zero)}, a trained network's are not: {_AGAIN}")
    if negative:
        raise ModelError(f"variances are below zero: {listed(negative)}, all need to be positive: {_AGAIN}")


def check_folded(tensors: Iterable[tuple[str, Tensor]]) -> None:
    """Refuse a network whose folded weights are not finite, as when a spectral norm divides by zero.

    Raises:
        ModelError: a tensor is not finite.
    """
    broken = [name for name, tensor in tensors if not bool(torch.isfinite(tensor.sum()))]
    if broken:
        raise ModelError(
            f"weights fold to NaN or infinity in {listed(broken)}, all need to be finite: {_AGAIN}"
        )


def listed(items: list[str]) -> str:
    """The first few of `items`, and how many more there are."""
    more = len(items) - NAMED
    return ", ".join(items[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _needs_values(name: str, tensor: Tensor) -> bool:
    end = name.rpartition(".")[2]
    return end in _WEIGHTS and (end == "weight_u" or tensor.ndim > 1) and not name.startswith(_MAY_BE_ZERO)
