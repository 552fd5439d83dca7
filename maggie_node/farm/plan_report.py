"""A plan as text: the tasks, what is computed twice, hours, and a cheaper chunk."""

from __future__ import annotations

from collections.abc import Iterator

from maggie_api.job import MatteJob
from maggie_api.sequences import compact_frames
from maggie_api.text import counted
from maggie_core.weights.catalogue import about_weights, is_video, local_weights
from maggie_node.farm.plan import (
    SECONDS_PER_FRAME,
    THROWN,
    Cut,
    Reach,
    TaskPlan,
    cheapest_chunk,
    make_plan,
)
from maggie_node.farm.shot import FarmShot

LISTED = 12
"""Most tasks that are listed; of more tasks, the first and the last half of this number."""


def reach_of(job: MatteJob) -> Reach:
    """Which frames a matte of `job` depends on; the model decides what the job leaves to it.

    Raises:
        ModelError: no such model, or it cannot be read.
    """
    segment = None if job.segment_frames == "whole" else job.segment_frames
    weights, smooth = local_weights(job.model), job.smooth
    if weights is None:  # published weights that are not here yet, which leave mattes as they are
        video = looks_around = "vim" in job.model
    else:
        stored = weights.suffix == ".safetensors"
        video, looks_around = is_video(weights) if stored else _loaded_is_video(job.model)
        if smooth == "auto":
            smooth = about_weights(job.model, weights).get("smooth", "none")
    return Reach(segment, job.warmup_frames, smooth=video and smooth == "flow", temporal=looks_around)


def _loaded_is_video(model: str) -> tuple[bool, bool]:
    """`is_video` of a pickled checkpoint, which has to be loaded."""
    from maggie_core.model import load_model

    found = load_model(model, device="cpu", precision="fp32")
    return found.is_video, found.window_frames > 1


def explained(
    shot: FarmShot,
    reach: Reach,
    *,
    chunk: int,
    cut: Cut,
    seconds_per_frame: float | None,
    machines: int,
    warm: bool,
) -> str:
    """The plan of a shot in lines; see `TaskPlan.hours` for `warm`."""
    plan = make_plan(shot.frames, shot.shot_frames, chunk=chunk, reach=reach, cut=cut)
    lines = [
        f"{counted(len(shot.frames), 'frame')} of a shot of {len(shot.shot_frames)}: "
        f"{compact_frames(shot.frames)} of {compact_frames(shot.shot_frames)}",
        _chains(reach, len(shot.shot_frames)),
        "",
        f"{'task':>6}  {'frames':<20}{'delivers':>9}{'computes':>9}",
        *_tasks(plan),
        "",
        f"{counted(len(plan.tasks), 'task')} of {chunk} at most compute {plan.computed} frames for "
        f"{plan.delivered}: {_overhead(plan)}; one process for all computes {plan.in_one_go}.",
        *_advice(shot, reach, plan, chunk, cut),
    ]
    if shot.job.cache is not None:
        lines.append("The job has a cache: a task that finds there what others computed computes less.")
    rate = SECONDS_PER_FRAME if seconds_per_frame is None else seconds_per_frame
    alone, together = plan.hours(rate, warm=warm), plan.hours(rate, machines=machines, warm=warm)
    source = "as given" if seconds_per_frame is not None else "measured at 2K on two CPU threads; give yours"
    lines.append(
        f"{alone:.2f} machine hours, {together:.2f} hours on {counted(machines, 'machine')}, at {rate:g} s a "
        f"delivered frame (--seconds-per-frame, {source}) and {THROWN:g} of that for one thrown away."
    )
    return "\n".join(lines)


def warned(shot: FarmShot, reach: Reach, *, chunk: int, cut: Cut, above: float) -> str:
    """A sentence about chunks that compute more than a share `above` of frames beyond those delivered; empty
    where they do not, or where one process for all would compute as many."""
    plan = make_plan(shot.frames, shot.shot_frames, chunk=chunk, reach=reach, cut=cut)
    if plan.overhead <= above or plan.computed == plan.in_one_go:
        return ""
    advice = " ".join(_advice(shot, reach, plan, chunk, cut))
    return (
        f"chunks of {chunk} compute {plan.computed} frames for {plan.delivered}, {_overhead(plan)}. {advice} "
        "--explain shows the tasks"
    )


def _chains(reach: Reach, length: int) -> str:
    ahead = reach.rule["ahead"]
    if not reach.temporal and not ahead:
        return "The network sees every frame by itself, so no chunk costs anything."
    if not reach.temporal:
        return (
            "The network sees every frame by itself; smoothing takes the frames beside it, so a task "
            "computes one more at either end."
        )
    if reach.segment_frames is None:
        return (
            f"One segment, the whole shot: a task runs it from its first frame to the last one it delivers, "
            f"and {ahead} more."
        )
    return (
        f"Segments of {reach.segment_frames}, counted from the shot's first frame: a task runs each segment "
        f"it touches from {reach.warmup_frames} frames before it to the last frame it delivers there, and "
        f"{ahead} more."
    )


def _tasks(plan: TaskPlan) -> Iterator[str]:
    for index, task in enumerate(plan.tasks):
        if len(plan.tasks) > LISTED and index == LISTED // 2:
            yield f"{'...':>6}"
        if len(plan.tasks) <= LISTED or not LISTED // 2 <= index < len(plan.tasks) - LISTED // 2:
            frames = compact_frames(task.frames)
            yield f"{index + 1:>6}  {frames:<20}{len(task.frames):>9}{task.computed:>9}"


def _advice(shot: FarmShot, reach: Reach, plan: TaskPlan, chunk: int, cut: Cut) -> Iterator[str]:
    def of(size: int) -> TaskPlan:
        return make_plan(shot.frames, shot.shot_frames, chunk=size, reach=reach, cut=cut)

    if plan.computed == plan.in_one_go:
        yield "Chunks cost nothing here: every task ends where a segment ends."
        return
    near = cheapest_chunk(shot.frames, shot.shot_frames, chunk=chunk, reach=reach, cut=cut)
    if of(near).computed < plan.computed:
        yield f"Cheaper near it: --chunk {near}, {_cost(of(near))}."
    else:
        yield f"Nothing from {max(1, chunk // 2)} to {2 * chunk} is cheaper."
    if reach.segment_frames is not None:
        whole = range(reach.segment_frames, len(shot.frames) + 1, reach.segment_frames)
        free = next((size for size in whole if of(size).computed == plan.in_one_go), None)
        if free not in (None, near):
            yield f"At no cost, in whole segments: --chunk {free}, {_cost(of(free))}."


def _cost(plan: TaskPlan) -> str:
    return f"{counted(len(plan.tasks), 'task')}, {plan.computed} frames, {_overhead(plan)}"


def _overhead(plan: TaskPlan) -> str:
    return f"{100 * plan.overhead:.0f} % overhead"
