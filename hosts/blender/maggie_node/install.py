# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's Python: found, or installed apart from Blender's, only when the artist says so."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import bpy

from . import run
from .maggie_node.client import clean_environment
from .maggie_node.hosting import HostError, Progress, check_python, remember_python

_BIN, _PYTHON = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")


def python_in(path: str) -> str:
    """The interpreter at `path`, which is one or the folder of a virtual environment."""
    return _in_environment(path) if os.path.isdir(path) else path


def default_folder() -> str:
    """Where a worker is installed that the artist names no place for."""
    return os.path.join(bpy.utils.extension_path_user(__package__, create=False), "worker")


def commands(folder: str, package: str) -> list[list[str]]:
    """What installing runs: a virtual environment with Blender's Python, then pip in it."""
    return [
        [sys.executable, "-m", "venv", folder],
        [_in_environment(folder), "-m", "pip", "install", "--upgrade", package],
    ]


def shown(command: list[str]) -> str:
    """A command as it would be typed."""
    return subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)


def locate(path: str) -> run.Work:
    """Look at the Python the artist names and remember it for every host."""
    yield Progress("running", text=f"asking {path} for maggie-node")
    yield from _remembered(python_in(path))


def install(folder: str, package: str) -> run.Work:
    """Make the environment, then do as `locate`.

    Raises:
        HostError: Blender is told to stay offline, or a command failed, with its last words.
    """
    if not bpy.app.online_access:
        raise HostError("Blender is told to stay offline: allow online access in Preferences > System first")
    log = Path(folder).with_suffix(".log")
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
    except OSError as error:
        raise HostError(f"{log.parent} cannot be written ({error.strerror or error})") from None
    steps = commands(folder, package)
    for index, command in enumerate(steps):
        said = Progress("running", index, 0, len(steps) + 1, text=shown(command))
        yield said
        yield from _ran(command, log, said)
        if run.is_stopping():
            yield Progress("cancelled", text="the installation was cancelled")
            return
    yield from _remembered(_in_environment(folder))


def _in_environment(folder: str) -> str:
    return os.path.join(folder, _BIN, _PYTHON)


def _ran(command: list[str], log: Path, said: Progress) -> run.Work:
    try:
        with open(log, "ab") as words:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env=clean_environment(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
    except OSError as error:
        raise HostError(f"{shown(command)} does not run ({error.strerror or error})") from None
    try:
        while process.poll() is None and not run.is_stopping():
            yield said
    finally:
        process.kill()
        process.wait()
    if process.returncode and not run.is_stopping():
        last = (log.read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"])[-1]
        raise HostError(f"{shown(command)} failed: {last} (all of it: {log})")


def _remembered(python: str) -> run.Work:
    for version in _in_thread(lambda: check_python(python)):
        if version is None:
            yield Progress("running", text=f"asking {python} for maggie-node")
    remember_python(python)
    run.close_host()
    yield Progress("done", text=f"maggie-node {version} in {python}")


def _in_thread(ask: Callable[[], str]):
    """None as long as `ask` takes, then what it gave."""
    heard: list = []

    def asked() -> None:
        try:
            heard.append(ask())
        except HostError as error:
            heard.append(error)

    thread = threading.Thread(target=asked, daemon=True)
    thread.start()
    while thread.is_alive():
        yield None
    if isinstance(heard[0], HostError):
        raise heard[0]
    yield heard[0]
