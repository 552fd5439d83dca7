"""Jobs under way: in a thread with a progress bar where there are windows, else waited for."""

from __future__ import annotations

import atexit
import threading
import time
import traceback
from collections.abc import Sequence
from typing import Any, Optional

import nuke

from maggie_node.hosting import Follow, Host, HostError, Progress, find_python

from . import apply, plates, read, shot
from .main_thread import on_main
from .shot import Plan

LOOK_S = 0.1
RELOAD_S = 2.0
"""How often the viewer is shown what is new."""
TELL_S = 10.0
"""How often a terminal is told how far it is."""
_under_way: list[Run] = []
_hosts: dict[str, Host] = {}


class Run:
    """The jobs of one node, followed to their end."""

    def __init__(self, node: Any, plans: Sequence[Plan], *, interactive: bool):
        self.node, self.plans, self.interactive = node, tuple(plans), interactive
        self.name = node.fullName()
        self.progress = Progress("waiting")
        self._host = host(node)
        self._cancel = threading.Event()
        self._shown = 0.0

    def cancel(self) -> None:
        """Ask for the end; never waits."""
        self._cancel.set()

    def start(self) -> None:
        """Go on in a thread.

        Raises:
            HostError: no Python with maggie-node is known.
        """
        follow = self._submit(self.plans[0])
        _under_way.append(self)
        threading.Thread(target=self._thread, args=(follow,), name=f"MaGGIe {self.name}", daemon=True).start()

    def wait(self) -> Progress:
        """Go on here, to the end; tells the terminal how far it is.

        Raises:
            HostError: no Python with maggie-node is known.
        """
        told = time.monotonic()

        def tick(progress: Progress) -> Optional[bool]:
            nonlocal told
            if time.monotonic() - told > TELL_S or progress.over:
                told = time.monotonic()
                nuke.tprint(f"{self.name}: {progress.text}")
            return None

        for plan in self.plans:
            self.progress = self._submit(plan).wait(tick, every_s=LOOK_S)
            if self.progress.state != "done":
                break
        return self.progress

    def _submit(self, plan: Plan) -> Follow:
        return self._host.submit(plan.job, interactive=self.interactive)

    def _thread(self, follow: Follow) -> None:
        try:
            self._follow(follow)
        except ValueError:  # what a node says that was deleted: its job ends with it
            follow.cancel()
        except Exception:
            follow.cancel()
            traceback.print_exc()
        finally:
            _under_way.remove(self)

    def _follow(self, follow: Follow) -> None:
        task = nuke.ProgressTask(f"MaGGIe: {self.name}")
        for index, plan in enumerate(self.plans):
            if index:
                follow = self._submit(plan)
            try:
                self._one(follow, task)
            except BaseException:
                follow.cancel()
                raise
            if self.progress.state != "done":
                break
        on_main(self._end)

    def _one(self, follow: Follow, task: Any) -> None:
        """One job to its end."""
        asked = False
        while True:
            progress = follow.poll()
            task.setMessage(progress.text)
            task.setProgress(int(100 * progress.fraction))
            if not asked and (task.isCancelled() or self._cancel.is_set()):
                asked = True
                follow.cancel()
            if progress != self.progress:
                mattes = progress.done != self.progress.done
                self.progress = progress
                on_main(self._show, mattes)
            if progress.over:
                return
            time.sleep(LOOK_S)

    def _show(self, mattes: bool) -> None:
        apply.status(self.node, self.progress.text)
        if mattes and time.monotonic() - self._shown > RELOAD_S:
            self._shown = time.monotonic()
            apply.reload(self.node)

    def _end(self) -> None:
        apply.status(self.node, " ".join((self.progress.text, *self.progress.warnings)))
        if self.progress.done:
            apply.reload(self.node)
        if self.progress.state == "failed":
            nuke.message(f"{self.name}: {summary(self.progress)}")


def summary(progress: Progress) -> str:
    """What to say of a job that failed."""
    more = [error for error in progress.errors if error not in progress.text]
    return "\n".join((progress.text, *more))


def planned(node: Any, wanted: Optional[Sequence[int]] = None) -> list[Plan]:
    """The jobs of a node; its instances are looked for where it has none.

    Args:
        wanted: script frames; None = those the node says.

    Raises:
        HostError: something is missing; one sentence.
    """
    asked = read.asked(node)
    if not asked.rows:
        apply.rows(node, shot.found_rows(asked, node["objects"].value()))
        asked = read.asked(node)
    return shot.plans(asked, wanted)


def prepare(node: Any, plans: Sequence[Plan]) -> None:
    """What jobs need: layers made, folders there, inputs rendered.

    Raises:
        HostError: something is in the way; one sentence.
    """
    apply.folders(plans)
    apply.plan(node, plans[0])
    for plan in plans:
        for each in plan.renders:
            apply.status(node, f"rendering {each.input}: {each.why}")
            plates.render(node, each)


def matte(node: Any, wanted: Optional[Sequence[int]] = None, *, interactive: bool = False) -> None:
    """Matte frames of a node: in a thread where there are windows, else here and now.

    Raises:
        HostError: something is missing, or (without windows) the job failed; one sentence.
    """
    if any(run.name == node.fullName() and run.interactive == interactive for run in _under_way):
        raise HostError("it is being matted already: wait, or press Cancel first")
    plans = planned(node, wanted)
    find_python(read.path_or_name(node["python"]))  # said before anything is rendered
    prepare(node, plans)
    run = Run(node, plans, interactive=interactive)
    if nuke.GUI:
        apply.status(node, run.progress.text)
        run.start()
        return
    progress = run.wait()
    apply.status(node, progress.text)
    if progress.done:
        apply.reload(node)
    if progress.state != "done":
        raise HostError(summary(progress))


def cancel(node: Any = None) -> bool:
    """Cancel what is under way, of one node or of all; returns whether there was anything."""
    found = [run for run in _under_way if node is None or run.name == node.fullName()]
    for run in found:
        run.cancel()
    return bool(found)


def under_way() -> list[Run]:
    """What runs now."""
    return list(_under_way)


def host(node: Any) -> Host:
    """The worker that a node's jobs go to: one for each Python."""
    python = read.path_or_name(node["python"])
    if python not in _hosts:
        _hosts[python] = Host(f"Nuke {nuke.NUKE_VERSION_STRING}", python=python)
    return _hosts[python]


@atexit.register
def close() -> None:
    """Let go of the workers."""
    for each in _hosts.values():
        each.close()
    _hosts.clear()
