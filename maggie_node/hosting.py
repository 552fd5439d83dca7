"""What every host's adapter needs and no host has: the worker found, a job followed, files looked for.

Standard library only, Python 3.9: hosts import this. Nothing here knows Nuke or Blender.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Optional

from maggie_node.client import RunningJob, Worker, WorkerError, clean_environment, find_or_start, start_child
from maggie_node.job import MatteJob
from maggie_node.protocol import Finished, FrameDone, FrameFailed, Started, Warning

VERSION_S = 60.0
"""How long an interpreter may take to tell its version: from a cold network disk it needs some."""
INSTALL = "install maggie-node (pip install maggie-node) and name its python here, or in $MAGGIE_PYTHON"
LAYER_PREFIX, LAYER_BYTES = "maggie_", 63
_TOKEN = re.compile(r"#+|@+|%0?(\d*)d")
_RESERVED = frozenset(
    "residual contested left right main default rgb rgba red green blue alpha depth forward backward deep"
    " motion disparityl disparityr mask rotopaint_mask mask_planartrack mask_splinewarp all none other"
    " ci".split()
)

State = Literal["waiting", "running", "done", "failed", "cancelled"]


class HostError(Exception):
    """Something the artist has to know or do; one sentence."""


@dataclass(frozen=True)
class Progress:
    """How far a job is, and what to say of it."""

    state: State
    done: int = 0
    """Frames whose mattes are on disk, those that were there already among them."""
    failed: int = 0
    total: int = 0
    frame: Optional[int] = None
    """The one that was told of last."""
    text: str = "starting the worker"
    """For a status line."""
    errors: tuple[str, ...] = ()
    """One for each distinct reason, with its frames."""
    warnings: tuple[str, ...] = ()
    started: Optional[Started] = None

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    @property
    def fraction(self) -> float:
        """0 to 1."""
        return (self.done + self.failed) / self.total if self.total else float(self.over)


class Host:
    """The worker of one host process: found or started by the first job, and again after it died.

    Args:
        name: the host, for the worker's log, e.g. `Nuke 15.1`.
        python: interpreter that has maggie-node; empty looks for it when a job is submitted.
        shared: meet other hosts in one worker, so that a model is loaded once; else a child of our own.
    """

    def __init__(self, name: str, *, python: str = "", shared: bool = True):
        self._name, self._python, self._shared = name, python, shared
        self._worker: Optional[Worker] = None

    def submit(self, job: MatteJob, *, interactive: bool = False) -> Follow:
        """Put a job, with absolute paths, in the worker's queue; never waits.

        Args:
            interactive: somebody waits for it: it goes ahead of what others render.

        Raises:
            HostError: no interpreter with maggie-node is known.
        """
        if self._worker is None:
            python = find_python(self._python)
            start = find_or_start if self._shared else start_child
            self._worker = start(python=python, name=self._name)
        return Follow(self._worker.submit(job, priority="interactive" if interactive else "batch"))

    def close(self) -> None:
        """Let go of the worker, and of every job in it; never waits."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


class Follow:
    """A submitted job as its host sees it."""

    def __init__(self, running: RunningJob):
        self._running = running
        self._failures: dict[str, list[int]] = {}
        self._warnings: list[str] = []
        self._started: Optional[Started] = None
        self._done = self._failed = 0
        self._frame: Optional[int] = None
        self._seconds: list[float] = []
        self._state: State = "waiting"
        self._end = ""

    def poll(self) -> Progress:
        """How far it is by now; never waits, never raises."""
        try:
            for event in self._running.poll():
                self._take(event)
        except WorkerError as error:
            self._state, self._end = "failed", str(error)
        return self._progress()

    def wait(
        self, tick: Optional[Callable[[Progress], Optional[bool]]] = None, *, every_s: float = 0.1
    ) -> Progress:
        """Wait for its end.

        Args:
            tick: told of the progress again and again; returns False to cancel. When it raises, the job is
                cancelled and its exception goes on.
        """
        try:
            while not (progress := self.poll()).over:
                if tick is not None and tick(progress) is False:
                    self.cancel()
                time.sleep(every_s)
        except BaseException:
            self.cancel()
            raise
        if tick is not None:
            tick(progress)
        return progress

    def cancel(self) -> None:
        """Ask for the end; frames that exist are whole. Never waits."""
        self._running.cancel()

    def _take(self, event: object) -> None:
        if isinstance(event, Started):
            self._started, self._state = event, "running"
        elif isinstance(event, FrameDone):
            self._done, self._frame = self._done + 1, event.frame
            if not event.cached:
                self._seconds.append(event.seconds)
        elif isinstance(event, FrameFailed):
            self._failed, self._frame = self._failed + 1, event.frame
            self._failures.setdefault(event.error, []).append(event.frame)
        elif isinstance(event, Warning):
            self._warnings.append(event.text)
        elif isinstance(event, Finished):
            self._state = "cancelled" if event.cancelled else "failed" if event.failed else "done"

    def _progress(self) -> Progress:
        errors = [f"{_frames(frames)}: {reason}" for reason, frames in self._failures.items()]
        if self._end:
            errors.append(self._end)
        total = len(self._started.frames) if self._started else 0
        return Progress(
            self._state,
            self._done,
            self._failed,
            total,
            self._frame,
            self._text(total, errors),
            tuple(errors),
            tuple(self._warnings),
            self._started,
        )

    def _text(self, total: int, errors: list[str]) -> str:
        if self._state == "waiting":
            return "waiting for the worker"
        reached = f"{self._done} of {total} mattes" if total else "no matte"
        if self._state == "done":
            return f"{reached} are there"
        if self._state == "cancelled":
            return f"cancelled: {reached} are there, and they are whole"
        if self._state == "failed":
            return errors[-1] if self._end or len(errors) == 1 else f"{reached} are there; {errors[0]}"
        if not self._seconds:
            return reached
        recent = self._seconds[-8:]
        each = sum(recent) / len(recent)
        left = each * (total - self._done - self._failed)
        return f"{reached}, {each:.1f} s a frame, {int(left // 60)}:{int(left % 60):02d} left"


def find_python(configured: str = "") -> str:
    """The interpreter that has maggie-node: the configured one, $MAGGIE_PYTHON, the remembered one, or that
    beside the `maggie-node` command on PATH.

    Raises:
        HostError: there is none, or the one that was named is not there.
    """
    for named, place in (
        (configured, "the settings"),
        (os.environ.get("MAGGIE_PYTHON", ""), "$MAGGIE_PYTHON"),
        (_remembered(), str(_settings_file())),
    ):
        if named:
            if not _runs(named):
                raise HostError(f"{place} names the python {named}, which is not there: {INSTALL}")
            return named
    command = shutil.which("maggie-node")
    beside = Path(command).resolve().parent if command else Path()
    for name in ("python.exe", "python3", "python"):
        if command and _runs(str(beside / name)):
            return str(beside / name)
    raise HostError(f"no python with maggie-node is known: {INSTALL}")


def remember_python(path: str) -> None:
    """Note the interpreter for this user, so that every host finds it.

    Raises:
        HostError: the note cannot be written.
    """
    file = _settings_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path + "\n", encoding="utf-8")
    except OSError as error:
        raise HostError(f"{file} cannot be written ({error.strerror or error})") from None


def check_python(path: str) -> str:
    """Version of the maggie-node that an interpreter has; waits for the answer, a second or so.

    Raises:
        HostError: it has none, or does not run.
    """
    try:
        ran = subprocess.run(
            [path, "-m", "maggie_node", "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_S,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or error
        raise HostError(f"{path} does not run ({reason}): {INSTALL}") from None
    found = re.search(r"version (\S+)", ran.stdout)
    if ran.returncode or not found:
        said = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise HostError(f"{path} has no maggie-node ({said}): {INSTALL}")
    return found[1]


def matte_path(output: str, frame: int) -> Path:
    """The file of a frame: `matte.####.exr` and `matte.%04d.exr` give `matte.1001.exr`."""
    folder, name = os.path.split(output)
    token = _TOKEN.search(name)
    if token is None:
        return Path(output)
    if token[0].startswith("%"):
        width = int(token[1] or 1)
    else:
        width = len(token[0])
    return Path(folder) / (name[: token.start()] + f"{frame:0{width}d}" + name[token.end() :])


def missing_mattes(output: str, frames: Iterable[int]) -> list[int]:
    """Those of the frames whose matte is not on disk; files that exist are whole."""
    return [frame for frame in frames if not matte_path(output, frame).is_file()]


def frame_ranges(frames: Iterable[int]) -> str:
    """Frames as a job has them: `1001-1010,1012`."""
    runs: list[list[int]] = []
    for frame in sorted(set(frames)):
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def slugs(names: Iterable[str]) -> list[str]:
    """The slug of each name, in order: its layer is `maggie_<slug>`, as the worker will call it."""
    taken: set[str] = set(_RESERVED)
    found: list[str] = []
    for name in names:
        slug, count = _slug(name), 1
        candidate = slug
        while candidate in taken:
            count += 1
            candidate = slug[: LAYER_BYTES - len(LAYER_PREFIX) - len(f"_{count}")] + f"_{count}"
        taken.add(candidate)
        found.append(candidate)
    return found


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or f"instance_{_cryptomatte_id(name):08x}"
    return (words if words[0].isalpha() else f"n{words}")[: LAYER_BYTES - len(LAYER_PREFIX)]


def _cryptomatte_id(name: str) -> int:
    """MurmurHash3 (x86, 32 bit, seed 0), kept a finite float as the Cryptomatte specification says."""
    data, mask, hashed = name.encode(), 0xFFFFFFFF, 0

    def mixed(block: int) -> int:
        block = block * 0xCC9E2D51 & mask
        return ((block << 15 | block >> 17) & mask) * 0x1B873593 & mask

    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        hashed ^= mixed(int.from_bytes(data[at : at + 4], "little"))
        hashed = ((hashed << 13 | hashed >> 19) & mask) * 5 + 0xE6546B64 & mask
    hashed ^= mixed(int.from_bytes(data[whole:], "little")) if data[whole:] else 0
    hashed ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        hashed = (hashed ^ hashed >> shift) * factor & mask
    return hashed ^ (1 << 23) if (hashed >> 23) & 255 in (0, 255) else hashed


def _frames(frames: list[int]) -> str:
    return f"frame {frames[0]}" if len(frames) == 1 else f"frames {frame_ranges(frames)}"


def _settings_file() -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home())
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "maggie-node" / "python"


def _remembered() -> str:
    try:
        return _settings_file().read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def _runs(path: str) -> bool:
    return shutil.which(path) is not None
