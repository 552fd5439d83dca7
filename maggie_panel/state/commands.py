"""Commands of maggie-node that run beside the panel: following keys, checking mattes, a movie to look at."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from maggie_api.client.python import find_python
from maggie_api.client.worker import clean_environment
from maggie_api.errors import DocumentError
from maggie_api.events import Warning, from_line

from .timeline import Note


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    output: str
    """What it wrote to stdout."""
    said: str
    """The last line that it wrote to stderr."""


class Command:
    """A command under way. Nothing here waits for it.

    Args:
        title: what it does, for the window.
        words: of the command, behind `maggie-node`.

    Raises:
        HostError: no interpreter with maggie-node is known.
    """

    def __init__(self, title: str, words: Sequence[str], *, python: str = ""):
        self.title = title
        # Files, because a pipe that nobody reads would stop the command.
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [find_python(python), "-m", "maggie_node", *words],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            env=clean_environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )

    def poll(self) -> Optional[Ended]:
        """How it ended; None while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        with self._out as out, self._err as err:
            output, errors = (_text(each) for each in (out, err))
        lines = errors.strip().splitlines()
        return Ended(code, output, lines[-1].replace("maggie-node: ", "", 1) if lines else "")

    def cancel(self) -> None:
        """Ask for its end; `poll` still tells it."""
        with contextlib.suppress(OSError):
            self._process.terminate()


def lost_of(output: str) -> tuple[Note, ...]:
    """Who was lost, from the JSON lines of `maggie-node propagate --json`."""
    notes = []
    for line in output.splitlines():
        with contextlib.suppress(DocumentError):
            event = from_line(line)
            if isinstance(event, Warning):
                notes.append(Note(event.frames, event.text))
    return tuple(notes)


def findings_of(file: Path) -> tuple[Note, ...]:
    """What `maggie-node qc` found, from its `qc.json`; nothing where there is none."""
    try:
        data: Any = json.loads(file.read_text(encoding="utf-8"))
        return tuple(Note(tuple(each["frames"]), each["text"]) for each in data["findings"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _text(file: Any) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
