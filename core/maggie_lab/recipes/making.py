"""Making a set of samples, in any number of processes, and going on where a run was stopped.

A sample depends on the recipe, the footage, the seed and its own number alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maggie_api.errors import InputError, SettingsError
from maggie_core.io.atomic import write_text
from maggie_lab.datasets.continuation import TODO, check_same, read_record, write_record
from maggie_lab.datasets.guidance_noise import noisy_guidance, random_threshold
from maggie_lab.datasets.layouts import SampleLayout, published_level
from maggie_lab.processes import ordered_results
from maggie_lab.random import generator

from .clips import LEVELS, ClipRecipe, Level, draw_clip
from .compositing import Composite, visible_mattes
from .composition import Composition
from .pools import SPLITS, Pool, find_pools
from .stills import StillRecipe, draw_still
from .writer import SampleWriter, clip_layout, clip_name, still_layout

MOST_TRIES = 200
"""Compositions drawn for one sample before the recipe is called impossible; of medium clips about one in five
is accepted."""
_STILLS, _CLIPS = 20, 21
"""First step of a generator's path; `maggie_lab.random` has the numbers of generated people, below these."""


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
    """Shares of the sources for train, val and test; their sum is free. A source is in one split only."""
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
    """Path of the sample's generator."""
    keep_layers: bool


def make_set(
    plan: SetPlan, *, workers: int = 1, tell: Callable[[int, int], None] = lambda done, all: None
) -> int:
    """Make what is missing of a set; the same bytes for any number of workers.

    Args:
        workers: processes.
        tell: is called with the number of samples that are there and that there will be: at once, and after
            every sample.

    Returns:
        Number of samples made by this call.

    Raises:
        SettingsError: `out` holds a set of another plan or more samples than asked for, or there is too
            little footage or too few names.
        FrameError: footage is missing or damaged.
        InputError: no sample within the recipe's limits could be drawn.
        OutputError: a file cannot be written.
    """
    pools = _pools(plan)
    tasks = list(_tasks(plan, pools))
    _check_continued(plan, pools, tasks)
    missing = [task for task in tasks if not task.layout.record(task.name).is_file()]
    there = len(tasks) - len(missing)
    tell(there, len(tasks))
    for done, _ in enumerate(ordered_results(_make, missing, workers=workers), start=1):
        tell(there + done, len(tasks))
    for layout in {task.layout.base: task.layout for task in tasks}.values():
        lines = [path.read_text(encoding="utf-8") for path in layout.records()]
        write_text(layout.base / "samples.jsonl", "".join(lines))
    return len(missing)


def _pools(plan: SetPlan) -> dict[str, Pool]:
    clips_only = isinstance(plan.recipe, ClipRecipe)
    pools = find_pools(
        plan.foregrounds, plan.backgrounds, shares=plan.shares, seed=plan.seed, clips_only=clips_only
    )
    wanted = {split: pools[split] for split, count in zip(SPLITS, plan.counts, strict=True) if count}
    for split, pool in wanted.items():
        pool.check_enough(plan.recipe.people[0], split)
    return wanted


def _check_continued(plan: SetPlan, pools: dict[str, Pool], tasks: Sequence[_Task]) -> None:
    """Write what the set is made of, or compare it with what is written; nothing may be left out of date."""
    now = {
        "kind": "clips" if isinstance(plan.recipe, ClipRecipe) else "stills",
        "seed": plan.seed,
        "shares": plan.shares,
        "keep_layers": plan.keep_layers,
        "recipe": asdict(plan.recipe),
    }
    splits = {split: _named(pool) for split, pool in pools.items()}
    path = plan.out / "recipe.json"
    was = read_record(path)
    if was is None:
        if plan.out.is_dir() and any(plan.out.iterdir()):
            raise SettingsError(f"{plan.out} holds something else: choose an empty folder for the set")
        write_record(path, {**now, "splits": splits})
        return
    check_same(plan.out, was, now)
    for split, pool in splits.items():
        _check_footage(plan.out, split, was["splits"].get(split, {}), pool)
    _check_counts(plan.out, tasks)
    write_record(path, {**now, "splits": {**was["splits"], **splits}})


def _named(pool: Pool) -> dict[str, dict[str, int]]:
    """What tells the footage of a split from other footage: the bytes of the files of each name."""
    return {
        "foregrounds": {footage.name: footage.size_bytes() for footage in pool.foregrounds},
        "backgrounds": {footage.name: footage.size_bytes() for footage in pool.backgrounds},
    }


def _check_footage(out: Path, split: str, was: dict[str, Any], now: dict[str, dict[str, int]]) -> None:
    for kind, footage in now.items():
        known = was.get(kind, footage)
        if isinstance(known, list):  # sets of before know names alone
            known = {name: footage.get(name, 0) for name in known}
        changed = sorted(name for name in known | footage if known.get(name) != footage.get(name))
        if changed:
            raise SettingsError(
                f"{out} was made with another footage ({changed[0]}, one of the {kind} of {split}, is new, "
                f"gone or changed): {TODO}"
            )


def _check_counts(out: Path, tasks: Sequence[_Task]) -> None:
    """Refuse to ask for fewer samples of a kind than there are: those beyond would stay."""
    wanted: dict[tuple[Path, str], set[str]] = {}
    layouts = {task.layout.base: task.layout for task in tasks}
    for task in tasks:
        wanted.setdefault((task.layout.base, task.level.name if task.level else ""), set()).add(task.name)
    for (base, level), names in wanted.items():
        there = {path.stem for path in layouts[base].records()}
        if level and base.name == "train":  # clips of all levels lie in one folder, their names tell which
            there = {name for name in there if published_level(name) == level}
        if there - names:
            what = f"{level} clips" if level else "stills"
            raise SettingsError(
                f"{base} has {len(there)} {what}, and asking for {len(names)} would leave them there: "
                "ask for as many or more, or give an empty folder"
            )


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
