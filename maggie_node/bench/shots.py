"""Whole jobs measured, EXR to EXR: the share of each part of a frame, memory along a shot, full detail.

Each job runs in a process of its own: `python -m maggie_node.bench.shots`, JSON on stdin.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from maggie_api.events import FrameDone, FrameFailed
from maggie_api.job import MaskGuidance, MatteJob
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.integer_image import write_integer_image
from maggie_node.bench.cases import Case
from maggie_node.bench.memory import own_peak_mb

GROUPS = {
    "read the plate": "reading",
    "read the guidance": "reading",
    "colour and resize": "colour",
    "network, features": "network",
    "network, window": "network",
    "refine": "last steps",
    "smooth": "last steps",
    "enlarge the alphas": "enlarging",
    "detail at the plate's size": "full-resolution detail",
    "write the mattes": "writing",
}
LAST = 2
"""Frames at the end of a shot that are not counted: nothing is read or encoded any more meanwhile."""
NEEDED = ("network", "last steps", "full-resolution detail")
"""What a frame costs however its files are handled. The thread that computes does it, one after the other, so
the time in which it does nothing of that is overhead; what others do meanwhile is none."""


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
            write_integer_image(folder / f"p{k}.{frame:04d}.png", (distance < 1).astype(np.float32))
        write_exr(folder / f"plate.{frame:04d}.exr", [Part(None, ("R", "G", "B"), pixels, whole, whole)])
    return MatteJob(
        plate=str(folder / "plate.####.exr"),
        output=str(folder / "out" / "matte.####.exr"),
        guidance=tuple(MaskGuidance(f"p{k}", str(folder / f"p{k}.####.png")) for k in range(people)),
        colorspace="lin_rec709",
        device="cpu",
    )


def measure_shot(
    case: Case, *, device: str, threads: int, repeat: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Measure the case of a whole job: `e2e`, `long` or `full`."""
    frames = case.frames or repeat + 3 + LAST
    with tempfile.TemporaryDirectory() as folder:
        say(f"{case.name}: writing {frames} frames of {case.width}x{case.height}")
        job = write_people(
            Path(folder), frames=frames, width=case.width, height=case.height, people=case.instances
        )
        job = replace(job, device=device, precision="fp32", resume=False)
        common = {"size": f"{case.width}x{case.height}", "instances": case.instances, "frames": frames}

        def run(detail: str, precision: str, *, overlap: bool = True) -> dict[str, Any]:
            say(f"{case.name}: a job in {precision}, {detail} detail{'' if overlap else ', without overlap'}")
            asked = replace(job, detail=detail, precision=precision)  # pyright: ignore[reportArgumentType]
            return _in_child(asked, threads, overlap=overlap)

        if case.kind == "full":
            full, working = run("full", "fp32"), run("working", "fp32")
            return common | {
                "seconds_fast": full["seconds"],
                "peak_mb_fast": full["peak_mb"],
                "seconds_working": working["seconds"],
                "peak_mb_working": working["peak_mb"],
                "parts": full["parts"],
            }
        found = run("working", "fp32")
        if case.kind == "long":
            return common | _curve(found)
        bf16, in_turn = run("working", "bf16"), run("working", "fp32", overlap=False)
        return common | {
            "seconds_fast": found["seconds"],
            "seconds_fast_bf16": bf16["seconds"],
            "peak_mb_fast": found["peak_mb"],
            "parts": found["parts"],
            "shares": _shares(found),
            "overhead": _overhead(found),
            "overhead_bf16": _overhead(bf16),
            "seconds_without_overlap": in_turn["seconds"],
            "overhead_without_overlap": _overhead(in_turn),
        }


def _shares(found: dict[str, Any]) -> dict[str, float]:
    """Each group's seconds through a frame's; more than one together where parts overlap."""
    shares: dict[str, float] = defaultdict(float)
    for part, seconds in found["parts"].items():
        shares[GROUPS[part]] += seconds / found["between"]
    return dict(shares)


def _overhead(found: dict[str, Any]) -> float:
    """Share of a frame in which it is neither in the network nor in the last steps."""
    return 1 - sum(share for group, share in _shares(found).items() if group in NEEDED)


def _curve(found: dict[str, Any]) -> dict[str, Any]:
    seen = found["resident_mb"]
    tenth = max(1, len(seen) // 10)
    return {
        "seconds_fast": found["seconds"],
        "peak_mb_fast": found["peak_mb"],
        "resident_mb": {str(k): seen[k - 1] for k in range(tenth, len(seen) + 1, tenth)},
        "growth_mb": median(seen[-tenth:]) - median(seen[tenth : 2 * tenth]),
    }


def _in_child(job: MatteJob, threads: int, *, overlap: bool) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "maggie_node.bench.shots"],
        input=json.dumps({"job": job.to_json(), "threads": threads, "overlap": overlap}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the measured job failed: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout)


def _run(asked: dict[str, Any]) -> dict[str, Any]:
    """Run a job here: seconds a frame, those of each part between the word of the first frame and of the last
    that counts, and memory.
    """
    import torch

    from maggie_node import runner

    torch.set_num_threads(asked["threads"])
    job = MatteJob.from_json(asked["job"])
    spent: dict[str, float] = defaultdict(float)
    times: list[float] = []
    seconds: list[float] = []
    spent_by: list[dict[str, float]] = []
    resident: list[float] = []

    def emit(event: Any) -> None:
        if isinstance(event, FrameFailed):
            raise RuntimeError(event.error)
        if isinstance(event, FrameDone):
            times.append(time.perf_counter())
            seconds.append(event.seconds)
            resident.append(resident_mb())
            spent_by.append(dict(spent))

    with timed(spent):
        runner.run(job, emit=emit, overlap=asked["overlap"])
    end = len(times) - 1 - LAST
    before, after = spent_by[0], spent_by[end]
    return {
        "seconds": sum(seconds[1 : end + 1]) / end,
        "between": (times[end] - times[0]) / end,
        "parts": {part: (after[part] - before.get(part, 0.0)) / end for part in after},
        "resident_mb": resident,
        "peak_mb": own_peak_mb(),
    }


@contextmanager
def timed(spent: dict[str, float]) -> Iterator[None]:
    """Add up the time inside the parts of the pipeline while the context lasts, all threads together."""
    from maggie_core import color
    from maggie_core.model import MatteModel
    from maggie_core.shot import chain, reading, segment
    from maggie_node import runner

    places: list[tuple[Any, str, str]] = [
        (reading, "read_plate", "read the plate"),
        (color.PlateView, "to_model", "colour and resize"),
        (reading.Guidance, "masks", "read the guidance"),
        (reading.Guidance, "placed", "read the guidance"),
        (MatteModel, "encode", "network, features"),
        (MatteModel, "window", "network, window"),
        (chain, "refine_edges", "refine"),
        (chain, "smoothed", "smooth"),
        (segment.Geometry, "from_working", "enlarge the alphas"),
        (segment, "add_detail", "detail at the plate's size"),
        (runner, "write_mattes", "write the mattes"),
    ]
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    lock = threading.Lock()
    for owner, name, label in places:
        setattr(owner, name, _timer(getattr(owner, name), spent, label, lock))
    try:
        yield
    finally:
        for owner, name, original in kept:
            setattr(owner, name, original)


def _timer(
    call: Callable[..., Any], spent: dict[str, float], label: str, lock: threading.Lock
) -> Callable[..., Any]:
    def inner(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return call(*args, **kwargs)
        finally:
            with lock:
                spent[label] += time.perf_counter() - start

    return inner


def resident_mb() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    print(json.dumps(_run(json.load(sys.stdin))))  # noqa: T201
