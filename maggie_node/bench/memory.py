"""Peak memory of one path, in a process of its own: `python -m maggie_node.bench.memory`, JSON on stdin."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

STEPS = 2
"""The second window starts from the first one's matte."""


def peak_mb(name: str, weights: str, scene: Path, *, device: str, threads: int, instances: str) -> float:
    """Megabytes a process needs at its peak to matte by the path called `name`; on CUDA, of the device.

    Interpreter, libraries and weights are in it; on CUDA only what tensors take.

    Args:
        scene: an `.npz` with `image` and `guidance`.
    """
    asked = {
        "name": name,
        "weights": weights,
        "scene": str(scene),
        "device": device,
        "threads": threads,
        "instances": instances,
    }
    done = subprocess.run(
        [sys.executable, "-m", "maggie_node.bench.memory"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"measuring the memory of {name} failed: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout)


def own_peak_mb() -> float:
    """Highest resident memory of this process since it was started."""
    status = Path("/proc/self/status")
    if status.is_file():  # ru_maxrss would begin with what the parent had
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _run(asked: dict[str, Any]) -> float:
    import numpy as np
    import torch

    from maggie_core.model.config import WINDOW
    from maggie_node.bench.paths import Frames, open_path

    torch.set_num_threads(asked["threads"])
    with np.load(asked["scene"]) as arrays:
        seen = slice(STEPS + WINDOW - 1)  # what no step looks at is no part of a path
        frames = Frames(arrays["image"][seen].copy(), arrays["guidance"][seen].copy())
    path = open_path(
        asked["name"], asked["weights"], frames, device=asked["device"], instances=asked["instances"]
    )
    cuda = torch.device(asked["device"]).type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    for _ in range(STEPS):
        path.step()
    return torch.cuda.max_memory_allocated() / 1e6 if cuda else own_peak_mb()


if __name__ == "__main__":
    print(json.dumps(_run(json.load(sys.stdin))))  # noqa: T201
