"""Loops compiled to machine code, cached on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def njit_cached(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` to machine code that runs without the interpreter's lock.

    Its first call on a machine takes seconds. It uses one thread and the order of operations as written, so
    equal input gives equal bits.
    """
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no place for the cache: no home folder, and the package is read-only
        return numba.njit(nogil=True)(function)
