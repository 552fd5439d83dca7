"""Files a farm can trust: written beside their name, flushed to the disk, then renamed."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Literal

from maggie_api.errors import OutputError
from maggie_api.text import phrase
from maggie_core.runtime.processes import is_running


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Write a file that appears under `path` only when it is complete.

    The folder is created. The body writes to the temporary path it is given, in the same folder and without
    the file's extension, so that no sequence search takes it for a frame. When the body ends well the file is
    flushed and renamed to `path`; when it ends in any other way, ctrl-C included, the temporary file is
    removed and what was at `path` before is untouched.

    Raises:
        OutputError: the folder or the file cannot be written (permission, disk full, ...).
    """
    path = Path(path)
    # Short and independent of the target's name, which may already be as long as the file system allows.
    temporary = path.parent / own_name("tmp")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            sweep(path.parent)
            if path.is_dir():
                raise OutputError(f"cannot write {path}: a folder of that name is there")
            yield temporary
            _flush(temporary)
            os.replace(temporary, path)
            _flush_folder(path.parent)
        except OSError as error:
            raise cannot_write(path, error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file of text, as UTF-8, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def own_name(suffix: str) -> str:
    """A new hidden name that says which process it belongs to; `owner_of` reads it."""
    return f".maggie-{_machine()}-{os.getpid()}-{secrets.token_hex(6)}.{suffix}"


Owner = Literal["this process", "running", "gone", "another machine's"]


def owner_of(name: str, suffix: str) -> Owner | None:
    """The process that a name of `own_name` belongs to; None where it is another name."""
    found = _OWN.fullmatch(name)
    if found is None or found[3] != suffix:
        return None
    if found[1] != _machine():
        return "another machine's"
    if int(found[2]) == os.getpid():
        return "this process"
    return "running" if is_running(int(found[2])) else "gone"


_OWN = re.compile(r"\.maggie-([0-9a-f]{8})-(\d{1,9})-[0-9a-f]{12}\.([a-z]+)")
_SWEEP_EVERY_S = 60.0
"""Seconds between two looks into one folder for what killed processes have left."""
_STRANGE_S = 86_400.0
"""Age at which the unfinished file of another machine, or of a process whose number is in use again, goes."""
_swept: dict[Path, float] = {}


def sweep(folder: Path) -> None:
    """Remove unfinished files of processes that are gone: killed ones leave theirs."""
    now = time.monotonic()
    if now - _swept.get(folder, -_SWEEP_EVERY_S) < _SWEEP_EVERY_S:
        return
    _swept[folder] = now
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            owner = owner_of(entry.name, "tmp")
            if owner is None:
                continue
            with suppress(OSError):
                if owner == "gone" or time.time() - entry.stat().st_mtime > _STRANGE_S:
                    os.unlink(entry.path)


@cache
def _machine() -> str:
    """8 hex digits of the machine and, in a container, of its numbering of processes."""
    try:
        numbering = os.readlink("/proc/self/ns/pid")
    except OSError:
        numbering = ""
    return hashlib.blake2b(f"{platform.node()} {numbering}".encode(), digest_size=4).hexdigest()


def cannot_write(path: Path, reason: str) -> OutputError:
    """The error for a file that could not be written: one sentence with the remedy."""
    low = reason.lower()
    todo = "check the folder and try again"
    if any(word in low for word in ("space", "quota", "too large")):
        todo = "free some space or choose another folder, then run again"
    elif low in ("file exists", "not a directory"):
        return OutputError(f"cannot write {path}: {path.parent} is no folder: name another one")
    elif any(word in low for word in ("permission", "read-only", "not permitted")):
        todo = "ask for write permission or choose another folder"
    return OutputError(f"cannot write {path} ({reason}): {todo}")


def reason_for(temporary: Path, said: str) -> str:
    """A library's message as a phrase, without the temporary name it knows the file by."""
    return phrase(said.replace(str(temporary), "the file"), most=120) or "unknown reason"


def system_reason(temporary: Path, size_bytes: int) -> str:
    """Why `size_bytes` could not be written to `temporary`, where a library keeps it to itself; else "".

    Writing as much by plain means makes the operating system say it.
    """
    try:
        with temporary.open("wb") as file:
            block = bytes(1 << 20)
            for _ in range(size_bytes // len(block) + 1):
                file.write(block)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_folder(folder: Path) -> None:
    # The rename itself is on the disk only once the folder is. Some network and Windows file systems refuse
    # to open a folder; the file is whole there all the same.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
