"""One client's connection: a thread that reads, a thread that writes, and a bounded queue between."""

from __future__ import annotations

import os
import socket
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from maggie_api.client.rpc import Lines, TooLong
from maggie_api.text import phrase, plain_text

QUEUE_BYTES = 8 << 20
"""Most bytes of lines that wait for a client, some 20 000 frames. A job with more events for it waits."""
STALL_S = 60.0
"""A client with a full queue that reads nothing for this long is disconnected."""
READ_BYTES = 1 << 16


class Channel(Protocol):
    """Bytes to and from a client."""

    def read(self) -> bytes | None:
        """Bytes that came; empty at the end; None when nothing came for a while."""
        ...

    def write(self, data: memoryview) -> int:
        """Number of bytes that were taken; 0 when none were for a while.

        Raises:
            OSError: the client is gone.
        """
        ...

    def close(self) -> None: ...


class PipeChannel:
    """Two file descriptors, as a host gives them to its child."""

    def __init__(self, source: int, target: int):
        self._source, self._target = source, target

    def read(self) -> bytes | None:
        return os.read(self._source, READ_BYTES)

    def write(self, data: memoryview) -> int:
        return os.write(self._target, data)

    def close(self) -> None:
        """Do nothing: closing a pipe that a thread reads from would wait for that thread."""


class SocketChannel:
    """A connected socket."""

    def __init__(self, line: socket.socket, *, stall_s: float = STALL_S):
        line.settimeout(stall_s)
        self._line = line

    def read(self) -> bytes | None:
        try:
            return self._line.recv(READ_BYTES)
        except TimeoutError:
            return None

    def write(self, data: memoryview) -> int:
        try:
            return self._line.send(data)
        except TimeoutError:
            return 0

    def close(self) -> None:
        try:
            self._line.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._line.close()


class Connection:
    """The connection to one client. Its lines go to `heard`; lines to it wait in a queue until it reads.

    Args:
        heard: called with every line, in the thread that reads.
        gone: called once, when the client has closed its end or does not read any more.
        queue_bytes: most bytes of lines in the queue; into an empty queue any line fits.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        heard: Callable[[Connection, bytes | TooLong], None],
        gone: Callable[[Connection], None],
        queue_bytes: int = QUEUE_BYTES,
    ):
        self.name = "a client"
        self.welcomed = False
        self.since = time.monotonic()
        self._channel, self._heard, self._gone, self._limit = channel, heard, gone, queue_bytes
        self._change = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._ending = self._ended = self._told = False

    def start(self) -> None:
        """Begin to read and to write."""
        threading.Thread(target=self._write, daemon=True).start()
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, line: bytes, *, aside: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        """Queue a line; waits inside `aside` while the queue is full. A client that is gone gets nothing."""
        with self._change:
            if self._has_room(line):
                self._put(line)
                return
        with aside(), self._change:
            self._change.wait_for(lambda: self._has_room(line))
            self._put(line)

    def end(self, *, at_once: bool = False) -> None:
        """End the connection, when every queued line is written or at once."""
        with self._change:
            self._ending = True
            if at_once:
                self._waiting.clear()
                self._bytes = 0
            self._change.notify_all()
        if at_once:
            self._close()

    def wait_ended(self, timeout_s: float) -> None:
        """Wait until every queued line is written and the connection has ended, at most `timeout_s`."""
        with self._change:
            self._change.wait_for(lambda: self._ended, timeout_s)

    def _has_room(self, line: bytes) -> bool:
        return self._ending or not self._waiting or self._bytes + len(line) <= self._limit

    def _put(self, line: bytes) -> None:
        if not self._ending:
            self._waiting.append(line)
            self._bytes += len(line)
            self._change.notify_all()

    def _read(self) -> None:
        lines = Lines()
        try:
            while not self._ended:
                data = self._channel.read()
                if data == b"":
                    break
                for line in lines.feed(data or b""):
                    self._heard(self, line)
        except OSError:
            pass
        self._tell_gone()

    def _write(self) -> None:
        try:
            while (line := self._next()) is not None:
                self._write_line(line)
                with self._change:
                    if self._waiting:  # else cleared meanwhile
                        self._waiting.popleft()
                        self._bytes -= len(line)
                        self._change.notify_all()
        except OSError:
            pass
        self.end(at_once=True)
        self._tell_gone()

    def _next(self) -> bytes | None:
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._ending)
            return self._waiting[0] if self._waiting else None

    def _write_line(self, line: bytes) -> None:
        left = memoryview(line)
        while left:
            taken = self._channel.write(left)
            if not taken and self._bytes > self._limit // 2:
                log(f"{self.name} does not read what it is told: disconnected")
                raise BrokenPipeError
            left = left[taken:]

    def _close(self) -> None:
        with self._change:
            if self._ended:
                return
            self._ended = True
            self._change.notify_all()
        self._channel.close()

    def _tell_gone(self) -> None:
        with self._change:
            if self._told:
                return
            self._told = True
        self._gone(self)


LOG_LETTERS = 500
"""Of a line in the log."""
LOG_BYTES = 4 << 20
"""A log file is emptied when it has grown to this size, so that no client can fill a disk."""


def log(text: str) -> None:
    """One line on stderr, whatever `text` has in it."""
    shown = phrase(plain_text(text), most=LOG_LETTERS)
    try:
        if stat.S_ISREG((found := os.fstat(2)).st_mode) and found.st_size > LOG_BYTES:
            os.ftruncate(2, 0)
        sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} worker {os.getpid()}: {shown}\n")
        sys.stderr.flush()
    except (OSError, ValueError):  # stderr is closed
        pass
