"""The jobs that have not ended. Each has a thread of its own and computes when it is its turn."""

from __future__ import annotations

import itertools
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import Any

from maggie_api import serialization
from maggie_api.client import rpc
from maggie_api.client.rpc import Submit
from maggie_api.errors import Cancelled
from maggie_api.events import Event, Finished, FrameDone, FrameFailed, Started
from maggie_node.worker.connection import Connection, log
from maggie_node.worker.scheduler import FairScheduler, Ticket

MAX_JOBS = 1000
"""Most jobs that wait or run; another one is refused."""


@dataclass(eq=False)
class _Job:
    id: int
    asked: Submit
    connection: Connection
    ticket: Ticket = field(init=False)
    started: bool = False
    frames: int = 0
    done: int = 0
    skipped: int = 0
    failed: int = 0


class Jobs:
    """The jobs that were submitted and have not ended."""

    def __init__(self, scheduler: FairScheduler | None = None):
        self._scheduler = scheduler or FairScheduler()
        self._change = threading.Condition()
        self._jobs: dict[int, _Job] = {}
        self._ids = itertools.count(1)
        self._last = 0
        self._ending = 0
        self._models: Any = None
        self._ended_at = time.monotonic()

    def new_id(self) -> int:
        """A number for a job to be added.

        Raises:
            RpcError: there are too many jobs.
        """
        with self._change:
            if len(self._jobs) >= MAX_JOBS:
                raise rpc.RpcError(rpc.BUSY, f"{MAX_JOBS} jobs wait already: submit it again later")
            self._last = next(self._ids)
            return self._last

    def add(self, id: int, asked: Submit, connection: Connection) -> None:  # noqa: A002 - the protocol's word
        """Put a job in the queue; its events go to `connection`."""
        job = _Job(id, asked, connection)
        job.ticket = Ticket(connection, asked.priority == "interactive", lambda: self._begin(job))
        with self._change:
            self._jobs[id] = job
        self._scheduler.join(job.ticket)

    def cancel(self, id: int) -> bool:  # noqa: A002 - the protocol's word
        """End a job: at once if it has not begun, else after the frame under way.

        Returns:
            False when the job has ended already.

        Raises:
            RpcError: there never was such a job.
        """
        job = self._jobs.get(id)
        if job is None:
            if not 1 <= id <= self._last:
                raise rpc.RpcError(rpc.NO_JOB, f"no job {id}: status lists those there are")
            return False
        if self._scheduler.cancel(job.ticket):
            self._end(job, _event(id, Finished(0, 0, 0, cancelled=True)))
        return True

    def cancel_of(self, connection: Connection) -> None:
        """End the jobs of a client that is gone, except those it asked to keep."""
        for job in self._all():
            if job.connection is connection and not job.asked.keep:
                log(f"job {job.id} cancelled: {connection.name} is gone")
                self.cancel(job.id)

    def cancel_all(self) -> None:
        for job in self._all():
            self.cancel(job.id)

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until every job has ended, at most `timeout_s`; returns whether they have."""
        with self._change:
            return self._change.wait_for(lambda: not self._jobs and not self._ending, timeout_s)

    def idle_s(self) -> float:
        """Seconds since the last job ended; 0 while there is a job."""
        return 0.0 if self._jobs else time.monotonic() - self._ended_at

    def models(self) -> list[str]:
        """Names of the models in memory."""
        return [] if self._models is None else self._models.names()

    def status(self) -> list[dict[str, Any]]:
        """Each job as plain data, in the order of arrival."""
        return [
            {
                "job_id": job.id,
                "state": self._state(job),
                "priority": job.asked.priority,
                "keep": job.asked.keep,
                "client": job.connection.name,
                "output": job.asked.job.output or job.asked.job.all_pictures[0],
                "frames": job.frames,
                "done": job.done,
                "skipped": job.skipped,
                "failed": job.failed,
            }
            for job in self._all()
        ]

    def _all(self) -> list[_Job]:
        with self._change:
            return list(self._jobs.values())

    def _state(self, job: _Job) -> str:
        if not job.ticket.begun:
            return "waiting"
        return "computing" if self._scheduler.holds(job.ticket) else "paused"

    def _begin(self, job: _Job) -> None:
        threading.Thread(target=self._run, args=(job,), name=f"job {job.id}", daemon=True).start()

    def _run(self, job: _Job) -> None:
        try:
            last = _event(job.id, self._compute(job))
        except Cancelled:
            last = _event(job.id, Finished(0, 0, 0, cancelled=True))
        except BaseException as error:
            last = _failed(job.id, error)
        self._end(job, last)

    def _compute(self, job: _Job) -> Finished:
        from maggie_node import model_cache, runner  # these import the network

        if self._models is None:
            self._models = model_cache.WarmModels()
        return runner.run(
            job.asked.job,
            emit=lambda event: self._tell(job, event),
            checkpoint=lambda: self._checkpoint(job),
            load=self._models.load,
        )

    def _checkpoint(self, job: _Job) -> None:
        """Let other jobs compute, and return when it is this one's turn again.

        Raises:
            Cancelled: the job is to end.
        """
        # Before its `Started`, a job reads frames while it holds a lock that other jobs need:
        # `functools.cached_property` has one lock for all shots. So the turn does not end there.
        if self._scheduler.pause(job.ticket) if job.started else job.ticket.cancelled:
            raise Cancelled

    def _tell(self, job: _Job, event: Event) -> None:
        if isinstance(event, Started):
            job.started, job.frames = True, len(event.frames)
        elif isinstance(event, FrameDone):
            job.done, job.skipped = job.done + (not event.cached), job.skipped + event.cached
        elif isinstance(event, FrameFailed):
            job.failed += 1
        if not isinstance(event, Finished):  # `_end` sends that, when the job has left the line
            job.connection.send(_event(job.id, event), aside=lambda: self._scheduler.aside(job.ticket))

    def _end(self, job: _Job, last: bytes) -> None:
        """Leave the line first, so that a client that reads the last event finds the worker free."""
        self._scheduler.leave(job.ticket)
        with self._change:
            del self._jobs[job.id]
            self._ending += 1
        job.connection.send(last)
        with self._change:
            self._ending -= 1
            self._ended_at = time.monotonic()
            self._change.notify_all()


def _event(id: int, event: Event) -> bytes:  # noqa: A002 - the protocol's word
    return rpc.notification("event", {"job_id": id, "event": serialization.to_data(event)})


def _failed(id: int, error: BaseException) -> bytes:  # noqa: A002 - the protocol's word
    code = getattr(error, "exit_code", None)
    said = str(error)
    if code is None:
        traceback.print_exception(error, file=sys.stderr)
        code, said = (
            1,
            f"a defect of ours, please report it with its log: {type(error).__name__}: {said}",
        )
    log(f"job {id} failed: {said}")
    return rpc.notification("failed", {"job_id": id, "error": said, "exit_code": code})
