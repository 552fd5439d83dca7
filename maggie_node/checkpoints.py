"""When a job may be paused or cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from maggie_api.errors import Cancelled

_here = threading.local()


@contextmanager
def undisturbed() -> Iterator[None]:
    """A short step that no signal ends in its middle: what it does, notes and tells belongs together.

    Raises:
        Cancelled: at its end, where a signal came meanwhile; at once at the second.
    """
    _here.stopped, _here.inside = False, True
    try:
        yield
    finally:
        _here.inside = False
    if _here.stopped:
        raise Cancelled


def stop_now() -> None:
    """End what this thread does, for a handler of signals; a step that is undisturbed may end first.

    Raises:
        Cancelled: no such step is under way, or it was told before: it may wait for a reader of events.
    """
    if not getattr(_here, "inside", False) or _here.stopped:
        raise Cancelled
    _here.stopped = True


class Checkpoint:
    """Calls the caller's checkpoint once for each frame that is read.

    While a file is being written the call is put off: a job that waits at a checkpoint has reported every
    file it has written.
    """

    def __init__(self, checkpoint: Callable[[], None]) -> None:
        self._checkpoint, self._due = checkpoint, False
        self.report_written: Callable[[], bool] = lambda: True
        """Reports the file that was written last; False while it is still being written."""

    def __call__(self, reads: bool) -> None:
        self._due |= reads
        if self.report_written():
            self.catch_up()

    def catch_up(self) -> None:
        """Make the call that was put off, if there is one; nothing may be unreported."""
        if self._due:
            self._due = False
            self._checkpoint()
