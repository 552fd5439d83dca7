"""The ways in which a job is run, each with a moment at which somebody interferes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from benchmarks._answering import ROOT
from maggie_api.client.worker import Worker, start_child
from maggie_api.errors import Cancelled, DocumentError, MaggieError
from maggie_api.events import Event, FrameDone, FrameFailed, from_line
from maggie_api.job import MaskGuidance, MatteJob, read_job, write_job
from maggie_api.sequences import compact_frames
from maggie_core.model import load_model
from maggie_node import runner
from maggie_node.cli.matte import matte as matte_command
from maggie_node.farm.pictures import make_pictures
from maggie_node.farm.plan import even, full
from maggie_node.farm.shot import farm_shot
from maggie_node.farm.task import task_job
from maggie_node.model_cache import WarmModels

Way = Literal["runner", "runner, models kept", "command line", "worker", "farm tasks", "farm task processes"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
"""Of the processes: the number of threads decides the last bits."""


@dataclass
class Outcome:
    """How a run ended."""

    refused: str = ""
    """Why it did not start."""
    failed: set[int] = field(default_factory=set)


@dataclass
class Interference:
    """What somebody does while a job runs.

    Args:
        at: frames that the run has computed and reported before.
        acts: changes of the files.
        stop: end the run then.
        reads: frames that it has begun to read after that; only a runner in this process tells.
    """

    at: int
    acts: list[Callable[[], None]]
    stop: bool = False
    reads: int = 0
    happened: bool = False
    late: bool = False
    """Whether the run had ended before."""
    last: int | None = None
    """Frame that was reported last; None before the first."""
    _done: int = 0
    _read: int = 0

    def on_event(self, event: Event) -> bool:
        """Take an event; returns whether the run is to end now."""
        if not isinstance(event, FrameDone | FrameFailed) or (isinstance(event, FrameDone) and event.cached):
            return False
        self._done += 1
        self.last = event.frame
        return self._now()

    def on_checkpoint(self) -> bool:
        """Take a checkpoint, which comes before a frame is read; returns whether the run is to end now."""
        self._read += self._done >= self.at
        return self._now()

    def finish(self) -> None:
        """Act now, if the run ended before its time had come."""
        if not self.happened:
            self.late = True
            self._act()

    def _now(self) -> bool:
        if self.happened or self._done < self.at or self._read < self.reads:
            return False
        self._act()
        return self.stop

    def _act(self) -> None:
        self.happened = True
        for act in self.acts:
            act()


class Ways:
    """Runs jobs in every way, with one worker and one set of models in memory.

    Args:
        folder: for documents.
        chance: draws chunks and their order.
    """

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder, self._chance = folder, chance
        self._warm = WarmModels()
        self._stack = ExitStack()
        self._worker: Worker | None = None

    def __enter__(self) -> Ways:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, way: Way, job: MatteJob, meanwhile: Interference) -> Outcome:
        """Run `job`; `meanwhile` has acted when this returns."""
        outcome = Outcome()
        try:
            if way == "runner":
                self._in_process(job, meanwhile, outcome, load_model)
            elif way == "runner, models kept":
                self._in_process(job, meanwhile, outcome, self._warm.load)
            elif way == "command line":
                self._process([*matte_arguments(job), "--json"], meanwhile, outcome)
            elif way == "worker":
                self._in_worker(job, meanwhile, outcome)
            else:
                self._on_farm(job, meanwhile, outcome, processes=way == "farm task processes")
        except Cancelled:
            pass
        except MaggieError as error:
            outcome.refused = str(error)
        meanwhile.finish()
        return outcome

    def _in_process(
        self, job: MatteJob, meanwhile: Interference, outcome: Outcome, load: Callable[..., Any]
    ) -> None:
        stopped = False

        def emit(event: Event) -> None:
            nonlocal stopped
            _note(outcome, event)
            stopped |= meanwhile.on_event(event)

        def checkpoint() -> None:
            if meanwhile.on_checkpoint() or stopped:
                raise Cancelled

        runner.run(job, emit=emit, checkpoint=checkpoint, load=load)

    def _in_worker(self, job: MatteJob, meanwhile: Interference, outcome: Outcome) -> None:
        if self._worker is None:
            self._worker = self._stack.enter_context(start_child(python=sys.executable, env=ENVIRONMENT))
        running = self._worker.submit(job)
        for event in running.events():
            _note(outcome, event)
            if meanwhile.on_event(event):
                running.cancel()

    def _process(self, arguments: list[str], meanwhile: Interference, outcome: Outcome) -> None:
        with subprocess.Popen(
            [sys.executable, "-m", "maggie_node", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=ENVIRONMENT,
        ) as process:
            for event in _events(process):
                _note(outcome, event)
                if meanwhile.on_event(event):
                    process.send_signal(self._chance.choice((signal.SIGTERM, signal.SIGKILL)))
            _, said = process.communicate()
        if process.returncode not in (0, 3, 130, -signal.SIGKILL):
            outcome.refused = said.strip().splitlines()[-1].partition(": ")[2]

    def _on_farm(self, job: MatteJob, meanwhile: Interference, outcome: Outcome, *, processes: bool) -> None:
        document = self._folder / "job.json"
        shot = farm_shot(job)
        write_job(shot.job, document)
        cut = self._chance.choice((even, full))
        chunks = list(cut(shot.frames, self._chance.randint(1, 5)))
        self._chance.shuffle(chunks)
        for chunk in chunks:
            frames = compact_frames(chunk)
            if processes:
                lines = ["farm", "task", str(document), "--frames", frames]
                self._process(lines, meanwhile, outcome)
                if meanwhile.on_event(FrameFailed(chunk[-1], "")):  # a farm's lines are no events
                    return
            else:
                self._in_process(task_job(read_job(document), frames), meanwhile, outcome, self._warm.load)
                if meanwhile.stop and meanwhile.happened:
                    return
        if job.all_pictures:
            make_pictures(read_job(document), emit=lambda event: None, checkpoint=lambda *step: None)


def _note(outcome: Outcome, event: Event) -> None:
    if isinstance(event, FrameFailed):
        outcome.failed.add(event.frame)


def _events(process: subprocess.Popen[str]) -> Iterator[Event]:
    """Events among the lines of a process, as they come."""
    assert process.stdout is not None
    for line in process.stdout:
        try:
            yield from_line(line)
        except DocumentError:  # a farm's line, or one that was cut off
            continue


def matte_arguments(job: MatteJob) -> list[str]:
    """The command line that asks for `job`."""
    words = ["matte", job.plate, "-o", job.output]
    for mask in job.guidance:
        assert isinstance(mask, MaskGuidance)
        words += ["--guidance", f"{mask.name}={mask.sequence}"]
    for picture in job.pictures:
        words += ["-o", picture.path]
    for pin in job.pins:
        words += ["--pin", f"{pin.name}={pin.sequence}"]
    for kind in ("core", "garbage"):
        words += [
            word for hold in getattr(job, kind) for word in (f"--{kind}", f"{hold.name}={hold.sequence}")
        ]
    for each in job.per_person:
        words += ["--" + each.option.replace("_", "-"), f"{each.name}={each.value}"]
    skipped = ("plate", "output", "pins", "core", "garbage")
    for option in matte_command.params:
        value = getattr(job, option.name or "", None)
        if option.name in skipped or value is None or not hasattr(job, option.name or ""):
            continue
        given, secondary = option.opts[0], option.secondary_opts
        flag_value = getattr(option, "flag_value", None)
        if isinstance(value, bool):
            words += [given] if value else list(secondary[:1])
        elif getattr(option, "is_flag", False):
            words += [given] if flag_value == value else []
        else:
            words += [given, str(value)]
    return words


def without_cache(job: MatteJob, folder: Path) -> MatteJob:
    """The same job into another folder, without what is kept between runs."""
    pictures = tuple(replace(each, path=str(folder / Path(each.path).name)) for each in job.pictures)
    return replace(job, output=str(folder / "m.####.exr"), pictures=pictures, cache=None)
