"""The machine's processors, as far as this process may use them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


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
