"""Cryptomatte ids: from a name to 32 bits, and the same 32 bits as a float.

Source: Cryptomatte specification 1.2 (Psyop); the hash is MurmurHash3_x86_32 with seed 0.
"""

from __future__ import annotations

import mmh3
import numpy as np


def id_of(name: str) -> int:
    """The uint32 id of `name`, never one whose bits are a denormal, infinite or NaN float.

    Those bit patterns have an exponent of 0 or 255; flipping bit 23 moves them to 1 or 254, because
    software may quietly change a denormal or a NaN.
    """
    bits = mmh3.hash(name.encode("utf-8"), 0, signed=False)
    exponent = (bits >> 23) & 0xFF
    return bits ^ (1 << 23) if exponent in (0, 255) else bits


def float_of(identity: int) -> np.float32:
    """The float32 whose bits are `identity`."""
    return np.uint32(identity).view(np.float32)


def ids_in(plane: np.ndarray) -> np.ndarray:
    """The uint32 ids stored in a float32 plane; ids are compared as integers, never as floats."""
    return np.ascontiguousarray(plane, dtype=np.float32).view(np.uint32)


def hex_of(identity: int) -> str:
    """Eight lower-case hex digits, as manifests write an id."""
    return f"{identity:08x}"
