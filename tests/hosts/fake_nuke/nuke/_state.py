"""What one running Nuke knows: its mode, its main thread, its script, and what a test may look at."""

from __future__ import annotations

import functools
import threading
from collections import deque
from typing import Any, Callable, Optional


class Crash(BaseException):
    """The real program would crash or hang here. No `except Exception` hides it."""


class Record:
    """What the artist (or the terminal) was shown, in order."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        """(kind, text); kind is message, ask, alert, critical, warning, error, debug, tprint or script."""
        self.tasks: list[Any] = []
        """Every ProgressTask ever made, with its `record`."""
        self.tracebacks: list[str] = []
        """Exceptions that Nuke prints and forgets: in queued calls, in callbacks nobody waits for."""
        self.crashes: list[str] = []
        """A test ends with `assert not record.crashes`."""
        self.rendered: list[tuple[str, int, str]] = []
        """(full name of the Write, frame, view), in order."""

    def texts(self, kind: str) -> list[str]:
        return [text for of, text in self.messages if of == kind]


class Call:
    """One call that waits for the main thread."""

    def __init__(self, call: Callable, args: tuple, kwargs: dict, event: Optional[threading.Event]) -> None:
        self.call, self.args, self.kwargs, self.event = call, args, kwargs, event
        self.result: Any = None
        self.error: Optional[BaseException] = None


class Session:
    def __init__(self, mode: str, version: tuple[int, int, int], arguments: list[str]) -> None:
        self.mode = mode
        self.version = version
        self.arguments = arguments
        self.main = threading.get_ident()
        self.record = Record()
        self.answers: list[Any] = []
        """What the artist will answer to nuke.ask, getInput, getFilename…, in order."""
        self.cancel_tasks: Optional[Callable[[Any], bool]] = None
        """Asked with the task at each isCancelled(): whether the artist has clicked Cancel."""
        self.cancel_render: Optional[Callable[[int], bool]] = None
        """Asked with the frame before it is rendered by nuke.execute."""
        self.render_cancelled = False
        self.read_offset_sign = -1
        """frame_mode `offset` of a Read: -1 reads file frame - offset (later), 1 frame + offset. Nobody here
        has seen it; a test may play both."""
        self.nested_execute = False
        """Whether nuke.execute works in beforeRender and afterRender: told, never seen here."""
        self.queue: deque[Call] = deque()
        self.queued = threading.Condition()
        self.plugin_path: list[str] = []
        self.menus: dict[str, Any] = {}
        self.defaults: dict[str, str] = {}
        self.frame = 1
        self.this: list[tuple[Any, Any]] = []
        """(node, knob) of the callbacks that run now, innermost last."""
        self.contexts: list[Any] = []
        self.root: Any = None
        self.modified = False
        self.undos: list[str] = []
        """What the artist can take back, in order: names of groups, and changes that stand alone."""
        self.undo_open: list[str] = []
        self.undo_off = 0
        self.undo_changed = False
        self.loading = 0
        self.executing = 0
        self.clipboard = ""

    def changed(self, what: str) -> None:
        """Something that an undo would take back."""
        if self.loading or self.undo_off:
            return
        if self.undo_open:
            self.undo_changed = True
        else:
            self.undos.append(what)

    def crash(self, what: str) -> Crash:
        self.record.crashes.append(what)
        return Crash(what)

    def must_be_main(self, what: str) -> None:
        if threading.get_ident() != self.main:
            thread = threading.current_thread().name
            raise self.crash(f"{what} in thread {thread}: only the main thread may touch the script")


_session: Optional[Session] = None
callback_tables: list[dict] = []


def session() -> Session:
    assert _session is not None
    return _session


def start(mode: str, version: tuple[int, int, int], arguments: list[str]) -> Session:
    global _session
    _session = Session(mode, version, arguments)
    for table in callback_tables:
        table.clear()
    return _session


def main_thread(function: Callable) -> Callable:
    """A function of the module that only the main thread may call."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        session().must_be_main(f"nuke.{function.__name__}")
        return function(*args, **kwargs)

    return guarded


class Guarded:
    """Objects of the script: every public attribute belongs to the main thread."""

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            session().must_be_main(f"{type(self).__name__}.{name}")
        return object.__getattribute__(self, name)
