"""Which job writes which frames: two jobs must not mix their files in one sequence.

A job lays a hidden file beside its output, which names the output, its frames and the job's process, and
removes it at its end. Another job whose frames are among them is refused; the same job may run again beside
it, as on a farm, since both write the same files. A killed process holds nothing: on the same machine
that is seen by its number; on another one because nobody writes into its file any more.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from maggie_api.errors import BusyError, SettingsError
from maggie_api.sequences import compact_frames, parse_frames
from maggie_core.io.atomic import own_name, owner_of, sweep

SUFFIX = "lock"
BEAT_S = 5.0
"""Time between two signs of life in a claim's file."""
WATCH_S = 20.0
"""How long another machine's claim is watched for a sign of life. Network folders show a change of a file
when it is opened, so a few beats are enough; a machine that died must not hold up the next try for long."""
_TRIES = 5
"""Jobs that begin in the same moment see each other: each withdraws, and tries again at a time of its own."""


@dataclass(frozen=True)
class _Claim:
    """What a claim's file says."""

    output: str
    job: str
    """Equal for jobs that write the same files."""
    frames: tuple[int, ...]
    who: str
    beat: int


@contextmanager
def claimed(output: Path, frames: Sequence[int], *, job: str) -> Iterator[str]:
    """Hold `frames` of a sequence against other jobs in other processes; in one process they take turns.

    Where the folder takes no file the frames are not held: each of them will say why it cannot be written.

    Args:
        output: the sequence, as `out/matte.####.exr`.
        job: equal for jobs that write the same files, whatever their frames.

    Yields:
        Who writes the same files at the same time; "" if nobody does.

    Raises:
        BusyError: another job holds some of the frames.
    """
    sweep(output.parent)  # here, because a job that finds all its frames writes none
    claim = _Claim(output.name, job, tuple(frames), _me(), 0)
    for left in reversed(range(_TRIES)):
        with _laid(output.parent, claim) as is_laid:
            holders = tuple(_holders(output.parent, claim)) if is_laid else ()
            other = next((holder for holder in holders if holder.job != job), None)
            if other is None:
                yield next((holder.who for holder in holders), "")
                return
        if other.beat or not left:
            both = compact_frames(set(frames) & set(other.frames))
            raise BusyError(
                f"frames {both} of {output} are being written by another job, {other.who}: wait until it "
                "ends, end it, or choose another output"
            )
        time.sleep(random.uniform(0.05, 0.25))


@contextmanager
def _laid(folder: Path, claim: _Claim) -> Iterator[bool]:
    """Lay a claim with signs of life; yields False where the folder takes none."""
    file, over = folder / own_name(SUFFIX), threading.Event()

    def beat() -> None:
        number = 0
        while not over.wait(BEAT_S):
            number += 1
            _write(file, replace(claim, beat=number))

    is_laid = _write(file, claim)
    beating = threading.Thread(target=beat, daemon=True, name="claim")
    try:
        if is_laid:
            beating.start()
        yield is_laid
    finally:
        over.set()
        if is_laid:
            beating.join()
        _remove(file)


def _write(file: Path, claim: _Claim) -> bool:
    """Write a claim's file, which is whole whenever somebody looks; False where it cannot be written."""
    words = asdict(claim) | {"frames": compact_frames(claim.frames)}
    temporary = file.with_name(own_name("tmp"))
    try:
        temporary.write_text(json.dumps(words), encoding="utf-8")
        os.replace(temporary, file)
    except OSError:
        _remove(temporary)
        return False
    return True


def _remove(file: Path) -> None:
    with suppress(OSError):
        file.unlink(missing_ok=True)


def _me() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        user = "somebody"
    return f"process {os.getpid()} of {user} on {platform.node()}"


def _holders(folder: Path, wanted: _Claim) -> Iterator[_Claim]:
    """Other processes' claims of any of the frames. Those of the dead are removed."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            owner, file = owner_of(entry.name, SUFFIX), Path(entry.path)
            if owner in (None, "this process"):
                continue
            claim = None if owner == "gone" else _read(file)
            if owner == "gone":
                _remove(file)
            elif claim is None or claim.output != wanted.output or not set(wanted.frames) & set(claim.frames):
                continue
            elif owner == "running" or _is_alive(file, claim):
                yield claim
            else:
                _remove(file)


def _is_alive(file: Path, claim: _Claim) -> bool:
    """Whether another machine still writes into a claim's file."""
    until = time.monotonic() + WATCH_S
    while time.monotonic() < until:
        time.sleep(min(1.0, WATCH_S / 4))
        now = _read(file)
        if now is None or now.beat != claim.beat:
            return now is not None
    return False


def _read(file: Path) -> _Claim | None:
    """A claim; None where it is gone, or somebody else's file."""
    with suppress(OSError, ValueError, KeyError, TypeError, SettingsError):
        words = json.loads(file.read_text(encoding="utf-8"))
        frames = parse_frames(words["frames"])
        return _Claim(str(words["output"]), str(words["job"]), frames, str(words["who"]), int(words["beat"]))
    return None
