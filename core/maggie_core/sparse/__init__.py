"""Sparse tensors and convolutions: one interface, one file per backend.

A backend is a module with `submanifold_conv3` and `inverse_conv3` as in `native`, which is complete,
runs everywhere and is what every other backend is checked against.
"""

from maggie_core.sparse.native import inverse_conv3, submanifold_conv3
from maggie_core.sparse.sites import Part, Sites

__all__ = ["Part", "Sites", "inverse_conv3", "submanifold_conv3"]
