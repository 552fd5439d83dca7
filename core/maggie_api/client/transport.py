"""Lines of JSON to and from a worker process: over the pipes of a child, or over a socket.

Standard library only, Python 3.9: hosts import this.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union

from ..errors import BAD_INPUT, FolderError, RpcError, WorkerError
from . import rpc
from .address import LOG, default_folder, private_folder
from .rpc import PROTOCOL, Answer, Hello, Lines, Request, Welcome

GOING_S = 90.0
"""Longest time for a child to end; a little longer than its own limit."""
READ_BYTES = 1 << 16
_TRAPS = ("PYTHON", "LD_", "DYLD_", "QT_", "__PYVENV_LAUNCHER__", "VIRTUAL_ENV")
"""Beginnings of variables that a host sets for its own Python, libraries and windows."""
_CHILDREN = itertools.count(1)
_LOG_DAYS = 7
"""Days that the log of a child that died is kept."""


class Transport(ABC):
    """Lines to and from a worker."""

    def __init__(self) -> None:
        self._lines = Lines(limit=64 * rpc.MAX_LINE)
        self._ready: list[Any] = []

    @abstractmethod
    def read(self) -> bytes:
        """The next bytes; waits for them. Empty when the worker has ended."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send all of it."""

    @abstractmethod
    def close(self) -> None:
        """End the connection."""

    @abstractmethod
    def epitaph(self) -> WorkerError:
        """The error of a worker that is gone."""

    def next(self) -> Union[Answer, Request, None]:
        """The next message; None when the worker has ended.

        Raises:
            RpcError: a line is no message of the protocol.
        """
        while not self._ready:
            try:
                data = self.read()
            except OSError:
                data = b""
            if not data:
                return None
            self._ready = self._lines.feed(data)[::-1]
        line = self._ready.pop()
        return rpc.parse(line if isinstance(line, bytes) else b"")

    def greet(self, name: str, token: Optional[str] = None) -> Optional[Welcome]:
        """Say hello; None when the worker ended instead.

        Raises:
            RpcError: it refuses the client, or its answer is no message of the protocol.
        """
        with contextlib.suppress(OSError):  # its last lines may tell the reason
            self.write(rpc.request("hello", Hello(PROTOCOL, name, token), 0))
        said = self.next()
        if said is None:
            return None
        if not isinstance(said, Answer):
            raise RpcError(rpc.NO_REQUEST, "no answer to hello")
        if said.error is not None:
            raise said.error
        return rpc.lenient(Welcome, said.result, "hello")


class Pipes(Transport):
    """The pipes of a child process."""

    def __init__(self, command: list[str], env: Mapping[str, str]):
        super().__init__()
        folder = own_folder(default_folder())
        _forget_old_logs(folder)
        self._log = folder / f"child-{os.getpid()}-{next(_CHILDREN)}.log"
        self._process = spawn(command, env, folder, self._log, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to: Any = self._process.stdin
        self._from: Any = self._process.stdout
        self._closed = False

    def read(self) -> bytes:
        return os.read(self._from.fileno(), READ_BYTES)

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._to.fileno(), left) :]

    def close(self) -> None:
        self._closed = True
        self._to.close()
        try:
            self._process.wait(GOING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def epitaph(self) -> WorkerError:
        self._from.close()
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            code = None
        if code == 0 or self._closed:
            self._log.unlink(missing_ok=True)
            return WorkerError("the worker has ended: submit the job again, and it goes on where it stopped")
        return WorkerError(
            f"the worker {how_it_ended(code)}{last_line(self._log)}: frames that exist are whole, submit the "
            f"job again and it goes on where it stopped (log: {self._log})"
        )

    def no_start(self) -> WorkerError:
        """The error of a child that ended before it answered hello."""
        self._from.close()
        self._to.close()
        code = self._process.wait()
        return WorkerError(
            f"the worker did not start, it {how_it_ended(code)}{last_line(self._log)} (log: {self._log})",
            BAD_INPUT,
        )

    def kill(self) -> None:
        self._process.kill()
        self._from.close()
        self._to.close()


class Socket(Transport):
    """A connection to a shared worker."""

    def __init__(self, line: socket.socket, folder: Path):
        super().__init__()
        self._line, self._folder = line, folder

    def read(self) -> bytes:
        return self._line.recv(READ_BYTES)

    def write(self, data: bytes) -> None:
        self._line.sendall(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()

    def epitaph(self) -> WorkerError:
        return WorkerError(
            f"the worker in {self._folder} ended before the job did: frames that exist are whole, submit the "
            f"job again and it goes on where it stopped (log: {self._folder / LOG})"
        )


def clean_environment(env: Optional[Mapping[str, str]] = None) -> dict[str, str]:
    """`env`, or the own one, without the variables of a host's own Python, libraries and windows."""
    given = os.environ if env is None else env
    return {name: value for name, value in given.items() if not name.upper().startswith(_TRAPS)}


def spawn(
    command: list[str], env: Mapping[str, str], folder: Path, log: Path, *, stdin: int, stdout: int
) -> subprocess.Popen[bytes]:
    """Start a process in `folder`, in a process group of its own, with its stderr in `log`."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as errors:
        try:
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=stdout,
                stderr=errors,
                cwd=folder,
                env=env,
                bufsize=0,
                creationflags=flags,
                start_new_session=not flags,
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise WorkerError(
                f"{command[0]}: {reason}: name the Python that has maggie-node, e.g. in $MAGGIE_PYTHON",
                BAD_INPUT,
            ) from None
    # Waits for its end, so that no zombie is left in a host that runs for long.
    threading.Thread(target=process.wait, name="maggie worker's end", daemon=True).start()
    return process


def own_folder(folder: Path) -> Path:
    try:
        return private_folder(folder)
    except FolderError as error:
        raise WorkerError(str(error), BAD_INPUT) from None


def _forget_old_logs(folder: Path) -> None:
    """Remove logs of children that are older than `_LOG_DAYS`."""
    for path in folder.glob("child-*.log"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LOG_DAYS * 86400:
                path.unlink()


def file_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def last_line(log: Path, start: int = 0) -> str:
    """`, its last words: ...` with the last line of a log; empty when it has none."""
    try:
        with open(log, "rb") as file:
            file.seek(max(start, file_size(log) - 4096))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    last = [line.strip() for line in lines if line.strip()][-1:]
    return f", its last words: {last[0][:300]}" if last else ""


def how_it_ended(code: Optional[int]) -> str:
    """How a process ended, as part of a sentence; `code` None = it still runs."""
    if code is None:
        return "does not answer any more"
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
