"""One task of a farm: its frames, and its events as the lines that the farm reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Literal

from maggie_api.errors import FrameError
from maggie_api.events import (
    Event,
    Finished,
    FrameDone,
    FrameFailed,
    PictureDone,
    PictureFailed,
    Started,
    Warning,
)
from maggie_api.job import MatteJob
from maggie_api.sequences import compact_frames, parse_frames
from maggie_api.text import phrase
from maggie_node.farm.shot import farm_shot

Farm = Literal["openjd", "deadline", "opencue"]


def task_job(job: MatteJob, asked: str, *, chunk: int | None = None) -> MatteJob:
    """The job of one task: the frames of `job` that the farm asks for.

    Args:
        asked: a range; a step may be written as fileseq does, `1-9x2`, or as OpenJD does, `1-9:2`.
        chunk: `asked` is one frame, and the task has as many of the job's frames from there on.

    Raises:
        FrameError: none of them is a frame of the job.
        SettingsError: no frame range.
    """
    if not (job.frames and job.shot_frames):
        job = farm_shot(job).job
    of_job, wanted = parse_frames(job.frames or ""), parse_frames(asked.replace(":", "x"))
    if chunk is None:
        frames = sorted(set(of_job) & set(wanted))
    else:
        frames = [frame for frame in of_job if frame >= wanted[0]][:chunk]
    if not frames:
        raise FrameError(
            f"frames {compact_frames(wanted)} are none of the job's, which are {compact_frames(of_job)}: "
            'ask for those, or change its "frames"'
        )
    # A movie needs the frames of all tasks: pictures are made when those have ended.
    return dataclasses.replace(job, frames=compact_frames(frames), pictures=(), preview=None)


class Teller:
    """Prints a task's events for a farm, one line each.

    Args:
        say: writes a line to the task's standard output, at once.
    """

    def __init__(self, farm: Farm, say: Callable[[str], None]) -> None:
        self._farm, self._say = farm, say
        self._total = self._reached = 0
        self._failures: dict[str, list[int]] = {}

    def tell(self, event: Event) -> None:
        if isinstance(event, Started):
            self._total = len(event.frames)
            self._status(f"frames {_text(event.frames)}, model {event.model} on {event.device}")
        elif isinstance(event, FrameDone):
            made = "was there already" if event.cached else f"in {event.seconds:.1f} s"
            self._advance(f"frame {event.frame} {made}")
        elif isinstance(event, FrameFailed):
            self._failures.setdefault(event.error, []).append(event.frame)
            self._advance(f"frame {event.frame} failed: {event.error}")
        elif isinstance(event, PictureDone):
            self._status(f"{event.path} is there")
        elif isinstance(event, PictureFailed):
            self.fail(f"{event.path}: {event.error}")
        elif isinstance(event, Warning):
            self.note(event.text)
        elif isinstance(event, Finished):
            self._finish(event)

    def fail(self, sentence: str) -> None:
        """Report why the task failed."""
        marks = {"openjd": "openjd_fail: ", "deadline": "Error: ", "opencue": "ERROR: "}
        self._say(marks[self._farm] + phrase(sentence))

    def note(self, sentence: str) -> None:
        """Report something that is no failure."""
        self._status(f"note: {sentence}")

    def _advance(self, said: str) -> None:
        self.advance_to(self._reached + 1, self._total, said)

    def advance_to(self, reached: int, total: int, said: str) -> None:
        """Report how far the task is."""
        self._reached = reached
        share = 100 * reached / max(1, total)
        if self._farm == "openjd":
            self._say(f"openjd_progress: {share:.1f}")
        elif self._farm == "deadline":
            self._say(f"Progress: {share:.0f}%")  # what Deadline's CommandLine plugin looks for
        self._status(said)

    def _status(self, said: str) -> None:
        self._say(("openjd_status: " if self._farm == "openjd" else "") + phrase(said))

    def _finish(self, event: Finished) -> None:
        for error, frames in self._failures.items():
            self.fail(f"frames {_text(frames)}: {error}")
        if event.cancelled:
            self._status("cancelled; what is there is whole")
        else:
            self._status(f"{event.done} made, {event.skipped} were there already, {event.failed} failed")


def _text(frames: Iterable[int]) -> str:
    return compact_frames(frames)
