# SPDX-License-Identifier: GPL-3.0-or-later
"""The work that is under way, one piece at a time: a timer steps it in a window, a loop without one.

Work is a generator. Each step does a little, says how far the work is, and never waits. So the window stays
responsive, and the Blender of a farm, where timers do not fire, runs the same code.
"""

from __future__ import annotations

import time
from collections.abc import Generator

import bpy

from .maggie_api.client.host_client import Progress
from .maggie_api.errors import HostError, InputError

EVERY_S = 0.1
"""Seconds between two steps: often enough for a progress bar, seldom enough to cost nothing."""
Work = Generator[Progress, None, None]


class _State:
    """Belongs to this Blender process, not to a file: nothing here is saved."""

    work: Work | None = None
    progress: Progress | None = None
    stopping = False


def start(work: Work, *, blocking: bool) -> Progress | None:
    """Begin `work`.

    Args:
        blocking: run it to its end here, and return its last progress; else a timer runs it.

    Raises:
        HostError: other work is under way.
    """
    if is_busy():
        raise HostError("MaGGIe is at work: cancel it first, or wait")
    _State.work, _State.stopping = work, False
    _State.progress = Progress("waiting", text="starting")
    if not blocking:
        bpy.app.timers.register(tick, first_interval=0.0, persistent=True)
        return None
    try:
        while tick() is not None:
            time.sleep(EVERY_S)
    finally:
        close_work()
    return _State.progress


def tick() -> float | None:
    """Do the next step. A timer of Blender's calls this.

    Returns:
        Seconds until the next step; None when the work has ended.
    """
    if _State.work is None:
        return None
    try:
        _State.progress = next(_State.work)
    except StopIteration:
        _State.work = None
    except InputError as error:
        _end(Progress("failed", text=str(error), errors=(str(error),)))
    except Exception as error:
        _end(Progress("failed", text=f"a defect of the extension: {error!r}", errors=(repr(error),)))
        raise
    finally:
        _redraw()
    return None if _State.work is None else EVERY_S


def cancel() -> None:
    """Ask the work to end; it does so at one of its next steps."""
    _State.stopping = True


def is_stopping() -> bool:
    """Whether the work was asked to end."""
    return _State.stopping


def is_busy() -> bool:
    """Whether work is under way."""
    return _State.work is not None


def progress() -> Progress | None:
    """How far the work is; when none is under way, how the last one ended."""
    return _State.progress


def show_error(text: str) -> None:
    """Show an error in the place of the progress, unless work is under way."""
    if not is_busy():
        _State.progress = Progress("failed", text=text, errors=(text,))
    _redraw()


def close_work() -> None:
    """End the work now, at whichever step it is."""
    work, _State.work = _State.work, None
    if work is not None:
        work.close()


def close() -> None:
    """End the work and its timer, and forget how it went."""
    close_work()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    _State.progress = None


def _end(progress: Progress) -> None:
    _State.work, _State.progress = None, progress


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "NODE_EDITOR":
                area.tag_redraw()
