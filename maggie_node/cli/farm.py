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
from maggie_node.farm.submission import Machine, Submission
from maggie_node.openmp import settle_waiting

if TYPE_CHECKING:
    from maggie_api.client.worker import RunningJob
    from maggie_core.qc import Limit
    from maggie_node.farm.plan import Cut
    from maggie_node.farm.task import Teller

WORKER_ENV = "MAGGIE_WORKER"
WARN_OVERHEAD = 0.5
"""Share of frames computed beyond those delivered, from which on chunks are worth a word nobody asked for."""
_DOCUMENT = click.argument("document", metavar="JOB.json", type=click.Path(path_type=Path))
_LINES = click.option(
    "--for",
    "lines",
    type=click.Choice(["openjd", "deadline", "opencue"]),
    default="openjd",
    show_default=True,
    help="Farm whose progress and failure lines are printed.",
)
_LIMITS = click.option(
    "--limit",
    "limits",
    multiple=True,
    type=LimitOption(),
    metavar="NAME=VALUE",
    help="Limit of the check at the end, as for `maggie-node qc`. Repeatable.",
)


_RETRIES = click.option(
    "--retries",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Run it in a process of its own, and again where that was killed or lost its worker, up to N "
    "times. What no other try mends is never repeated.",
)


def _pairs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """`NAME=TEXT` each."""
    found: dict[str, str] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"{value!r} is not {param.metavar}", ctx, param)
        found[name.strip()] = text
    return found


def _run_by_farms(command: Callable[..., Any]) -> Any:
    """The options of all commands that farms run."""
    options = (
        _DOCUMENT,
        _LINES,
        click.option(
            "--path",
            "places",
            multiple=True,
            callback=_pairs,
            metavar="NAME=PATH",
            help="Where a folder or file of the job is on this machine: plate=DIR, masks=DIR, output=DIR, "
            "pictures=DIR, model=FILE, ocio=FILE, cache=DIR; without a PATH where the job says. Repeatable.",
        ),
        debug_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


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
        _LIMITS,
        click.option(
            "--env",
            "environment",
            multiple=True,
            callback=_pairs,
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
    for option in reversed(options):
        command = option(command)
    return command


def _needs(command: Callable[..., Any]) -> Any:
    """What machines must have, for farms that choose them by it."""
    options = (
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


@farm.command(short_help="One task, as a farm runs it.")
@_run_by_farms
@_RETRIES
@click.option("--frames", required=True, metavar="RANGE", help="Make the job's frames in this range.")
@click.option(
    "--chunk",
    type=click.IntRange(min=1),
    metavar="N",
    help="Make N of the job's frames from --frames on, which is then one frame.",
)
@click.option(
    "--worker",
    envvar=WORKER_ENV,
    metavar="FOLDER|auto",
    help=f"Run in that warm worker; default: ${WORKER_ENV}, else this process.",
)
def task(*, frames: str, chunk: int | None, worker: str | None, **common: Any) -> int:
    """Matte some frames of JOB.json; frames that are complete are kept.

    \b
    Exit codes: 0 done, 2 bad input and 5 licence refused (no retry helps),
    3 some frames failed (a retry makes only those), 75 the worker was lost
    (retry), 130 cancelled.

    \b
    For example:
      maggie-node farm task farm/job.json --frames 1001-1010
    """

    def made(job: MatteJob, teller: Teller) -> int:
        from maggie_node.farm.task import task_job

        return _run(task_job(job, frames, chunk=chunk), teller.tell, worker)

    return _told(made, **common)


@farm.command(short_help="Follow people from a job's key masks, before its tasks.")
@_run_by_farms
@_RETRIES
@click.option("--frames", metavar="RANGE", help="Make the masks of these frames; default: of all.")
def propagate(*, frames: str | None, **common: Any) -> int:
    """Make the masks that JOB.json mattes with, and keep them in its cache, where its tasks find them.

    Masks that are there already are kept. Frames between two keys that
    everybody has are made together. Exit code 2: a key cannot be read.

    \b
    For example:
      maggie-node farm propagate farm/job.json
    """

    def made(job: MatteJob, teller: Teller) -> int:
        from maggie_node.propagating import make_masks

        with stoppable() as checkpoint:
            for done, total, sentence in make_masks(job, frames, checkpoint=checkpoint):
                teller.advance_to(done, total, sentence)
        return 0

    return _told(made, **common)


@farm.command(short_help="The pictures of a job whose tasks have ended.")
@_run_by_farms
@_RETRIES
def pictures(**common: Any) -> int:
    """Make the movies and other pictures of JOB.json from the mattes that its tasks have written.

    Those that were made of the same mattes are kept. Exit codes: 0 done, 2 bad
    input, 3 a picture cannot be made, as mattes are missing or damaged.

    \b
    For example:
      maggie-node farm pictures farm/job.json
    """

    def made(job: MatteJob, teller: Teller) -> int:
        from maggie_api.errors import SOME_FAILED
        from maggie_node.farm.pictures import make_pictures

        with stoppable() as checkpoint:

            def at_frame(what: str, done: int, total: int) -> None:
                checkpoint()
                teller.advance_to(done, total, f"writing {what}")

            return SOME_FAILED if make_pictures(job, emit=teller.tell, checkpoint=at_frame) else 0

    return _told(made, **common)


@farm.command(short_help="Check the mattes of a job whose tasks have ended.")
@_run_by_farms
@click.option("-o", "--output", "--out", required=True, metavar="DIR", type=click.Path(path_type=Path))
@_LIMITS
def check(*, output: Path, limits: tuple[tuple[str, Limit | float | None], ...], **common: Any) -> int:
    """Check the mattes of JOB.json as `maggie-node qc --job` does. Exit code 4: a limit was exceeded.

    \b
    For example:
      maggie-node farm check farm/job.json -o farm/qc
    """

    def made(job: MatteJob, teller: Teller) -> int:
        from maggie_node.cli.qc import check_mattes, subject_of

        code, verdict = check_mattes(subject_of(job), output, limits)
        _say(verdict)
        if code:
            teller.fail(f"a limit was exceeded: {verdict.splitlines()[0]}")
        return code

    return _told(made, **common)


def _told(
    make: Callable[[MatteJob, Teller], int],
    *,
    document: Path,
    lines: Any,
    places: dict[str, str],
    retries: int = 0,
) -> int:
    """Do what a command does with its job, and report a failure to the farm."""
    from maggie_node.farm.task import Teller

    teller = Teller(lines, _say)
    if retries:
        from maggie_node.farm.trying import run_again

        return run_again(_typed(click.get_current_context()), retries=retries, say=teller.note)
    settle_waiting()
    from maggie_node.farm.shot import read_farm_job

    try:
        return make(read_farm_job(document, places), teller)
    except Exception as error:
        teller.fail(str(error) or type(error).__name__)
        raise


def _typed(context: click.Context) -> list[str]:
    """The words of the command that runs now, without its retries."""
    words = ["farm", str(context.info_name)]
    for param in context.command.params:
        if param.name not in context.params or param.name == "retries":
            continue
        value = context.params[param.name]
        if isinstance(param, click.Argument):
            words.append(str(value))
        elif value is not None:
            values = [f"{name}={text}" for name, text in value.items()] if isinstance(value, dict) else value
            each = values if isinstance(values, (list, tuple)) else [value]
            words += [word for one in each for word in (param.opts[-1], str(one))]
    return [*words, "--debug"] if context.obj else words


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
            from maggie_node.farm.trying import RETRY

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
    retries: int,
    farm_retries: int,
    explain: bool,
    seconds_per_frame: float | None,
    machines: int,
    **machine: Any,
) -> int:
    from maggie_api.sequences import compact_frames
    from maggie_node.farm.places import shot_name
    from maggie_node.farm.plan_report import explained, reach_of, warned
    from maggie_node.farm.shot import farm_shot, intervals_of, not_there

    if output is None and not explain:
        raise click.UsageError("name a folder for the files with -o, or ask to --explain only")
    said = tuple(f"{measure}={_written(value)}" for measure, value in limits)
    job = read_job(document)
    if limits:
        from maggie_core.qc import limits_with, needed_for

        limits_with(limits)
        keyed = any(source.kind == "key" for source in job.guidance)
        needed_for(limits, plate=True, guidance=not keyed)
    shot, to_come = farm_shot(job), list(not_there(job))
    reach = reach_of(shot.job)
    segment = shot.job.segment_frames
    chunk = chunk or (len(shot.frames) if segment == "whole" else segment)
    if shot.missing:
        complain(f"note: plate frames {compact_frames(shot.missing)} are not there yet")
    for sequence in to_come:
        complain(f"note: no file of {sequence} is there yet")
    if output is not None:
        intervals = intervals_of(shot)
        if intervals and shot.job.cache is None:
            complain(
                "note: people are followed from key masks and the job has no cache, so that every task makes "
                "all masks anew: give --cache a folder that all machines share"
            )
            intervals = ()
        submission = Submission(
            shot,
            chunk,
            name or shot_name(shot.job),
            executable,
            said,
            intervals,
            Machine(**machine),
            retries,
            farm_retries,
        )
        for path in write(submission, output.absolute()):
            click.echo(path)
    if explain:
        click.echo(
            explained(
                shot,
                reach,
                chunk=chunk,
                cut=cut,
                seconds_per_frame=seconds_per_frame,
                machines=machines,
                warm=warm,
            )
        )
    else:
        warning = warned(shot, reach, chunk=chunk, cut=cut, above=WARN_OVERHEAD)
        if warning:
            complain(f"note: {warning}")
    return 0


def _written(limit: Limit | float | None) -> str:
    """A limit as `--limit` takes it."""
    if limit is None:
        return "none"
    return f"{limit:.15g}" if isinstance(limit, (int, float)) else limit.written
