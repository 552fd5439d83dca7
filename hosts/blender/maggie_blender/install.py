# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's Python: located by the artist, or installed apart from Blender's when the artist asks."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy

from . import run
from .maggie_api.client.host_client import Progress
from .maggie_api.client.python import check_python, pip_words, remember_python
from .maggie_api.client.transport import clean_environment
from .maggie_api.errors import HostError

_BIN, _PYTHON = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")


def python_in(path: str) -> str:
    """The interpreter that `path` names: itself, or that of the virtual environment in this folder."""
    return _in_environment(path) if os.path.isdir(path) else path


def default_folder() -> str:
    """Where the worker is installed when the artist names no folder."""
    return os.path.join(bpy.utils.extension_path_user(__package__, create=False), "worker")


def commands(folder: str, package: str) -> list[list[str]]:
    """The commands that install: a virtual environment made with Blender's Python, then pip in it.

    Raises:
        HostError: there is no such package.
    """
    return [
        [sys.executable, "-m", "venv", folder],
        [_in_environment(folder), "-m", "pip", "install", "--upgrade", *pip_words(package)],
    ]


def shown_commands(folder: str, package: str) -> list[str]:
    """The same as a person would type them, or the one sentence that says what is missing."""
    try:
        return [shown(command) for command in commands(folder, package)]
    except HostError as error:
        return [str(error)]


def shown(command: list[str]) -> str:
    """A command as a person would type it."""
    return subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)


def locate(path: str) -> run.Work:
    """Check the Python that the artist names, and remember it for every host of this user.

    Raises:
        HostError: it has no maggie-node, or the note cannot be written.
    """
    yield Progress("running", text=f"asking {path} for maggie-node")
    yield from _remembered(python_in(path))


def install(folder: str, package: str) -> run.Work:
    """Make the virtual environment and install into it, then do as `locate`.

    Raises:
        HostError: there is no such package, Blender is told to stay offline, or a command failed; with the
            last line it printed.
    """
    steps = commands(folder, package)
    if not bpy.app.online_access and "--no-index" not in steps[-1]:
        raise HostError("Blender is told to stay offline: allow online access in Preferences > System first")
    log = Path(folder).with_suffix(".log")
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
    except OSError as error:
        raise HostError(f"{log.parent} cannot be written ({error.strerror or error})") from None
    for index, command in enumerate(steps):
        progress = Progress("running", index, 0, len(steps) + 1, text=shown(command))
        yield progress
        yield from _ran(command, log, progress)
        if run.is_stopping():
            yield Progress("cancelled", text="the installation was cancelled")
            return
    yield from _remembered(_in_environment(folder))


def _in_environment(folder: str) -> str:
    return os.path.join(folder, _BIN, _PYTHON)


def _ran(command: list[str], log: Path, progress: Progress) -> run.Work:
    """Run one command to its end, or kill it when the artist cancels; its output goes to the log."""
    try:
        with open(log, "ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=clean_environment(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
    except OSError as error:
        raise HostError(f"{shown(command)} does not run ({error.strerror or error})") from None
    try:
        while process.poll() is None and not run.is_stopping():
            yield progress
    finally:
        process.kill()
        process.wait()
    if process.returncode and not run.is_stopping():
        last = (log.read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"])[-1]
        raise HostError(f"{shown(command)} failed: {last} (all of it: {log})")


def _remembered(python: str) -> run.Work:
    version = None
    for version in _in_thread(lambda: check_python(python)):
        if version is None:
            yield Progress("running", text=f"asking {python} for maggie-node")
    remember_python(python)
    yield Progress("done", text=f"maggie-node {version} in {python}")


def _in_thread(ask: Callable[[], str]) -> Iterator[str | None]:
    """Run `ask` in a thread: yields None while it runs, then its answer.

    Raises:
        HostError: the one that `ask` raised.
    """
    answers: list[str | HostError] = []

    def asked() -> None:
        try:
            answers.append(ask())
        except HostError as error:
            answers.append(error)

    thread = threading.Thread(target=asked, daemon=True)
    thread.start()
    while thread.is_alive():
        yield None
    answer = answers[0]
    if isinstance(answer, HostError):
        raise answer
    yield answer
