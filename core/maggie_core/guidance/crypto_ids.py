"""Cryptomatte ids: 32 bits as a whole number, as a float, as text.

`maggie_api.layer_names.cryptomatte_id` gives the id of a name.
"""

from __future__ import annotations

import numpy as np


def float_of(identity: int) -> np.float32:
    """The float32 whose bits are `identity`."""
    return np.uint32(identity).view(np.float32)


def ids_in(plane: np.ndarray) -> np.ndarray:
    """The uint32 ids stored in a float32 plane; ids are compared as integers, never as floats."""
    return np.ascontiguousarray(plane, dtype=np.float32).view(np.uint32)


def hex_of(identity: int) -> str:
    """Eight lower-case hex digits, as manifests write an id."""
    return f"{identity:08x}"
