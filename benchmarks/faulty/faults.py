"""The faults, how each is put into a job, and what must come of it at once."""

from __future__ import annotations

import ctypes
import errno
import os
import random
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.odd.process import maggie_node

SOURCE = Path(__file__).with_name("faults.c")
OPEN_TO_READ, READ, OPEN_TO_WRITE, WRITE, SYNC, RENAME, LOOK = (1 << k for k in range(7))
READING, WRITING = OPEN_TO_READ | READ | LOOK, OPEN_TO_WRITE | WRITE | SYNC | RENAME
FOR_EVER = -1
GRACE_S = 20.0
"""Time in which a job must end that was asked to, on a machine that has other work."""
CALLS = 400
"""Calls on files of one kind that a job of the shot makes, about; faults begin after up to so many."""


KINDS = (
    *("kill",) * 3,
    *("term", "int", "term twice"),
    *("disk", "disk", "full", "quota"),
    *("read", "read", "dead", "forbidden"),
    *("write", "unwritable", "cache", "clock"),
    *("damage", "damage"),
)
"""Drawn from, some more often."""


@dataclass(frozen=True)
class Fault:
    """One fault of a run."""

    kind: str
    """As the table calls it."""
    signals: tuple[tuple[float, int], ...] = ()
    calls: dict[str, Any] = field(default_factory=dict)
    """What `with_faults` is given."""
    disk_kb: int = 0
    """Size of the disk that the mattes go to; 0 = the usual one."""
    damage: str = ""
    """Name of the file of the shot that is damaged before the run and whole after it."""
    codes: tuple[int, ...] = (0, 2, 3)
    """Exit codes that are right."""
    whole: bool = False
    """Whether all frames must be there and right in spite of it."""


def drawn(
    r: random.Random, *, seconds: float, shot: Path, out: Path, cache: Path, files: Sequence[str]
) -> Fault:
    """A fault at a random moment.

    Args:
        seconds: that the job takes.
        files: names of the shot's files.
    """
    kind = r.choice(KINDS)
    moment = r.uniform(0, 1.1 * seconds)
    after = r.choice((0, 1, 2, 5, r.randrange(CALLS)))
    if kind == "kill":
        return Fault("killed (SIGKILL)", ((moment, signal.SIGKILL),), codes=(0, 3))
    if kind in ("term", "int", "term twice"):
        number = signal.SIGINT if kind == "int" else signal.SIGTERM
        times = (
            ((moment, number), (moment + r.uniform(0, 0.2), number))
            if kind == "term twice"
            else ((moment, number),)
        )
        return Fault(f"stopped ({signal.Signals(number).name})", times, codes=(0, 130))
    if kind == "disk" and can_mount():
        return Fault("disk full (a tmpfs of a few kB)", disk_kb=r.choice((4, 8, 16, 32, 64, 128)))
    passing = r.choice((errno.EIO, errno.ESTALE, errno.ETIMEDOUT))
    if kind in ("disk", "full", "quota"):
        number = errno.EDQUOT if kind == "quota" else errno.ENOSPC
        return Fault(
            f"{os.strerror(number).lower()} at a call",
            calls=_calls(out, WRITING, number, after % 60, FOR_EVER),
        )
    if kind == "read":
        one = r.choice((OPEN_TO_READ, READ, LOOK, READING))
        return Fault(
            "drive with plate and masks fails for 1 to 3 calls",
            calls=_calls(shot, one, passing, after, r.randint(1, 3)),
            whole=True,
        )
    if kind == "dead":
        return Fault(
            "drive with plate and masks fails for good", calls=_calls(shot, READING, passing, after, FOR_EVER)
        )
    if kind == "forbidden":
        return Fault("plate and masks forbidden", calls=_calls(shot, READING, errno.EACCES, after, FOR_EVER))
    if kind == "write":
        one = r.choice((OPEN_TO_WRITE, WRITE, SYNC, RENAME))
        return Fault(
            "drive with the mattes fails for 1 or 2 calls",
            calls=_calls(out, one, passing, after % 60, r.randint(1, 2)),
        )
    if kind == "unwritable":
        number = r.choice((passing, errno.EROFS, errno.EACCES))
        return Fault(
            "drive with the mattes fails for good", calls=_calls(out, WRITING, number, after % 60, FOR_EVER)
        )
    if kind == "cache":
        of = r.choice((READING, WRITING, READING | WRITING))
        number = r.choice((passing, errno.ENOSPC, errno.EACCES))
        return Fault(
            "drive with the cache fails",
            calls=_calls(cache, of, number, after % 60, r.choice((1, 5, FOR_EVER))),
            whole=True,
        )
    if kind == "clock":
        jump = r.choice((-3600, 3600, -400 * 86400, 400 * 86400, 2 * 86400))
        return Fault("clock jumps by an hour or days", calls={"clock": [r.randrange(60), jump]}, whole=True)
    return Fault("a frame's file is damaged", damage=r.choice(files))


def _calls(below: Path, of: int, error: int, after: int, times: int) -> dict[str, Any]:
    return {"calls": [str(below), of, error, after, times]}


def with_faults(
    arguments: Sequence[str], *, note: str, calls: Sequence[Any] = (), clock: Sequence[int] = ()
) -> int:
    """`maggie-node` with failing calls; how many have failed is written to the file `note`."""
    library = ctypes.CDLL(os.environ["LD_PRELOAD"])
    library.faults_failed.restype = ctypes.c_long
    if calls:
        folder, of, error, after, times = calls
        library.faults_begin(os.fsencode(folder), of, error, ctypes.c_long(after), ctypes.c_long(times))
    if clock:
        library.faults_clock(ctypes.c_long(clock[0]), ctypes.c_long(clock[1]))
    try:
        return maggie_node(arguments)
    finally:
        failed = library.faults_failed()
        Path(note).write_text(str(failed or len(clock)), encoding="ascii")


def built(folder: Path) -> Path:
    """The library that makes calls fail, compiled into `folder`.

    Raises:
        subprocess.CalledProcessError: there is no C compiler, or another system than Linux.
    """
    library = folder / "faults.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    return library


def can_mount() -> bool:
    """Whether this user may mount a disk."""
    return os.geteuid() == 0


@contextmanager
def disk(folder: Path, size_kb: int) -> Iterator[None]:
    """A disk of `size_kb` at `folder` with the files that are there; what it then has stays there."""
    if not size_kb:
        yield
        return
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "none", folder], check=False)
    assert mounted.returncode == 0
    try:
        yield
        kept = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    finally:
        subprocess.run(["umount", folder], check=True)
    for name, content in kept.items():
        (folder / name).write_bytes(content)
