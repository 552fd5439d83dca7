"""When a job may be paused or cancelled."""

from __future__ import annotations

from collections.abc import Callable


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
