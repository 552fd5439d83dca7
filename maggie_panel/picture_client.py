"""The process that draws pictures, as the panel talks to it: requests are put in a queue, answers are polled.

Standard library only. Nothing here waits: two threads move lines between queues and pipes.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any, Optional

from maggie_api.client.python import find_python
from maggie_api.client.worker import clean_environment
from maggie_api.errors import HostError

MODULE = "maggie_node.picture_server"
GONE = "the process that draws pictures has ended: the next picture starts it again"


@dataclass(frozen=True)
class Answer:
    """What came back of one request: a result, with pixels where it is a picture, or the reason why not."""

    number: int
    result: dict[str, Any] = field(default_factory=dict)
    pixels: bytes = b""
    error: str = ""


class PictureClient:
    """The picture process of one panel. The first request starts it, and the next one after it died.

    Args:
        python: interpreter that has maggie-node; empty searches for it.
    """

    def __init__(self, python: str = ""):
        self._python = python
        self._notify: Callable[[], None] = lambda: None
        self._numbers = itertools.count(1)
        self._answers: queue.Queue[Answer] = queue.Queue()
        self._link: Optional[_Link] = None

    def ask(self, do: str, **given: Any) -> int:
        """Send a request; returns its number. Every request gets one answer."""
        number = next(self._numbers)
        if self._link is None or self._link.ended:
            try:
                self._link = _Link(self._python, self._hear)
            except (HostError, OSError) as error:
                self._hear(Answer(number, error=f"no pictures can be drawn: {error}"))
                return number
        self._link.send(number, json.dumps({"id": number, "do": do, "with": given}).encode() + b"\n")
        return number

    def poll(self) -> list[Answer]:
        """The answers that have come; never waits."""
        found = []
        while True:
            try:
                found.append(self._answers.get_nowait())
            except queue.Empty:
                return found

    def notify_by(self, notify: Callable[[], None]) -> None:
        """Call this in a thread whenever an answer has come."""
        self._notify = notify

    def close(self) -> None:
        """End the process; never waits."""
        self._notify = lambda: None
        if self._link is not None:
            self._link.close()
            self._link = None

    def _hear(self, answer: Answer) -> None:
        self._answers.put(answer)
        self._notify()


class _Link:
    """A running process and its two threads."""

    def __init__(self, python: str, hear: Callable[[Answer], None]):
        self._hear, self.ended = hear, False
        self._asked: set[int] = set()
        self._lock = threading.Lock()
        self._lines: queue.Queue[Optional[bytes]] = queue.Queue()
        self._process = subprocess.Popen(
            [find_python(python), "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if sys.stderr is not None else subprocess.DEVNULL,
            env=clean_environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        for work in (self._write, self._read):
            threading.Thread(target=work, name="MaGGIe pictures", daemon=True).start()

    def send(self, number: int, line: bytes) -> None:
        with self._lock:
            ended = self.ended
            self._asked.add(number)
        if ended:
            self._end()
        else:
            self._lines.put(line)

    def close(self) -> None:
        self._lines.put(None)

    def _write(self) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        with contextlib.suppress(OSError), stdin:
            while True:
                line = self._lines.get()
                if line is None:
                    return
                stdin.write(line)
                stdin.flush()

    def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        with stdout:
            while True:
                answer = _answer(stdout)
                if answer is None:
                    break
                with self._lock:
                    self._asked.discard(answer.number)
                self._hear(answer)
        self._lines.put(None)
        self._process.wait()
        self._end()

    def _end(self) -> None:
        with self._lock:
            self.ended = True
            lost, self._asked = self._asked, set()
        for number in sorted(lost):
            self._hear(Answer(number, error=GONE))


def _answer(stdout: IO[bytes]) -> Optional[Answer]:
    """The next answer; None at the end."""
    line = stdout.readline()
    if not line.endswith(b"\n"):
        return None
    head = json.loads(line)
    if "error" in head:
        return Answer(head["id"], error=head["error"])
    pixels = stdout.read(head["bytes"])
    return Answer(head["id"], head["result"], pixels) if len(pixels) == head["bytes"] else None
