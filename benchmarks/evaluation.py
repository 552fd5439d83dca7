"""Seconds the metrics and baselines take at full HD.

    python -m benchmarks.evaluation

One person with a soft, hairy edge at 1920x1080: a clean matte, and one with noise everywhere,
which is the worst the connectivity error can meet. Best of three; threads as the environment says.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from maggie_lab.evaluation import BASELINES, image_errors, truth_trimap, video_errors
from maggie_lab.evaluation.connectivity import connectivity_error
from maggie_lab.evaluation.flicker import truth_flow

HEIGHT, WIDTH = 1080, 1920


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    truth, clean, noisy = _mattes()
    image = np.random.default_rng(1).random((3, HEIGHT, WIDTH)).astype(np.float32)
    mask = (truth > 0.5).astype(np.float32)
    pair = np.stack([truth, np.roll(truth, 3, axis=1)])[:, None]
    flow = [truth_flow(pair[:, 0])]
    rows: dict[str, Callable[[], object]] = {
        "Conn": lambda: connectivity_error(clean, truth),
        "Conn, noise everywhere": lambda: connectivity_error(noisy, truth),
        "trimap": lambda: truth_trimap(truth),
        "all metrics of an image": lambda: image_errors(clean[None], truth[None]),
        "all metrics of an image, noise everywhere": lambda: image_errors(noisy[None], truth[None]),
        "flow between two frames": lambda: truth_flow(pair[:, 0]),
        "all metrics of two frames, flow given": lambda: video_errors(pair * 0.9, pair, flow=flow),
        **{f"baseline {name}": lambda run=run: run(image, mask) for name, run in BASELINES.items()},
    }
    for name, run in rows.items():
        print(f"{name:44}{_best(run):8.3f} s", flush=True)


def _mattes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    strands = 25 * np.sin(np.arctan2(rows - 540, columns - 900) * 90)
    truth = np.clip((400 + strands - np.hypot(columns - 900, rows - 540)) / 60, 0, 1).astype(np.float32)
    clean = np.clip(truth + rng.normal(0, 0.05, truth.shape) * (truth > 0) * (truth < 1), 0, 1)
    noisy = np.clip(truth + rng.normal(0, 0.3, truth.shape), 0, 1)
    return truth, clean.astype(np.float32), noisy.astype(np.float32)


def _best(run: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()
