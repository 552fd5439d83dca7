"""How much memory this process may have."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

_CGROUP_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Limits of a container, in its versions 2 and 1."""


@cache
def machine_memory() -> int:
    """Bytes of the machine's memory, of the container's where it has less; 0 where nobody says."""
    found = [_physical(), *(_number_in(Path(name)) for name in _CGROUP_FILES)]
    return min((each for each in found if each > 0), default=0)


def _physical() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return _of_windows()


def _of_windows() -> int:
    import ctypes

    kernel = getattr(ctypes, "windll", None)
    kilobytes = ctypes.c_ulonglong()
    if kernel is None or not kernel.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes)):
        return 0
    return kilobytes.value * 1024


def _number_in(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no container, or "max"
        return 0
