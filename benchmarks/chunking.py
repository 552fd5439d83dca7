"""What chunks cost: frames computed and processor seconds for the same mattes, by the chunk size of a farm.

python -m benchmarks.chunking             # 24 frames in two segments, a few minutes on one core
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

from maggie_api.job import MatteJob, write_job
from maggie_core.io.frames import compact_frames
from maggie_core.model import load_model
from maggie_core.shot import matter
from maggie_node import runner
from maggie_node.bench.shots import write_people
from maggie_node.farm.plan import even, make_plan
from maggie_node.farm.plan_report import reach_of

FRAMES, SEGMENT = 24, 12
CHUNKS = (24, 12, 8, 6, 4, 2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chunks", type=int, nargs="+", default=CHUNKS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        job = write_people(Path(folder), frames=FRAMES, width=256, height=144, people=2)
        job = dataclasses.replace(job, segment_frames=SEGMENT, shot_frames=f"1-{FRAMES}")
        table(job, args.chunks)
        starting(job, Path(folder))


def table(job: MatteJob, chunks: tuple[int, ...]) -> None:
    """Run every chunk size from a cold state, with the model loaded once, and print its cost."""
    frames, reach, load = tuple(range(1, FRAMES + 1)), reach_of(job), cache(load_model)
    run(dataclasses.replace(job, frames="1"), load)  # loads the model and compiles what is compiled
    print(
        f"{FRAMES} frames, segments of {SEGMENT}, {job.warmup_frames} of warm-up, {reach.rule['ahead']} ahead"
    )
    print(
        f"{'chunk':>6}{'tasks':>7}{'computed':>10}{'planned':>9}{'overhead':>10}{'seconds':>9}{'overhead':>10}"
    )
    alone = 0.0
    for chunk in chunks:
        plan = make_plan(frames, frames, chunk=chunk, reach=reach, cut=even)
        begin, read = time.process_time(), 0
        for task in plan.tasks:
            read += run(dataclasses.replace(job, frames=compact_frames(task.frames), resume=False), load)
        seconds = time.process_time() - begin
        alone = alone or seconds
        print(
            f"{chunk:>6}{len(plan.tasks):>7}{read:>10}{plan.computed:>9}{100 * plan.overhead:>8.0f} %"
            f"{seconds:>9.1f}{100 * (seconds / alone - 1):>8.0f} %",
            flush=True,
        )


def run(job: MatteJob, load: Any) -> int:
    """Matte `job`; returns how many frames were read for the network."""
    reads = 0
    read_plate = matter.read_plate

    def counted(*args: Any, **how: Any) -> Any:
        nonlocal reads
        reads += 1
        return read_plate(*args, **how)

    matter.read_plate = counted
    try:
        finished = runner.run(job, emit=lambda event: None, load=load)
    finally:
        matter.read_plate = read_plate
    assert finished.failed == 0
    return reads - 1  # the shot's first frame is read once more, for its format


def starting(job: MatteJob, folder: Path) -> None:
    """Print what a process of its own costs a task: Python, imports, weights."""
    path = folder / "job.json"
    write_job(dataclasses.replace(job, segment_frames=1, warmup_frames=0), path)
    seconds: list[float] = []
    for frames in ("1", "1-9"):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "maggie_node", "job", str(path), "--frames", frames]
        subprocess.run([*command, "-o", str(folder / frames / "m.####.exr")], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    one, nine = seconds
    print(f"a process of its own: {one - (nine - one) / 8:.1f} s until its first frame")


if __name__ == "__main__":
    main()
