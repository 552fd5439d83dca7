"""Tries again what failed on a disk or network drive that fails for moments."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from maggie_api.errors import FrameError, OutputError

V = TypeVar("V")

WAITS_S = (0.1, 0.3, 1.0, 2.0, 4.0)
"""Times between tries, 7.4 s in all: a switch that restarts takes seconds, and a frame on a drive that is
gone must not hold up a farm for long."""
TRIES_OF_READABLE = 2
"""Tries after which a file is damaged that can be read by plain means each time."""
PASSING = frozenset(
    getattr(errno, name)
    for name in (
        "EIO", "ESTALE", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENETRESET",
        "ECONNRESET", "ECONNABORTED", "ENOTCONN", "EREMOTEIO", "EAGAIN", "ENOLCK",
    )
    if hasattr(errno, name)
)  # fmt: skip
"""Errors of a drive that may be over in a moment; a file that is missing or forbidden stays so."""


class UnreadableError(FrameError):
    """A file of pictures that is there cannot be read: it is damaged, or its disk fails."""


def patiently(path: Path, read: Callable[[], V]) -> V:
    """What `read` returns of a file; it is called again where the file's disk fails for a moment.

    Whether it is the disk is found out by reading the file by plain means: libraries do not say.

    Raises:
        UnreadableError: the file is damaged, or its disk fails for longer than all waits together.
    """
    folder = path.parent
    waits, tries, readable = iter(() if _is_given_up(folder) else WAITS_S), 0, 0
    while True:
        try:
            return read()
        except (UnreadableError, OSError) as error:
            tries += 1
            trouble = _trouble_with(path)
            if trouble is None and readable == TRIES_OF_READABLE - 1:
                raise
            if trouble is None:
                readable += 1
                continue
            if trouble.errno not in PASSING:
                raise
            wait = next(waits, None)
            if wait is None:
                _given_up[folder] = time.monotonic()
                reason = (trouble.strerror or str(trouble)).lower()
                raise UnreadableError(
                    f"{path} cannot be read ({reason}, at {tries} tries): check its "
                    "disk or network, then run again"
                ) from error
        time.sleep(wait)


def looked(ask: Callable[[], V]) -> V:
    """What `ask` finds out of a folder or a name; it asks again where their drive fails for a moment.

    Raises:
        OSError: it fails for longer, or for another reason.
    """
    return _again(ask, WAITS_S)


def written(folder: Path, write: Callable[[], V]) -> V:
    """What `write` returns, which writes into a folder; it is called again where the folder's drive fails for
    a moment.

    Raises:
        OutputError: it fails for longer, or for another reason.
    """
    try:
        return _again(write, () if _is_given_up(folder) else WAITS_S)
    except OutputError as error:
        if _may_pass(error):
            _given_up[folder] = time.monotonic()
        raise


def _again(do: Callable[[], V], waits_s: Sequence[float]) -> V:
    for wait_s in waits_s:
        try:
            return do()
        except (OSError, OutputError) as error:
            if not _may_pass(error):
                raise
        time.sleep(wait_s)
    return do()


def _may_pass(error: OSError | OutputError) -> bool:
    """Whether an error comes from a drive that may work again in a moment."""
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, OSError):
        return cause.errno in PASSING
    return any(os.strerror(number) in str(error) for number in PASSING)


GIVEN_UP_S = 60.0
"""How long the other files of a folder are not waited for whose drive has failed for all waits."""
_given_up: dict[Path, float] = {}


def _is_given_up(folder: Path) -> bool:
    return time.monotonic() - _given_up.get(folder, -GIVEN_UP_S) < GIVEN_UP_S


_read_whole: dict[Path, tuple[int, int]] = {}
"""Size and time of the files that were read to their end: a movie of many damaged frames is read so once."""


def _trouble_with(path: Path) -> OSError | None:
    """Why the system cannot read a file to its end, or no more its beginning; None where it can."""
    try:
        there = path.stat()
        stamp = there.st_size, there.st_mtime_ns
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 20) and _read_whole.get(path) != stamp:
                pass
    except OSError as error:
        return error
    _read_whole[path] = stamp
    return None
