"""`maggie-node farm`: the files that render farms take, and what chunks cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maggie_api.job import MatteJob, read_job
from maggie_node.cli.commands import complain, debug_option, together
from maggie_node.cli.farm_tasks import DOCUMENT, LIMITS, add_commands, pairs
from maggie_node.cli.numbers import FiniteNumber
from maggie_node.farm.submission import Machine, Submission

if TYPE_CHECKING:
    from maggie_core.qc import Limit
    from maggie_node.farm.plan import Cut
    from maggie_node.farm.shot import FarmShot

WARN_OVERHEAD = 0.5
"""Share of frames computed beyond those delivered, from which on chunks are worth a word nobody asked for."""
_generator = together(
    DOCUMENT,
    click.option("-o", "--output", "--out", metavar="DIR", type=click.Path(path_type=Path)),
    click.option(
        "--chunk",
        type=click.IntRange(min=1),
        metavar="N",
        help="Most frames of a task; default: a segment.",
    ),
    click.option(
        "--name", metavar="TEXT", help="Name of the farm's job; default: from the plate and its shot."
    ),
    click.option(
        "--executable",
        default="maggie-node",
        show_default=True,
        metavar="COMMAND",
        help="Name of maggie-node on the farm's machines.",
    ),
    LIMITS,
    click.option(
        "--env",
        "environment",
        multiple=True,
        callback=pairs,
        metavar="NAME=VALUE",
        help="Environment variable of the tasks. Repeatable.",
    ),
    click.option(
        "--timeout",
        "timeout_min",
        type=click.IntRange(min=1),
        default=Machine.timeout_min,
        show_default=True,
        metavar="MINUTES",
        help="A task that takes longer is taken for hung.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(min=0),
        default=Submission.retries,
        show_default=True,
        metavar="N",
        help="Times that a task begins again by itself after it was killed or lost its "
        "worker. Bad input and refused licences are never repeated.",
    ),
    click.option(
        "--farm-retries",
        type=click.IntRange(min=0),
        default=Submission.farm_retries,
        show_default=True,
        metavar="N",
        help="Times that the farm repeats a task, whatever it ended for.",
    ),
    click.option("--explain", is_flag=True, help="Print the tasks and what they cost."),
    click.option(
        "--seconds-per-frame", type=FiniteNumber(min=0), metavar="S", help="Measured time of one frame."
    ),
    click.option(
        "--machines",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="M",
        help="Machines of the farm that work on it.",
    ),
    debug_option,
)
"""The options all generators share."""
_needs = together(
    click.option(
        "--memory",
        "memory_gb",
        type=FiniteNumber(min=0, min_open=True),
        metavar="GB",
        help="Memory that a task needs.",
    ),
    click.option(
        "--gpus",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        metavar="N",
        help="GPUs that a task needs.",
    ),
    click.option(
        "--gpu-memory",
        "gpu_memory_gb",
        type=FiniteNumber(min=0, min_open=True),
        metavar="GB",
        help="Memory that its GPU needs.",
    ),
)
"""What machines must have, for farms that choose them by it."""


@click.group(short_help="Files for a render farm, and the task that runs there.")
def farm() -> None:
    """Cut a job into tasks for a render farm. Chunks of any size give the same pixels.

    \b
    For example:
      maggie-node matte ... --print-job > job.json
      maggie-node farm openjd job.json -o farm --chunk 48 --explain
    """


@farm.command(short_help="An Open Job Description template.")
@_generator
@_needs
def openjd(**options: Any) -> int:
    """Write DIR/template.json for `openjd run`, the DIR/job.json it runs, and DIR/parameter_values.json.

    DIR is a job bundle of AWS Deadline Cloud: `deadline bundle submit DIR`.

    \b
    For example:
      maggie-node farm openjd job.json -o farm --chunk 48 --explain
    """
    from maggie_node.farm.openjd import write_openjd
    from maggie_node.farm.plan import even

    return _generate(write_openjd, even, warm=True, **options)


@farm.command(short_help="Job info and plugin info for Deadline 10.")
@_generator
@click.option("--pool", metavar="NAME", help="Pool of the jobs; default: the repository's.")
@click.option("--group", metavar="NAME", help="Group of the jobs; default: the repository's.")
@click.option("--priority", type=click.IntRange(0, 100), metavar="N", help="Priority of the jobs.")
@click.option("--limit-groups", metavar="NAME,...", help="Limits that the mattes' tasks take a stub of.")
@click.option(
    "--machine-limit",
    type=click.IntRange(min=0),
    metavar="N",
    help="Most machines that matte at the same time; 0 = any number.",
)
@click.option(
    "--gpu-affinity", metavar="N,...", help="GPUs of a machine that tasks see: CUDA_VISIBLE_DEVICES."
)
def deadline(
    *,
    pool: str | None,
    group: str | None,
    priority: int | None,
    limit_groups: str | None,
    machine_limit: int | None,
    gpu_affinity: str | None,
    **options: Any,
) -> int:
    """Write two jobs for Deadline's CommandLine plugin, the mattes and their check, into DIR.

    \b
    Submit them with
      deadlinecommand -SubmitMultipleJobs -Dependent \\
        -Job matte_job.info matte_plugin.info -Job qc_job.info qc_plugin.info
    A job with pictures has a third, pictures_job.info, between the two; one
    with key masks and a cache begins with keys_job.info.

    \b
    For example:
      maggie-node farm deadline job.json -o farm --chunk 48
    """
    from maggie_node.farm.deadline import Queue, write_deadline
    from maggie_node.farm.plan import full

    queue = Queue(pool, group, priority, limit_groups, machine_limit)
    if gpu_affinity is not None:
        options["environment"] = {"CUDA_VISIBLE_DEVICES": gpu_affinity, **options["environment"]}

    def write(submission: Submission, folder: Path) -> list[Path]:
        return write_deadline(submission, folder, queue=queue)

    return _generate(write, full, warm=False, **options)


@farm.command(short_help="An outline for OpenCue.")
@click.option("--show", default="testing", show_default=True, metavar="NAME", help="Show of the job.")
@click.option("--shot", "shot_name", metavar="NAME", help="Shot of the job; default: from the plate's path.")
@click.option("--user", metavar="NAME", help="Whose job it is; default: yours.")
@click.option(
    "--service", default="shell", show_default=True, metavar="NAME", help="OpenCue's service of the tasks."
)
@_generator
@_needs
def opencue(*, show: str, shot_name: str | None, user: str | None, service: str, **options: Any) -> int:
    """Write DIR/job.xml, the specification a Cuebot launches; needs opencue-pyoutline.

    \b
    For example:
      maggie-node farm opencue job.json -o farm --chunk 48
    """
    from maggie_node.farm.opencue import write_opencue
    from maggie_node.farm.plan import full

    def write(submission: Submission, folder: Path) -> list[Path]:
        return write_opencue(submission, folder, show=show, shot=shot_name, user=user, service=service)

    return _generate(write, full, warm=False, **options)


add_commands(farm)


def _generate(
    write: Callable[[Submission, Path], list[Path]],
    cut: Cut,
    *,
    warm: bool,
    document: Path,
    output: Path | None,
    chunk: int | None,
    name: str | None,
    executable: str,
    limits: tuple[tuple[str, Limit | float | None], ...],
    retries: int,
    farm_retries: int,
    explain: bool,
    seconds_per_frame: float | None,
    machines: int,
    **machine: Any,
) -> int:
    from maggie_node.farm.places import shot_name
    from maggie_node.farm.plan_report import explained, reach_of, warned
    from maggie_node.farm.shot import farm_shot, not_there

    if output is None and not explain:
        raise click.UsageError("name a folder for the files with -o, or ask to --explain only")
    job = read_job(document)
    _check_limits(limits, job)
    shot, to_come = farm_shot(job), list(not_there(job))
    reach = reach_of(shot.job)
    segment = shot.job.segment_frames
    chunk = chunk or (len(shot.frames) if segment == "whole" else segment)
    _tell_missing(shot.missing, to_come)
    if output is not None:
        submission = Submission(
            shot,
            chunk,
            name or shot_name(shot.job),
            executable,
            tuple(f"{measure}={_written(value)}" for measure, value in limits),
            _key_intervals(shot),
            Machine(**machine),
            retries,
            farm_retries,
        )
        for path in write(submission, output.absolute()):
            click.echo(path)
    if explain:
        plan = explained(
            shot,
            reach,
            chunk=chunk,
            cut=cut,
            seconds_per_frame=seconds_per_frame,
            machines=machines,
            warm=warm,
        )
        click.echo(plan)
    elif warning := warned(shot, reach, chunk=chunk, cut=cut, above=WARN_OVERHEAD):
        complain(f"note: {warning}")
    return 0


def _check_limits(limits: tuple[tuple[str, Limit | float | None], ...], job: MatteJob) -> None:
    """Refuse limits that quality control does not know, or cannot measure on the mattes of a job."""
    if limits:
        from maggie_core.qc import limits_with, needed_for

        limits_with(limits)
        guided = any(source.kind != "key" for source in job.guidance)
        needed_for(limits, plate=True, guidance=guided, masks=True)


def _tell_missing(frames: Sequence[int], sequences: Sequence[str]) -> None:
    """Tell which files of a job are not there yet: a farm may make them before its tasks begin."""
    from maggie_api.sequences import compact_frames

    if frames:
        complain(f"note: plate frames {compact_frames(frames)} are not there yet")
    for sequence in sequences:
        complain(f"note: no file of {sequence} is there yet")


def _key_intervals(shot: FarmShot) -> tuple[tuple[int, ...], ...]:
    """Frames whose masks are made from key masks before the mattes; empty without a cache to keep them in."""
    from maggie_node.farm.shot import intervals_of

    intervals = intervals_of(shot)
    if intervals and shot.job.cache is None:
        complain(
            "note: people are followed from key masks and the job has no cache, so that every task makes "
            "all masks anew: give --cache a folder that all machines share"
        )
        return ()
    return intervals


def _written(limit: Limit | float | None) -> str:
    """A limit as `--limit` takes it."""
    if limit is None:
        return "none"
    return f"{limit:.15g}" if isinstance(limit, (int, float)) else limit.written
