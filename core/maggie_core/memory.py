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
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return None
