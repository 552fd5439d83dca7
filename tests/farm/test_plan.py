"""A plan's arithmetic against the farm's own chunks and against what the network really reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import support.tiny as tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from openjd.model import (
    ParameterValue,
    ParameterValueType,
    StepParameterSpaceIterator,
    create_job,
    decode_job_template,
)

from maggie_api.job import MaskGuidance, MatteJob
from maggie_api.settings import MatteSettings
from maggie_core.guidance import MaskSequence, combine
from maggie_core.io.frames import compact_frames, open_source, parse_frames
from maggie_core.shot.matter import ShotMatter
from maggie_node.farm.openjd import template
from maggie_node.farm.plan import Reach, cheapest_chunk, even, full, make_plan
from maggie_node.farm.shot import FarmShot
from maggie_node.farm.submission import Submission
from maggie_node.farm.task import task_job

JOB = MatteJob("plate.####.exr", "matte.####.exr", (MaskGuidance("ana", "ana.####.png"),))


def chunks_of_openjd(frames: tuple[int, ...], chunk: int) -> list[str]:
    """How OpenJD's own library cuts the frames of our template."""
    data = template(Submission(FarmShot(JOB, frames, frames, ()), chunk, "shot"))
    values = {
        each["name"]: ParameterValue(type=ParameterValueType(each["type"]), value=str(each["default"]))
        for each in data["parameterDefinitions"]
    }
    made = decode_job_template(template=data, supported_extensions=["TASK_CHUNKING"])
    space = create_job(job_template=made, job_parameter_values=values).steps[0].parameterSpace
    assert space is not None
    return [str(task["Frame"].value) for task in StepParameterSpaceIterator(space=space)]


ranges = st.builds(lambda first, count, step: tuple(range(first, first + count * step, step)),
                   st.integers(-20, 1200), st.integers(1, 60), st.integers(1, 3))  # fmt: skip
subsets = st.sets(st.integers(-10, 60), min_size=1).map(lambda frames: tuple(sorted(frames)))


@settings(max_examples=30, deadline=None)
@given(frames=ranges | subsets, chunk=st.integers(1, 70))
def test_the_plan_has_the_tasks_that_openjd_makes(frames: tuple[int, ...], chunk: int):
    text = compact_frames(frames)
    job = replace(JOB, frames=text, shot_frames=text)

    asked = [task_job(job, part).frames or "" for part in chunks_of_openjd(frames, chunk)]

    assert tuple(parse_frames(part) for part in asked) == even(frames, chunk)


def test_frames_of_a_run_are_cut_evenly_and_one_frame_is_a_range_of_its_own():
    assert chunks_of_openjd(tuple(range(1001, 1026)), 10) == ["1001-1009", "1010-1017", "1018-1025"]
    assert chunks_of_openjd((7,), 3) == ["7-7"]


def test_other_farms_cut_full_chunks_and_a_rest():
    assert full(range(1, 8), 3) == ((1, 2, 3), (4, 5, 6), (7,))


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("shot")
    plate, masks = tiny.write_shot(folder, frames=range(1001, 1024))
    return plate, combine([MaskSequence(name, mask) for name, mask in masks.items()])


def matter_of(shot: Any, segment: int | None, warmup: int, smooth: Any, *, kind: str = "video") -> ShotMatter:
    plate, guidance = shot
    chosen = MatteSettings(segment_frames=segment or "whole", warmup_frames=warmup, smooth=smooth)
    model = tiny.tiny_model(temporal=kind != "image", still=kind == "still")
    return ShotMatter(model, open_source(plate), guidance, chosen)


@pytest.mark.parametrize("smooth", ["none", "flow"])
@pytest.mark.parametrize("segment", [None, 1, 2, 5, 8])
@pytest.mark.parametrize("warmup", [0, 1, 4])
def test_a_single_frame_costs_the_frames_it_is_made_from(shot: Any, segment: Any, warmup: int, smooth: str):
    matter = matter_of(shot, segment, warmup, smooth)
    reach = Reach(segment, warmup, smooth=smooth == "flow")

    costs = [reach.computed([frame], matter.shot_frames) for frame in matter.shot_frames]

    assert costs == [len(matter.influence(frame)) for frame in matter.shot_frames]


@pytest.mark.parametrize(
    ("segment", "warmup", "smooth", "kind"),
    [
        (5, 2, "none", "video"),
        (5, 2, "flow", "video"),
        (None, 0, "flow", "video"),
        (5, 2, "none", "image"),
        (5, 2, "flow", "still"),
        (None, 2, "flow", "still"),
    ],
)
def test_the_plan_counts_the_frames_a_run_reads(
    shot: Any, segment: Any, warmup: int, smooth: str, kind: str, monkeypatch: pytest.MonkeyPatch
):
    read: list[int] = []
    reach = Reach(segment, warmup, smooth=smooth == "flow", temporal=kind == "video")
    shot_frames = tuple(range(1001, 1024))
    plan = make_plan(shot_frames[3:], shot_frames, chunk=8, reach=reach)

    counted: list[int] = []
    for task in plan.tasks:
        matter = matter_of(shot, segment, warmup, smooth, kind=kind)
        assert matter.geometry  # reads the shot's first frame
        seen = matter.plate.read
        monkeypatch.setattr(
            matter.plate, "read", lambda frame, seen=seen, **how: read.append(frame) or seen(frame, **how)
        )
        list(matter.run(task.frames))
        counted.append(len(read))
        read.clear()

    assert counted == [task.computed for task in plan.tasks]


def test_chunks_that_end_where_segments_end_cost_what_one_process_costs():
    frames, reach = tuple(range(1, 97)), Reach(48, 4)

    plan = make_plan(frames, frames, chunk=48, reach=reach)

    assert plan.computed == plan.in_one_go == 96 + 4 + 2


def test_chunks_inside_a_segment_compute_its_beginning_again():
    frames, reach = tuple(range(1, 49)), Reach(48, 4)

    plan = make_plan(frames, frames, chunk=12, reach=reach)

    assert [task.computed for task in plan.tasks] == [14, 26, 38, 48]
    assert plan.overhead == pytest.approx(126 / 48 - 1)


def test_the_cheapest_chunk_near_one_asked_for_follows_the_segments():
    frames, reach = tuple(range(1, 97)), Reach(24, 4)

    assert cheapest_chunk(frames, frames, chunk=20, reach=reach) == 24
    assert cheapest_chunk(frames, frames, chunk=24, reach=reach) == 24


def test_hours_are_those_of_the_machine_that_ends_last():
    frames, reach = tuple(range(1, 31)), Reach(None, smooth=False, temporal=False)
    plan = make_plan(frames, frames, chunk=10, reach=reach)

    assert plan.hours(360, start_s=0) == pytest.approx(3)
    assert plan.hours(360, machines=2, start_s=0) == pytest.approx(2)
    assert plan.hours(360, machines=2, start_s=36) == pytest.approx(2.02)
    assert plan.hours(360, machines=2, start_s=36, warm=True) == pytest.approx(2.01)
