"""The commands that a render farm runs: tasks, and what comes before and after them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maggie_api.errors import CANCELLED
from maggie_api.events import Event, Finished
from maggie_api.job import MatteJob
from maggie_node.cli.commands import debug_option, together
from maggie_node.cli.qc import LimitOption
from maggie_node.cli.running import exit_code, stoppable
from maggie_node.openmp import settle_waiting

if TYPE_CHECKING:
    from maggie_api.client.worker import RunningJob
    from maggie_core.qc import Limit
    from maggie_node.farm.task import Teller

WORKER_ENV = "MAGGIE_WORKER"
DOCUMENT = click.argument("document", metavar="JOB.json", type=click.Path(path_type=Path))
_LINES = click.option(
    "--for",
    "lines",
    type=click.Choice(["openjd", "deadline", "opencue"]),
    default="openjd",
    show_default=True,
    help="Farm whose progress and failure lines are printed.",
)
LIMITS = click.option(
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


def pairs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """`NAME=TEXT` each."""
    found: dict[str, str] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"{value!r} is not {param.metavar}", ctx, param)
        found[name.strip()] = text
    return found


_run_by_farms = together(
    DOCUMENT,
    _LINES,
    click.option(
        "--path",
        "places",
        multiple=True,
        callback=pairs,
        metavar="NAME=PATH",
        help="Where a folder or file of the job is on this machine: plate=DIR, masks=DIR, output=DIR, "
        "pictures=DIR, model=FILE, ocio=FILE, cache=DIR; without a PATH where the job says. Repeatable.",
    ),
    debug_option,
)
"""The options of all commands that farms run."""


def add_commands(group: click.Group) -> None:
    """Add `task`, `propagate`, `pictures` and `check` to `maggie-node farm`."""
    for command in (task, propagate, pictures, check):
        group.add_command(command)


@click.command(short_help="One task, as a farm runs it.")
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


@click.command(short_help="Follow people from a job's key masks, before its tasks.")
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


@click.command(short_help="The pictures of a job whose tasks have ended.")
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


@click.command(short_help="Check the mattes of a job whose tasks have ended.")
@_run_by_farms
@click.option("-o", "--output", "--out", required=True, metavar="DIR", type=click.Path(path_type=Path))
@LIMITS
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
