"""The simulated farm keeps its books: frames are delivered once, and every second is accounted for."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks._drawn_show import COST, Shot, draw_show
from benchmarks._simulated_farm import (
    AGAIN,
    AHEAD,
    BAD,
    CAUSES,
    KILLS,
    STARTS,
    STORAGE,
    WARMUP,
    Chunking,
    Farm,
    Outcome,
    simulate,
)
from benchmarks.show import comparisons, describe, row
from maggie_node.farm.plan import SECONDS_PER_FRAME, THROWN, Reach, even, full, make_plan

CALM = Farm(machines=7, spread=0.0, slow=0.0, mtbf_h=0.0, storage_mb_s=0.0, machine_mb_s=0.0, start_s=0.0)
"""Nothing fails, nothing waits, all machines are the same."""
BY_ITSELF = Reach(None, smooth=False, temporal=False)

reaches = st.builds(
    Reach,
    st.one_of(st.none(), st.integers(1, 20)),
    st.integers(0, 5),
    smooth=st.booleans(),
    temporal=st.booleans(),
)
chunkings = st.builds(
    Chunking,
    chunk=st.one_of(st.none(), st.integers(1, 30)),
    cut=st.sampled_from([even, full]),
    reach=reaches,
    cache=st.booleans(),
    retries=st.integers(0, 2),
    longest_first=st.booleans(),
)
farms = st.builds(
    Farm,
    machines=st.integers(1, 12),
    mtbf_h=st.sampled_from([0.0, 0.1, 1.0]),
    repair_h=st.sampled_from([0.01, 0.5]),
    storage_mb_s=st.sampled_from([0.0, 5.0, 500.0]),
    start=st.sampled_from(["task", "session", "machine"]),
)


def shots(*lengths: int, people: int = 2) -> list[Shot]:
    return [Shot(frames, 1920 * 1080, people) for frames in lengths]


@settings(deadline=None, max_examples=100)
@given(farms, chunkings, st.integers(0, 5), st.sampled_from([0.0, 0.02]))
def test_every_frame_is_settled_once_and_every_second_is_useful_or_wasted(farm, chunking, seed, bad_share):
    show = draw_show(4, seed=seed, bad_share=bad_share)

    out = simulate(show, farm, chunking, seed=seed)

    assert out.frames + out.failed == sum(shot.frames for shot in show)
    assert out.busy == pytest.approx(out.useful + sum(out.wasted.values()))
    assert min(out.useful, *out.wasted.values()) >= 0
    assert -1e-9 <= out.idle <= 1
    assert out.most_hours <= out.hours
    if not bad_share:
        assert out.failed == 0
        assert out.wasted[BAD] == 0


@settings(deadline=None, max_examples=100)
@example(2, Reach(segment_frames=1, warmup_frames=1, smooth=False), 2, even)
@given(st.integers(1, 90), reaches, st.integers(1, 40), st.sampled_from([even, full]))
def test_an_undisturbed_task_computes_what_the_farm_plan_says(frames, reach, chunk, cut):
    (shot,) = shots(frames)
    chunk = min(chunk, frames)

    out = simulate([shot], CALM, Chunking(chunk, cut, reach))

    plan = make_plan(range(frames), range(frames), chunk=chunk, reach=reach, cut=cut)
    assert out.tasks == len(plan.tasks)
    assert out.useful / shot.seconds == pytest.approx(plan.delivered)
    assert sum(out.wasted.values()) / shot.seconds == pytest.approx(THROWN * (plan.computed - plan.delivered))


def test_without_failures_and_warm_up_nothing_is_wasted():
    out = simulate(shots(30, 100, 7), CALM, Chunking(10, reach=BY_ITSELF))

    assert out.frames == 137
    assert sum(out.wasted.values()) == 0
    assert out.busy == pytest.approx(out.useful)


def test_chunks_as_long_as_segments_repeat_no_segment_and_others_do():
    reach = Reach(20, 4)
    show = shots(100, 60)

    aligned = simulate(show, CALM, Chunking(20, reach=reach))
    shifted = simulate(show, CALM, Chunking(22, reach=reach))

    second = THROWN * show[0].seconds
    assert aligned.wasted[AGAIN] == 0
    assert aligned.wasted[WARMUP] == pytest.approx((4 + 2) * 4 * second)
    assert aligned.wasted[AHEAD] == pytest.approx((4 + 2) * 2 * second)
    assert shifted.wasted[AGAIN] > 0


def test_the_same_seed_gives_the_same_show_and_outcome():
    farm = Farm(machines=5, mtbf_h=0.2)

    first, second = (simulate(draw_show(20, seed=3), farm, Chunking(), seed=3) for _ in range(2))
    other = simulate(draw_show(20, seed=4), farm, Chunking(), seed=4)

    assert first == second
    assert first != other
    assert draw_show(20, seed=3)[:5] == draw_show(5, seed=3)


@pytest.mark.parametrize("seed", range(3))
def test_more_machines_are_never_slower(seed):
    show = draw_show(40, seed=seed)

    hours = [simulate(show, replace(CALM, machines=n), Chunking()).hours for n in (1, 2, 4, 8, 16, 64)]

    longest = max(shot.seconds for shot in show) * (48 + 6) / 3600
    assert all(more <= fewer + longest for fewer, more in zip(hours, hours[1:], strict=False))
    assert hours[0] / hours[3] > 6


def test_one_machine_takes_as_long_as_it_is_busy():
    out = simulate(shots(50, 20), replace(CALM, machines=1, start_s=9.0), Chunking())

    assert out.hours * 3600 == pytest.approx(out.busy)
    assert out.wasted[STARTS] == 9.0 * 2


def test_a_session_serves_the_tasks_of_one_shot_and_a_worker_all():
    show = shots(96, 96)
    one = replace(CALM, machines=1, start_s=9.0)

    starts = {
        start: simulate(show, replace(one, start=start), Chunking(48)).wasted[STARTS]
        for start in ("task", "session", "machine")
    }

    assert starts == {"task": 36.0, "session": 18.0, "machine": 9.0}


def test_kills_lose_what_is_in_hand_and_the_cache_gives_the_rest_back():
    show = shots(*[200] * 10)
    farm = replace(CALM, mtbf_h=0.1, repair_h=0.01)

    calm, bare, cached = (
        simulate(show, where, Chunking(None, cache=cache))
        for where, cache in ((CALM, False), (farm, False), (farm, True))
    )

    assert calm.wasted[KILLS] == 0
    assert bare.kills > 5
    assert bare.frames == cached.frames == calm.frames
    assert 0 < cached.wasted[KILLS] < bare.wasted[KILLS] / 2


def test_a_bad_frame_fails_what_follows_in_its_segment_and_is_not_tried_for_ever():
    (shot,) = shots(60)
    broken = replace(shot, bad=frozenset({25}))
    chunking = Chunking(20, reach=Reach(20, 4))

    once, often = (simulate([broken], CALM, replace(chunking, retries=retries), seed=1) for retries in (0, 3))

    assert once.failed == often.failed == 40 - 23, "23 and 24 look ahead to it"
    assert once.frames == 60 - once.failed
    assert often.wasted[BAD] > once.wasted[BAD] > 0


def test_storage_is_the_bottleneck_when_it_is_slow_and_all_bytes_pass_it():
    show = shots(*[60] * 20)
    slow = replace(CALM, machines=20, storage_mb_s=10.0)

    out = simulate(show, slow, Chunking(reach=BY_ITSELF))

    needed = sum(shot.frames * (shot.bytes_in + shot.bytes_out) for shot in show) / 10e6
    assert out.bottleneck == "storage"
    assert out.wasted[STORAGE] > out.useful
    assert out.storage_s == pytest.approx(needed)
    assert out.hours * 3600 >= needed


def test_a_long_shot_in_one_task_is_the_tail():
    show = shots(*[20] * 50, 900)

    whole, cut = (simulate(show, CALM, Chunking(chunk)) for chunk in (None, 48))

    assert whole.bottleneck == "tail"
    assert cut.hours < whole.hours / 2


def test_urgent_shots_go_first():
    show = [*shots(*[48] * 30), replace(shots(48)[0], urgent=True)]

    first = simulate(show[-1:], replace(CALM, machines=1), Chunking()).hours
    both = simulate(show, replace(CALM, machines=1), Chunking())

    assert both.urgent_hours == pytest.approx(first)


def test_seconds_are_the_measured_ones_for_the_shot_they_were_measured_on():
    measured = Shot(1, 2048 * 1152, 3)

    assert measured.seconds == SECONDS_PER_FRAME
    assert Shot(1, 4096 * 2160, 3).seconds < 2 * measured.seconds, "the network works at one size"
    assert set(COST) == {"fixed", "person", "pixel", "pixel and person"}


def test_every_comparison_runs_and_is_described():
    show = draw_show(12, seed=1)
    for name, (chunking, farm) in comparisons(Chunking(), Farm(machines=6)).items():
        out = simulate(show, farm, chunking)

        assert isinstance(out, Outcome), name
        assert "in the way" in describe(out, farm)
        assert set(CAUSES) < set(row(out))
