"""Memory does not grow with the shot."""

from __future__ import annotations

import tracemalloc

from maggie_core.qc import check


def test_a_shot_three_times_as_long_needs_no_more_memory(long_shot):
    long_shot.film().deliver()
    check(long_shot.subject(plate=True, guidance=True, frames=long_shot.frames[:4]))  # caches fill once

    def peak(count: int) -> int:
        subject = long_shot.subject(plate=True, guidance=True, frames=long_shot.frames[:count])
        tracemalloc.start()
        try:
            check(subject)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    one_plane = 4 * 128 * 96
    assert peak(24) < peak(8) + 2 * one_plane
