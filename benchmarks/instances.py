"""All instances together against one at a time: cost and quality of the same network, side by side.

    python -m benchmarks.instances [--model default] [--tile 160] [--clips 1]

Ten held-out people stand in an image of five by two tiles; guidance is given for the first 1, 2, 5 and 10 of
them. Time is the processor's, as a ratio to one instance together; memory is what matting adds, at its peak,
to a process that has the network loaded. Each row is a process of its own, the quicker of two runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from maggie_core import load_model
from maggie_core.model.checkpoint import Instances
from maggie_lab.evaluation import Averages, image_errors
from maggie_lab.synthesis import BankPlan, DrawnBank, compose_clip, sample_generator

COUNTS = (1, 2, 5, 10)
COLUMNS, ROWS = 5, 2
FRAMES = 3
RUNS = 2
METRICS = ("MAD_e3", "Grad")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="default")
    parser.add_argument("--tile", type=int, default=160, help="side of one person's tile in pixels")
    parser.add_argument("--clips", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", nargs=3, metavar=("CLIPS", "COUNT", "MODE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        path, count, mode = args.case
        print(json.dumps(measure(args.model, Path(path), int(count), mode)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clips.npz"
        clips = crowds(args.clips, args.tile, args.seed)
        np.savez(path, image=clips["image"], guidance=clips["guidance"], alphas=clips["alphas"])
        rows: dict[tuple[int, Instances], dict[str, float]] = {
            (count, mode): _run(args.model, path, count, mode) for count in COUNTS for mode in _MODES
        }
    print(f"{COLUMNS * args.tile}x{ROWS * args.tile}, {args.clips} clips of {FRAMES} frames, {args.model}")
    print(_as_text(rows))


def crowds(clips: int, tile_px: int, seed: int) -> dict[str, np.ndarray]:
    """`image` (L, T, 3, H, W), `guidance` and `alphas` (L, T, 10, H, W) of clips of ten people each."""
    people = COLUMNS * ROWS
    bank = DrawnBank(
        BankPlan(figures=clips * people, backgrounds=clips * people, seed=seed, held_out=True, size_px=384)
    )
    names = ("image", "guidance", "alphas")
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for clip in range(clips):
        tiles = [
            compose_clip(
                sample_generator(seed, clip * people + k),
                bank,
                frames=FRAMES,
                crop_px=tile_px,
                instances=(1, 1),
                held_out=True,
            )
            for k in range(people)
        ]
        size = (FRAMES, people, ROWS * tile_px, COLUMNS * tile_px)
        whole = {"image": np.zeros((FRAMES, 3, *size[2:]), np.float32)}
        whole |= {name: np.zeros(size, np.float32) for name in names[1:]}
        for k, tile in enumerate(tiles):
            top, left = k // COLUMNS * tile_px, k % COLUMNS * tile_px
            place = (..., slice(top, top + tile_px), slice(left, left + tile_px))
            whole["image"][place] = tile["image"]
            for name in names[1:]:
                whole[name][:, k][place] = tile[name][:, 0]
        for name in names:
            found[name].append(whole[name])
    return {name: np.stack(arrays) for name, arrays in found.items()}


def measure(spec: str, path: Path, count: int, mode: Instances) -> dict[str, float]:
    """Cost and quality of one row, in this process."""
    clips = np.load(path)
    image, guidance = torch.from_numpy(clips["image"]), torch.from_numpy(clips["guidance"][:, :, :count])
    truth = clips["alphas"][:, :, :count]
    model = load_model(spec, device="cpu", instances=mode)
    passes = []
    hook = model._network.encoder.register_forward_hook(lambda *_: passes.append(1))
    idle, seconds, mattes = _status_mb("VmRSS"), [], []
    for _ in range(RUNS):
        start = time.process_time()
        mattes = [model.predict_clip(i, g).numpy() for i, g in zip(image, guidance, strict=True)]
        seconds.append(time.process_time() - start)
    hook.remove()
    averages = Averages()
    peak = _status_mb("VmHWM") - idle
    for clip, true in zip(mattes, truth, strict=True):
        for matte, frame in zip(clip, true, strict=True):
            averages.add(image_errors(matte, frame))
    frames = len(image) * FRAMES
    return averages.means(METRICS) | {
        "seconds": min(seconds),
        "peak_mb": peak,
        "passes": len(passes) / RUNS / frames,
    }


_MODES: tuple[Instances, ...] = ("together", "alone")


def _run(spec: str, path: Path, count: int, mode: Instances) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.instances", "--model", spec]
    case = ["--case", str(path), str(count), mode]
    done = subprocess.run([*command, *case], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def _status_mb(name: str) -> float:
    """`VmRSS` now, or `VmHWM`, the highest so far, of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1e3


def _as_text(rows: dict[tuple[int, Instances], dict[str, float]]) -> str:
    one = rows[COUNTS[0], "together"]["seconds"]
    lines = [
        "| instances | | time | encoder passes a frame | memory, MB | MAD_e3 | Grad |",
        "|---|---|---|---|---|---|---|",
    ]
    for (count, mode), row in rows.items():
        lines.append(
            f"| {count} | {mode} | {row['seconds'] / one:.2f} | {row['passes']:.0f} | {row['peak_mb']:.0f} "
            f"| {row['MAD_e3']:.3f} | {row['Grad']:.3f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
