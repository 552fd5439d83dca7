"""Calls from other threads into Nuke's main thread, the only one that may touch nodes."""

from __future__ import annotations

import threading
from typing import Any, Callable

import nuke

MAIN = threading.get_ident()
"""The main thread: Nuke runs init.py, which imports this module, in it."""


def on_main(call: Callable[..., Any], *args: Any) -> Any:
    """Run `call` in the main thread and wait for it; returns what it returns and raises what it raises.

    Nuke's own function prints an exception and returns None, and never returns when the main thread calls it.

    Raises:
        RuntimeError: the main thread did not answer.
    """
    if threading.get_ident() == MAIN:
        return call(*args)
    said = nuke.executeInMainThreadWithResult(_outcome, (call, args))
    if said is None:
        raise RuntimeError("Nuke's main thread did not answer")
    value, error = said
    if error is not None:
        raise error
    return value


def _outcome(call: Callable[..., Any], args: Any) -> Any:
    try:
        return call(*args), None
    except Exception as error:
        return None, error
