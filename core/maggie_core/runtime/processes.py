"""The machine's processors, as far as this process may use them, and its processes."""

from __future__ import annotations

import ctypes
import math
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any


def usable_cpus(*, proc: Path = Path("/proc/self"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Processors that this process may keep busy: at most its affinity mask, and its container's share.

    Args:
        proc: folder with `cgroup`, the groups of the process.
        groups: where control groups are mounted, version 2 or 1.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # on Linux
    allowed = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    shares = [math.ceil(share) for share in _quotas(proc, groups)]
    return max(1, min([allowed, *shares]))


def _quotas(proc: Path, groups: Path) -> Iterator[float]:
    """Processors' worth of time that each group the process is in, or a group above, allows."""
    try:
        lines = (proc / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounts = [groups] if not controllers else [groups / controllers, groups / "cpu"]
        for mount in mounts:
            # In a container the group's own path is often not mounted: its files are then at the top.
            names = [part for part in group.split("/") if part not in ("", "..")]
            for depth in range(len(names) + 1):
                yield from _quota(mount.joinpath(*names[:depth]))


def _quota(folder: Path) -> Iterator[float]:
    with suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        if quota != "max":
            yield int(quota) / int(period)
    with suppress(OSError, ValueError):
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        if quota > 0:
            yield quota / int((folder / "cpu.cfs_period_us").read_text())


def is_running(pid: int) -> bool:
    """Whether a process of this number exists on this machine."""
    if sys.platform == "win32":
        return _is_running_on_windows(pid)
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    # A killed process that nobody has waited for is still there by number.
    with suppress(OSError):
        state = re.search(r"\) ([A-Z]) ", Path(f"/proc/{pid}/stat").read_text())
        return state is None or state[1] not in "ZX"
    return True


_SYNCHRONIZE = 0x0010_0000
_TIMEOUT = 0x102
_ACCESS_DENIED = 5


def _is_running_on_windows(pid: int) -> bool:
    # `os.kill` would end the process there.
    kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    process = kernel.OpenProcess(_SYNCHRONIZE, False, pid)
    if not process:
        return ctypes.get_last_error() == _ACCESS_DENIED  # type: ignore[attr-defined]
    try:
        return kernel.WaitForSingleObject(process, 0) == _TIMEOUT
    finally:
        kernel.CloseHandle(process)
