"""Memory the C library keeps for itself, given back to the system."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any


def give_back() -> None:
    """Return freed memory to the system where the C library would keep it (glibc); elsewhere do nothing.

    The sparse stage asks for blocks of other sizes in every frame. Left alone, the holes between them grow
    with the length of the shot.
    """
    trim = _found("malloc_trim")
    if trim is not None:
        trim(0)


LARGE = 12 << 20
"""Bytes. A page that is given back costs a fault when it is needed again: with half of this, a frame takes a
tenth longer.
"""
_M_MMAP_THRESHOLD = -3


def large_blocks_apart() -> None:
    """Have blocks of `LARGE` bytes and more return to the system at once (glibc); elsewhere do nothing.

    Left alone, the C library learns from the first large blocks to keep those up to 32 MB for itself.
    """
    mallopt = _found("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE)


@cache
def _found(name: str) -> Any:
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return None
