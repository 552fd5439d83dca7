"""Worker and job as a host sees them: the worker is found or started, and a job's progress is told.

Standard library only, Python 3.9: hosts import this. Nothing here depends on one host.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Optional, Protocol

from ..errors import WorkerError
from ..events import (
    Event,
    Finished,
    FrameDone,
    FrameFailed,
    PictureFailed,
    Started,
    Warning,
    enlarged_text,
)
from ..job import MatteJob
from ..sequences import compact_frames
from ..text import one_line
from .python import find_python
from .worker import RunningJob, Worker, find_or_start, start_child


class Running(Protocol):
    """What `JobMonitor` needs of a job, as `RunningJob` has it."""

    def poll(self) -> list[Event]: ...
    def cancel(self) -> None: ...


State = Literal["waiting", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Progress:
    """How far a job is, and what to show of it."""

    state: State
    done: int = 0
    """Frames whose mattes are on disk, including those that existed before."""
    failed: int = 0
    total: int = 0
    frame: Optional[int] = None
    """The frame that was reported last."""
    text: str = "starting the worker"
    """Text for a status line."""
    errors: tuple[str, ...] = ()
    """One sentence for each distinct reason, with its frames."""
    warnings: tuple[str, ...] = ()
    started: Optional[Started] = None
    seconds: Optional[float] = None
    """Seconds of a frame, over the last few that were computed; None before the first."""

    @property
    def short(self) -> str:
        """The state in a few words, for a label: `12 of 96, 0.8 s`."""
        if self.state in ("waiting", "failed"):
            return self.state
        counted = f"{self.done} of {self.total}"
        if self.state == "cancelled":
            return f"{counted}, cancelled"
        return counted if self.over or self.seconds is None else f"{counted}, {self.seconds:.1f} s"

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    @property
    def fraction(self) -> float:
        """Share of the frames that are reported, 0 to 1."""
        return (self.done + self.failed) / self.total if self.total else float(self.over)


class WorkerSession:
    """The worker of one host process. The first job finds or starts it, and the next job after it died.

    Args:
        name: name of the host for the worker's log, e.g. `Nuke 15.1`.
        python: interpreter that has maggie-node; empty searches for it when a job is submitted.
        shared: True uses the user's shared worker, so that hosts load a model once; False a child process.
    """

    def __init__(self, name: str, *, python: str = "", shared: bool = True):
        self._name, self._python, self._shared = name, python, shared
        self._worker: Optional[Worker] = None

    def submit(self, job: MatteJob, *, interactive: bool = False) -> JobMonitor:
        """As `start`, and its progress is told in texts."""
        return JobMonitor(self.start(job, interactive=interactive))

    def start(self, job: MatteJob, *, interactive: bool = False) -> RunningJob:
        """Put a job, with absolute paths, in the worker's queue; never waits.

        Args:
            interactive: a person waits for it; it goes ahead of batches.

        Raises:
            HostError: no interpreter with maggie-node is known.
        """
        if self._worker is None:
            python = find_python(self._python)
            start = find_or_start if self._shared else start_child
            self._worker = start(python=python, name=self._name)
        return self._worker.submit(job, priority="interactive" if interactive else "batch")

    def close(self) -> None:
        """Leave the worker; it cancels this host's jobs. Never waits."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


class JobMonitor:
    """A submitted job as its host sees it.

    Args:
        heard: called with every event, in `poll`.
    """

    def __init__(self, running: Running, *, heard: Callable[[Event], None] = lambda event: None):
        self._running, self._heard = running, heard
        self._failures: dict[str, list[int]] = {}
        self._lost_pictures: list[str] = []
        self._warnings: list[str] = []
        self._started: Optional[Started] = None
        self._done = self._failed = 0
        self._frame: Optional[int] = None
        self._seconds: list[float] = []
        self._enlarged = ""
        self._state: State = "waiting"
        self._end = ""

    def poll(self) -> Progress:
        """The progress by now; never waits, never raises."""
        try:
            for event in self._running.poll():
                self._take(event)
                self._heard(event)
        except WorkerError as error:
            self._state, self._end = "failed", str(error)
        return self._progress()

    def wait(
        self, tick: Optional[Callable[[Progress], Optional[bool]]] = None, *, every_s: float = 0.1
    ) -> Progress:
        """Wait for the end of the job.

        Args:
            tick: called with the progress every `every_s` seconds; returns False to cancel. When it raises,
                the job is cancelled and the exception is passed on.
        """
        try:
            while not (progress := self.poll()).over:
                if tick is not None and tick(progress) is False:
                    self.cancel()
                time.sleep(every_s)
        except BaseException:
            self.cancel()
            raise
        if tick is not None:
            tick(progress)
        return progress

    def cancel(self) -> None:
        """Ask for the end of the job; frames that exist are whole. Never waits."""
        self._running.cancel()

    def _take(self, event: Event) -> None:
        if isinstance(event, Started):
            self._started, self._state = event, "running"
        elif isinstance(event, FrameDone):
            self._done, self._frame = self._done + 1, event.frame
            if not event.cached:
                self._seconds.append(event.seconds)
                self._enlarged = enlarged_text(event.enlarged)
        elif isinstance(event, FrameFailed):
            self._failed, self._frame = self._failed + 1, event.frame
            self._failures.setdefault(event.error, []).append(event.frame)
        elif isinstance(event, PictureFailed):
            self._lost_pictures.append(one_line(f"{event.path}: {event.error}"))
        elif isinstance(event, Warning):
            self._warnings.append(event.text)
        elif isinstance(event, Finished):
            failed = event.failed or event.pictures_failed
            self._state = "cancelled" if event.cancelled else "failed" if failed else "done"

    def _progress(self) -> Progress:
        errors = [f"{_frames(frames)}: {reason}" for reason, frames in self._failures.items()]
        errors += self._lost_pictures
        if self._end:
            errors.append(self._end)
        total = len(self._started.frames) if self._started else 0
        return Progress(
            self._state,
            self._done,
            self._failed,
            total,
            self._frame,
            self._text(total, errors),
            tuple(errors),
            tuple(self._warnings),
            self._started,
            self._each(),
        )

    def _each(self) -> Optional[float]:
        recent = self._seconds[-8:]
        return sum(recent) / len(recent) if recent else None

    def _text(self, total: int, errors: list[str]) -> str:
        if self._state == "waiting":
            return "waiting for the worker"
        reached = f"{self._done} of {total} mattes" if total else "no mattes"
        enlarged = f"; enlarged: {self._enlarged}" if self._enlarged else ""
        if self._state == "done":
            return f"{reached} are there{enlarged}"
        if self._state == "cancelled":
            return f"cancelled: {reached} are there" + (", and they are whole" if self._done else "")
        if self._state == "failed":
            return errors[-1] if self._end or len(errors) == 1 else f"{reached} are there; {errors[0]}"
        each = self._each()
        if each is None:
            return f"{reached}{enlarged}"
        left = each * (total - self._done - self._failed)
        return f"{reached}, {each:.1f} s a frame, {int(left // 60)}:{int(left % 60):02d} left{enlarged}"


def _frames(frames: list[int]) -> str:
    return f"frame {frames[0]}" if len(frames) == 1 else f"frames {compact_frames(frames)}"
