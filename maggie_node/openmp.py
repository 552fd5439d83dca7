"""Whether the network's threads wait awake or asleep: awake on an idle machine, asleep on a busy one."""

from __future__ import annotations

import os
import time
from pathlib import Path

_SECONDS = 0.03
"""Time over which the machine is observed; the command starts that much later."""
_SAMPLES = 4
"""Observations in that time: the fewest running threads count, so that a short peak does not."""


def settle_waiting() -> None:
    """Set `OMP_WAIT_POLICY`, where it is not set, by what else runs on this machine. On Linux only.

    A sleeping thread has to be woken for each of the thousands of small steps of a frame: on an idle machine
    a frame then takes twice as long. A thread that waits awake uses processor time that other programs need:
    two jobs side by side were 17 times slower. OpenMP reads the variable once, when the network's library is
    loaded, so call this before.
    """
    if "OMP_WAIT_POLICY" not in os.environ and _crowded():
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def _crowded() -> bool:
    threads = os.environ.get("OMP_NUM_THREADS", "")
    wanted = int(threads) if threads.isdigit() else os.cpu_count() or 1
    return wanted > 1 and _others() + wanted > (os.cpu_count() or 1)


def _others() -> int:
    """Threads of other programs that compute now; the fewest of a few samples."""
    samples = []
    for _ in range(_SAMPLES):
        running = _running()
        if running <= 1:
            return 0
        samples.append(running - 1)
        time.sleep(_SECONDS / _SAMPLES)
    return min(samples)


def _running() -> int:
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("procs_running")), 0)
