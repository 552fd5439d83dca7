"""One client's connection: bounded, in order, and never in the way of others."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from maggie_node.worker.connection import Connection, SocketChannel

LINE = b"x" * 99 + b"\n"
LIMIT = 1000


class Line:
    """A connection of a small queue, and the client's end of it."""

    def __init__(self, *, stall_s: float = 60.0):
        ours, self.client = socket.socketpair()
        for end in (ours, self.client):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the system's smallest
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self.client.settimeout(20)
        self.gone: queue.Queue[Connection] = queue.Queue()
        self.heard: queue.Queue[object] = queue.Queue()
        self.connection = Connection(
            SocketChannel(ours, stall_s=stall_s),
            heard=lambda _, line: self.heard.put(line),
            gone=self.gone.put,
            queue_bytes=LIMIT,
        )
        self.connection.start()
        self.aside = threading.Event()

    @contextmanager
    def noted(self) -> Iterator[None]:
        self.aside.set()
        yield

    def send(self, count: int) -> threading.Thread:
        """Send so many lines, in a thread that may have to wait."""

        def run() -> None:
            for _ in range(count):
                self.connection.send(LINE, aside=self.noted)

        thread = threading.Thread(target=run)
        thread.start()
        return thread


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.connection.end(at_once=True)
    line.client.close()


def test_whoever_has_too_much_for_a_client_steps_aside_until_it_reads_and_nothing_is_lost(line: Line):
    sender = line.send(500)
    assert line.aside.wait(20)
    assert sender.is_alive()

    read = line.client.makefile("rb").read(500 * len(LINE))

    sender.join(20)
    assert read == LINE * 500


def test_a_client_that_reads_nothing_for_long_is_disconnected():
    line = Line(stall_s=0.1)

    sender = line.send(500)

    assert line.gone.get(timeout=20) is line.connection
    sender.join(20)
    assert not sender.is_alive()
    line.client.close()


def test_the_end_of_a_client_lets_everybody_go(line: Line):
    sender = line.send(500)
    assert line.aside.wait(20)

    line.client.close()

    assert line.gone.get(timeout=20) is line.connection
    line.connection.end(at_once=True)
    sender.join(20)
    assert not sender.is_alive()
    assert line.gone.empty()


def test_what_is_queued_is_written_before_a_connection_ends(line: Line):
    sender = line.send(8)
    sender.join(20)

    line.connection.end()

    assert line.client.makefile("rb").read() == LINE * 8
    line.connection.wait_ended(20)


def test_lines_are_heard_in_order(line: Line):
    line.client.sendall(b"one\ntwo\nth")
    line.client.sendall(b"ree\n")

    assert [line.heard.get(timeout=20) for _ in range(3)] == [b"one", b"two", b"three"]
