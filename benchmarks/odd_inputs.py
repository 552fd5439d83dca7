"""Whether odd inputs get mattes that are right, or one good sentence: no traceback, hang or wrong result.

    python -m benchmarks.odd_inputs                       # 2,100 cases, some ten minutes
    python -m benchmarks.odd_inputs --cases 210 --seed 7  # other cases, in a minute or two
    python -m benchmarks.odd_inputs --only "damaged EXRs" --cases 500
    python -m benchmarks.odd_inputs --into benchmarks/reliability.md
    python -m benchmarks.odd_inputs --progress odd.json   # goes on where it was stopped

Each case is drawn by its class and its number alone and given to the real command in a process of its own,
under limits of time and memory. What is right for a case is known beforehand: the mattes of the plain shot,
a refusal, or either of them.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks._pages import renew
from benchmarks._progress import keep_progress, progress
from benchmarks.odd.base import Base, Shot, written_alphas
from benchmarks.odd.judging import Alphas, Case, fault_of, sentence_of
from benchmarks.odd.masks import MASKS
from benchmarks.odd.pictures import PICTURES
from benchmarks.odd.process import Ended, Forks
from benchmarks.odd.protocol import ProtocolWorker, protocol_line
from benchmarks.odd.words import WORDS

CLASSES = {**PICTURES, **MASKS, **WORDS}
PROTOCOL = "lines of the worker's protocol"


@dataclass
class Results:
    """What came out of the cases of one class."""

    mattes: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    megabytes: float = 0.0

    @property
    def cases(self) -> int:
        return self.mattes + self.refused + len(self.wrong)


def main() -> int:
    """Run the cases; returns 1 where one went wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*CLASSES, PROTOCOL]
    parser.add_argument("--cases", type=int, default=100 * len(names), help="of all classes together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=names, action="append", help="this class; repeatable")
    parser.add_argument("--case", type=int, help="the case of this number alone")
    parser.add_argument("--into", type=Path, help="a page whose table between its marks is renewed")
    parser.add_argument("--progress", type=Path, help="a file that keeps what is done, to go on from")
    args = parser.parse_args()
    chosen = args.only or names
    each = -(-args.cases // len(chosen))
    command = f"python -m benchmarks.odd_inputs --cases {args.cases} --seed {args.seed}"
    known = progress(args.progress)
    results: dict[str, Results] = {}
    with tempfile.TemporaryDirectory() as folder, Forks(Path(folder)) as forks:
        trial = Trial(Path(folder), forks, args.seed)
        for name in chosen:
            done = results[name] = Results(**known.get(name, {}))
            numbers = range(done.cases, each) if args.case is None else [args.case]
            for _ in trial.of(name, numbers, done):
                keep_progress(args.progress, {**known, name: asdict(done)})
            known[name] = asdict(done)
            print(f"{name}: {done.cases} cases, {len(done.wrong)} wrong", file=sys.stderr, flush=True)
            for wrong in done.wrong:
                print(f"  {wrong}", file=sys.stderr, flush=True)
            if args.into:  # after each class, so that a run that is stopped leaves what it has found
                renew(args.into, "odd inputs", command, table(results))
    print(table(results))
    return 1 if any(done.wrong for done in results.values()) else 0


class Trial:
    """The plain shot, and the cases that are made of it."""

    def __init__(self, folder: Path, forks: Forks, seed: int) -> None:
        self._folder, self._forks, self._seed = folder, forks, seed
        self._base = Base(folder / "base")
        plain = Shot(self._base, folder / "plain")
        plain.folder.mkdir()
        forks.warm(plain.arguments(output=str(folder / "warm" / "m.####.exr")))
        ended = forks.run("maggie-node", plain.arguments())
        assert ended.code == 0, ended.stderr
        self._plain: Alphas = written_alphas(plain.out)

    def of(self, name: str, numbers: Iterable[int], results: Results) -> Iterator[None]:
        """Cases of a class, one at a time; each is added to the results."""
        if name == PROTOCOL:
            yield from self._protocol(numbers, results)
            return
        for number in numbers:
            case, ended, fault = self._tried(name, number)
            results.seconds = max(results.seconds, ended.seconds)
            results.megabytes = max(results.megabytes, ended.megabytes)
            if fault:
                results.wrong.append(f"case {number}, {case.note}: {fault}: {sentence_of(ended)}")
            elif ended.code == 2:
                results.refused += 1
            else:
                results.mattes += 1
            yield

    def _tried(self, name: str, number: int) -> tuple[Case, Ended, str]:
        shot = Shot(self._base, self._folder / "case")
        shot.folder.mkdir()
        try:
            case = CLASSES[name](shot, random.Random(f"{name} {self._seed} {number}"))
            ended = self._forks.run(
                case.command, case.arguments, cwd=shot.folder, env=case.env, encoding=case.encoding
            )
            fault = fault_of(case, ended, shot, self._plain)
            if not fault and case.compare:
                compared = self._forks.run("reads alike", case.compare)
                if compared.code != 0 and not compared.signal:  # a reader that crashes is not ours
                    fault = f"read otherwise than by OpenEXR: {compared.stdout.strip()}"
            return case, ended, fault
        finally:
            shutil.rmtree(shot.folder)

    def _protocol(self, numbers: Iterable[int], results: Results) -> Iterator[None]:
        """Lines to one worker, each followed by a good request that has to be answered."""
        shot = Shot(self._base, self._folder / "case")
        with closing(ProtocolWorker()) as worker:
            for number in numbers:
                began = time.monotonic()
                line = protocol_line(shot, random.Random(f"protocol {self._seed} {number}"))
                if fault := worker.fault(line):
                    results.wrong.append(f"line {number}, {line[:100]!r}: {fault}")
                    worker.begin_anew()
                else:
                    results.refused += 1
                results.seconds = max(results.seconds, time.monotonic() - began)
                yield


def table(results: dict[str, Results]) -> str:
    """Results by class as Markdown."""
    lines = [
        "| class | cases | with mattes | refused in one line | went wrong | longest, s | most memory, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, done in results.items():
        counts = f"{done.cases} | {done.mattes} | {done.refused} | {len(done.wrong)}"
        lines.append(f"| {name} | {counts} | {done.seconds:.1f} | {done.megabytes:.0f} |")
    total: Counter[str] = Counter()
    for done in results.values():
        total.update(cases=done.cases, mattes=done.mattes, refused=done.refused, wrong=len(done.wrong))
    sums = " | ".join(f"**{total[key]}**" for key in ("cases", "mattes", "refused", "wrong"))
    longest, most = (max(getattr(done, key) for done in results.values()) for key in ("seconds", "megabytes"))
    lines.append(f"| **all** | {sums} | **{longest:.1f}** | **{most:.0f}** |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
