"""Loops compiled to machine code, cached on disk where that is possible."""

from __future__ import annotations

import atexit
import importlib
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

_without_cache = False


def has_cache() -> bool:
    """Whether compiled loops are kept for the next process; if not, each compiles them again."""
    return not _without_cache


def import_compiled(module: str) -> Any:
    """A module of a library whose loops numba compiles; without a place for them its import would fail."""
    try:
        return importlib.import_module(module)
    except RuntimeError:
        _cache_for_this_process()
        return importlib.import_module(module)


def njit_cached(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` to machine code that runs without the interpreter's lock.

    Its first call on a machine takes seconds. It uses one thread and the order of operations as written, so
    equal input gives equal bits.
    """
    import numba  # here, for who only asks `has_cache`

    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        _cache_for_this_process()
        return numba.njit(cache=True, nogil=True)(function)


def _cache_for_this_process() -> None:
    """Keep compiled loops in a folder that goes with the process.

    Neither the installation nor the home folder can be written, so numba has no other place.
    """
    from numba.core import config

    global _without_cache
    _without_cache = True
    folder = tempfile.mkdtemp(prefix="maggie-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    config.CACHE_DIR = folder  # type: ignore[attr-defined]
