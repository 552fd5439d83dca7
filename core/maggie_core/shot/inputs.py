"""The one account of a shot's inputs: what was read, told by digests taken while it was read.

A file may be repainted while a job runs. So the digest that stands for a frame is that of the very bytes its
pixels came from, and a matte that was made from two versions of a frame is never taken for one made from
either.
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


class InputAccount:
    """Digests of every frame that was read, by kind. Several threads may note at once."""

    def __init__(self) -> None:
        self._noted: dict[tuple[str, int], list[str]] = {}
        self._lock = threading.Lock()

    def read(self, frame: int, digests: Callable[[], Mapping[str, str]], read: Callable[[], V]) -> V:
        """What `read` returns, its files noted as they were while it read them.

        Args:
            frame: whose files are read.
            digests: the files' digests as they are now, by kind.
            read: reads them; what it raises goes on, unless the files have changed meanwhile.

        Raises:
            FrameError: the files change whenever they are read.
        """
        for _ in range(READS):
            before = dict(digests())
            try:
                value = read()
            except (InputError, OSError):
                if dict(digests()) == before:
                    raise
                continue
            if dict(digests()) == before:
                self.note(frame, before)
                return value
        raise FrameError(
            f"the files of frame {frame} change while they are read: wait until they are written"
        )

    def note(self, frame: int, digests: Mapping[str, str]) -> None:
        """Note digests of a frame that something was made from."""
        with self._lock:
            for kind, digest in digests.items():
                known = self._noted.setdefault((kind, frame), [])
                if digest not in known:
                    known.append(digest)

    def digest(self, kind: str, frame: int) -> str | None:
        """Digest of what was read of a frame, None when nothing was; of several versions, one text that is
        the digest of no file."""
        with self._lock:
            known = self._noted.get((kind, frame))
        return None if not known else " then ".join(known)
