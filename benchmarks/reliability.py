"""Whether every delivered frame is that of a run from nothing, whatever is edited between and during runs.

    python -m benchmarks.reliability                       # 500 edits, some ten minutes
    python -m benchmarks.reliability --edits 60 --seed 7   # another history, in a minute or two
    python -m benchmarks.reliability --into benchmarks/reliability.md

Files of a small shot are repainted, truncated, deleted, exchanged and restored, and options changed, before
and during runs by the runner, the command line, a worker and farm tasks. After each step the delivered files
are compared, pixels and headers, with those of a process that starts from nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks._pages import renew
from benchmarks.edits.trial import Tally, Trial
from benchmarks.edits.ways import Way

WAYS: dict[Way, int] = {
    "runner": 10,
    "runner, models kept": 12,
    "worker": 14,
    "farm tasks": 10,
    "command line": 4,
    "farm task processes": 1,
}
"""How often each is drawn; a process of its own takes seconds."""
MOMENTS = ("between runs", "during a run", "after a run")
EDITS_OF_A_TRIAL = 60
"""After so many edits a new shot is begun."""


def main() -> int:
    """Run the edits; returns 1 when a frame was wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edits", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1, help="of the first shot; the next ones count on")
    parser.add_argument("--into", type=Path, help="a page whose table between its marks is renewed")
    args = parser.parse_args()
    shots = -(-args.edits // EDITS_OF_A_TRIAL)
    tally, began = Tally(), time.monotonic()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for one in pool.map(tried, range(args.seed, args.seed + shots)):
            tally = joined(tally, one)
            said = f"{tally.edits.total()} edits, {tally.frames} frames, {len(tally.wrong)} wrong"
            print(f"{said}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            if args.into:  # after each shot, so that a run that is stopped leaves what it has found
                command = f"python -m benchmarks.reliability --edits {args.edits} --seed {args.seed}"
                renew(args.into, "edits", command, table(tally))
    print(table(tally))
    return 1 if tally.wrong else 0


def table(tally: Tally) -> str:
    """What was tried as Markdown: by kind of edit, and by the way of running."""
    kinds = sorted({(kind, manner) for kind, manner, _ in tally.edits})
    lines = [
        "| edit | how | cases tried | of them during a run | then refused | result |",
        "|---|---|---|---|---|---|",
    ]
    for kind, manner in kinds:
        here = {moment: tally.edits[kind, manner, moment] for moment in MOMENTS}
        wrong = sum(any(each[:2] == (kind, manner) for each in edits) for edits, _ in tally.wrong)
        result = f"{wrong} steps wrong" if wrong else "as from nothing"
        refused = tally.refused_after[kind, manner]
        counts = f"{sum(here.values())} | {here[MOMENTS[1]]} | {refused}"
        lines.append(f"| {kind} | {manner} | {counts} | {result} |")
    total = sum(count for (_, _, moment), count in tally.edits.items() if moment == MOMENTS[1])
    result = f"{len(tally.wrong)} steps wrong" if tally.wrong else "as from nothing"
    refused = tally.refused_after.total()
    lines.append(f"| **all** | | **{tally.edits.total()}** | **{total}** | **{refused}** | **{result}** |")
    lines += ["", "| run by | runs |", "|---|---|"]
    lines += [f"| {way} | {tally.runs[way]} |" for way in WAYS]
    lines += [
        "",
        f"{tally.frames} delivered frames were compared, and {tally.failed} that fail in both runs; "
        f"{tally.refused} times the job was refused, from nothing too.",
    ]
    return "\n".join(lines)


def tried(seed: int, edits: int = EDITS_OF_A_TRIAL) -> Tally:
    """One shot, edited so many times."""
    ways: list[Way] = [way for way, often in WAYS.items() for _ in range(often)]
    with tempfile.TemporaryDirectory() as folder, Trial(Path(folder), seed=seed, ways=ways) as trial:
        while trial.edits < edits:
            if wrong := trial.step():
                print(wrong, file=sys.stderr, flush=True)
        return trial.tally


def joined(one: Tally, other: Tally) -> Tally:
    """Both together."""
    return Tally(
        one.edits + other.edits,
        one.runs + other.runs,
        one.frames + other.frames,
        one.refused + other.refused,
        one.refused_after + other.refused_after,
        one.failed + other.failed,
        one.wrong + other.wrong,
    )


if __name__ == "__main__":
    sys.exit(main())
