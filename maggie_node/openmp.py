"""How the network's threads wait for each other: awake on a machine of our own, asleep on a shared one."""

from __future__ import annotations

import os
import time
from pathlib import Path

_SECONDS = 0.03
_LOOKS = 4


def settle_waiting() -> None:
    """Choose `OMP_WAIT_POLICY` where nobody has, by what else runs on this machine. Linux; elsewhere nothing.

    A thread that sleeps has to be woken for each of the thousands of small steps of a frame: on an idle
    machine a frame takes twice as long. One that stays awake takes the time of what it waits for where
    programs share processors: a job beside another was 17 times slower. OpenMP reads this once, when the
    network's library is loaded, so call it before that.
    """
    if "OMP_WAIT_POLICY" not in os.environ and _crowded():
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def _crowded() -> bool:
    threads = os.environ.get("OMP_NUM_THREADS", "")
    wanted = int(threads) if threads.isdigit() else os.cpu_count() or 1
    return wanted > 1 and _others() + wanted > (os.cpu_count() or 1)


def _others() -> int:
    """Threads of all programs that compute at this moment, without ours; the fewest of a few looks."""
    looks = []
    for _ in range(_LOOKS):
        running = _running()
        if running <= 1:
            return 0
        looks.append(running - 1)
        time.sleep(_SECONDS / _LOOKS)
    return min(looks)


def _running() -> int:
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("procs_running")), 0)
