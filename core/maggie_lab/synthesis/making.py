"""Banks, samples and contact sheets as files, made by any number of processes with the same result.

Stills are written as HIM2K with one set of masks, clips as V-HIM2K5 with masks beside them:

    images/comp/000012.png   alphas/comp/000012/00.png       masks_matched_generated/comp/000012/00.png
    fgr/000012/00003.png     pha/000012/00003/00.png         xmem/000012/00003/00.png

A sample's images are written last: a sample that a reader finds is complete.
"""

from __future__ import annotations

import io
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from maggie_core.io.atomic import atomic_file
from maggie_core.io.integer_image import write_integer_image
from maggie_lab.datasets.layouts import MASKS, SampleLayout
from maggie_lab.random import sample_generator

from .bank import Bank, BankPlan, Figures, build_bank
from .composing import SamplePlanes, compose_clip
from .fields import Plane

STILLS = ("images", "alphas", "comp", 2, (f"{MASKS}generated",))
CLIPS = ("fgr", "pha", "", 2, ("xmem",))

COLOURS = np.array(
    [(1, 0.35, 0.3), (0.35, 0.85, 0.4), (0.35, 0.5, 1), (1, 0.85, 0.3), (0.9, 0.4, 0.9)]
    + [(0.3, 0.9, 0.9), (1, 0.6, 0.2), (0.6, 0.4, 1), (0.65, 0.65, 0.65), (0.95, 0.95, 0.9)],
    dtype=np.float32,
)
"""Of instances on a contact sheet, in their order."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class SamplePlan:
    """Which samples to write where.

    Attributes:
        frames: length of a clip; 0 makes stills.
    """

    bank: Path
    out: Path
    count: int
    seed: int = 0
    size_px: int = 512
    frames: int = 0
    severity: str = "mixed"

    @property
    def layout(self) -> SampleLayout:
        return SampleLayout(self.out, *(CLIPS if self.frames else STILLS))


def make_bank(folder: Path, plan: BankPlan, *, workers: int = 1) -> None:
    """Draw what is missing of a bank in `workers` processes.

    Raises:
        SettingsError: the folder holds another bank.
        InputError: an image of the user's folders cannot be used.
    """
    build_bank(folder, plan, part=0, parts=1 << 40)  # says what the folder is, and refuses another one's
    for _ in _each(_draw_part, [(folder, plan, part, workers) for part in range(workers)], workers):
        pass


def make_samples(plan: SamplePlan, *, workers: int = 1, tell: Tell = lambda done, of: None) -> int:
    """Write what is missing of a plan's samples; returns how many were made."""
    Bank(plan.bank)
    last = max(plan.frames - 1, 0)
    missing = [
        (plan, index)
        for index in range(plan.count)
        if not plan.layout.image(plan.layout.images, f"{index:06d}", last).exists()
    ]
    for done, _ in enumerate(_each(_write_sample, missing, workers), start=1):
        tell(plan.count - len(missing) + done, plan.count)
    return len(missing)


def _each(work: Callable[[tuple], None], tasks: Sequence[tuple], workers: int) -> Iterator[None]:
    if workers <= 1 or len(tasks) <= 1:
        yield from map(work, tasks)
        return
    with ProcessPoolExecutor(min(workers, len(tasks)), multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, tasks)


def _draw_part(task: tuple[Path, BankPlan, int, int]) -> None:
    torch.set_num_threads(1)
    folder, plan, part, parts = task
    build_bank(folder, plan, part=part, parts=parts)


@cache
def _opened(bank: Path) -> Bank:
    torch.set_num_threads(1)
    return Bank(bank)


def _write_sample(task: tuple[SamplePlan, int]) -> None:
    plan, index = task
    sample = draw_sample(
        _opened(plan.bank),
        seed=plan.seed,
        index=index,
        size_px=plan.size_px,
        frames=plan.frames,
        severity=plan.severity,
    )
    layout, name = plan.layout, f"{index:06d}"
    for frame in range(len(sample["image"])):
        for n in range(sample["alphas"].shape[1]):
            write_integer_image(
                _made(layout.plane(layout.alphas, name, frame, n)), sample["alphas"][frame, n]
            )
            for masks in layout.masks:
                write_integer_image(_made(layout.plane(masks, name, frame, n)), sample["guidance"][frame, n])
    for frame, image in enumerate(sample["image"]):
        write_integer_image(_made(layout.image(layout.images, name, frame)), image.transpose(1, 2, 0))


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def draw_sample(
    bank: Figures, *, seed: int, index: int, size_px: int, frames: int, severity: str = "mixed"
) -> SamplePlanes:
    """Draw sample `index` of the set `seed`, with a T axis: the same on any machine and in any order."""
    rng = sample_generator(seed, index)
    return compose_clip(rng, bank, frames=max(frames, 1), crop_px=size_px, severity=severity)


def contact_sheet(samples: Sequence[SamplePlanes], *, columns: int = 6) -> Image.Image:
    """Samples with a T axis side by side: image, guidance and alphas below each other, one colour per
    instance; of a clip the first, middle and last frame.
    """
    tiles = []
    for sample in samples:
        count = len(sample["image"])
        shown = [0] if count == 1 else [0, count // 2, count - 1]
        rows = [
            np.concatenate([_coloured(sample, kind)[frame] for frame in shown], axis=1)
            for kind in ("image", "guidance", "alphas")
        ]
        tiles.append(np.concatenate(rows, axis=0))
    columns = min(columns, len(tiles))
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % columns)
    lines = [np.concatenate(tiles[k : k + columns], axis=1) for k in range(0, len(tiles), columns)]
    return Image.fromarray((np.concatenate(lines, axis=0) * 255 + 0.5).astype(np.uint8))


def _coloured(sample: SamplePlanes, kind: str) -> Plane:
    """(T, H, W, 3) in [0, 1]."""
    planes = sample[kind]
    if kind == "image":
        return planes.transpose(0, 2, 3, 1)
    return np.clip(np.einsum("tnhw,nc->thwc", planes, COLOURS[: planes.shape[1]]), 0, 1)


def write_sheet(path: Path, sheet: Image.Image) -> None:
    """Write a PNG or, where the name says so, a JPEG; whole or not at all."""
    stream = io.BytesIO()
    sheet.save(stream, "JPEG" if path.suffix.lower() in (".jpg", ".jpeg") else "PNG", quality=85)
    with atomic_file(path) as temporary:
        temporary.write_bytes(stream.getvalue())
