"""Freed memory: returned to the system, or kept by the C library for the next frame."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any


def trim_heap(*, beyond: int = 0) -> None:
    """Return freed memory to the system where the C library would keep it (glibc); elsewhere do nothing.

    Args:
        beyond: bytes that it may keep for use again; every returned page costs a page fault later.

    The sparse stage needs blocks of other sizes in every frame. Without this the gaps between them grow with
    the length of the shot.
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
"""Bytes from which a freed block goes back to the system at once: the first where memory matters more, the
second where time does, since a page that is given back costs a page fault when it is needed again. glibc
accepts no larger value than the second.
"""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed(most: int) -> None:
    """Let the C library keep up to `most` bytes of freed memory for use again (glibc); elsewhere do nothing.

    Large blocks still go back to the system at once. Both limits have to be set. Without them glibc raises
    the limit of large blocks by itself, up to 32 MB. With the limit of large blocks alone it returns all
    other freed memory at every chance.
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
