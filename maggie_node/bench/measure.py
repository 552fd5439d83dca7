"""One case measured: paths in turns in one process, and the memory of each in a process of its own."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from maggie_api.errors import ModelError
from maggie_core.model import find_weights, local_weights
from maggie_core.model.checkpoint import choose_device
from maggie_node.bench.cases import BANDS, GROWTH, Case, scene
from maggie_node.bench.memory import peak_mb
from maggie_node.bench.paths import Frames, open_path
from maggie_node.bench.roofline import counts_fit, machine_rates, roofline
from maggie_node.bench.shots import measure_shot
from maggie_node.bench.weights import fitted_weights

Say = Callable[[str], None]
PUBLISHED = {True: "vim2k5", False: "him50k"}
WAYS = {
    "fast": ("fast", "together"),
    "bf16": ("bf16", "together"),
    "literal": ("literal", "together"),
    "alone": ("fast", "alone"),
}
"""How growth is measured: the path, and whether instances share a pass."""
REPEAT = 5
NEAR = 2 / 255


def measure(
    case: Case,
    *,
    device: str = "cpu",
    threads: int | None = None,
    repeat: int | None = None,
    say: Say = print,
) -> dict[str, Any]:
    """Measure a case.

    Args:
        threads: of torch; None leaves them as they are.
        repeat: rounds; in each every path makes one frame.
        say: told what is going on, in one line each.

    Returns:
        `seconds_*` per frame, `ratio_*` to the literal path (medians of the rounds' ratios), `peak_mb_*`, and
        what they were measured on.

    Raises:
        ModelError: the device is not there.
    """
    where = choose_device(device)
    if threads:
        torch.set_num_threads(threads)
    repeat = repeat or REPEAT
    about = {
        "case": case.name,
        "device": torch.cuda.get_device_name(where) if where.type == "cuda" else str(where),
        "cpu": f"{cpu_name()}, {torch.backends.cpu.get_cpu_capability()}",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "rounds": repeat,
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    how = {"device": str(where), "repeat": repeat, "say": say}
    if case.kind == "growth":
        return about | growth(case, **how)
    if case.kind in ("e2e", "long", "full"):
        return about | measure_shot(case, threads=torch.get_num_threads(), **how)
    return about | one_frame(case, **how)


def one_frame(case: Case, *, device: str, repeat: int, say: Say) -> dict[str, Any]:
    """A frame of each path in turns: its parts, its memory, and how near the mattes are to each other."""
    threads, instances = torch.get_num_threads(), "alone" if case.alone else "together"
    names = ["fast", "bf16"] if case.kind == "default" or case.alone else ["literal", "fast", "bf16"]
    with tempfile.TemporaryDirectory() as folder:
        say(f"{case.name}: making the scene and its weights")
        image, guidance = scene(case.height, case.width, case.instances)
        shot = Path(folder) / "scene.npz"
        np.savez(shot, image=image, guidance=guidance)
        weights, which, share = prepare(case, image, guidance, Path(folder))
        frames = Frames(image, guidance)
        paths = {name: open_path(name, weights, frames, device=device, instances=instances) for name in names}
        rounds = interleaved(paths, repeat, say=lambda text: say(f"{case.name}: {text}"))
        default_near = None if case.kind == "default" else _default_near(frames, device)
        say(f"{case.name}: the machine's rates, and what the dense stages reach of them")
        rates = machine_rates(torch.device(device))
        rooflines = {}
        if not case.alone and counts_fit(paths["fast"].model):
            rooflines = {name: roofline(paths[name].model, *frames[0], rates) for name in ("fast", "bf16")}
        parts = {
            name: {part: median(counted(s, repeat)) for part, s in p.parts.items()}
            for name, p in paths.items()
        }
        del paths
        say(f"{case.name}: peak memory, each path in a process of its own")
        peaks = {
            name: peak_mb(name, weights, shot, device=device, threads=threads, instances=instances)
            for name in names
        }
    mattes = rounds.mattes
    return {
        "size": f"{image.shape[3]}x{image.shape[2]}",
        "instances": case.instances,
        "weights": which,
        "undecided_share": share,
        "seconds_fast": rounds.seconds("fast"),
        "seconds_fast_bf16": rounds.seconds("bf16"),
        "seconds_literal": rounds.seconds("literal"),
        "ratio_fp32": rounds.ratio("fast"),
        "ratio_bf16": rounds.ratio("bf16"),
        "spread_fp32": rounds.spread("fast"),
        "parts_fast": parts["fast"],
        "parts_fast_bf16": parts["bf16"],
        "peak_mb_fast": peaks["fast"],
        "peak_mb_fast_bf16": peaks["bf16"],
        "peak_mb_literal": peaks.get("literal"),
        "bf16_within_2_of_255": _near(mattes["fast"], mattes["bf16"]),
        "bf16_within_2_of_255_default_model": default_near,
        "literal_within_2_of_255": _near(mattes["fast"], mattes.get("literal")),
        "machine": rates,
        "roofline": rooflines,
    }


def growth(case: Case, *, device: str, repeat: int, say: Say) -> dict[str, Any]:
    """More and more instances, all in turns: what another one costs, and what it costs the published way.

    Returns:
        By way and number of instances: `seconds`, `ratio_to_n1`, and `peak_mb` if the case is `alone`; the
        ways are fast and literal, then also bf16 and alone. `undecided_share` by number.
    """
    asked = {
        f"{way} n{n}": (n, way) for n in GROWTH for way in WAYS if case.alone or way in ("fast", "literal")
    }
    asked.pop(f"alone n{GROWTH[-1]}", None)  # its line is straight, and it takes the longest
    opened, shares, peaks, which = {}, {}, {}, ""
    with tempfile.TemporaryDirectory() as folder:
        for count in GROWTH:
            say(f"{case.name}: weights for {count} instances")
            image, guidance = scene(case.height, case.width, count)
            shot = Path(folder) / f"n{count}.npz"
            np.savez(shot, image=image, guidance=guidance)
            one = replace(case, instances=count)
            weights, which, shares[f"n{count}"] = prepare(one, image, guidance, Path(folder))
            opened[count] = weights, shot, Frames(image, guidance)
        paths = {}
        for name, (count, way) in asked.items():
            weights, _, frames = opened[count]
            path, instances = WAYS[way]
            paths[name] = open_path(path, weights, frames, device=device, instances=instances)
        rounds = interleaved(paths, repeat, say=lambda text: say(f"{case.name}: {text}"))
        del paths
        for name, (count, way) in asked.items() if case.alone else ():
            say(f"{case.name}: peak memory, {name}")
            weights, shot, _ = opened[count]
            path, instances = WAYS[way]
            peaks[name] = peak_mb(
                path, weights, shot, device=device, threads=torch.get_num_threads(), instances=instances
            )

    def by_way(values: Callable[[str], Any]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name in asked:
            way, count = name.split()
            found.setdefault(way, {})[count] = values(name)
        return found

    return {
        "size": f"{case.width}x{case.height}",
        "weights": which,
        "undecided_share": shares,
        "seconds": by_way(rounds.seconds),
        "ratio_to_n1": by_way(lambda name: rounds.ratio(name, to=f"{name.split()[0]} n{GROWTH[0]}")),
    } | ({"peak_mb": by_way(peaks.__getitem__)} if peaks else {})


def prepare(
    case: Case, image: np.ndarray, guidance: np.ndarray, folder: Path
) -> tuple[str, str, float | None]:
    """Path of a case's weights, what they are, and the share of a map that random ones leave undecided."""
    if case.kind == "default":
        return str(find_weights("default")), "default model", None
    published = PUBLISHED[case.is_video]
    try:
        here = local_weights(published)
    except ModelError:
        here = None
    if here is not None:
        return str(here), f"published ({published})", None
    chosen = [0, len(image) // 2, -1] if case.is_video else [0]
    state, share = fitted_weights(
        torch.from_numpy(image[chosen]).float() / 255,
        torch.from_numpy(guidance[chosen]).float(),
        video=case.is_video,
        band=BANDS[case.band],
    )
    path = folder / f"n{case.instances}.safetensors"
    save_file(state, path)
    return str(path), "published widths, fixed random weights (the published checkpoint is not here)", share


class Rounds:
    """Seconds of each path in each round."""

    def __init__(self, taken: dict[str, list[float]], mattes: dict[str, torch.Tensor]):
        self._taken, self.mattes = taken, mattes

    def seconds(self, name: str) -> float | None:
        return median(self._taken[name]) if name in self._taken else None

    def ratio(self, name: str, *, to: str = "literal") -> float | None:
        return median(self._ratios(name, to)) if to in self._taken else None

    def spread(self, name: str, *, to: str = "literal") -> tuple[float, float] | None:
        """Lowest and highest ratio of a round: how noisy the machine was."""
        return (min(self._ratios(name, to)), max(self._ratios(name, to))) if to in self._taken else None

    def _ratios(self, name: str, to: str) -> list[float]:
        return [a / b for a, b in zip(self._taken[name], self._taken[to], strict=True)]


def interleaved(paths: dict[str, Any], repeat: int, *, say: Say) -> Rounds:
    """Every path two steps in each of `repeat` rounds, of which the second counts.

    The first of a turn finds the memory as another path has left it, and the very first compiles.
    """
    taken: dict[str, list[float]] = {name: [] for name in paths}
    mattes: dict[str, torch.Tensor] = {}
    for number in range(repeat):
        say(f"round {number + 1} of {repeat}")
        for name, path in paths.items():
            path.step()
            begin = time.perf_counter()
            mattes[name] = path.step()
            taken[name].append(time.perf_counter() - begin)
    return Rounds(taken, {name: matte.float().cpu() for name, matte in mattes.items()})


def counted(seconds: list[float], repeat: int) -> list[float]:
    """Of all that a path's steps have taken, those that `interleaved` counted."""
    return seconds[-2 * repeat :][1::2]


def _near(ours: torch.Tensor, other: torch.Tensor | None) -> float | None:
    """Share of pixels of all maps that differ by at most 2/255."""
    return None if other is None else float(((ours - other).abs() <= NEAR).float().mean())


def _default_near(frames: Frames, device: str) -> float | None:
    """The same share of bfloat16's pixels, by the shipped model on the same scene: trained, it is surer."""
    weights = str(find_weights("default"))
    ours, other = (
        open_path(name, weights, frames, device=device, instances="together").step().float().cpu()
        for name in ("fast", "bf16")
    )
    return _near(ours, other)


def cpu_name() -> str:
    """What the system calls its processor."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
