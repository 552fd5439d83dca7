"""Lines of the worker's protocol that nobody means, and a worker that is sent them."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

from benchmarks._answering import ROOT
from benchmarks.odd.base import Shot
from benchmarks.odd.stock import ODD_VALUES, mutated
from maggie_api.client.rpc import PROTOCOL


class ProtocolWorker:
    """A worker that is sent lines of no meaning, and has to answer the good ones between them."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Start another worker, where the one before has ended."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "maggie_node", "worker", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        hello = {"jsonrpc": "2.0", "id": 0, "method": "hello", "params": {"protocol": PROTOCOL}}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(hello).encode() + b"\n")

    def fault(self, line: bytes) -> str:
        """What is wrong after a line; "" where the worker still answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        hello = {"jsonrpc": "2.0", "id": "after", "method": "status", "params": {}}
        try:
            self._process.stdin.write(line.replace(b"\n", b" ") + b"\n" + json.dumps(hello).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return (
                f"the worker ended: {self._process.stderr.read()[-300:]!r}"
                if self._process.stderr
                else "ended"
            )
        while answer := self._process.stdout.readline():
            if len(answer) > 1 << 20:
                return "an endless answer"
            message = json.loads(answer)
            if "Traceback" in answer.decode() or "defect" in answer.decode():
                return f"defect: {answer[:300]!r}"
            if message.get("id") == "after":
                return ""
        return "the worker ended the conversation"

    def close(self) -> None:
        """End the worker."""
        self._process.communicate(timeout=30)


def protocol_line(shot: Shot, r: random.Random) -> bytes:
    """A line to a worker: a request with odd values, or bytes of one that were changed."""
    methods = (
        "initialize",
        "capabilities",
        "submit",
        "cancel",
        "status",
        "shutdown_",
        "subscribe",
        "",
        "\ud800",
        None,
        1,
    )
    job = {
        "plate": r.choice(ODD_VALUES),
        "output": str(shot.output),
        "guidance": r.choice((None, [], {}, "x", [1], [{}])),
    }
    params = r.choice(
        (
            None,
            [],
            {},
            1,
            "x",
            {"job": None},
            {"job": []},
            {"job": job},
            {"id": r.choice(ODD_VALUES)},
            {"job": {**job, "model": "\ud800"}},
        )
    )
    request = {
        "jsonrpc": r.choice(("2.0", "2.0", "1.0", 2, None)),
        "id": r.choice((1, "a", None, 1.5, [], {}, 10**40, -1, True)),
        "method": r.choice(methods),
        "params": params,
    }
    for name in r.sample(sorted(request), r.choice((0, 0, 1, 2))):
        del request[name]
    line = json.dumps(request).encode()
    kind = r.randrange(6)
    if kind == 0:
        return mutated(line, r)
    if kind == 1:
        return r.choice(
            (
                b"",
                b"null",
                b"[]",
                b"[" * 20_000,
                b"{" * 20_000,
                b"\xff\xfe",
                b"1" * 5000,
                b'"' + b"x" * 100_000,
                b"[" + line + b"]",
                b"\x00" * 50,
            )
        )
    return line
