"""How fast stills and clips are composed from the disk cache of figures, on one core.

    python -m benchmarks.synthesis [--bank DIR] [--count 40] [--size 512]

Without --bank a small one is drawn first; drawing it is timed too. Times are processor time of this process,
with one thread.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from maggie_lab.synthesis import Bank, BankPlan, build_bank, compose, compose_clip, sample_generator

PLAN = BankPlan(figures=24, backgrounds=16, size_px=384, seed=1, puppets=16)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bank", type=Path, help="a bank that `maggie-node synthesize bank` made")
    parser.add_argument("--count", type=int, default=40, help="stills to compose")
    parser.add_argument("--size", type=int, default=512, help="side of the images in pixels")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.bank or Path(temporary)
        if args.bank is None:
            drawn = _seconds(lambda: build_bank(folder, PLAN))
            items = PLAN.figures + PLAN.backgrounds + PLAN.puppets
            print(f"bank: {drawn / items:.2f} s an item of {PLAN.size_px} px")
        bank = Bank(folder)
        for index in range(bank.figures):  # measured once per process, not once per sample
            bank.anchors(index)
        for index in range(bank.puppets):
            bank.puppet_anchors(index)
        seconds = _seconds(
            lambda: [
                compose(sample_generator(0, index), bank, crop_px=args.size) for index in range(args.count)
            ]
        )
        print(f"stills: {args.count / seconds:.1f} a second at {args.size} px")
        clips = max(1, args.count // 8)
        seconds = _seconds(
            lambda: [
                compose_clip(sample_generator(1, index), bank, frames=8, crop_px=args.size)
                for index in range(clips)
            ]
        )
        print(f"clips: {8 * clips / seconds:.1f} frames a second at {args.size} px")


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
