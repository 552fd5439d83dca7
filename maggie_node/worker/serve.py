"""Runs a worker: over stdio for the process that started it, or over a socket for many clients."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from maggie_api.client.address import (
    ADDRESS,
    SOCKET,
    SOCKET_PATH_BYTES,
    Address,
    connect,
    last_listening,
    locked,
    note_listening,
    private_folder,
    write_address,
)
from maggie_api.errors import FolderError
from maggie_node import __version__
from maggie_node.openmp import settle_waiting
from maggie_node.worker.allowed_paths import real_roots
from maggie_node.worker.connection import Connection, PipeChannel, SocketChannel, log
from maggie_node.worker.dispatcher import Dispatcher
from maggie_node.worker.jobs import Jobs

IDLE_S = 900.0
"""A shared worker that had no job for this long ends and frees its memory."""
HELLO_S = 10.0
"""A client that has not said hello after this long is disconnected."""
MAX_CLIENTS = 64
"""Each client takes two threads and its queue; another one is turned away."""
LAST_FRAME_S = 60.0
"""Longest wait for the frame under way when the worker ends. Files are whole whenever a worker dies."""
GOING_S = LAST_FRAME_S + 30
"""Longest wait of a new worker for one that is about to end."""
TICK_S = 0.5
"""Time between two looks at what may end the worker."""


def serve_stdio(*, roots: Sequence[str | Path] = ()) -> int:
    """Serve the process that started this one, until it closes our stdin, dies, or asks for the end.

    From here on descriptor 1 is stderr, so that a print in a library, in Python or in C, does not get into
    the protocol.
    """
    allowed = real_roots(roots)
    source, target = take_stdio()
    _prepare()
    stop, jobs, parent = threading.Event(), Jobs(), os.getppid()
    dispatcher = Dispatcher(jobs, transport="stdio", roots=allowed, stop=stop.set, trusted=_take_ocio())
    connection = Connection(PipeChannel(source, target), heard=dispatcher.heard, gone=lambda _: stop.set())
    connection.name = "the host"
    with _signals() as asked:
        connection.start()
        # The host may have passed its end of the pipe to another child, which keeps it open. So this also
        # watches whether the host lives.
        while not (asked() or stop.wait(TICK_S)) and os.getppid() == parent:
            pass
    return _end(jobs, [connection])


def serve(
    folder: Path,
    *,
    idle_s: float = IDLE_S,
    roots: Sequence[str | Path] = (),
    tcp: bool = False,
    asked_ns: int | None = None,
) -> int:
    """Serve every client that finds the folder, until no job came for `idle_s` or a client asks for the end.

    Returns at once when the folder has a worker already.

    Args:
        tcp: use a loopback port and a token instead of a Unix socket; always so on Windows.
        asked_ns: time at which this worker was asked for (`time.time_ns`). If another one has listened since,
            that one was found; this one then leaves, even when the other has ended meanwhile.

    Raises:
        FolderError: the folder is not this user's alone.
        PathError: a root is not there.
    """
    folder = private_folder(folder)
    allowed = real_roots(roots)
    os.chdir(folder)  # no name in a job is taken for a file that lies where we were started
    deadline = time.monotonic() + GOING_S
    while time.monotonic() < deadline:
        with locked(folder) as lock:
            if lock is not None:
                if asked_ns is not None and last_listening(lock) > asked_ns:
                    log("another worker was found meanwhile")
                    return 0
                return _Shared(folder, allowed, idle_s, tcp or not hasattr(socket, "AF_UNIX")).run(lock)
        # Somebody has the lock: a worker that listens, or one that comes or goes.
        found = connect(folder, timeout_s=1)
        if found is not None:
            found[0].close()
            log(f"a worker is there already, in {folder}")
            return 0
        time.sleep(0.05)
    raise FolderError(f"the worker in {folder} neither answers nor ends: end it, or name another folder")


class _Shared:
    """A worker for many clients; holds the folder's lock."""

    def __init__(self, folder: Path, roots: tuple[str, ...], idle_s: float, tcp: bool):
        self._folder, self._idle_s, self._tcp = folder, idle_s, tcp
        self._stop = threading.Event()
        self._jobs = Jobs()
        self._lock = threading.Lock()
        self._connections: set[Connection] = set()
        self._last_came = time.monotonic()
        self._token = secrets.token_hex(32) if tcp else None
        self._dispatcher = Dispatcher(
            self._jobs,
            transport="tcp" if tcp else "unix",
            roots=roots,
            stop=self._stop.set,
            token=self._token,
            trusted=_take_ocio(),
            clients=lambda: len(self._connections),
        )

    def run(self, lock: BinaryIO) -> int:
        _prepare()
        with contextlib.ExitStack() as stack:
            asked = stack.enter_context(_signals())
            listener = stack.enter_context(self._listening())
            note_listening(lock)
            log(f"maggie-node {__version__} listens in {self._folder}")
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
            while not (asked() or self._stop.wait(TICK_S)):
                self._drop_the_silent()
                idle = min(self._jobs.idle_s(), time.monotonic() - self._last_came)
                if idle > self._idle_s:
                    log(f"no job for {self._idle_s:g} s")
                    break
        # No client can connect any more. The lock is held to the end, so the next worker waits for it.
        with self._lock:
            connections = list(self._connections)
        return _end(self._jobs, connections)

    @contextlib.contextmanager
    def _listening(self) -> Iterator[socket.socket]:
        with contextlib.ExitStack() as stack:
            if self._tcp:
                listener = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                if sys.platform == "win32":
                    listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
                listener.bind(("127.0.0.1", 0))
                port = listener.getsockname()[1]
                address = Address(os.getpid(), __version__, port=port, token=self._token)
            else:
                path = self._folder / SOCKET
                if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
                    path = Path(tempfile.mkdtemp(prefix="maggie-node-")) / SOCKET
                    stack.callback(shutil.rmtree, path.parent, ignore_errors=True)
                path.unlink(missing_ok=True)
                listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                listener.bind(str(path))
                stack.callback(path.unlink, missing_ok=True)
                address = Address(os.getpid(), __version__, socket=str(path))
            listener.listen(MAX_CLIENTS)
            write_address(self._folder, address)
            stack.callback((self._folder / ADDRESS).unlink, missing_ok=True)
            yield listener

    def _accept(self, listener: socket.socket) -> None:
        listener.settimeout(TICK_S)
        while True:
            try:
                line, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            connection = Connection(SocketChannel(line), heard=self._dispatcher.heard, gone=self._gone)
            with self._lock:
                full = len(self._connections) >= MAX_CLIENTS
                if not full:
                    self._connections.add(connection)
            if full:
                log(f"{MAX_CLIENTS} clients are here: one more was turned away")
                connection.end(at_once=True)
                continue
            self._last_came = time.monotonic()
            connection.start()

    def _gone(self, connection: Connection) -> None:
        with self._lock:
            self._connections.discard(connection)
        connection.end(at_once=True)
        self._jobs.cancel_of(connection)

    def _drop_the_silent(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            if not connection.welcomed and time.monotonic() - connection.since > HELLO_S:
                log("a client did not say hello: disconnected")
                connection.end(at_once=True)


def _end(jobs: Jobs, connections: Sequence[Connection]) -> int:
    """Cancel every job, wait for the frame under way, and close every connection."""
    jobs.cancel_all()
    if not jobs.wait_empty(LAST_FRAME_S):
        log(f"the frame under way took more than {LAST_FRAME_S:g} s: it is dropped")
    for connection in connections:
        connection.end()
    for connection in connections:
        connection.wait_ended(5)
    log("ends")
    return 0


def take_stdio() -> tuple[int, int]:
    """Private descriptors for what were stdin and stdout; 0 is then empty and 1 is stderr."""
    sys.stdout.flush()
    source, target = os.dup(0), os.dup(1)
    if sys.platform == "win32":
        import msvcrt

        for descriptor in (source, target):
            msvcrt.setmode(descriptor, os.O_BINARY)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    return source, target


def _take_ocio() -> tuple[str, ...]:
    """Remove $OCIO, so that a job means the same in every worker. Clients name theirs in the job."""
    config = os.environ.pop("OCIO", None)
    return () if config is None else (config,)


def _prepare() -> None:
    settle_waiting()
    faulthandler.enable()


@contextlib.contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Tells whether SIGINT or SIGTERM has asked for the end, so that the worker ends its jobs before itself.

    The next signal ends the process at once.
    """
    came = False

    def on_signal(number: int, frame: object) -> None:
        nonlocal came
        came = True
        let_go()

    def let_go() -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_DFL)

    numbers = (signal.SIGINT, signal.SIGTERM)
    for each in numbers:
        signal.signal(each, on_signal)
    try:
        yield lambda: came
    finally:
        let_go()
        if came:
            log("asked to end by a signal")
