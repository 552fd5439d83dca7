"""Making a set: who goes into which split, many processes, and going on where a run was stopped.

A sample is a function of the recipe, the footage, the seed and its own number, and of nothing else.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maggie_api.errors import InputError, SettingsError
from maggie_lab.datasets.guidance_noise import noisy_guidance, random_threshold
from maggie_lab.datasets.layouts import SampleLayout
from maggie_lab.random import generator

from .clips import LEVELS, ClipRecipe, Level, draw_clip
from .compositing import Composite, visible_mattes
from .composition import Composition
from .pools import SPLITS, Pool, find_pools
from .stills import StillRecipe, draw_still
from .writer import SampleWriter, clip_layout, clip_name, still_layout, write_text

MOST_TRIES = 200
"""Scenes drawn for one sample before the recipe is called impossible; about one in five medium clips is
accepted."""
_STILLS, _CLIPS = 20, 21
"""First step of a generator's path; the generated people use the numbers below."""


@dataclass(frozen=True)
class SetPlan:
    """A set to be made."""

    foregrounds: Path
    backgrounds: Path
    out: Path
    recipe: StillRecipe | ClipRecipe
    counts: tuple[int, int, int]
    """Samples of train, val and test; of clips, for each level."""
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    """Of the sources, for train, val and test. A source is in one split only."""
    levels: tuple[str, ...] = tuple(LEVELS)
    """Which levels of clips to make."""
    seed: int = 0
    keep_layers: bool = False
    """Keep foregrounds and backgrounds as composed; images are then PNG instead of JPEG."""


@dataclass(frozen=True)
class _Task:
    layout: SampleLayout
    name: str
    recipe: StillRecipe | ClipRecipe
    level: Level | None
    pool: Pool
    path: tuple[int, ...]
    """Of the sample's generator."""
    keep_layers: bool


def make_set(
    plan: SetPlan, *, workers: int = 1, tell: Callable[[int, int], None] = lambda done, all: None
) -> int:
    """Make what is missing of a set; the same bytes for any number of workers.

    Args:
        tell: called with the number of samples that are there and that there will be.

    Returns:
        Number of samples made by this call.

    Raises:
        SettingsError: `out` holds a set of another plan, or there is too little footage or too few names.
        FrameError: footage is missing or damaged.
        InputError: no sample within the recipe's limits could be drawn.
        OutputError: a file cannot be written.
    """
    pools = _pools(plan)
    _remember(plan, pools)
    tasks = list(_tasks(plan, pools))
    missing = [task for task in tasks if not task.layout.record(task.name).is_file()]
    tell(len(tasks) - len(missing), len(tasks))
    for done, _ in enumerate(_run(missing, workers), start=1):
        tell(len(tasks) - len(missing) + done, len(tasks))
    for layout in {task.layout.base: task.layout for task in tasks}.values():
        lines = [path.read_text(encoding="utf-8") for path in layout.records()]
        write_text(layout.base / "samples.jsonl", "".join(lines))
    return len(missing)


def _run(tasks: Sequence[_Task], workers: int) -> Iterator[None]:
    if workers <= 1 or len(tasks) <= 1:
        yield from map(_make, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), context) as pool:
        try:
            yield from pool.map(_make, tasks)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _pools(plan: SetPlan) -> dict[str, Pool]:
    clips_only = isinstance(plan.recipe, ClipRecipe)
    pools = find_pools(
        plan.foregrounds, plan.backgrounds, shares=plan.shares, seed=plan.seed, clips_only=clips_only
    )
    wanted = {split: pools[split] for split, count in zip(SPLITS, plan.counts, strict=True) if count}
    for split, pool in wanted.items():
        pool.check_enough(plan.recipe.people[0], split)
    return wanted


def _remember(plan: SetPlan, pools: dict[str, Pool]) -> None:
    """Write what the set is made of, or compare it with what is written."""
    described: dict[str, Any] = {
        "kind": "clips" if isinstance(plan.recipe, ClipRecipe) else "stills",
        "seed": plan.seed,
        "shares": plan.shares,
        "keep_layers": plan.keep_layers,
        "recipe": asdict(plan.recipe),
    }
    named = {split: _named(pool) for split, pool in pools.items()}
    path = plan.out / "recipe.json"
    if not path.is_file():
        if plan.out.is_dir() and any(plan.out.iterdir()):
            raise SettingsError(f"{plan.out} holds something else: choose an empty folder for the set")
        write_text(path, json.dumps({**described, "splits": named}, indent=1) + "\n")
        return
    known = json.loads(path.read_text(encoding="utf-8"))
    now = json.loads(json.dumps({**described, "splits": {**known["splits"], **named}}))
    for key, value in now.items():
        if known[key] != value and not (key == "splits" and _only_added(known[key], value)):
            what = "footage" if key == "splits" else key
            raise SettingsError(
                f"{plan.out} was made with another {what}: give the options of then, or an empty folder"
            )
    write_text(path, json.dumps(now, indent=1) + "\n")


def _only_added(known: dict[str, Any], now: dict[str, Any]) -> bool:
    return all(now[split] == pool for split, pool in known.items())


def _named(pool: Pool) -> dict[str, list[str]]:
    return {
        "foregrounds": [footage.name for footage in pool.foregrounds],
        "backgrounds": [footage.name for footage in pool.backgrounds],
    }


def _tasks(plan: SetPlan, pools: dict[str, Pool]) -> Iterator[_Task]:
    for number, (split, count) in enumerate(zip(SPLITS, plan.counts, strict=True)):
        if not count:
            continue
        if isinstance(plan.recipe, StillRecipe):
            layout = still_layout(plan.out, split)
            for index in range(count):
                path = (_STILLS, plan.seed, number, index)
                name = f"{index:05d}"
                yield _Task(layout, name, plan.recipe, None, pools[split], path, plan.keep_layers)
            continue
        for rank, level in enumerate(plan.recipe.levels):
            layout = clip_layout(plan.out, split, level.name)
            for index in range(count if level.name in plan.levels else 0):
                path = (_CLIPS, plan.seed, number, rank, index)
                name = clip_name(level.name, index) if split == "train" else f"{index:05d}"
                yield _Task(layout, name, plan.recipe, level, pools[split], path, plan.keep_layers)


def _make(task: _Task) -> None:
    for tried in range(MOST_TRIES):
        rng = generator(*task.path, tried)
        if isinstance(task.recipe, StillRecipe):
            composition = draw_still(task.recipe, task.pool, rng)
        else:
            assert task.level is not None
            composition = draw_clip(task.recipe, task.level, task.pool, rng)
        if composition is not None:
            _write(task, composition, rng, tried)
            return
    what = f"{task.level.name} clip" if task.level else "still"
    raise InputError(
        f"no {what} in {MOST_TRIES} tries: give more footage, wider limits, or --canvas where backgrounds "
        "are upright"
    )


def _write(task: _Task, composition: Composition, rng: np.random.Generator, tried: int) -> None:
    clip_masks = _clip_masks(composition, rng) if task.layout.is_clip and task.layout.masks else None
    with SampleWriter(task.layout, task.name, keep_layers=task.keep_layers) as writer:
        for frame in range(composition.frames):
            composite = composition.render(frame)
            if clip_masks is not None:
                masks = [clip_masks[frame]]
            else:
                masks = [_still_masks(composite, rng) for _ in task.layout.masks]
            writer.write(frame, composite, masks)
        composition.close()
        made = {"name": task.name, "level": task.level.name if task.level else None, "seed": task.path[1]}
        writer.finish({**made, "generator": [*task.path, tried], **composition.described()})


def _still_masks(composite: Composite, rng: np.random.Generator) -> np.ndarray:
    """(N, H, W) masks as M-HIM2K has them where no segmenter found the person; never empty where one is."""
    masks = []
    for codes in composite.alphas:
        mask = random_threshold(codes / np.float32(255), rng)
        masks.append(mask if mask.any() else codes > 0)
    return np.stack(masks) * np.uint8(255)


def _clip_masks(composition: Composition, rng: np.random.Generator) -> np.ndarray:
    """(T, N, H, W) masks that flicker while the mattes do not."""
    silhouettes = np.stack(
        [visible_mattes(composition.whole(frame)) > 127 for frame in range(composition.frames)]
    )
    return noisy_guidance(silhouettes, rng) * np.uint8(255)
