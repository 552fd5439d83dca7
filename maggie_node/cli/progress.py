"""Progress of a running job on stderr: a bar in a terminal, one line for each frame in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

from maggie_api.events import (
    Enlarged,
    Event,
    Finished,
    FrameDone,
    FrameFailed,
    PictureDone,
    PictureFailed,
    Started,
    Warning,
    enlarged_text,
)
from maggie_api.sequences import compact_frames
from maggie_api.text import counted
from maggie_node.cli.commands import complain

if TYPE_CHECKING:
    from rich.progress import Progress


_FOUND = {
    "file": "the file",
    "matte": "the finished matte",
    "state": "the network's matte",
    "nothing": "nothing",
}


class StepLines:
    """Says on stderr what a command does when that takes long, and how far it is. Use it as a context.

    Call it where something begins, and as it goes on. What ends within `AFTER_S` is never mentioned. Lines
    come seldomer the longer it takes.
    """

    AFTER_S = 2.0
    """Seconds of silence that nobody minds."""
    EVERY_S, SELDOM_S = 5.0, 60.0
    """Least and most seconds between two lines on how far a step is."""

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self._say = say or (lambda line: click.echo(line, err=True))
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._what, self._done, self._total = "", 0, 0
        self._since, self._first = 0.0, 0

    def __enter__(self) -> StepLines:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def __call__(self, what: str, done: int = 0, total: int = 0) -> None:
        with self._lock:
            self._done, self._total = done, total
            if what == self._what:
                return
            self._stop()
            self._what, self._since, self._first = what, time.monotonic(), done
            self._wait(self.AFTER_S)

    def end(self) -> None:
        """Nothing is going on that needs a line."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        self._what = ""
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._tell, [self._what])
        self._timer.daemon = True
        self._timer.start()

    def _tell(self, what: str) -> None:
        with self._lock:
            if what != self._what:  # it has ended meanwhile
                return
            passed = time.monotonic() - self._since
            self._say(f"{what}: {self._progress(passed)}" if self._total else f"{what} ...")
            if self._total:
                self._wait(min(max(self.EVERY_S, passed / 4), self.SELDOM_S))

    def _progress(self, passed: float) -> str:
        """`12/40, 2.1 a second, 0:13 left`."""
        count, rate = f"{self._done}/{self._total}", (self._done - self._first) / passed
        if not rate:
            return count
        return f"{count}, {rate:.3g} a second, {_clock((self._total - self._done) / rate)} left"


class Narrator:
    """Prints a job's events for a person. Use it as a context: the bar then ends with the job.

    Failures are printed at the end, once for each distinct reason.
    """

    def __init__(self, *, quiet: bool = False, explain: bool = False) -> None:
        self._explain = explain
        self._reused: Counter[str] = Counter()
        self._bar = progress_bar() if not quiet and sys.stderr.isatty() else None
        self._log = not quiet and self._bar is None
        self._failures: dict[str, list[int]] = {}
        self._total = 0
        self._left: set[int] = set()
        self._reached = 0
        self._seconds = 0.0
        self._computed = 0
        self._began = 0.0
        self._enlarged: tuple[Enlarged, ...] = ()
        self.step = StepLines(self._line)
        """Takes what a job is doing where no event says it."""

    def __enter__(self) -> Narrator:
        self._bar_context().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.step.end()
        if self._bar is not None:
            self._bar.stop()

    def _bar_context(self) -> AbstractContextManager[object]:
        return self._bar if self._bar is not None else nullcontext()

    def tell(self, event: Event) -> None:
        if not isinstance(event, Started | Warning):
            self.step.end()
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, FrameDone):
            self._advance(event)
        elif isinstance(event, FrameFailed):
            self._failures.setdefault(event.error, []).append(event.frame)
            self._left.discard(event.frame)
            self._reached += 1
            self._draw(f"frame {event.frame} failed")
        elif isinstance(event, PictureDone):
            made = f"{counted(event.frames, 'frame')} written" if event.frames else "was there already"
            self._line(f"{event.path}: {made}")
        elif isinstance(event, PictureFailed):
            complain(f"{event.path}: {event.error}")
        elif isinstance(event, Warning):
            complain(f"note: {event.text}")
        elif isinstance(event, Finished):
            self._finish(event)

    def _start(self, event: Started) -> None:
        self._total, self._left, self._began = len(event.frames), set(event.frames), time.monotonic()
        names = ", ".join(instance.name for instance in event.instances)
        self._line(
            f"{counted(self._total, 'frame')}, {counted(len(event.instances), 'instance')} ({names})\n"
            f"model {event.model} at {event.working_size} on {event.device}, {event.precision}; "
            f"plate is {event.colorspace}"
        )
        if event.assumption:
            self._line(event.assumption)
        for name in ("device", "precision", "detail"):
            asked, got = getattr(event.asked, name), getattr(event.effective, name)
            if asked not in ("auto", got):
                self._line(f"{name} was asked as {asked} and is {got}")
        if self._bar is not None:
            self._bar.add_task("", total=self._total, rate="")

    def _advance(self, event: FrameDone) -> None:
        self._reached += 1
        self._left.discard(event.frame)
        if not event.cached:
            self._seconds += event.seconds
            self._computed += 1
        self._reused[event.reused] += 1
        if not event.cached and event.enlarged != self._enlarged:
            self._enlarged = event.enlarged
            who = enlarged_text(event.enlarged) or "nobody"
            self._line(f"from frame {event.frame} on the network sees enlarged: {who}")
        state = "was there already" if event.cached else f"{event.seconds:.2f} s"
        if self._explain:
            state += f", found {_FOUND[event.reused]}{f' ({event.why})' if event.why else ''}"
        self._draw(f"frame {event.frame}  {state}")
        if self._explain and self._bar is not None:
            self._line(f"frame {event.frame}  {state}")

    def _draw(self, line: str) -> None:
        rate = self._rate()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._reached, rate=rate)
        elif self._log:
            self._line(f"{line}  ({self._reached}/{self._total}{', ' + rate if rate else ''})")

    def _rate(self) -> str:
        if not self._computed or not self._seconds:
            return ""
        left = (self._total - self._reached) * self._seconds / self._computed
        return f"{self._computed / self._seconds:.2f} frames/s, {_clock(left)} left"

    def _finish(self, event: Finished) -> None:
        if self._bar is not None:
            self._bar.stop()
        there = f", {event.skipped} skipped" if event.skipped else ""
        self._line(
            f"{counted(event.done, 'matte')} written{there} in {_clock(time.monotonic() - self._began)}"
        )
        if event.cancelled and self._left:
            self._line(f"cancelled: {frames_text(self._left)} left; run the same again to go on")
        if self._explain:
            counts = ", ".join(f"{what} {self._reused[key]}" for key, what in _FOUND.items())
            self._line(f"found: {counts}")
        for error, frames in self._failures.items():
            complain(f"{frames_text(frames)} failed: {error}")

    def _line(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False)
        elif self._log:
            click.echo(text, err=True)


def frames_text(frames: Iterable[int]) -> str:
    """`frame 1004` or `frames 1004-1010,1012`."""
    numbers = sorted(frames)
    text = compact_frames(numbers)
    return f"frame {text}" if len(numbers) == 1 else f"frames {text}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def progress_bar() -> Progress:
    """A bar on stderr; a task has a field `rate`, the text behind it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    return Progress(
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        console=Console(stderr=True),
    )
