"""How other threads reach the main one: a queue that the program's event loop empties."""

from __future__ import annotations

import threading
import traceback
from typing import Any, Callable

from . import _state


def _put(call: Callable, args: Any, kwargs: dict, event: Any) -> _state.Call:
    session = _state.session()
    queued = _state.Call(call, args if isinstance(args, tuple) else (args,), kwargs, event)
    with session.queued:
        session.queue.append(queued)
        session.queued.notify_all()
    return queued


def executeInMainThread(call: Callable, args: Any = (), kwargs: Any = {}) -> None:
    _put(call, args, kwargs, None)


def executeInMainThreadWithResult(call: Callable, args: Any = (), kwargs: Any = {}) -> Any:
    """The call's result; None, and a printed traceback, where it raises."""
    session = _state.session()
    if threading.get_ident() == session.main:
        raise session.crash("executeInMainThreadWithResult in the main thread waits for itself for ever")
    if session.mode != "gui":
        raise session.crash("executeInMainThreadWithResult without an event loop (-t, -x) waits for ever")
    event = threading.Event()
    queued = _put(call, args, kwargs, event)
    while not event.wait(0.2):
        if _state.session() is not session:
            raise _state.Crash("Nuke ended, and this call waits for ever")
    if queued.error is None:
        return queued.result
    trace = "".join(traceback.format_exception(type(queued.error), queued.error, queued.error.__traceback__))
    session.record.tracebacks.append(trace)
    traceback.print_exception(type(queued.error), queued.error, queued.error.__traceback__)
    return None
