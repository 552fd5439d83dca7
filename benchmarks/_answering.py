"""A process that answers one line of JSON with another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

ROOT = Path(__file__).parents[1]
S = TypeVar("S", bound="Answering")


class Answering:
    """A module run in a process of its own, as long as the context lasts.

    Args:
        module: it reads requests on stdin until that ends, and writes each answer on stdout.
        env: variables that differ from this process's.
    """

    def __init__(self, module: str, **env: str) -> None:
        self._module, self._env = module, env

    def __enter__(self: S) -> S:
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **self._env},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def ask(self, request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())
