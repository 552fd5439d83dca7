"""People at their size: what a frame costs with and without, and what shows where a person's scale changes.

    python -m benchmarks.people cost                # three large people, ten small ones
    python -m benchmarks.people walk                # one who walks from 80 to 800 pixels

The clips are generated, so that alphas are exact. `cost` runs both ways in turns in one process, on one
thread: processor time of a frame, whose ratio holds on a busy machine, too. `walk` compares dtSSD, between
the two frames at a segment's border, with the pairs around it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch

from maggie_api.job import MaskGuidance, MatteJob
from maggie_core import load_model
from maggie_core.io.integer_image import write_integer_image
from maggie_core.model import MatteModel
from maggie_core.shot.matter import FrameFailure, ShotMatter
from maggie_lab.synthesis.backgrounds import make_background
from maggie_lab.synthesis.figures import make_figure
from maggie_node.job_inputs import open_shot

PLATE = 1920, 1080
FIGURE_PX = 1024
STEADY = 3, 7
"""Frames of a clip of eight that are timed: the first ones begin a window."""


@dataclass(frozen=True)
class Somebody:
    """A generated person: which one, how tall in plate pixels, and where the middle of their feet is."""

    seed: int
    height: float
    x: float
    y: float


def people_clip(
    folder: Path, frames: Sequence[Sequence[Somebody]], *, size: tuple[int, int] = PLATE, mask_px: float = 0.0
) -> tuple[MatteJob, np.ndarray]:
    """Write a clip of people before a still background; its job, and exact alphas (T, N, H, W).

    Args:
        frames: who is where, the same people in the same order in each.
        size: of the plate.
        mask_px: standard deviation of the masks' faults along their outline, in plate pixels.
    """
    width, height = size
    ground = make_background(3, 512)
    ground = cv2.resize(np.ascontiguousarray(ground[..., :3]), size, interpolation=cv2.INTER_CUBIC)
    drawn = {each.seed: _cut_out(each.seed) for each in frames[0]}
    faults = np.random.default_rng(5)
    truth = np.zeros((len(frames), len(frames[0]), height, width), np.float32)
    for t, there in enumerate(frames):
        picture = np.clip(ground, 0, 1)
        for n, each in enumerate(there):
            layer = _placed(drawn[each.seed], each, size)
            picture = picture * (1 - layer[..., 3:]) + layer[..., :3]
            truth[t, :n] *= 1 - layer[..., 3]
            truth[t, n] = layer[..., 3]
        write_integer_image(folder / f"plate.{t + 1:04d}.png", np.clip(picture, 0, 1))
        for n, alpha in enumerate(truth[t]):
            mask = _with_faults(alpha, faults, mask_px)
            write_integer_image(folder / f"p{n}.{t + 1:04d}.png", mask.astype(np.float32))
    job = MatteJob(
        plate=str(folder / "plate.####.png"),
        output=str(folder / "out" / "matte.####.exr"),
        guidance=tuple(MaskGuidance(f"p{n}", str(folder / f"p{n}.####.png")) for n in range(len(frames[0]))),
        device="cpu",
    )
    return job, truth


def _cut_out(seed: int) -> np.ndarray:
    """(h, w, 4) premultiplied figure, cut to what is there."""
    figure = make_figure(seed, FIGURE_PX)
    rows, columns = (np.flatnonzero((figure[..., 3] > 0.5).any(axis=axis)) for axis in (1, 0))
    return np.ascontiguousarray(figure[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _placed(figure: np.ndarray, who: Somebody, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 4): the figure at its height and place; sub-pixel, so that growing is smooth."""
    height, width = figure.shape[:2]
    scale = who.height / height
    sigma = max(0.0, 0.4 / scale - 0.4)
    soft = cv2.GaussianBlur(figure, (0, 0), sigma) if sigma > 0 else figure
    move = np.array([[scale, 0, who.x - scale * width / 2], [0, scale, who.y - scale * height]], np.float32)
    return np.clip(cv2.warpAffine(soft, move, size, flags=cv2.INTER_LINEAR), 0, 1)


def _with_faults(alpha: np.ndarray, rng: np.random.Generator, sigma_px: float) -> np.ndarray:
    inside = alpha > 0.5
    if not sigma_px:
        return inside
    distance = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    distance -= cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    height, width = inside.shape
    coarse = rng.standard_normal((height // 32 + 1, width // 32 + 1)).astype(np.float32)
    return distance > sigma_px * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def mattes(
    job: MatteJob, model: MatteModel, *, scale: Literal["auto", "off"], segment: int | None = None
) -> Iterator[tuple[np.ndarray, float]]:
    """Alphas (N, H, W) of each frame, and the processor seconds they took."""
    shot = open_shot(job, to_write=False)
    settings = replace(shot.settings, scale=scale)
    if segment is not None:
        settings = replace(settings, segment_frames=segment)
    matter = ShotMatter(model, shot.plate, shot.guidance, settings, overlap=False)
    began = time.process_time()
    for result in matter.run():
        if isinstance(result, FrameFailure):
            raise result.error
        now = time.process_time()
        yield result.alphas, now - began
        began = time.process_time()


def _row(heights: Sequence[float], t: int) -> list[Somebody]:
    """People side by side who walk to the right."""
    width, height = PLATE
    step = width / (len(heights) + 1)
    return [
        Somebody(seed, tall, step * (seed + 1) + 3 * t, height * 0.6 + tall / 2)
        for seed, tall in enumerate(heights)
    ]


def cost(model: MatteModel, rounds: int = 2) -> None:
    """Print seconds of a steady frame, and their ratio."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    cases = {
        "three large people, 720 pixels": [720.0] * 3,
        "ten small people, 170 to 200 pixels": [170.0 + 3 * n for n in range(10)],
        "one large, nine small people": [720.0] + [170.0 + 3 * n for n in range(9)],
    }
    print(f"| plate {PLATE[0]}x{PLATE[1]} | off, s | auto, s | auto / off | passes |\n|---|---|---|---|---|")
    for name, heights in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            job, _ = people_clip(Path(folder), [_row(heights, t) for t in range(STEADY[1] + 1)])
            least: dict[str, float] = {}
            for _ in range(rounds):
                for scale in ("off", "auto"):
                    times = [seconds for _, seconds in mattes(job, model, scale=scale)]
                    found = float(np.mean(times[slice(*STEADY)]))
                    least[scale] = min(found, least.get(scale, found))
            shot = open_shot(job, to_write=False)
            passes = ShotMatter(model, shot.plate, shot.guidance, shot.settings).passes(1)
        print(
            f"| {name} | {least['off']:.2f} | {least['auto']:.2f} | {least['auto'] / least['off']:.2f} "
            f"| {len(passes)} |",
            flush=True,
        )


def walk(model: MatteModel, *, frames: int = 48, segment: int = 8) -> None:
    """Print dtSSD at the borders of segments against elsewhere."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    size = 600, 900
    tall = np.geomspace(80, 800, frames)
    clip = [[Somebody(4, h, 260 + 2 * t, 450 + h / 2)] for t, h in enumerate(tall)]
    with tempfile.TemporaryDirectory() as folder:
        job, truth = people_clip(Path(folder), clip, size=size, mask_px=0.0)
        print("| | dtSSD at borders | elsewhere | ratio | MAD |\n|---|---|---|---|---|")
        for scale in ("auto", "off"):
            found = np.stack([alphas for alphas, _ in mattes(job, model, scale=scale, segment=segment)])
            error = np.diff(found - truth, axis=0)
            changes = np.sqrt((error**2).mean(axis=(1, 2, 3))) / np.sqrt(np.diff(truth, axis=0).var() + 1e-12)
            # A person's dtSSD grows with their size: each border is compared with the pairs around it.
            borders = np.arange(segment, frames, segment) - 1
            near = [
                np.mean([changes[b + k] for k in (-4, -3, -2, 2, 3, 4) if 0 <= b + k < len(changes)])
                for b in borders
            ]
            at = changes[borders]
            print(
                f"| {scale} | {at.mean():.4f} | {np.mean(near):.4f} | {at.sum() / np.sum(near):.3f} "
                f"| {1e3 * np.abs(found - truth).mean():.2f} |"
            )
            print("  borders", np.round(at / near, 2), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["cost", "walk"])
    parser.add_argument("--model", default="default")
    args = parser.parse_args()
    model = load_model(args.model, device="cpu")
    {"cost": cost, "walk": walk}[args.what](model)


if __name__ == "__main__":
    main()
