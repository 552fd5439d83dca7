"""What the state cache costs and saves, on the demo shot: `python -m benchmarks.state`.

Ratios to a run without a cache, interleaved in one process; medians of the rounds.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from maggie_api.job import MaskGuidance, MatteJob
from maggie_core import load_model
from maggie_core.io.image import read_image
from maggie_core.io.integer_image import write_integer_image
from maggie_core.model import MatteModel
from maggie_core.shot.cache import StateCache
from maggie_core.shot.matter import MatteResult, ShotMatter
from maggie_node.demo import PEOPLE, SHOT, demo_job
from maggie_node.job_inputs import open_shot

LIMIT_BYTES = 10**9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--working-px", type=int, default=288)
    args = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    made: dict[str, int] = {}
    frames = size = 0
    model = load_model("default", device="cpu", precision="fp32")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = replace(_own_masks(folder), working_px=args.working_px)
        _run(model, job, None)  # what compiles has compiled
        for _ in range(args.rounds):
            cache = folder / "cache"
            for what, frame, used in (
                ("no cache", None, None),
                ("first run with a cache", None, cache),
                ("again", None, cache),
                ("one mask painted anew", 1010, cache),
            ):
                if frame is not None:
                    _paint(folder, frame)
                began = time.perf_counter()
                results = _run(model, job, used)
                seconds.setdefault(what, []).append(time.perf_counter() - began)
                frames = len(results)
                made[what] = sum(result.reused == "nothing" for result in results)
            size = StateCache(cache, limit_bytes=LIMIT_BYTES).size_bytes()
            shutil.rmtree(cache)
            _own_masks(folder)
    alone = statistics.median(seconds["no cache"])
    print(f"{'':<26}{'ratio':>8}{'s/frame':>10}{'frames through the network':>29}")
    for what, taken in seconds.items():
        median = statistics.median(taken)
        print(f"{what:<26}{median / alone:>8.3f}{median / frames:>10.3f}{made[what]:>29}")
    print(f"{size / frames / 1e6:.2f} MB a frame on disk")


def _own_masks(folder: Path) -> MatteJob:
    """The demo job with masks that may be painted on."""
    for person in PEOPLE:
        for path in sorted((SHOT / "guidance").glob(f"{person}.*.png")):
            shutil.copy(path, folder / path.name)
    masks = tuple(MaskGuidance(person, str(folder / f"{person}.####.png")) for person in PEOPLE)
    return replace(demo_job(str(folder / "matte.####.exr")), guidance=masks)


def _paint(folder: Path, frame: int) -> None:
    path = folder / f"{PEOPLE[0]}.{frame}.png"
    mask = read_image(path).pixels[..., 0].copy()
    mask[: mask.shape[0] // 2, : mask.shape[1] // 4] = 1
    write_integer_image(path, mask)


def _run(model: MatteModel, job: MatteJob, folder: Path | None) -> list[MatteResult]:
    shot = open_shot(job, to_write=False)
    cache = None if folder is None else StateCache(folder, limit_bytes=LIMIT_BYTES)
    matter = ShotMatter(
        model, shot.plate, shot.guidance, shot.settings, shot_frames=shot.shot_frames, cache=cache
    )
    return [result for result in matter.run() if isinstance(result, MatteResult)]


if __name__ == "__main__":
    main()
