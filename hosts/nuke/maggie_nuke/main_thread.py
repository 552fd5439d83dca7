"""What changes nodes: calls from other threads into Nuke's main thread, and what the artist can undo."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def one_undo(name: str) -> Iterator[None]:
    """Changes that the artist takes back by one undo."""
    nuke.Undo.begin()
    nuke.Undo.name(name)
    try:
        yield
    finally:
        nuke.Undo.end()


@contextmanager
def no_undo() -> Iterator[None]:
    """Changes that are no act of the artist's, such as the progress of a job."""
    nuke.Undo.disable()
    try:
        yield
    finally:
        nuke.Undo.enable()


def _outcome(call: Callable[..., Any], args: Any) -> Any:
    try:
        return call(*args), None
    except Exception as error:
        return None, error
