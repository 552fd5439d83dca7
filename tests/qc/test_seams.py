"""Seams are found where they are, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny import disc

from maggie_core.qc import check
from maggie_core.qc.seams import judge_seams

WIDTH, HEIGHT = 128, 96


def flicker(rng: np.random.Generator, frames: int, *, scatter: float = 0.35) -> list[float | None]:
    """What an honest shot shows: a slow swell times chance."""
    swell = 0.6 * np.exp(0.5 * np.sin(np.arange(frames) / 9 + rng.uniform(0, 6)))
    return [None, *(swell * np.exp(scatter * rng.standard_normal(frames)))[1:].tolist()]


def test_chance_is_seldom_taken_for_a_seam():
    rng = np.random.default_rng(7)
    judged = [
        judge_seams({"ana": flicker(rng, 100), "ben": flicker(rng, 100)}, range(1, 101), 24)
        for _ in range(300)
    ]
    shots = [seams for seams in judged if seams is not None]

    assert len(shots) == 300
    assert sum(seams.least > 1.05 for seams in shots) <= 6
    assert sum(seam.least > 1.05 for seams in shots for seam in seams.seams) <= 6


@pytest.mark.parametrize("frames", [(30, 24), (60, 12), (200, 24)])
def test_one_seam_or_many_are_found_where_they_flicker_twice_or_more(frames: tuple[int, int]):
    count, segment = frames
    rng = np.random.default_rng(3)
    values = np.array(flicker(rng, count, scatter=0.15), float)
    values[segment::segment] *= 3

    seams = judge_seams({"ana": [None, *values[1:].tolist()]}, range(1001, 1001 + count), segment)

    assert seams is not None
    assert [seam.frame for seam in seams.seams] == list(range(1001 + segment, 1001 + count, segment))
    assert seams.ratio == pytest.approx(3, rel=0.25)
    assert seams.least > 1.05


def test_a_seam_among_many_that_jumps_is_told_by_its_frame():
    rng = np.random.default_rng(5)
    values = np.array(flicker(rng, 120, scatter=0.2), float)
    values[72] *= 6

    seams = judge_seams({"ana": [None, *values[1:].tolist()]}, range(1, 121), 24)

    assert seams is not None
    assert [seam.frame for seam in seams.seams if seam.least > 1.05] == [73]


def test_a_spoilt_frame_elsewhere_does_not_hide_a_seam():
    rng = np.random.default_rng(9)
    values = np.array(flicker(rng, 60, scatter=0.15), float)
    values[24] *= 4
    values[40:42] *= 200

    seams = judge_seams({"ana": [None, *values[1:].tolist()]}, range(1, 61), 24)

    assert seams is not None
    assert [seam.frame for seam in seams.seams if seam.least > 1.05] == [25]


def test_somebody_who_runs_through_a_seam_is_none():
    values = [0.4 + 4 * np.exp(-(((i - 24) / 6) ** 2)) for i in range(49)]

    seams = judge_seams({"ana": [None, *values[1:]]}, range(1, 50), 24)

    assert seams is not None
    assert seams.least < 1.05
    assert all(seam.least < 1.05 for seam in seams.seams)


def test_too_few_frames_are_not_judged():
    values = flicker(np.random.default_rng(0), 8)

    assert judge_seams({"ana": values}, range(1, 9), 4) is None
    assert judge_seams({"ana": values * 5}, range(1, 41), 48) is None


@pytest.fixture
def jumps(long_shot):
    """Write the shot with alphas that swell by two pixels from a frame on, and check it."""

    def checked(frame: int, **given):
        for index, each in enumerate(long_shot.frames):
            x, y = 40.0 + 2 * index % 48, 48.0
            wobble = 0.1 * (-1) ** index
            radius = 24 + wobble + (2.0 if each >= frame else 0.0)
            long_shot.alphas[each] = {"ana": disc(WIDTH, HEIGHT, x, y, radius)}
        return check(long_shot.film().deliver().subject(plate=True, segment_frames=8, **given))

    return checked


def test_a_jump_at_a_segments_border_is_a_seam_and_the_same_jump_elsewhere_is_not(jumps):
    at_border, elsewhere = jumps(1009), jumps(1013)

    found = {frame: value for frame, value in at_border.numbers.of("seam").items() if value > 1.05}
    assert list(found) == [1009]
    assert all(value < 1.05 for value in elsewhere.numbers.of("seam").values())
    assert elsewhere.seams is not None and elsewhere.seams.least < 1.05


def test_segments_are_counted_from_the_shots_first_frame_and_not_from_the_first_that_is_there(
    long_shot, jumps
):
    jumps(1017)
    late = long_shot.frames[3:]
    checked = check(long_shot.subject(plate=True, segment_frames=8, frames=late))

    assert set(checked.numbers.of("seam")) == {1009, 1017}


def test_the_headers_say_how_long_a_segment_is(long_shot):
    for frame in long_shot.frames:
        long_shot.headers[frame] = {"settings": {"segment_frames": 6}}
    long_shot.deliver()

    assert check(long_shot.subject()).segment_frames == 6
    assert check(long_shot.subject(segment_frames="whole")).segment_frames is None
