"""The one account of a shot's inputs: what was read, told by digests taken while it was read.

A file may be repainted while a job runs. So the digest that stands for a frame is that of the very bytes its
pixels came from. A chain in which a frame shows two versions is begun anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from maggie_api.errors import FrameError, InputError

V = TypeVar("V")

READS = 4
"""Times a frame is read whose files change while it is read."""
KINDS = ("plate", "guidance", "pins")
"""What the digests of a frame are of."""


class InputsChangedError(Exception):
    """A frame that was read before is another one now."""

    def __init__(self, frame: int) -> None:
        super().__init__(f"the files of frame {frame} have changed since they were read")
        self.frame = frame


class UnreadableFrameError(Exception):
    """A frame's own files cannot be used."""

    def __init__(self, frame: int, error: InputError | OSError) -> None:
        super().__init__(str(error))
        self.frame, self.error = frame, error


class InputAccount:
    """Digests, by kind, of every frame that was read for one chain. Several threads may note at once."""

    def __init__(self) -> None:
        self._noted: dict[int, dict[str, str]] = {}
        self._lock = threading.Lock()

    def read(self, frame: int, digests: Callable[[], Mapping[str, str]], read: Callable[[], V]) -> V:
        """What `read` returns, its files noted as they were while it read them.

        Args:
            frame: whose files are read.
            digests: the files' digests as they are now, by kind.
            read: reads them.

        Raises:
            InputsChangedError: it was read before, and was another one then.
            UnreadableFrameError: `read` failed, or the files change whenever they are read.
        """
        for _ in range(READS):
            before = dict(digests())
            failed: InputError | OSError | None = None
            value: V | None = None
            try:
                value = read()
            except (InputError, OSError) as error:
                failed = error
            if dict(digests()) != before:
                continue
            self.note(frame, before)
            if failed is not None:
                raise UnreadableFrameError(frame, failed)
            return value  # type: ignore[return-value]
        always = FrameError(
            f"the files of frame {frame} change while they are read: wait until they are written"
        )
        raise UnreadableFrameError(frame, always)

    def note(self, frame: int, digests: Mapping[str, str]) -> None:
        """Note digests of a frame that something is made from.

        Raises:
            InputsChangedError: others were noted before.
        """
        with self._lock:
            known = self._noted.setdefault(frame, {})
            for kind, digest in digests.items():
                if known.setdefault(kind, digest) != digest:
                    raise InputsChangedError(frame)

    def of(self, frame: int) -> dict[str, str]:
        """Digests of what was read of a frame, by kind; empty when nothing was."""
        with self._lock:
            return dict(self._noted.get(frame, {}))
