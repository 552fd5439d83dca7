"""Runs jobs in processes that know nothing: each job in a fork of one that has only imported the program.

A line of input is a job document; a line of output says how the job ended.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from contextlib import suppress
from typing import Any

from benchmarks._answering import Answering


class Fresh(Answering):
    """The process that forks."""

    def __init__(self) -> None:
        super().__init__(__name__, OMP_NUM_THREADS="1")

    def run(self, document: str) -> dict[str, Any]:
        """How a job ended: `failed` frames, or the sentence it was `refused` with."""
        return self.ask(document)


def _serve() -> None:
    import torch

    from maggie_node import runner  # noqa: F401

    torch.set_num_threads(1)
    for line in sys.stdin:
        sys.stdout.flush()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _run(json.loads(line), writing)
        os.close(writing)
        with open(reading, encoding="utf-8") as modules:
            _import(modules.read().split())
        _, status = os.waitpid(child, 0)
        if status:
            print(json.dumps({"refused": f"the process ended with {status}", "failed": []}), flush=True)


def _import(modules: list[str]) -> None:
    """Import what a job has imported, so that the next one need not: half of a small job's time."""
    for name in modules:
        if name not in sys.modules:
            with suppress(Exception):  # some are no modules of their own
                importlib.import_module(name)


def _run(document: str, modules: int) -> None:
    from maggie_api.errors import MaggieError
    from maggie_api.events import Event, FrameFailed
    from maggie_api.job import MatteJob
    from maggie_node import runner

    failed: list[int] = []

    def emit(event: Event) -> None:
        if isinstance(event, FrameFailed):
            failed.append(event.frame)

    refused = ""
    try:
        runner.run(MatteJob.from_json(document), emit=emit)
    except MaggieError as error:
        refused = str(error)
    print(json.dumps({"refused": refused, "failed": failed}), flush=True)
    with open(modules, "w", encoding="utf-8") as names:
        names.write(" ".join(sys.modules))
    os._exit(0)


if __name__ == "__main__":
    _serve()
