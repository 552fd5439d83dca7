# SPDX-License-Identifier: GPL-3.0-or-later
"""What is under way, one thing at a time: stepped by a timer in the window, in a loop without one.

Work is a generator: it does a little, says how far it is, and never waits. So the window stays alive, and a
farm's Blender, whose timers never fire, runs the same code.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import bpy

from .maggie_node.hosting import Host, HostError, Progress

EVERY_S = 0.1
Work = Iterator[Progress]


class _Now:
    """Of this Blender, not of a file: nothing here is saved."""

    work: Work | None = None
    progress: Progress | None = None
    stopping = False
    host: Host | None = None
    host_python = ""


def start(work: Work, *, blocking: bool) -> Progress | None:
    """Begin `work`, and with `blocking` bring it to its end.

    Raises:
        HostError: something is under way already.
    """
    if is_busy():
        raise HostError("MaGGIe is at work: cancel it first, or wait")
    _Now.work, _Now.stopping = work, False
    _Now.progress = Progress("waiting", text="starting")
    if not blocking:
        bpy.app.timers.register(tick, first_interval=0.0, persistent=True)
        return None
    try:
        while tick() is not None:
            time.sleep(EVERY_S)
    finally:
        close_work()
    return _Now.progress


def tick() -> float | None:
    """Do the next step; seconds to the one after it, None when there is none. It is a timer of Blender's."""
    if _Now.work is None:
        return None
    try:
        _Now.progress = next(_Now.work)
    except StopIteration:
        _Now.work = None
    except HostError as error:
        _end(Progress("failed", text=str(error), errors=(str(error),)))
    except Exception as error:
        _end(Progress("failed", text=f"a defect of the extension: {error!r}", errors=(repr(error),)))
        raise
    finally:
        _redraw()
    return None if _Now.work is None else EVERY_S


def cancel() -> None:
    """Ask what is under way to end; it does so at one of its next steps."""
    _Now.stopping = True


def is_stopping() -> bool:
    return _Now.stopping


def is_busy() -> bool:
    return _Now.work is not None


def progress() -> Progress | None:
    """Of what is under way, or was last."""
    return _Now.progress


def say(text: str) -> None:
    """Show an error where the progress is shown."""
    if not is_busy():
        _Now.progress = Progress("failed", text=text, errors=(text,))
    _redraw()


def host() -> Host:
    """The worker's other end: shared with other hosts in a window, our own child in a farm's Blender."""
    from .prefs import python

    wanted = python()
    if _Now.host is None or _Now.host_python != wanted:
        close_host()
        name = f"Blender {bpy.app.version_string}"
        _Now.host = Host(name, python=wanted, shared=not bpy.app.background)
        _Now.host_python = wanted
    return _Now.host


def close_work() -> None:
    """End what is under way, whatever it does."""
    work, _Now.work = _Now.work, None
    if work is not None:
        work.close()


def close_host() -> None:
    if _Now.host is not None:
        _Now.host.close()
        _Now.host = None


def close() -> None:
    """Leave nothing behind."""
    close_work()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    close_host()
    _Now.progress = None


def _end(progress: Progress) -> None:
    _Now.work, _Now.progress = None, progress


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "NODE_EDITOR":
                area.tag_redraw()
