"""Whether faults cost a frame: kills, full disks, failing drives, jumping clocks and damaged files.

    python -m benchmarks.faults                       # 1,000 faults
    python -m benchmarks.faults --faults 100 --seed 7 # others
    python -m benchmarks.faults --into benchmarks/reliability.md
    python -m benchmarks.faults --progress faults.json  # goes on where it was stopped

A shot is matted with one fault after another, at random moments. After each run every file that has the name
of a matte must be whole and right, and none may be left unfinished. Then the job runs once without a fault:
all frames must be there, each as in a run that never met one. Calls are made to fail by a small library
(`benchmarks/faulty/faults.c`), so a C compiler and Linux are needed; small disks need root, else calls fail.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from benchmarks._pages import renew
from benchmarks._progress import keep_progress, progress
from benchmarks.faulty.faults import GRACE_S, Fault, built, disk, drawn
from benchmarks.odd.base import FRAMES, PEOPLE, Base
from benchmarks.odd.process import Ended, Forks

MOST_IN_A_ROW = 4
"""Faulty runs before the one that finishes the shot."""
SHOT_FRAMES = (1001, 1002, 1003, 1004, 1005)


@dataclass
class Tally:
    """What was tried and what came of it."""

    cases: int = 0
    """Shots that were matted to their end."""
    faults: Counter[str] = field(default_factory=Counter)
    """Those that took place, by kind."""
    missed: int = 0
    """Drawn at a moment when the job had ended, or at a call that it does not make."""
    frames: int = 0
    """Files compared."""
    wrong: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    most_mb: float = 0.0

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Tally:
        """A tally whose `vars` were kept as JSON."""
        return cls(**{**kept, "faults": Counter(kept.get("faults", {}))})


class Trial:
    """The shot, a job of it, and what its files are without any fault."""

    def __init__(self, folder: Path, forks: Forks, seed: int) -> None:
        self._folder, self._forks, self._seed = folder, forks, seed
        self.tally = Tally()
        base = Base(folder / "base")
        self._shot, self._whole = folder / "shot", {}
        self._shot.mkdir()
        for at, frame in enumerate(SHOT_FRAMES):
            source = FRAMES[at % len(FRAMES)]
            shutil.copy(base.plate(source), self._shot / f"plate.{frame}.exr")
            for name in PEOPLE:
                shutil.copy(base.mask(name, source), self._shot / f"{name}.{frame}.png")
        self._whole = {path.name: path.read_bytes() for path in self._shot.iterdir()}
        self._model = base.model
        # Elsewhere: a process looks once a minute for what others have left in a folder.
        forks.warm(self._arguments((), out="warm"))
        self._forms: dict[tuple[str, ...], tuple[dict[str, str], float]] = {}

    def case(self, number: int) -> None:
        """Faulty runs one after another, then one that finishes the shot."""
        r = self._r = random.Random(f"faults {self._seed} {number}")
        form = r.choice(
            (
                (),
                ("--layout", "files"),
                ("--layout", "multipart"),
                ("--layout", "cryptomatte"),
                ("--cache", "cache"),
                ("--cache", "cache", "--foreground"),
            )
        )
        expected, seconds = self._expected(form)
        out, cache = self._folder / "out", self._folder / "cache"
        done: list[str] = []
        for _ in range(r.randint(1, MOST_IN_A_ROW)):
            fault = drawn(
                r, seconds=seconds, shot=self._shot, out=out, cache=cache, files=sorted(self._whole)
            )
            done.append(fault.kind)
            if wrong := self._faulty(fault, form, expected):
                self.tally.wrong.append(f"case {number}, {' + '.join(done)}, {' '.join(form)}: {wrong}")
                break
        ended = self._run(self._arguments(form), ())
        if ended.code != 0:
            self.tally.wrong.append(
                f"case {number}, {' + '.join(done)}: not finished: {ended.code} {ended.stderr[-300:]}"
            )
        elif wrong := self._fault_of_files(expected, complete=True):
            self.tally.wrong.append(f"case {number}, {' + '.join(done)}: afterwards {wrong}")
        for folder in (out, cache):
            shutil.rmtree(folder, ignore_errors=True)
        self.tally.cases += 1

    def _expected(self, form: tuple[str, ...]) -> tuple[dict[str, str], float]:
        if form not in self._forms:
            ended = self._run(self._arguments(form), ())
            assert ended.code == 0, ended.stderr
            self._forms[form] = (
                {path.name: digest_of(path) for path in (self._folder / "out").iterdir()},
                ended.seconds,
            )
            for name in ("out", "cache"):
                shutil.rmtree(self._folder / name, ignore_errors=True)
        return self._forms[form]

    def _arguments(self, form: tuple[str, ...], *, out: str = "out") -> list[str]:
        masks = [word for name in PEOPLE for word in ("--guidance", f"{name}={self._shot / name}.####.png")]
        words = [str(self._folder / word) if word == "cache" else word for word in form]
        return [
            "matte",
            f"{self._shot}/plate.####.exr",
            "-o",
            f"{self._folder}/{out}/m.####.exr",
            "--model",
            self._model,
            *masks,
            *words,
        ]

    def _faulty(self, fault: Fault, form: tuple[str, ...], expected: dict[str, str]) -> str:
        note = self._folder / "note"
        note.write_text("0", encoding="ascii")
        damaged = self._shot / fault.damage
        if fault.damage:
            content = bytearray(self._whole[fault.damage])
            cut = self._r.randrange(len(content))
            damaged.write_bytes(
                bytes(content[:cut])
                if self._r.random() < 0.5
                else bytes(content[:cut]) + self._r.randbytes(40) + bytes(content[cut + 40 :])
            )
        with disk(self._folder / "out", fault.disk_kb):
            before, began = self._unfinished(), time.monotonic()
            ended = self._run(self._arguments(form), fault.signals, note=str(note), **fault.calls)
            took = time.monotonic() - began
            wrong = self._fault_of_run(fault, ended, took, before) or self._fault_of_files(
                expected, complete=fault.whole, unlike_allowed=bool(fault.damage)
            )
        if fault.damage:
            damaged.write_bytes(self._whole[fault.damage])
        happened = (
            bool(fault.damage)
            or int(note.read_text(encoding="ascii") or 0) > 0
            or bool(ended.signal)
            or ended.code == 130
        )
        happened = happened or bool(fault.disk_kb and ended.code)
        self.tally.slowest_s = max(self.tally.slowest_s, ended.seconds)
        self.tally.most_mb = max(self.tally.most_mb, ended.megabytes)
        if happened:
            self.tally.faults[fault.kind] += 1
        else:
            self.tally.missed += 1
        return wrong

    def _run(self, arguments: list[str], signals: tuple[tuple[float, int], ...], **more: object) -> Ended:
        note = str(self._folder / "note")
        return self._forks.run(
            "benchmarks.faulty.faults:with_faults",
            arguments,
            signals=signals,
            limit_s=180,
            **{"note": note, **more},
        )

    def _fault_of_run(self, fault: Fault, ended: Ended, took: float, before: set[str]) -> str:
        if ended.hung:
            return f"hung for {took:.0f} s"
        if "Traceback" in ended.stderr or "a defect of ours" in ended.stderr:
            return f"defect: {ended.stderr[-400:]}"
        # Before the program listens to them, signals end it as they end any process.
        if ended.signal and ended.signal not in [number for _, number in fault.signals]:
            return f"ended by signal {ended.signal}"
        if not ended.signal and ended.code not in fault.codes:
            return f"exit code {ended.code}: {ended.stderr[-300:]}"
        if fault.whole and ended.code != 0:
            return f"lost frames: {ended.stderr[-400:]}"
        if fault.signals and ended.seconds - fault.signals[0][0] > GRACE_S:
            return f"ended {ended.seconds - fault.signals[0][0]:.0f} s after it was asked to"
        # What a killed run left, or one could not remove from a failing drive, is removed by the next run
        # that gets as far as to its output.
        left = set() if ended.signal or fault.calls else self._unfinished() - before
        return f"left {min(left)}" if left else ""

    def _unfinished(self) -> set[str]:
        """Names of hidden files beside the mattes."""
        return {path.name for path in (self._folder / "out").glob(".maggie-*")}

    def _fault_of_files(
        self, expected: dict[str, str], *, complete: bool, unlike_allowed: bool = False
    ) -> str:
        out = self._folder / "out"
        found = (
            {path.name: digest_of(path) for path in out.iterdir() if not path.name.startswith(".")}
            if out.is_dir()
            else {}
        )
        self.tally.frames += len(found)
        for name, digest in found.items():
            if name not in expected:
                return f"{name} is no matte"
            # Mattes beside a damaged frame are made without it, and made anew when it is whole again.
            if digest == "not whole" or (
                digest != expected[name] and not unlike_allowed and not self._beside_damage
            ):
                return f"{name} is {'not whole' if digest == 'not whole' else 'another matte'}"
        self._beside_damage = (self._beside_damage or unlike_allowed) and not complete
        if complete and (left := self._unfinished()):
            return f"{min(left)} is left"
        if complete and set(found) != set(expected):
            return f"{sorted(set(expected) - set(found))} are missing"
        return ""

    _beside_damage = False
    """Whether mattes may be there that were made without a damaged frame."""


def digest_of(path: Path) -> str:
    """Digest of the pixels of every channel of an EXR, read by OpenEXR's own binding; or `not whole`."""
    state = hashlib.blake2b(digest_size=16)
    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            for part in file.parts:
                for name, channel in sorted(part.channels.items()):
                    state.update(
                        f"{part.name()} {name}".encode() + np.ascontiguousarray(channel.pixels).tobytes()
                    )
    except (RuntimeError, ValueError):
        return "not whole"
    return state.hexdigest()


def main() -> int:
    """Put the faults into jobs; returns 1 where a frame was lost or wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--into", type=Path, help="a page whose table between its marks is renewed")
    parser.add_argument("--progress", type=Path, help="a file that keeps what is done, to go on from")
    args = parser.parse_args()
    began = time.monotonic()
    command = f"python -m benchmarks.faults --faults {args.faults} --seed {args.seed}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Forks(folder, LD_PRELOAD=str(built(folder))) as forks:
            trial = Trial(folder, forks, args.seed)
            tally = trial.tally = Tally.of(progress(args.progress))
            while tally.faults.total() < args.faults:
                known = len(tally.wrong)
                trial.case(tally.cases)
                for wrong in tally.wrong[known:]:
                    print(wrong, file=sys.stderr, flush=True)
                keep_progress(args.progress, vars(tally))
                if tally.cases % 10:
                    continue
                said = f"{tally.faults.total()} faults, {len(tally.wrong)} wrong"
                print(f"{said}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
                if args.into:  # so that a run that is stopped leaves what it has found
                    renew(args.into, "faults", command, table(tally))
    if args.into:
        renew(args.into, "faults", command, table(tally))
    print(table(tally))
    return 1 if tally.wrong else 0


def table(tally: Tally) -> str:
    """What was tried as Markdown."""
    lines = ["| fault | injected | mattes lost or wrong |", "|---|---|---|"]
    for kind, count in sorted(tally.faults.items()):
        wrong = sum(kind in text for text in tally.wrong)
        lines.append(f"| {kind} | {count} | {wrong} |")
    lines += [
        f"| **all** | **{tally.faults.total()}** | **{len(tally.wrong)}** |",
        "",
        f"{tally.cases} shots of {len(SHOT_FRAMES)} frames; {tally.frames} files were compared. "
        f"{tally.missed} faults more were drawn for a moment, or a call, that did not come. "
        f"The longest run took {tally.slowest_s:.0f} s, "
        f"the most memory beside the program's own was {tally.most_mb:.0f} MB.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
