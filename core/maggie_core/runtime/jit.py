"""Loops compiled to machine code, kept on disk where there is a place for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def njit_cached(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as machine code that runs without the interpreter's lock; its first call ever takes seconds.

    One thread and the order of operations as written, so equal input gives equal bits.
    """
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # nowhere to keep it: no home, and a package that is read-only
        return numba.njit(nogil=True)(function)
