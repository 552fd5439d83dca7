"""Talking to a real worker line by line, as a program of another language would."""

from __future__ import annotations

import itertools
import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from support.shots import TinyShot

from maggie_api.client.address import read_address
from maggie_api.job import MaskGuidance, MatteJob
from maggie_api.serialization import to_data

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
"""For an answer on a machine that has other work."""
END = "the worker has ended the conversation"


def job_of(shot: TinyShot, output: Path, model: Path, **fields: Any) -> MatteJob:
    """The job of a tiny shot."""
    guidance = tuple(MaskGuidance(name, shot.mask(name)) for name in shot.names)
    return MatteJob(shot.plate, str(output / "m.####.exr"), guidance, model=str(model), **fields)


def environment(**more: str) -> dict[str, str]:
    """For a worker of a test: one thread, so that tests do not fight for the machine."""
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}


class Wire:
    """Lines to a worker and what comes back, in the order it came."""

    def __init__(self, write: Callable[[bytes], Any], read: Callable[[], bytes]):
        self._write = write
        self._read = read
        self._came: queue.Queue[Any] = queue.Queue()
        self._numbers = itertools.count(1)
        self._unread: list[dict[str, Any]] = []
        self.notices: list[dict[str, Any]] = []
        """Notifications that came, all of them."""
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, line: bytes) -> None:
        self._write(line)

    def ask(self, method: str, params: Any = None, **more: Any) -> dict[str, Any]:
        """The answer to a request: the whole message. Notifications before it are kept in `notices`."""
        number = next(self._numbers)
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}, **more}
        self.send(json.dumps(message).encode() + b"\n")
        return self.answer(message["id"])

    def answer(self, number: Any) -> dict[str, Any]:
        """The answer with this id."""
        while "id" not in (message := self.next()) or message["id"] != number:
            assert "method" in message, message
        return message

    def hello(self, **params: Any) -> dict[str, Any]:
        return self.ask("hello", {"protocol": 1, "client": "a test", **params})

    def submit(self, job: MatteJob, **params: Any) -> int:
        answer = self.ask("submit", {"job": to_data(job), **params})
        assert "result" in answer, answer
        return answer["result"]["job_id"]

    def next(self) -> dict[str, Any]:
        """The next message.

        Raises:
            EOFError: the worker has ended the conversation.
        """
        line = self._came.get(timeout=PATIENCE_S)
        if line is END:
            self._came.put(END)
            raise EOFError(END)
        message = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        if "method" in message:
            self.notices.append(message)
            self._unread.append(message)
        return message

    def event(self, job_id: int, *kinds: str) -> dict[str, Any]:
        """The next event of these kinds of a job, or its failure; others before it are passed over."""
        while True:
            said = self._of(job_id)
            if said["method"] == "failed":
                return {"event": "failed", **said["params"]}
            if not kinds or said["params"]["event"]["event"] in kinds:
                return said["params"]["event"]

    def events(self, job_id: int) -> list[dict[str, Any]]:
        """All events of a job that came."""
        mine = (note["params"] for note in self.notices if note["params"].get("job_id") == job_id)
        return [params["event"] for params in mine if "event" in params]

    def finish(self, job_id: int) -> dict[str, Any]:
        return self.event(job_id, "finished")

    def _of(self, job_id: int) -> dict[str, Any]:
        """The next notification about a job; what comes before it about others waits."""
        while True:
            for index, said in enumerate(self._unread):
                if said["params"]["job_id"] == job_id:
                    return self._unread.pop(index)
            self.next()

    def ended(self) -> None:
        """Read on to the end of the conversation."""
        while True:
            try:
                self.next()
            except EOFError:
                return

    def _listen(self) -> None:
        rest = b""
        while True:
            try:
                data = self._read()
            except OSError:
                data = b""
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._came.put(line)
        self._came.put(END)


def until(condition: Callable[[], bool]) -> None:
    """Ask again and again, as long as patience lasts."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came to that"


@contextmanager
def child(
    *options: str, env: dict[str, str] | None = None, stderr: IO[bytes] | None = None
) -> Iterator[tuple[Wire, subprocess.Popen[bytes]]]:
    """A worker over stdio; ends with the body."""
    command = [sys.executable, "-m", "maggie_node", "worker", "--stdio", *options]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=env or environment(),
        bufsize=0,
        cwd=ROOT,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        source, target = process.stdout.fileno(), process.stdin
        try:
            yield Wire(target.write, lambda: os.read(source, 65536)), process
        finally:
            if not target.closed:
                target.close()
            process.wait(PATIENCE_S)


@contextmanager
def shared(folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A shared worker that listens; ended with the body."""
    command = [sys.executable, "-m", "maggie_node", "worker", "run", "--at", str(folder), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment(), cwd=ROOT) as process:
        assert process.stderr is not None
        said = b""
        while b"listens in" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
            drain.join()


@contextmanager
def line_to(folder: Path) -> Iterator[socket.socket]:
    """A raw connection to the worker of a folder."""
    address = read_address(folder)
    assert address is not None
    if address.socket is not None:
        line = socket.socket(socket.AF_UNIX)
        line.connect(address.socket)
    else:
        line = socket.create_connection(("127.0.0.1", address.port))
    with line:
        yield line


@contextmanager
def wire_to(folder: Path) -> Iterator[Wire]:
    """A connection to the worker of a folder, before hello."""
    with line_to(folder) as line:
        yield Wire(line.sendall, lambda: line.recv(65536))
