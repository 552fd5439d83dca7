"""`maggie-node farm`: the files that render farms take, what chunks cost, and the task that runs there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maggie_api.errors import CANCELLED
from maggie_api.events import Event, Finished
from maggie_api.job import MatteJob, read_job
from maggie_node.cli.commands import complain, debug_option
from maggie_node.cli.numbers import FiniteNumber
from maggie_node.cli.qc import LimitOption
from maggie_node.cli.running import exit_code, stoppable
from maggie_node.openmp import settle_waiting

if TYPE_CHECKING:
    from maggie_api.client.worker import RunningJob
    from maggie_core.qc import Limit
    from maggie_node.farm.plan import Cut
    from maggie_node.farm.shot import FarmShot, Submission

WORKER_ENV = "MAGGIE_WORKER"
RETRY = 75
"""Exit code of a task that may succeed when it is run again unchanged (EX_TEMPFAIL of sysexits.h)."""
_DOCUMENT = click.argument("document", metavar="JOB.json", type=click.Path(path_type=Path))
_LINES = click.option(
    "--for",
    "lines",
    type=click.Choice(["openjd", "deadline", "opencue"]),
    default="openjd",
    show_default=True,
    help="Farm whose progress and failure lines are printed.",
)


def _generator(command: Callable[..., Any]) -> Any:
    """The options all generators share."""
    options = (
        _DOCUMENT,
        click.option("-o", "--output", "--out", metavar="DIR", type=click.Path(path_type=Path)),
        click.option(
            "--chunk",
            type=click.IntRange(min=1),
            metavar="N",
            help="Most frames of a task; default: a segment.",
        ),
        click.option("--name", metavar="TEXT", help="Name of the farm's job; default: that of the document."),
        click.option(
            "--executable",
            default="maggie-node",
            show_default=True,
            metavar="COMMAND",
            help="Name of maggie-node on the farm's machines.",
        ),
        click.option(
            "--limit",
            "limits",
            multiple=True,
            type=LimitOption(),
            metavar="NAME=VALUE",
            help="Limit of the check at the end, as for `maggie-node qc`. Repeatable.",
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
    for option in reversed(options):
        command = option(command)
    return command


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
def openjd(**options: Any) -> int:
    """Write DIR/template.json for `openjd run` or AWS Deadline Cloud, and the DIR/job.json it runs."""
    from maggie_node.farm.openjd import write_openjd
    from maggie_node.farm.plan import even

    return _generate(write_openjd, even, warm=True, **options)


@farm.command(short_help="Job info and plugin info for Deadline 10.")
@_generator
def deadline(**options: Any) -> int:
    """Write two jobs for Deadline's CommandLine plugin, the mattes and their check, into DIR.

    \b
    Submit them with
      deadlinecommand -SubmitMultipleJobs -Dependent \\
        -Job matte_job.info matte_plugin.info -Job qc_job.info qc_plugin.info
    A job with pictures has a third, pictures_job.info, between the two; one
    with key masks and a cache begins with keys_job.info.
    """
    from maggie_node.farm.deadline import write_deadline
    from maggie_node.farm.plan import full

    return _generate(write_deadline, full, warm=False, **options)


@farm.command(short_help="An outline for OpenCue.")
@click.option("--show", default="testing", show_default=True, metavar="NAME")
@click.option("--shot", "shot_name", default="default", show_default=True, metavar="NAME")
@_generator
def opencue(*, show: str, shot_name: str, **options: Any) -> int:
    """Write DIR/job.xml, the specification a Cuebot launches; needs `maggie-node[opencue]`."""
    from maggie_node.farm.opencue import write_opencue
    from maggie_node.farm.plan import full

    def write(submission: Submission, folder: Path) -> list[Path]:
        return write_opencue(submission, folder, show=show, shot=shot_name)

    return _generate(write, full, warm=False, **options)


@farm.command(short_help="One task, as a farm runs it.")
@_DOCUMENT
@click.option("--frames", required=True, metavar="RANGE", help="Make the job's frames in this range.")
@click.option(
    "--chunk",
    type=click.IntRange(min=1),
    metavar="N",
    help="Make N of the job's frames from --frames on, which is then one frame.",
)
@_LINES
@click.option(
    "--worker",
    envvar=WORKER_ENV,
    metavar="FOLDER|auto",
    help=f"Run in that warm worker; default: ${WORKER_ENV}, else this process.",
)
@debug_option
def task(*, document: Path, frames: str, chunk: int | None, lines: Any, worker: str | None) -> int:
    """Matte some frames of JOB.json; frames that are complete are kept.

    \b
    Exit codes: 0 done, 2 bad input and 5 licence refused (no retry helps),
    3 some frames failed (a retry makes only those), 75 the worker was lost
    (retry), 130 cancelled.
    """
    settle_waiting()
    from maggie_node.farm.task import Teller, task_job

    teller = Teller(lines, _say)
    try:
        job = task_job(read_job(document), frames, chunk=chunk)
        return _run(job, teller.tell, worker)
    except Exception as error:
        teller.fail(str(error) or type(error).__name__)
        raise


@farm.command(short_help="Follow people from a job's key masks, before its tasks.")
@_DOCUMENT
@click.option("--frames", metavar="RANGE", help="Make the masks of these frames; default: of all.")
@_LINES
@debug_option
def propagate(*, document: Path, frames: str | None, lines: Any) -> int:
    """Make the masks that JOB.json mattes with, and keep them in its cache, where its tasks find them.

    Masks that are there already are kept. Frames between two keys that
    everybody has are made together.
    """
    settle_waiting()
    from maggie_node.farm.task import Teller
    from maggie_node.propagating import make_masks

    teller = Teller(lines, _say)
    try:
        with stoppable() as checkpoint:
            for done, total, sentence in make_masks(read_job(document), frames, checkpoint=checkpoint):
                teller.advance_to(done, total, sentence)
    except Exception as error:
        teller.fail(str(error) or type(error).__name__)
        raise
    return 0


@farm.command(short_help="The pictures of a job whose tasks have ended.")
@_DOCUMENT
@_LINES
@debug_option
def pictures(*, document: Path, lines: Any) -> int:
    """Make the movies and other pictures of JOB.json from the mattes that its tasks have written.

    Those that were made of the same mattes are kept. Exit codes: 0 done, 2 bad
    input, 3 a picture cannot be made, as mattes are missing or damaged.
    """
    settle_waiting()
    from maggie_api.errors import SOME_FAILED
    from maggie_node.farm.pictures import make_pictures
    from maggie_node.farm.task import Teller

    teller = Teller(lines, _say)
    with stoppable() as checkpoint:

        def at_frame(what: str, done: int, total: int) -> None:
            checkpoint()
            teller.advance_to(done, total, f"writing {what}")

        try:
            return (
                SOME_FAILED if make_pictures(read_job(document), emit=teller.tell, checkpoint=at_frame) else 0
            )
        except Exception as error:
            teller.fail(str(error) or type(error).__name__)
            raise


def _run(job: MatteJob, tell: Callable[[Event], None], worker: str | None) -> int:
    if worker:
        return _run_in_worker(job, tell, None if worker == "auto" else worker)
    from maggie_node import runner

    with stoppable() as checkpoint:
        return exit_code(runner.run(job, emit=tell, checkpoint=checkpoint))


def _run_in_worker(job: MatteJob, tell: Callable[[Event], None], folder: str | None) -> int:
    from maggie_api.client.worker import find_or_start
    from maggie_api.errors import SOME_FAILED, Cancelled, WorkerError

    with find_or_start(folder, name="maggie-node farm task") as worker:
        running = worker.submit(job)
        try:
            try:
                with stoppable():
                    return _follow(running, tell)
            except Cancelled:
                running.cancel()
                return _follow(running, tell)
        except WorkerError as error:
            # What a job is refused for keeps its code; that of a worker that died asks for another try.
            raise WorkerError(
                str(error), RETRY if error.exit_code == SOME_FAILED else error.exit_code
            ) from None


def _follow(running: RunningJob, tell: Callable[[Event], None]) -> int:
    code = CANCELLED  # when all was told before the interruption
    for event in running.events():
        tell(event)
        if isinstance(event, Finished):
            code = exit_code(event)
    return code


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


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
    explain: bool,
    **costs: Any,
) -> int:
    from maggie_api.sequences import compact_frames
    from maggie_node.farm.shot import Submission, farm_shot, intervals_of

    if output is None and not explain:
        raise click.UsageError("name a folder for the files with -o, or ask to --explain only")
    said = tuple(f"{measure}={_written(value)}" for measure, value in limits)
    if limits:
        from maggie_core.qc import limits_with

        limits_with(limits)
    shot = farm_shot(read_job(document))
    segment = shot.job.segment_frames
    chunk = chunk or (len(shot.frames) if segment == "whole" else segment)
    if shot.missing:
        complain(f"note: plate frames {compact_frames(shot.missing)} are not there yet")
    if output is not None:
        intervals = intervals_of(shot)
        if intervals and shot.job.cache is None:
            complain(
                "note: people are followed from key masks and the job has no cache, so that every task makes "
                "all masks anew: give --cache a folder that all machines share"
            )
            intervals = ()
        submission = Submission(shot, chunk, name or document.stem, executable, said, intervals)
        for path in write(submission, output.absolute()):
            click.echo(path)
    if explain:
        _explain(shot, chunk, cut, warm=warm, **costs)
    return 0


def _written(limit: Limit | float | None) -> str:
    """A limit as `--limit` takes it."""
    if limit is None:
        return "none"
    return f"{limit:.15g}" if isinstance(limit, (int, float)) else limit.written


def _explain(
    shot: FarmShot, chunk: int, cut: Cut, *, warm: bool, seconds_per_frame: float | None, machines: int
) -> None:
    from maggie_node.farm.plan_report import explained, reach_of

    text = explained(
        shot,
        reach_of(shot.job),
        chunk=chunk,
        cut=cut,
        seconds_per_frame=seconds_per_frame,
        machines=machines,
        warm=warm,
    )
    click.echo(text)
