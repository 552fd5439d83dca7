"""How many threads compute, and whether they wait awake or asleep: asleep on a busy machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

from maggie_node.processors import usable_cpus

_SECONDS = 0.03
"""Time over which the machine is observed; the command starts that much later."""
_SAMPLES = 4
"""Observations in that time: the fewest running threads count, so that a short peak does not."""


THREADS = "MAGGIE_THREADS"
"""Variable with the number of threads of all libraries; 0, as a farm's form has it, leaves it to them."""
_COUNTS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENIMAGEIO_THREADS")
"""Variables that libraries take their number of threads from, once, when they are loaded."""

_BY_LOAD = ("OMP_DYNAMIC", "MKL_DYNAMIC")
"""Variables by which OpenMP and MKL start fewer threads on a busy machine. The last bits of narrow products
of matrices depend on the number: with the first one on, a busy machine gave the bits of one thread."""


def limit_threads() -> None:
    """Let libraries start as many threads as the process may keep busy, where they would start more.

    Libraries count the machine's processors. In a container with a share of two of 64, or under an affinity
    mask, 64 threads wait for each other: a frame took five times as long. Variables that are set stay, but
    for THREADS, which decides where it is a number above 0, and those that let the number follow the load.
    """
    os.environ.update(dict.fromkeys(_BY_LOAD, "FALSE"))
    asked = os.environ.get(THREADS, "")
    if asked.isdigit() and int(asked) > 0:
        os.environ.update(dict.fromkeys(_COUNTS, str(int(asked))))
        return
    usable = usable_cpus()
    if usable < (os.cpu_count() or 1):
        for name in _COUNTS:
            os.environ.setdefault(name, str(usable))


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
    usable = usable_cpus()
    wanted = int(threads) if threads.isdigit() else usable
    return wanted > 1 and _others() + wanted > usable


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
