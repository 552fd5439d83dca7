"""The folder of a shared worker: it is private to the user and holds address, lock and log.

Standard library only, Python 3.9: hosts import this.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Optional

from .. import serialization
from ..errors import DocumentError, FolderError

ADDRESS, LOCK, LOG, SOCKET = "worker.json", "worker.lock", "worker.log", "worker.sock"
SOCKET_PATH_BYTES = 100
"""Longest path of a Unix socket: the systems allow 108 bytes on Linux and 104 on macOS, with the final 0."""


@dataclass(frozen=True)
class Address:
    """Address of a folder's worker: a socket, or a port and a token."""

    pid: int
    version: str
    """Of maggie-node."""
    socket: Optional[str] = None
    port: Optional[int] = None
    """On 127.0.0.1."""
    token: Optional[str] = None


def default_folder() -> Path:
    """The folder for a worker of this user: in the session's runtime folder, else in the temporary folder."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or tempfile.gettempdir()
        return Path(local) / "maggie-node"
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime) and os.path.isdir(runtime) and os.stat(runtime).st_uid == os.getuid():
        return Path(runtime) / "maggie-node"
    return Path(tempfile.gettempdir()) / f"maggie-node-{os.getuid()}"


def private_folder(folder: Path) -> Path:
    """`folder`, made if it does not exist, and checked to be private to this user.

    Raises:
        FolderError: it cannot be made, is no folder, or other users may enter it.
    """
    folder = folder.absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FolderError(f"{folder}: {reason}: name a folder for the worker with --at") from None
    if not stat.S_ISDIR(found.st_mode):
        raise FolderError(f"{folder} is no folder: name another one for the worker")
    if sys.platform != "win32":
        if found.st_uid != os.getuid():
            raise FolderError(f"{folder} belongs to somebody else: name a folder of your own for the worker")
        if found.st_mode & 0o077:
            raise FolderError(
                f"{folder} is open to others (mode {found.st_mode & 0o777:o}): chmod 700 it, or name another"
            )
    return folder


def write_address(folder: Path, address: Address) -> None:
    """Write the address file, readable by this user only, whole or not at all."""
    temporary = folder / f".{ADDRESS}.{os.getpid()}.tmp"
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(serialization.to_data(address), file)
    os.replace(temporary, folder / ADDRESS)


def read_address(folder: Path) -> Optional[Address]:
    """The address in `folder`; None when there is none, or none that can be read."""
    try:
        return serialization.from_data(
            Address, json.loads((folder / ADDRESS).read_text(encoding="utf-8")), ADDRESS
        )
    except (OSError, ValueError, DocumentError):
        return None


def connect(folder: Path, *, timeout_s: float) -> Optional[tuple[socket.socket, Address]]:
    """A connection to the worker of `folder`, before hello; None when none listens there.

    Raises:
        FolderError: the folder is not this user's alone.
    """
    if not folder.exists():
        return None
    folder = private_folder(folder)
    address = read_address(folder)
    # A worker that was killed leaves its address behind; by now another program may have its port.
    if address is None or not is_locked(folder):
        return None
    try:
        if address.socket is not None:
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            place: object = address.socket
        else:
            line = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            place = ("127.0.0.1", address.port)
    except (AttributeError, OSError):  # no Unix sockets here
        return None
    try:
        line.settimeout(timeout_s)
        line.connect(place)  # type: ignore[arg-type]
    except OSError:
        line.close()
        return None
    return line, address


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[Optional[BinaryIO]]:
    """Take the folder's lock, until the process ends: yields its file, or None when another has it."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        yield file if _lock(file) else None


def note_listening(lock: BinaryIO) -> None:
    """Record that a worker listens from now on."""
    lock.seek(0)
    lock.truncate()
    lock.write(str(time.time_ns()).encode())
    lock.flush()


def last_listening(lock: BinaryIO) -> int:
    """Time at which a worker of the folder last began to listen (`time.time_ns`); 0 = never."""
    lock.seek(0)
    said = lock.read(32)
    return int(said) if said.isdigit() else 0


def is_locked(folder: Path) -> bool:
    """Whether a worker holds the lock of `folder`."""
    try:
        with open(folder / LOCK, "r+b") as file:
            return not _lock(file, shared=True)
    except OSError:
        return False


_LOCKED_AT = 1 << 20
"""Place of the byte that is locked on Windows: far beyond the content, and the same for everybody. A lock
begins at the file's position there, and keeps others from reading what it covers."""


def _lock(file: BinaryIO, *, shared: bool = False) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(_LOCKED_AT)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
