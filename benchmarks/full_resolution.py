"""What `--detail full` gains and costs: `python -m benchmarks.full_resolution [--image crops.jpg]`.

Held-out people drawn at the plate's size, mattes to the pixel, and guidance of three qualities. Each job runs
in a process of its own, whose time and memory are told.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from maggie_api.job import MaskGuidance, MatteJob
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.io.image import read_image
from maggie_core.io.integer_image import write_integer_image
from maggie_core.mattes import read_mattes
from maggie_core.postprocess.full_resolution import add_detail, slope_of
from maggie_lab.evaluation.flicker import dtssd_e3
from maggie_lab.evaluation.gradient import gradient_error
from maggie_lab.srgb import to_encoded, to_linear
from maggie_lab.synthesis.backgrounds import make_background
from maggie_lab.synthesis.camera import Camera
from maggie_lab.synthesis.fields import gaussian_blur
from maggie_lab.synthesis.figures import draw_figure
from maggie_lab.synthesis.guidance_degradation import draw_degradation, subject_size
from maggie_lab.synthesis.layer import Layer, Placement

GUIDANCE = ("exact", "good", "typical")
"""The true alpha cut at half, then the held-out degradations."""
BAND_PX = 16
"""How far from a truly undecided pixel an error still counts, at the plate's size."""
SOFT_PX = (0.7, 0.9, 2.5)
"""Standard deviation of the lens blur of each figure."""


@dataclass(frozen=True)
class Shot:
    """Where a generated shot lies; `p0.exact.1001.png` and so on beside `plate.1001.png`."""

    folder: Path
    frames: range
    people: int

    def truth(self, frame: int) -> np.ndarray:
        """(N, H, W)."""
        names = (self.folder / f"p{k}.truth.{frame}.png" for k in range(self.people))
        return np.stack([read_image(name).pixels[..., 0] for name in names])

    def plate(self, frame: int) -> np.ndarray:
        return read_image(self.folder / f"plate.{frame}.png").pixels

    def job(self, guidance: str, detail: str) -> MatteJob:
        masks = (str(self.folder / f"p{k}.{guidance}.####.png") for k in range(self.people))
        job = MatteJob(
            str(self.folder / "plate.####.png"),
            str(self.folder / f"{guidance}.{detail}.####.exr"),
            tuple(MaskGuidance(f"p{k}", mask) for k, mask in enumerate(masks)),
        )
        return replace(job, detail=detail, depth="float", resume=False)  # pyright: ignore[reportArgumentType]


def write_scene(folder: Path, *, seed: int, width: int, height: int, frames: int, people: int) -> Shot:
    """Figures that drift over a background, composited in linear light."""
    rng = np.random.default_rng(seed)
    side = height
    figures = [_soft_figure(1000 * seed + k, side, SOFT_PX[k % 3] * height / 2160) for k in range(people)]
    ground = Layer(_codes(make_background(seed + 500, side, held_out=True)), closed=False)
    at = [
        Placement(
            (side / 2, side / 2),
            (width * (0.2 + 0.6 * k / max(1, people - 1)), height * rng.uniform(0.5, 0.62)),
            float(rng.uniform(0.9, 1.05)),
        )
        for k in range(people)
    ]
    speed = rng.normal(0, 9 * height / 2160, (people, 2))
    camera = Camera((1, 1, 1), gamma=1, lift=0, noise=0.008, grain_px=0.7, sharpen=0, blur_px=0, quality=0)
    shot, degradations = Shot(folder, range(1001, 1001 + frames), people), {}
    box = (slice(0, height), slice(0, width))
    for t, frame in enumerate(shot.frames):
        light = to_linear(
            ground.sample(
                Placement((side / 2, side / 2), (width / 2 + 2.3 * t, height / 2), width / side),
                width,
                box=box,
            )
        )
        mattes = np.zeros((people, height, width), np.float32)
        for k, figure in enumerate(figures):
            planes = figure.sample(at[k].moved(speed[k, 0] * t, speed[k, 1] * t), width, box=box)
            colour, alpha = to_linear(planes[:3]), planes[3]
            light += alpha * (colour - light)
            mattes *= 1 - alpha
            mattes[k] += alpha
        image = camera.shoot(to_encoded(light), np.random.default_rng((seed, t)))
        write_integer_image(folder / f"plate.{frame}.png", np.ascontiguousarray(image.transpose(1, 2, 0)))
        for k, alpha in enumerate(mattes):
            write_integer_image(folder / f"p{k}.truth.{frame}.png", alpha)
            small = _half(alpha)
            for guidance in GUIDANCE:
                mask = small
                if guidance != "exact":
                    own = np.random.default_rng((seed, k))
                    degradation = degradations.setdefault(
                        (guidance, k),
                        draw_degradation(own, guidance, subject_px=subject_size(small), held_out=True),
                    )
                    mask = degradation.apply(small, own, time=float(t))
                write_integer_image(folder / f"p{k}.{guidance}.{frame}.png", (mask > 0.5).astype(np.float32))
    return shot


def _soft_figure(seed: int, side: int, blur_px: float) -> Layer:
    figure = draw_figure(seed, side, held_out=True)
    planes = np.concatenate([figure.colour * figure.alpha[..., None], figure.alpha[..., None]], -1)
    planes = gaussian_blur(np.ascontiguousarray(planes.transpose(2, 0, 1)), blur_px)
    colour = planes[:3] / np.maximum(planes[3], np.float32(1e-3))
    colour = np.where(planes[3] > 1e-3, colour, figure.colour.transpose(2, 0, 1))
    return Layer(_codes(np.concatenate([colour, planes[3:]]).transpose(1, 2, 0)), closed=True)


def _codes(values: np.ndarray) -> np.ndarray:
    return np.floor(np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def errors(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """MAD times 1000 beside edges, Grad, and Grad of both at half the size; means over (N, H, W)."""
    rows = []
    for p, t in zip(found, truth, strict=True):
        near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BAND_PX + 1,) * 2)
        band = cv2.dilate(((t > 0.02) & (t < 0.98)).astype(np.uint8), near) > 0
        rows.append((1e3 * np.abs(p - t)[band].mean(), _grad(p, t), _grad(_half(p), _half(t))))
    return np.mean(rows, axis=0)


def _half(alpha: np.ndarray) -> np.ndarray:
    size = (alpha.shape[1] // 2, alpha.shape[0] // 2)
    return np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)


def _grad(found: np.ndarray, truth: np.ndarray) -> float:
    return gradient_error(found, truth, stretch=((0, 1), (0, 1)))


def run_job(job: MatteJob) -> dict[str, float]:
    """Seconds a frame (the first one left out) and peak memory of a job in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.full_resolution", "--job", job.to_json()],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def _run_here(job: MatteJob) -> None:
    from maggie_api.events import FrameDone
    from maggie_node import runner
    from maggie_node.bench.memory import own_peak_mb

    seconds = []
    finished = runner.run(job, emit=lambda e: seconds.append(e.seconds) if isinstance(e, FrameDone) else None)
    assert finished.failed == 0
    print(json.dumps({"seconds": median(seconds[1:]), "peak_mb": own_peak_mb()}))


def measure(shot: Shot, guidance: str, detail: str) -> np.ndarray:
    """Errors as `errors`, then dtSSD, seconds a frame and peak memory."""
    job = shot.job(guidance, detail)
    cost = run_job(job)
    path = job.output.replace("####", "{}")
    found = [np.stack(list(read_mattes(path.format(frame))[0].values())) for frame in shot.frames]
    truth = [shot.truth(frame) for frame in shot.frames]
    still = np.mean([errors(p, t) for p, t in zip(found, truth, strict=True)], axis=0)
    flicker = [dtssd_e3(*(np.stack([f[k] for f in of]) for of in (found, truth))) for k in range(shot.people)]
    return np.array([*still, np.mean(flicker), cost["seconds"], cost["peak_mb"]])


def without_a_network(shot: Shot) -> Iterator[tuple[str, np.ndarray]]:
    """What is lost when even a perfect working matte is enlarged, and what of it comes back."""
    plate, truth = shot.plate(shot.frames[0]), shot.truth(shot.frames[0])
    whole = Window(0, 0, *truth.shape[:0:-1])
    geometry = Geometry(whole, whole)
    linear = geometry.to_working(to_linear(plate), whole)
    seen = np.ascontiguousarray(to_encoded(linear).transpose(2, 0, 1))
    small = np.stack([geometry.to_working(alpha, whole) for alpha in truth])
    alphas = geometry.from_working(small).clip(0, 1)
    unknown = [np.nan] * 3
    yield "working", np.array([*errors(alphas, truth), *unknown])
    slopes = [slope_of(alpha, seen) for alpha in small]
    add_detail(
        alphas,
        slopes,
        seen,
        geometry=geometry,
        see=lambda part: plate[part.y : part.bottom, part.x : part.right],
    )
    yield "full", np.array([*errors(alphas, truth), *unknown])


def write_crops(path: Path, shot: Shot, guidance: str, crops: list[tuple[int, int, int]]) -> None:
    """Plate, enlarged alpha, full-resolution alpha and truth of `crops` (person, x, y) beside each other."""
    frame, side, lines = shot.frames[0], 300, []
    truth, plate = shot.truth(frame), shot.plate(frame)
    found = {
        detail: list(read_mattes(shot.job(guidance, detail).output.replace("####", str(frame)))[0].values())
        for detail in ("working", "full")
    }
    for k, x, y in crops:
        box = (slice(y, y + side), slice(x, x + side))
        alphas = (found["working"][k], found["full"][k], truth[k])
        lines.append(np.concatenate([plate[box], *(np.repeat(a[box][..., None], 3, -1) for a in alphas)], 1))
    image = cv2.cvtColor(_codes(np.concatenate(lines)), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 88])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="4096x2160")
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--people", type=int, default=3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--guidance", nargs="+", choices=GUIDANCE, default=list(GUIDANCE))
    parser.add_argument("--keep", type=Path, help="folder for the scenes and mattes; what is there is used")
    parser.add_argument("--image", type=Path, help="also write crops of the last scene, before and after")
    parser.add_argument("--crops", type=int, nargs="+", default=[], help="person x y, as often as wanted")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.job:
        return _run_here(MatteJob.from_json(args.job))
    width, height = map(int, args.size.split("x"))
    rows: dict[tuple[str, str], list[np.ndarray]] = {}
    shot = None
    with tempfile.TemporaryDirectory() as temporary:
        for seed in args.seeds:
            folder = (args.keep or Path(temporary)) / f"{args.size}-{seed}"
            shot = Shot(folder, range(1001, 1001 + args.frames), args.people)
            if not (folder / f"plate.{shot.frames[-1]}.png").exists():
                os.makedirs(folder, exist_ok=True)
                write_scene(
                    folder, seed=seed, width=width, height=height, frames=args.frames, people=args.people
                )
            for detail, row in without_a_network(shot):
                rows.setdefault(("truth at the working size", detail), []).append(row)
            for guidance in args.guidance:
                for detail in ("working", "full"):
                    rows.setdefault((guidance, detail), []).append(measure(shot, guidance, detail))
        if shot and args.image:
            crops = [tuple(args.crops[k : k + 3]) for k in range(0, len(args.crops), 3)]
            write_crops(args.image, shot, args.guidance[0], crops)
    print("| guidance | detail | edge MAD | Grad | Grad, half size | dtSSD | s/frame | peak MB |")
    print("|---|---|---|---|---|---|---|---|")
    for (guidance, detail), found in rows.items():
        mean = np.mean(found, axis=0)
        base = np.mean(rows[guidance, "working"], axis=0)
        print(f"| {guidance} | {detail} | {' | '.join(_cells(mean, base, detail))} |")


def _cells(row: np.ndarray, base: np.ndarray, detail: str) -> list[str]:
    cells = []
    for k, (value, before) in enumerate(zip(row, base, strict=True)):
        change = f" ({value / before - 1:+.0%})" if detail == "full" and k < 4 and before else ""
        cells.append("" if np.isnan(value) else f"{value:.{0 if k == 5 else 2}f}{change}")
    return cells


if __name__ == "__main__":
    main()
