"""EXR to EXR through the whole pipeline: seconds a frame by part, and memory over the length of a shot.

python -m benchmarks.pipeline 2k          # 2048x1152, three people: parts of a frame, peak memory
python -m benchmarks.pipeline long        # 300 small frames: memory must stay level
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from maggie_core import chain, color, shot
from maggie_core.geometry import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.picture import write_picture
from maggie_core.model import MatteModel
from maggie_node import runner
from maggie_node.job import MaskGuidance, MatteJob
from maggie_node.protocol import FrameDone

PAGE = os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", choices=["2k", "long"])
    parser.add_argument("--frames", type=int)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.case == "2k":
            parts(Path(folder), frames=args.frames or 8)
        else:
            memory(Path(folder), frames=args.frames or 300)


def parts(folder: Path, *, frames: int) -> None:
    """Print the share of each part of the work in a 2K shot of three people."""
    job = write_people(folder, frames=frames, width=2048, height=1152, people=3)
    spent: dict[str, float] = defaultdict(float)
    first = second = 0.0

    def emit(event: Any) -> None:
        nonlocal first, second
        if isinstance(event, FrameDone):
            second = time.perf_counter()
            first = first or second

    with timed(spent):
        runner.run(job, emit=emit)
    per_frame = (second - first) / (frames - 1)
    print(f"2048x1152, 3 people, {frames} frames: {per_frame:.2f} s a frame, peak {peak_mb():.0f} MB")
    total = sum(spent.values())
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"  {name:24}{seconds / frames:8.3f} s a frame {100 * seconds / total:6.1f} %")


def memory(folder: Path, *, frames: int) -> None:
    """Print resident memory along a long shot."""
    job = write_people(folder, frames=frames, width=320, height=180, people=2)
    seen: list[float] = []
    runner.run(job, emit=lambda event: seen.append(resident_mb()) if isinstance(event, FrameDone) else None)
    tenth = max(1, frames // 10)
    for index in range(tenth - 1, frames, tenth):
        print(f"  after {index + 1:5} frames {seen[index]:8.1f} MB")
    growth = np.median(seen[-tenth:]) - np.median(seen[tenth : 2 * tenth])
    print(f"{frames} frames of 320x180: {growth:+.1f} MB from the second tenth of the shot to the last")


def write_people(folder: Path, *, frames: int, width: int, height: int, people: int) -> MatteJob:
    """A plate of soft ellipses that wander over noise, with a mask sequence for each."""
    rng = np.random.default_rng(7)
    ground = np.kron(rng.random((height // 8 + 1, width // 8 + 1, 3)), np.ones((8, 8, 1)))[:height, :width]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    whole = Window(0, 0, width, height)
    colours = rng.random((people, 3)) * 1.5
    for frame in range(1, frames + 1):
        pixels = ground.astype(np.float32) * 0.4
        for k in range(people):
            x = width * (k + 1) / (people + 1) + width * 0.05 * np.sin(frame / 9 + k)
            distance = np.hypot((columns - x) / (0.1 * width), (rows - 0.55 * height) / (0.35 * height))
            alpha = np.clip((1.02 - distance) * 20, 0, 1)
            pixels = pixels * (1 - alpha[..., None]) + alpha[..., None] * colours[k].astype(np.float32)
            write_picture(folder / f"p{k}.{frame:04d}.png", (distance < 1).astype(np.float32))
        write_exr(folder / f"plate.{frame:04d}.exr", [Part(None, ("R", "G", "B"), pixels, whole, whole)])
    return MatteJob(
        plate=str(folder / "plate.####.exr"),
        output=str(folder / "out" / "matte.####.exr"),
        guidance=tuple(MaskGuidance(f"p{k}", str(folder / f"p{k}.####.png")) for k in range(people)),
        colorspace="lin_rec709",
        device="cpu",
    )


@contextmanager
def timed(spent: dict[str, float]) -> Iterator[None]:
    """Add up the time inside the parts of the pipeline while the context lasts."""
    places: list[tuple[Any, str, str]] = [
        (shot, "read_plate", "read the plate"),
        (color.PlateView, "to_model", "colour and resize"),
        (shot.Guidance, "read", "read the guidance"),
        (MatteModel, "encode", "network, features"),
        (MatteModel, "window", "network, window"),
        (chain, "polish", "polish"),
        (chain, "steadied", "steady"),
        (shot.Geometry, "from_working", "enlarge the alphas"),
        (runner, "write_mattes", "write the mattes"),
    ]
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for owner, name, label in places:
        setattr(owner, name, _timer(getattr(owner, name), spent, label))
    try:
        yield
    finally:
        for owner, name, original in kept:
            setattr(owner, name, original)


def _timer(call: Callable[..., Any], spent: dict[str, float], label: str) -> Callable[..., Any]:
    def inner(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return call(*args, **kwargs)
        finally:
            spent[label] += time.perf_counter() - start

    return inner


def resident_mb() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def peak_mb() -> float:
    """Highest resident memory of this process so far."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
