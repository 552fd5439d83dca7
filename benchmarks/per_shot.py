"""What a few approved frames do to the other frames of a shot: the shipped demo shot, before and after.

    python -m benchmarks.per_shot [--frames 1004,1010,1016] [--steps 120]

The approved alphas are the shot's true ones. MAD, Grad and dtSSD are over the frames that were not approved;
dtSSD over pairs of neighbours among them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from maggie_api.sequences import compact_frames, parse_frames
from maggie_core.guidance import MaskSequence, combine
from maggie_core.model import load_model
from maggie_core.shot.matter import FrameFailure, ShotMatter
from maggie_lab.evaluation import image_errors
from maggie_lab.training.per_shot import SHOT_SETTINGS, approved_frames
from maggie_lab.training.run import train_shot
from maggie_node.demo import PEOPLE, SHOT, demo_job
from maggie_node.job_inputs import open_shot

METRICS = ("MAD", "MSE", "Grad", "dtSSD")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="default")
    parser.add_argument("--frames", default="1004,1010,1016", help="that are approved")
    parser.add_argument("--steps", type=int, default=SHOT_SETTINGS.steps)
    parser.add_argument("--working-px", type=int, default=576)
    args = parser.parse_args()
    approved = parse_frames(args.frames)
    job = replace(demo_job("matte.####.exr"), working_px=args.working_px)
    truth = combine([MaskSequence(name, SHOT / "truth.####.exr", channel=f"{name}.alpha") for name in PEOPLE])
    with tempfile.TemporaryDirectory() as folder:
        before = _mattes(job, args.model)
        frames = approved_frames(_matter(job, args.model), truth, approved)
        began = time.monotonic()
        train_shot(
            Path(folder) / "fitted",
            frames,
            args.model,
            {"steps": args.steps},
            shot=job.plate,
            device="cpu",
            tell=lambda row: print(f"step {row['step']:.0f}: {row['loss']:.3f}", file=sys.stderr, flush=True),
        )
        seconds = time.monotonic() - began
        after = _mattes(job, str(Path(folder) / "fitted" / "last"))
    print(
        f"frames {compact_frames(approved)} approved, {args.steps} steps, {seconds / 60:.1f} min of fitting"
    )
    print(f"{'other frames':14}" + "".join(f"{name:>9}" for name in METRICS))
    others = [frame for frame in sorted(before) if frame not in approved]
    for name, mattes in (("before", before), ("after", after)):
        print(f"{name:14}" + "".join(f"{value:9.2f}" for value in _errors(mattes, truth, others)))


def _matter(job, model: str) -> ShotMatter:
    shot = open_shot(job)
    loaded = load_model(model, device="cpu")
    return ShotMatter(loaded, shot.plate, shot.guidance, shot.settings, shot_frames=shot.shot_frames)


def _mattes(job, model: str) -> dict[int, np.ndarray]:
    mattes = {}
    for result in _matter(job, model).run():
        assert not isinstance(result, FrameFailure), result
        mattes[result.frame] = result.alphas
    return mattes


def _errors(mattes: dict[int, np.ndarray], truth, frames: list[int]) -> list[float]:
    true = {frame: np.stack([mask.pixels for mask in truth.masks(frame)]) for frame in frames}
    off = {frame: mattes[frame] - true[frame] for frame in frames}
    pairs = [(a, b) for a, b in zip(frames, frames[1:], strict=False) if b == a + 1]
    return [
        1000 * float(np.mean([np.abs(each).mean() for each in off.values()])),
        1000 * float(np.mean([(each**2).mean() for each in off.values()])),
        float(np.mean([image_errors(mattes[frame], true[frame])["Grad"].mean() for frame in frames])),
        1000 * float(np.mean([np.sqrt(((off[b] - off[a]) ** 2).mean((1, 2))).mean() for a, b in pairs])),
    ]


if __name__ == "__main__":
    main()
