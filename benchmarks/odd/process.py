"""Runs commands under limits, each in a fork of a process that has imported the program.

A fork starts in a few milliseconds where a process of its own takes seconds. A line of input is a command, a
line of output says how it ended.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from benchmarks._answering import Answering

MODULE = "benchmarks.odd.process"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENIMAGEIO_THREADS"), "1")
"""A fork has none of the threads that a library has started, and would wait for them for ever."""
LIMIT_S = 60.0
"""Time of a command, on a machine that has other work."""
MEMORY_BYTES = 4 << 30
"""Address space that a command may take beside what the program has mapped when it is loaded."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int | None
    """Exit code; None where it was killed or hung."""
    signal: int
    """The signal that ended it; 0 for none."""
    hung: bool
    seconds: float
    megabytes: float
    """Most memory held at once, less what a fork of the loaded program begins with."""
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        """Lines on stderr that are the program's."""
        return [line for line in self.stderr.splitlines() if line.startswith("maggie-node: ")]


class Forks(Answering):
    """The process that forks.

    Args:
        env: variables that differ from this process's.
    """

    def __init__(self, folder: Path, **env: str) -> None:
        super().__init__(MODULE, **ONE_THREAD, **env)
        self._folder = folder

    def warm(self, arguments: Sequence[str]) -> None:
        """Run a command in the process that forks, so that no fork need load and compile what it has."""
        self.ask({"warm": list(arguments)})

    def run(
        self,
        command: str,
        arguments: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        limit_s: float = LIMIT_S,
        signals: Sequence[tuple[float, int]] = (),
        **more: Any,
    ) -> Ended:
        """Run a command: `maggie-node`, or a function as `module:name`.

        Args:
            signals: those that it is sent, and after how many seconds.
            more: what the function takes.
        """
        out, err = self._folder / "stdout", self._folder / "stderr"
        request = {
            "command": command,
            "arguments": list(arguments),
            "cwd": str(cwd or self._folder),
            "env": dict(env or {}),
            "limit_s": limit_s,
            "signals": list(signals),
            "out": str(out),
            "err": str(err),
            "more": more,
        }
        answer = self.ask(request)
        texts = [path.read_bytes().decode("utf-8", "replace") for path in (out, err)]
        return Ended(**answer, stdout=texts[0], stderr=texts[1])


def _serve() -> None:
    import OpenEXR  # noqa: F401
    import OpenImageIO as oiio  # noqa: N813
    import torch

    from maggie_node import cli, pictures, runner  # noqa: F401

    torch.set_num_threads(1)
    oiio.attribute("exr_threads", -1)
    for line in sys.stdin:
        request = json.loads(line)
        if "warm" in request:
            _warm(request["warm"])
            continue
        importlib.import_module(_place(request["command"])[0])
        child = os.fork()
        if child == 0:
            _run(request)
        print(json.dumps(_watch(child, float(request["limit_s"]), request["signals"])), flush=True)


def _warm(arguments: list[str]) -> None:
    answers, silence = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    said = os.dup(2)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        maggie_node(arguments)
    except SystemExit:
        pass
    finally:
        os.dup2(answers, 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    print("{}", flush=True)


def _watch(child: int, limit_s: float, signals: list[tuple[float, int]]) -> dict[str, Any]:
    began, hung = time.monotonic(), False
    while True:
        done, status, used = os.wait4(child, os.WNOHANG)
        if done:
            break
        if signals and time.monotonic() - began > signals[0][0]:
            os.kill(child, signals.pop(0)[1])
        if not hung and time.monotonic() - began > limit_s:
            hung = True
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.002)
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return {
        "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "signal": 0 if hung else killed,
        "hung": hung,
        "seconds": time.monotonic() - began,
        "megabytes": max(0.0, (used.ru_maxrss - _held_kb()) / 1024),
    }


@cache
def _held_kb() -> int:
    """Most memory of a fork that does nothing: what it shares, without mapped files it has not touched."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    return os.wait4(child, 0)[2].ru_maxrss


def _run(request: dict[str, Any]) -> NoReturn:
    os.setpgid(0, 0)
    with open("/proc/self/statm", encoding="ascii") as pages:
        mapped = int(pages.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_BYTES, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number, path in ((1, request["out"]), (2, request["err"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request["cwd"])
    for name, value in request["env"].items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    code = 1
    try:
        module, name = _place(request["command"])
        code = getattr(importlib.import_module(module), name)(request["arguments"], **request["more"])
    except KeyboardInterrupt:  # before the program listens to it
        code = 130
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _place(command: str) -> tuple[str, str]:
    """Module and name of a command's function."""
    module, _, name = COMMANDS.get(command, command).partition(":")
    return module, name


def maggie_node(arguments: Sequence[str], *, encoding: str = "utf-8") -> int:
    from maggie_node.cli import main

    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115 - as Python opens it at start
    sys.stderr = open(2, "w", encoding=encoding, errors="backslashreplace", closefd=False)  # noqa: SIM115
    main.main([os.fsdecode(os.fsencode(each)) for each in arguments])
    return 0


def reads_alike(arguments: Sequence[str]) -> int:
    """0 where each file is refused, or both OpenEXR's binding and we read the same pixels of it."""
    import numpy as np
    import OpenEXR

    from maggie_api.errors import FrameError
    from maggie_core.io.image import read_image

    for path in arguments:
        try:
            frame = read_image(path)
        except FrameError:
            continue
        try:
            with OpenEXR.File(path, separate_channels=True) as file:
                if len(file.parts) != 1:
                    continue
                theirs = {name: channel.pixels for name, channel in file.channels().items()}
        except Exception:  # the binding is stricter about headers
            continue
        for place, name in enumerate(frame.channels):
            if name in theirs and not np.array_equal(
                frame.pixels[..., place], theirs[name].astype(np.float32), equal_nan=True
            ):
                print(f"{path}: {name} differs")
                return 1
    return 0


COMMANDS = {"maggie-node": f"{MODULE}:maggie_node", "reads alike": f"{MODULE}:reads_alike"}

if __name__ == "__main__":
    _serve()
