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
from collections import Counter
from pathlib import Path

from benchmarks.edits.trial import Tally, Trial
from benchmarks.edits.ways import Way

WAYS: dict[Way, int] = {
    "runner": 4,
    "runner, models kept": 5,
    "worker": 8,
    "farm tasks": 4,
    "command line": 3,
    "farm task processes": 1,
}
"""How often each is drawn; a process of its own takes seconds."""
EDITS_OF_A_TRIAL = 60
"""After so many edits a new shot is begun."""


def main() -> int:
    """Run the edits; returns 1 when a frame was wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edits", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--into", type=Path, help="write the table into this page, between its marks")
    args = parser.parse_args()
    tally, began = Tally(), time.monotonic()
    seed = args.seed
    while tally.edits.total() < args.edits:
        one = tried(seed, min(EDITS_OF_A_TRIAL, args.edits - tally.edits.total()))
        tally = joined(tally, one)
        seed += 1
        print(
            f"{tally.edits.total()} edits, {tally.frames} frames, {len(tally.wrong)} wrong, "
            f"{time.monotonic() - began:.0f} s",
            file=sys.stderr,
            flush=True,
        )
    return 1 if tally.wrong else 0


def tried(seed: int, edits: int) -> Tally:
    """One shot, edited so many times."""
    ways = [way for way, often in WAYS.items() for _ in range(often)]
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
        one.failed + other.failed,
        one.wrong + other.wrong,
    )


if __name__ == "__main__":
    sys.exit(main())
