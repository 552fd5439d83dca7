"""Memory the C library keeps for itself, given back to the system."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any


def trim_heap(*, beyond: int = 0) -> None:
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


SMALLEST_APART, LARGEST_SHARED = 12 << 20, 31 << 20
"""Bytes of a block that goes back to the system by itself, where memory matters more and where time does. A
page that is given back costs a fault when it is needed again. The C library takes no more than the second.
"""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed(most: int) -> None:
    """Have freed memory kept, up to `most` bytes, to be used again (glibc); elsewhere do nothing.

    Large blocks go back to the system at once all the same: left alone, the C library learns from the first
    of them to keep those up to 32 MB, and told where they begin it gives back everything else at every
    chance.
    """
    mallopt = _found("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGEST_SHARED if most else SMALLEST_APART)
        mallopt(_M_TRIM_THRESHOLD, max(most, SMALLEST_APART))


@cache
def _found(name: str) -> Any:
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return None
