"""Checks of a set on disk: occlusion recomputed, alphas summed, images recomposed.

The set may be made or published. Measures that the files do not allow (occlusion without whole mattes, the
composite without its layers) are None.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maggie_api.errors import FrameError
from maggie_lab.datasets.layouts import DATASETS
from maggie_lab.datasets.sample import Sample, read_grey, read_rgb

from .clips import LEVELS
from .compositing import occlusions, recompose, visible_mattes
from .pools import SPLITS
from .stills import StillRecipe

MOST_DIFFERENCE = 2
"""Grey levels by which an image may differ from what its layers give."""
ROUNDING = 0.005
"""Occlusion beyond a limit that is still taken for rounding."""


@dataclass(frozen=True)
class Finding:
    """The measures of one sample."""

    name: str
    """Path of its first image below the root."""
    people: int
    frames: int
    level: str
    """The level it claims; "" for stills and where nothing says so."""
    found: str | None
    """The level its occlusion belongs to, "none" between and beyond the levels."""
    occlusion: float | None
    """The largest share of a person's visible area that one paste hides, in any frame."""
    frame: int | None
    """Number of that frame, from 0."""
    excess: float
    """The most by which alphas of a pixel sum to more than 1; 0 where none do."""
    difference: float | None
    """Largest difference between the image and the sum of its layers, in grey levels."""
    problems: tuple[str, ...]


def verify_set(root: str | Path) -> Iterator[Finding]:
    """Look at every sample below `root`: a set of a published layout, or `train`, `val` and `test` of one.

    Raises:
        FrameError: there is no sample, or a file is missing or damaged.
        GuidanceError: masks are missing.
    """
    root = Path(root)
    limits = _Limits.of(root)
    samples = list(_samples(root))
    if not samples:
        raise FrameError(f"{root} holds no samples of any published layout: give a folder that does")
    for sample in samples:
        yield _verify(sample, root, limits)


@dataclass(frozen=True)
class _Limits:
    levels: dict[str, tuple[float, float]]
    most_hidden: float

    @staticmethod
    def of(root: Path) -> _Limits:
        """Those the set was made with, else the published ones."""
        path = root / "recipe.json"
        recipe: dict[str, Any] = {}
        if path.is_file():
            recipe = json.loads(path.read_text(encoding="utf-8"))["recipe"]
        levels = {level.name: level.occlusion for level in LEVELS.values()}
        levels |= {level["name"]: tuple(level["occlusion"]) for level in recipe.get("levels", ())}
        return _Limits(levels, recipe.get("most_hidden", StillRecipe.most_hidden))

    def level_of(self, occlusion: float) -> str:
        return next((name for name, _ in self.levels.items() if self.holds(name, occlusion)), "none")

    def holds(self, level: str, occlusion: float) -> bool:
        low, high = self.levels[level]
        return low - ROUNDING <= occlusion <= high + ROUNDING


def _samples(root: Path) -> Iterator[Sample]:
    seen: set[Path] = set()
    for folder in (root, *(root / split for split in SPLITS)):
        for dataset in ("him2k", "i-him50k", "v-him2k5"):  # the last finds clips of V-HIM60 too
            for sample in DATASETS[dataset][0](folder):
                if sample.frames[0] not in seen:
                    seen.add(sample.frames[0])
                    yield sample


def _verify(sample: Sample, root: Path, limits: _Limits) -> Finding:
    first, count = sample.frames[0], len(sample.frames)
    hidden: list[float] = []
    excess, difference = 0.0, None
    problems: list[str] = []
    for image, row in zip(sample.frames, sample.alphas, strict=True):
        alphas = _codes([path for path in row if path is not None])
        excess = max(excess, float(alphas.sum(0, dtype=np.int64).max()) / 255 - 1)
        whole_files = [_beside(path, "whole") for path in row if path is not None]
        if all(path.is_file() for path in whole_files):
            whole = _codes(whole_files)
            hidden.append(float(occlusions(whole).max()))
            if np.abs(visible_mattes(whole).astype(int) - alphas).max() > 1:
                problems.append(f"{image.name}: alphas are not what is seen of the whole mattes")
        layers = [_beside(path, "fg") for path in row if path is not None]
        background = _beside(image, "bg").with_suffix(".png")
        if image.suffix == ".png" and background.is_file() and all(path.is_file() for path in layers):
            difference = max(difference or 0.0, _difference(image, background, layers, alphas))
    if excess > len(sample.instances) / 255 + 1e-6:
        problems.append(f"alphas sum to {1 + excess:.3f}")
    if difference is not None and difference > MOST_DIFFERENCE:
        problems.append(f"the image differs from its layers by {difference:.0f} grey levels")
    most = max(hidden) if len(hidden) == count else None
    is_clip = count > 1 or sample.subset in limits.levels
    if most is not None and (sample.subset in limits.levels or not is_clip):
        problems += _occlusion_problems(sample.subset, most, limits)
    return Finding(
        name=first.relative_to(root).as_posix(),
        people=len(sample.instances),
        frames=count,
        level=sample.subset if is_clip else "",
        found=limits.level_of(most) if most is not None and is_clip else None,
        occlusion=None if most is None else round(most, 4),
        frame=None if most is None else hidden.index(most),
        excess=round(excess, 4),
        difference=difference,
        problems=tuple(problems),
    )


def _occlusion_problems(level: str, occlusion: float, limits: _Limits) -> list[str]:
    if level in limits.levels:
        if limits.holds(level, occlusion):
            return []
        low, high = limits.levels[level]
        return [f"{level} means {low:.0%} to {high:.0%} hidden, it has {occlusion:.1%}"]
    if occlusion > limits.most_hidden + ROUNDING:
        return [f"{occlusion:.1%} hidden by one paste, at most {limits.most_hidden:.0%} may be"]
    return []


def _codes(files: list[Path]) -> np.ndarray:
    """(N, H, W) uint8"""
    return _stack({path: np.rint(read_grey(path) * 255).astype(np.uint8) for path in files})


def _stack(planes: dict[Path, np.ndarray]) -> np.ndarray:
    first, wanted = next(iter(planes.items()))
    for path, plane in planes.items():
        if plane.shape != wanted.shape:
            (height, width), (tall, wide) = plane.shape[:2], wanted.shape[:2]
            raise FrameError(
                f"{path} is {width}x{height} but {first} is {wide}x{tall}: all files of a frame need one size"
            )
    return np.stack(list(planes.values()))


def _difference(image: Path, background: Path, layers: list[Path], alphas: np.ndarray) -> float:
    files = (image, background, *layers)
    images = {path: np.rint(read_rgb(path).transpose(1, 2, 0) * 255).astype(np.uint8) for path in files}
    shown, behind, *colours = _stack(images)
    return float(np.abs(recompose(behind, np.stack(colours), alphas).astype(int) - shown).max())


def _beside(path: Path, kind: str) -> Path:
    """The same place below another of a set's folders."""
    parts = list(path.parts)
    for k in reversed(range(len(parts) - 1)):
        if parts[k] in ("images", "fgr", "alphas", "pha"):
            parts[k] = kind
            break
    return Path(*parts)
