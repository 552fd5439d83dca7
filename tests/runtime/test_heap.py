"""Freed memory goes back to the system."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from maggie_core.runtime.heap import trim_heap


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_holes_between_live_blocks_are_given_back():
    blocks = [np.ones(12_000) for _ in range(2000)]  # below the size the C library maps on its own
    kept = blocks[::2]
    full = resident_mb()
    del blocks

    trim_heap()

    assert resident_mb() < full - 50
    assert all(block[0] == 1 for block in kept)
