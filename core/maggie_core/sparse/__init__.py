"""Sparse tensors and convolutions: one interface, one file per backend.

A backend is a module with `submanifold_conv3` and `inverse_conv3` as in `native`. That backend is complete
and runs everywhere; tests compare the others with it. `$MAGGIE_SPARSE` names another.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch
from torch import Tensor

from maggie_api.errors import SettingsError
from maggie_core.sparse.sites import Part, Sites

__all__ = ["Part", "Sites", "chosen", "has_spconv", "inverse_conv3", "submanifold_conv3"]

ASKED = "MAGGIE_SPARSE"
BACKENDS = ("native", "spconv")


def submanifold_conv3(rows: Tensor, weight: Tensor, bias: Tensor | None, sites: Sites) -> Tensor:
    """As `native.submanifold_conv3`, by the backend that `$MAGGIE_SPARSE` names."""
    return _backend(rows).submanifold_conv3(rows, weight, bias, sites)


def inverse_conv3(rows: Tensor, weight: Tensor, coarse: Sites, fine: Sites) -> Tensor:
    """As `native.inverse_conv3`, by the backend that `$MAGGIE_SPARSE` names."""
    return _backend(rows).inverse_conv3(rows, weight, coarse, fine)


def chosen(device: torch.device) -> str:
    """The backend `$MAGGIE_SPARSE` asks for.

    Raises:
        SettingsError: there is no such backend, or it does not run here.
    """
    name = os.environ.get(ASKED) or "native"
    if name not in BACKENDS:
        raise SettingsError(f"{ASKED} is {name!r}: it is {' or '.join(BACKENDS)}")
    if name == "spconv" and device.type != "cuda":
        raise SettingsError(f"{ASKED}=spconv needs a CUDA device and this is {device}: unset it")
    if name == "spconv" and not has_spconv():
        raise SettingsError(
            f"{ASKED}=spconv, but spconv is not installed: pip install spconv-cu120 (Python 3.11) or "
            "spconv-cu126 (later ones), or unset it"
        )
    return name


def _backend(rows: Tensor) -> ModuleType:
    # Only native has gradients.
    name = "native" if torch.is_grad_enabled() else chosen(rows.device)
    return import_module(f"maggie_core.sparse.{name}")


@cache
def has_spconv() -> bool:
    """Whether spconv is installed."""
    return find_spec("spconv") is not None
