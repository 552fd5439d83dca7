"""Runs one job for the command line. Events are printed for a person or as JSON lines; signals end it."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import click

from maggie_api.errors import CANCELLED, SOME_FAILED, Cancelled
from maggie_api.events import Event, Finished, FrameDone, Started, to_line
from maggie_api.job import MatteJob
from maggie_api.sequences import has_token
from maggie_node import __version__
from maggie_node.checkpoints import stop_now
from maggie_node.cli.commands import complain
from maggie_node.cli.progress import Narrator
from maggie_node.openmp import settle_waiting


def run_job(
    job: MatteJob, *, json_events: bool, explain_cache: bool = False, worker: str | None = None
) -> int:
    """Run `job`; returns the exit code. Events go to stdout as JSON lines, or to a person on stderr.

    Args:
        explain_cache: print for each frame what was found in the cache, and why not more.
        worker: folder of the worker to run it in, or `auto` for the user's own; None or "" = this process.
    """
    if explain_cache and job.cache is None:
        raise click.UsageError("--explain-cache has nothing to tell: name the folder with --cache DIR")
    if worker:
        finished = _run_in_worker(job, worker, json_events=json_events, explain=explain_cache)
    else:
        finished = run_and_keep(job, json_events=json_events, explain=explain_cache).finished
    if not json_events and finished.done + finished.skipped:
        _say_where(job)
    return exit_code(finished)


def _say_where(job: MatteJob) -> None:
    """Where the mattes are, and the one command, or the file, to look at them."""
    if not job.output:
        return
    click.echo(f"mattes: {job.output}", err=True)
    if job.preview is None:
        kind = "mp4" if has_token(job.output) else "png"
        look = f"{os.path.splitext(job.output)[0].rstrip('#.@_')}_preview.{kind}"
        words = ["maggie-node", "preview", job.output, "-o", look]
        click.echo(f"look at them: {' '.join(shlex.quote(word) for word in words)}", err=True)


@dataclass(frozen=True)
class JobRun:
    """Start and end of a job."""

    started: Started
    finished: Finished
    seconds: float
    """Time spent on the frames that were computed."""


def run_and_keep(job: MatteJob, *, json_events: bool = False, explain: bool = False) -> JobRun:
    """Run `job` and print its events. Returns its first and last event."""
    settle_waiting()
    began: list[Started] = []
    seconds: list[float] = []
    with _narrator(json_events, explain) as narrator, stoppable() as checkpoint:

        def emit(event: Event) -> None:
            if isinstance(event, Started):
                began.append(event)
            if isinstance(event, FrameDone):
                seconds.append(event.seconds)
            narrator.tell(event)
            if json_events:
                _print_line(to_line(event))

        narrator.step("loading the program")
        # Imported here: it imports the network, and `--help` must not wait for that.
        from maggie_node import runner

        finished = runner.run(job, emit=emit, checkpoint=checkpoint, step=narrator.step)
    return JobRun(began[0], finished, sum(seconds))


def _narrator(json_events: bool, explain: bool) -> Narrator:
    return Narrator(quiet=json_events and not sys.stderr.isatty(), explain=explain)


def _run_in_worker(job: MatteJob, folder: str, *, json_events: bool, explain: bool) -> Finished:
    """Run `job` in the worker of `folder` and print its events.

    The first signal cancels the job in the worker; the second one leaves without waiting for its end.

    Raises:
        WorkerError: the worker cannot be started, the job could not start, or the worker died.
    """
    from maggie_api.client.worker import find_or_start
    from maggie_api.errors import WorkerError

    with (
        find_or_start(None if folder == "auto" else folder, name="maggie-node job") as worker,
        _narrator(json_events, explain) as narrator,
    ):
        theirs = worker.capabilities.version
        if theirs != __version__:
            complain(f"note: the worker is maggie-node {theirs}, this is {__version__}: its version computes")
        running = worker.submit(job)
        with _stopped_by_signals(running.cancel):
            for event in running.events():
                narrator.tell(event)
                if json_events:
                    try:
                        _print_line(to_line(event))
                    except Cancelled:  # the reader of the events is gone
                        running.cancel()
                if isinstance(event, Finished):
                    return event
        raise WorkerError("the job ended without a word: look into the worker's log")


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first SIGINT or SIGTERM calls `stop`, and the last events still come; the next one cancels."""
    asked = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise Cancelled
        asked = True
        stop()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print_line(line: str) -> None:
    try:
        click.echo(line)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the events is gone. Later lines, and Python's own flush at exit, go to /dev/null.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Cancelled from None


def exit_code(outcome: Finished) -> int:
    """0 done, 3 some frames failed, 130 cancelled."""
    if outcome.cancelled:
        return CANCELLED
    return SOME_FAILED if outcome.failed or outcome.pictures_failed else 0


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """SIGINT and SIGTERM raise `Cancelled` at once (`stop_now`), and from then on so does the yielded
    checkpoint.

    The checkpoint is for the exception that Python drops, for example in a destructor.
    """
    stop = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal stop
        stop = True
        stop_now()

    def checkpoint() -> None:
        if stop:
            raise Cancelled

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield checkpoint
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
