"""Jobs under way: in a thread with a progress bar when Nuke has windows, else one waits for them."""

from __future__ import annotations

import atexit
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Optional

import nuke

from maggie_api.client import devices, models
from maggie_api.client.host_client import JobMonitor, Progress, WorkerSession
from maggie_api.client.python import find_python
from maggie_api.errors import HostError
from maggie_api.sequences import matte_path

from . import account, apply, build, identity, instances, read, render_inputs, shot
from .job_plan import JobPlan
from .main_thread import no_undo, on_main

POLL_S = 0.1
"""Time between two looks at a job: short enough for a progress bar to move smoothly."""
RELOAD_S = 2.0
"""Shortest time between two updates of the viewer, which reads the mattes again each time."""
PRINT_S = 10.0
"""Time between two lines of progress in a terminal."""
_under_way: list[NodeJobs] = []
_hosts: dict[str, WorkerSession] = {}


class NodeJobs:
    """The jobs of one node, followed to their end.

    Args:
        plans: one for each view where the views differ; the jobs run one after the other.
        interactive: the artist waits for it, so it goes ahead of everything else in the worker.
    """

    def __init__(self, node: Any, plans: Sequence[JobPlan], *, interactive: bool):
        self.node, self.plans, self.interactive = node, tuple(plans), interactive
        self.name = node.fullName()
        self.progress = Progress("waiting")
        self._host = host(node)
        self._cancel = threading.Event()
        self._shown = 0.0
        self._taken: Optional[account.Entry] = None
        self._since = 0.0

    def cancel(self) -> None:
        """Ask the jobs to end; never waits."""
        self._cancel.set()

    def start(self) -> None:
        """Run the jobs and follow them in a thread.

        Raises:
            HostError: no Python with maggie-node is known.
        """
        follow = self._submit(self.plans[0])
        _under_way.append(self)
        threading.Thread(target=self._thread, args=(follow,), name=f"MaGGIe {self.name}", daemon=True).start()

    def wait(self) -> Progress:
        """Run the jobs and wait for their end; prints the progress.

        Raises:
            HostError: no Python with maggie-node is known.
        """
        told = time.monotonic()

        def tick(progress: Progress) -> Optional[bool]:
            nonlocal told
            if time.monotonic() - told > PRINT_S or progress.over:
                told = time.monotonic()
                nuke.tprint(f"{self.name}: {progress.text}")
            return None

        for plan in self.plans:
            self.progress = self._submit(plan).wait(tick, every_s=POLL_S)
            self._note(plan)
            if self.progress.state != "done":
                break
        return self.progress

    def offer_devices(self) -> None:
        """Let the node offer the devices that the job's worker has."""
        if self.progress.started is not None:
            devices.remember(self.progress.started.devices)
            build.offer_devices(self.node)

    def _submit(self, plan: JobPlan) -> JobMonitor:
        # Before the worker reads: a file that changes meanwhile is noted as it was, and is looked at again.
        self._taken, self._since = account.taken(plan), time.time()
        return self._host.submit(plan.job, interactive=self.interactive)

    def _note(self, plan: JobPlan) -> None:
        """Note what the mattes of a job that has ended were made from."""
        assert self._taken is not None
        models.remember(plan.job.model, self.progress)
        around = models.looks_around(plan.job.model)
        made = self._taken.frames
        if self.progress.state != "done":
            made = frozenset(number for number in made if _is_since(plan, number, self._since))
        if not made:
            return
        try:
            account.write(plan, replace(self._taken, frames=made, looks_around=around))
        except OSError as error:  # the mattes are there; the next render looks at them once more
            nuke.tprint(f"{self.name}: account.json cannot be written ({error.strerror or error})")

    def _thread(self, follow: JobMonitor) -> None:
        try:
            self._follow(follow)
        except ValueError:  # Nuke raises it for a deleted node, whose job ends too
            follow.cancel()
        except Exception:
            follow.cancel()
            traceback.print_exc()
        finally:
            _under_way.remove(self)

    def _follow(self, follow: JobMonitor) -> None:
        task = nuke.ProgressTask(f"MaGGIe: {self.name}")
        for index, plan in enumerate(self.plans):
            if index:
                follow = self._submit(plan)
            try:
                self._one(follow, task)
            except BaseException:
                follow.cancel()
                raise
            self._note(plan)
            if self.progress.state != "done":
                break
        on_main(self._end)

    def _one(self, follow: JobMonitor, task: Any) -> None:
        """Follow one job to its end."""
        cancelled = False
        while True:
            progress = follow.poll()
            task.setMessage(progress.text)
            task.setProgress(int(100 * progress.fraction))
            if not cancelled and (task.isCancelled() or self._cancel.is_set()):
                cancelled = True
                follow.cancel()
            if progress != self.progress:
                more = progress.done != self.progress.done
                self.progress = progress
                on_main(self._show, more)
            if progress.over:
                return
            time.sleep(POLL_S)

    def _show(self, more: bool) -> None:
        """Show the progress, and the mattes when there are more of them."""
        with no_undo():
            apply.status(self.node, self.progress.text, state=self.progress.short)
            if more and time.monotonic() - self._shown > RELOAD_S:
                self._shown = time.monotonic()
                apply.reload(self.node)

    def _end(self) -> None:
        with no_undo():
            said = " ".join((self.progress.text, *self.progress.warnings))
            apply.status(self.node, said, state=self.progress.short)
            self.offer_devices()
            if self.progress.done:
                apply.reload(self.node)
        if self.progress.state == "failed":
            nuke.message(f"{self.name}: {summary(self.progress)}")


def _is_since(plan: JobPlan, number: int, since: float) -> bool:
    """Whether a matte was written after a time."""
    path = matte_path(plan.job.output, number)
    return path.is_file() and path.stat().st_mtime >= since


def summary(progress: Progress) -> str:
    """What the artist is told of a job that failed."""
    more = [error for error in progress.errors if error not in progress.text]
    return "\n".join((progress.text, *more))


def plans_of(node: Any, wanted: Optional[Sequence[int]] = None) -> list[JobPlan]:
    """The jobs of a node. A node without instances first gets those of its connected masks.

    Args:
        wanted: frames of the script; None = those that the node says.

    Raises:
        HostError: something is missing; one sentence.
    """
    identity.check_in(node)
    state = read.node_state(node)
    if not state.rows:
        apply.rows(node, instances.found_rows(state, node["objects"].value()))
        state = read.node_state(node)
    return shot.plans(state, wanted)


def prepare(node: Any, plans: Sequence[JobPlan]) -> None:
    """Make what jobs need: folders, layers and rendered inputs.

    Raises:
        HostError: something is in the way; one sentence.
    """
    with _failing(node):
        apply.folders(plans)
        apply.plan(node, plans[0])
        for plan in plans:
            for each in plan.renders:
                apply.status(node, f"rendering {each.label}: {each.why}")
                render_inputs.render(node, each)


def matte(node: Any, wanted: Optional[Sequence[int]] = None, *, interactive: bool = False) -> None:
    """Matte frames of a node: in a thread when Nuke has windows, else wait for the end.

    Raises:
        HostError: something is missing, or the job failed and Nuke has no windows; one sentence.
    """
    if any(run.name == node.fullName() and run.interactive == interactive for run in _under_way):
        raise HostError("it is being matted already: wait, or press Cancel first")
    plans = plans_of(node, wanted)
    find_python(read.path_or_name(node["python"]))  # raises before anything is rendered
    prepare(node, plans)
    run = NodeJobs(node, plans, interactive=interactive)
    if nuke.GUI:
        apply.status(node, run.progress.text)
        with _failing(node):
            run.start()
        return
    progress = run.wait()
    apply.status(node, progress.text, state=progress.short)
    run.offer_devices()
    if progress.done:
        apply.reload(node)
    if progress.state != "done":
        raise HostError(summary(progress))


@contextmanager
def _failing(node: Any) -> Iterator[None]:
    """Let the node say an error, in place of what it was doing."""
    try:
        yield
    except HostError as error:
        apply.status(node, str(error), state="failed")
        raise


def cancel(node: Any = None) -> bool:
    """Cancel the jobs of one node, or of all; returns whether there was any."""
    found = [run for run in _under_way if node is None or run.name == node.fullName()]
    for run in found:
        run.cancel()
    return bool(found)


def under_way() -> list[NodeJobs]:
    """The jobs that run now."""
    return list(_under_way)


def host(node: Any) -> WorkerSession:
    """The connection to the worker of a node's jobs: one for each Python."""
    python = read.path_or_name(node["python"])
    if python not in _hosts:
        _hosts[python] = WorkerSession(f"Nuke {nuke.NUKE_VERSION_STRING}", python=python)
    return _hosts[python]


@atexit.register
def close() -> None:
    """Close the connections to the workers."""
    for each in _hosts.values():
        each.close()
    _hosts.clear()
