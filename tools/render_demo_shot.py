"""Render the demo shot in Blender and write it as a compositor would receive it.

    python tools/render_demo_shot.py -o DIR [--work DIR] [--frames 1001 1010] [--deliver-only]

Needs an interpreter with Blender: `pip install bpy==4.5.15 "OpenImageIO<3.1" mmh3`. Frames that are
already in the work folder are not rendered again, so a stopped run goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from pathlib import Path

PLATE_SAMPLES = 16
COVERAGE_SAMPLES = 256


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the finished shot")
    parser.add_argument("--work", type=Path, help="folder for Blender's own files; default OUTPUT/work")
    parser.add_argument("--frames", type=int, nargs=2, metavar=("FIRST", "LAST"), help="render only these")
    parser.add_argument(
        "--deliver-only", action="store_true", help="render nothing, use what the work folder has"
    )
    options = parser.parse_args()
    work = (options.work or options.output / "work").resolve()
    work.mkdir(parents=True, exist_ok=True)
    if not options.deliver_only:
        render(work, options.frames)
    if not options.frames:
        from demo_shot import deliver

        deliver.write_shot(work, options.output)
    return 0


def render(work: Path, frames: list[int] | None) -> None:
    """Render what the work folder lacks."""
    from demo_shot import shot

    first, last = frames or (shot.FRAMES[0], shot.FRAMES[-1])
    shot.build_shot()
    for frame in range(first, last + 1):
        for kind, draw, samples in (
            ("plate", shot.render_plate, PLATE_SAMPLES),
            ("coverage", shot.render_coverage, COVERAGE_SAMPLES),
        ):
            done = work / f"{kind}.{frame}.exr"
            if done.exists():
                continue
            started, unfinished = time.monotonic(), work / f"unfinished_{kind}.exr"
            draw(frame, unfinished, samples=samples)
            unfinished.replace(done)
            print(f"{kind} {frame}: {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    try:
        status = main()
    except Exception:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # bpy 4.5 may hang while the interpreter closes
