"""Memory the C library keeps for itself, given back to the system."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any


def give_back(*, beyond: int = 0) -> None:
    """Return freed memory to the system where the C library would keep it (glibc); elsewhere do nothing.

    Args:
        beyond: bytes it may keep, to be used again: every page costs a fault when it comes back.

    The sparse stage asks for blocks of other sizes in every frame. Left alone, the holes between them grow
    with the length of the shot.
    """
    info, trim = _found("mallinfo2"), _found("malloc_trim")
    if info is not None and beyond:
        info.restype = _Heap
        if info().freed < beyond:
            return
    if trim is not None:
        trim(0)


class _Heap(ctypes.Structure):
    """`struct mallinfo2` of <malloc.h>."""

    _fields_ = [(f"before_{k}", ctypes.c_size_t) for k in range(8)] + [
        ("freed", ctypes.c_size_t),
        ("at_the_end", ctypes.c_size_t),
    ]


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
