"""Nodes belong to the main thread. What other threads want of them goes through here, exceptions included."""

from __future__ import annotations

import threading
from typing import Any, Callable

import nuke

MAIN = threading.get_ident()
"""Nuke runs init.py, and with it this, in its main thread."""


def on_main(call: Callable[..., Any], *args: Any) -> Any:
    """Run `call` in the main thread and wait for it; what it returns or raises comes back.

    Nuke itself prints an exception there and returns None, and waits for ever when it is called from the
    main thread.
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
