"""What the worker is asked for: this frame while something is dragged, or a range in the background."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from dataclasses import replace
from typing import Any, Optional

from maggie_api.client.host_client import JobMonitor, Progress, Running
from maggie_api.events import Event, FrameDone, FrameFailed, Started, Warning
from maggie_api.job import MatteJob
from maggie_api.settings import EdgeSettings

from .document import Document
from .timeline import Note

PREVIEW_PX = 288
"""Short side of the network's picture while something is dragged: half the default, a quarter of the work."""


SESSION_CACHE_GB = 4.0
"""Room for the worker's cache of a session, which lies where temporary files do."""


def frame_job(document: Document, frame: int, folder: str, *, preview: bool) -> MatteJob:
    """The job of one frame, kept apart from delivered files.

    The frame is that of the whole shot. A preview differs: the network sees a smaller picture, and the frame
    by itself, without the temporal state of those before it.

    Args:
        folder: where frames and the worker's cache of this session are kept.

    Raises:
        JobError: something is missing.
    """
    quick = {
        "working_px": min(PREVIEW_PX, document.option("working_px")),
        "detail": "working",
        "segment_frames": 1,
        "warmup_frames": 0,
        "smooth": "none",
    }
    job = document.job(
        frames=str(frame),
        output=os.path.join(folder, "frame.####.exr"),
        pictures=(),
        preview=None,
        layout="layers",
        foreground=False,
        **cache_of(document, folder),
        **(quick if preview else {}),
    )
    kept = os.path.join(folder, "frames", _digest(job), "frame.####.exr")
    return replace(job, output=kept)


def range_job(document: Document, folder: str, frames: str) -> MatteJob:
    """The job of frames as they are delivered; with the cache of this session where the document has none.

    Raises:
        JobError: something is missing, also a place for the mattes.
    """
    return document.job(frames=frames, **cache_of(document, folder))


def cache_of(document: Document, folder: str) -> dict[str, Any]:
    """Fields of a job that say where temporal state is kept: as the document does, else in this session."""
    if document.option("cache"):
        return {}
    return {"cache": os.path.join(folder, "cache"), "cache_gb": SESSION_CACHE_GB}


def _digest(job: MatteJob) -> str:
    """Hex digits that differ for jobs that differ in more than their frame."""
    return hashlib.blake2b(replace(job, frames=None).to_json().encode(), digest_size=8).hexdigest()


def network_of(job: MatteJob) -> str:
    """Hex digits that are equal for jobs of which the worker's cache has the same network results."""
    edges = {each.name: each.default for each in dataclasses.fields(EdgeSettings)}
    bare = replace(job, output="", pictures=(), preview="x.mp4", core=(), garbage=(), per_person=(), **edges)
    return _digest(bare)


class Latest:
    """One job under way and at most one that waits: the newest. What came between is never computed."""

    def __init__(self) -> None:
        self._under_way: Optional[MatteJob] = None
        self._waiting: Optional[MatteJob] = None

    def want(self, job: MatteJob) -> Optional[MatteJob]:
        """The job to submit now; None where one is under way, after which `ended` gives this one."""
        if job in (self._under_way, self._waiting):
            return None
        if self._under_way is not None:
            self._waiting = job
            return None
        self._under_way = job
        return job

    def ended(self) -> Optional[MatteJob]:
        """The job under way has ended; returns the one to submit now."""
        self._under_way, self._waiting = self._waiting, None
        return self._under_way

    @property
    def is_overtaken(self) -> bool:
        """Whether a newer job waits, so that the one under way is of no use any more."""
        return self._waiting is not None

    @property
    def is_idle(self) -> bool:
        return self._under_way is None


class Take:
    """A job that runs or has run: what every host is told of it, and which frames it was about.

    Args:
        title: what it is, for the window.
        running: the job in the worker.
    """

    def __init__(self, job: MatteJob, title: str, running: Running):
        self.job, self.title = job, title
        self.last: Optional[FrameDone] = None
        self.done: set[int] = set()
        self.failed: set[int] = set()
        self.notes: list[Note] = []
        self._monitor = JobMonitor(running, heard=self._hear)
        self._new: list[Event] = []
        self.progress = Progress("waiting", text="waiting for the worker")

    def poll(self) -> list[Event]:
        """What has come since; never waits."""
        self.progress = self._monitor.poll()
        new, self._new = self._new, []
        return new

    def cancel(self) -> None:
        """Ask for its end."""
        self._monitor.cancel()

    @property
    def started(self) -> Optional[Started]:
        return self.progress.started

    @property
    def over(self) -> bool:
        return self.progress.over

    @property
    def status(self) -> str:
        """How far it is: frames, rate, time left, or how it ended."""
        return self.progress.text

    def _hear(self, event: Event) -> None:
        self._new.append(event)
        if isinstance(event, FrameDone):
            self.last = event
            self.done.add(event.frame)
        elif isinstance(event, FrameFailed):
            self.failed.add(event.frame)
            self.notes.append(Note((event.frame,), event.error))
        elif isinstance(event, Warning):
            self.notes.append(Note(event.frames, event.text))
