"""Banks, samples and contact sheets as files, made by any number of processes with the same result.

Stills are written as HIM2K with one set of masks, clips as V-HIM2K5 with masks beside them:

    images/comp/000012.png   alphas/comp/000012/00.png       masks_matched_generated/comp/000012/00.png
    fgr/000012/00003.png     pha/000012/00003/00.png         xmem/000012/00003/00.png

A sample's images are written last, so that a sample that a reader finds is complete. `stills.json` and
`clips.json` say what the samples of a folder were made with.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from maggie_api.errors import SettingsError
from maggie_core.io.atomic import atomic_file
from maggie_core.io.integer_image import write_integer_image
from maggie_lab.datasets.continuation import TODO, check_same, read_record, write_record
from maggie_lab.datasets.layouts import MASKS, SampleLayout
from maggie_lab.processes import ordered_results
from maggie_lab.random import sample_generator

from .bank import Bank, Figures, Tell, read_plan, use_one_thread
from .composing import SamplePlanes, compose_clip
from .fields import Plane

STILLS = ("images", "alphas", "comp", 2, (f"{MASKS}generated",))
CLIPS = ("fgr", "pha", "", 2, ("xmem",))

COLOURS = np.array(
    [(1, 0.35, 0.3), (0.35, 0.85, 0.4), (0.35, 0.5, 1), (1, 0.85, 0.3), (0.9, 0.4, 0.9)]
    + [(0.3, 0.9, 0.9), (1, 0.6, 0.2), (0.6, 0.4, 1), (0.65, 0.65, 0.65), (0.95, 0.95, 0.9)],
    dtype=np.float32,
)
"""Colours of the instances on a contact sheet, in their order."""


@dataclass(frozen=True)
class SamplePlan:
    """Which samples to write where."""

    bank: Path
    """Folder of the bank they are composed from."""
    out: Path
    """Folder to fill; stills and clips may share one."""
    count: int
    """Samples that are there afterwards."""
    seed: int = 0
    size_px: int = 512
    """Side of the images; a multiple of 16."""
    frames: int = 0
    """Length of a clip; 0 makes stills."""
    severity: str = "mixed"
    """Of the guidance, see `degrade`."""

    @property
    def layout(self) -> SampleLayout:
        return SampleLayout(self.out, *(CLIPS if self.frames else STILLS))

    @property
    def record(self) -> Path:
        """The file that says what the samples of a folder were made with."""
        return self.out / ("clips.json" if self.frames else "stills.json")


def make_samples(plan: SamplePlan, *, workers: int = 1, tell: Tell = lambda done, of: None) -> int:
    """Write what is missing of a plan's samples; the same bytes for any number of processes.

    Args:
        workers: processes.
        tell: is called with the number of samples that are there and that there will be: at once, and after
            every sample.

    Returns:
        Number of samples made by this call.

    Raises:
        SettingsError: the folder holds samples of another plan, more of them than asked for, or samples that
            nothing is known of; or there is no bank.
        OutputError: a file cannot be written.
    """
    check_continued(plan)
    Bank(plan.bank)
    write_record(plan.record, _described(plan) | _described_bank(plan.bank))
    last = max(plan.frames - 1, 0)
    missing = [
        (plan, index)
        for index in range(plan.count)
        if not plan.layout.image(plan.layout.images, _name(index), last).exists()
    ]
    there = plan.count - len(missing)
    tell(there, plan.count)
    results = ordered_results(_write_sample, missing, workers=workers, prepare=use_one_thread)
    for done, _ in enumerate(results, start=1):
        tell(there + done, plan.count)
    return len(missing)


def check_continued(plan: SamplePlan) -> None:
    """Refuse a plan that cannot be carried out in a folder that holds samples; nothing is written.

    A bank that is yet to be drawn differs from the one that samples were made with.

    Raises:
        SettingsError: as `make_samples`.
    """
    was = read_record(plan.record)
    names = plan.layout.names()
    if was is None:
        if names:
            raise SettingsError(
                f"{plan.out} holds samples, and nothing says how they were made: choose an empty folder"
            )
        return
    check_same(plan.out, was, _described(plan))
    bank = _described_bank(plan.bank)
    if not bank:
        raise SettingsError(f"{plan.out} was made with another bank than {plan.bank}: {TODO}", field="bank")
    check_same(plan.out, was, bank)
    if names and names[-1] >= _name(plan.count):
        raise SettingsError(
            f"{plan.out} has {len(names)} samples, and a count of {plan.count} would leave them there: "
            "ask for as many or more, or give an empty folder",
            field="count",
        )


def _described(plan: SamplePlan) -> dict[str, Any]:
    """What samples are made with, beside the bank; a later run may only change their number."""
    return {"seed": plan.seed, "size_px": plan.size_px, "frames": plan.frames, "severity": plan.severity}


def _described_bank(folder: Path) -> dict[str, Any]:
    """The plan of a bank, and how much of it is complete: samples draw from all that is there."""
    record = read_plan(folder) or {}
    if list(folder.glob("figures-*.npy")):
        bank = Bank(folder)
        record |= {"figures": bank.figures, "backgrounds": bank.backgrounds, "puppets": bank.puppets}
    return {f"bank_{key}": value for key, value in record.items()}


def _name(index: int) -> str:
    return f"{index:06d}"


@cache
def _opened(bank: Path) -> Bank:
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
    layout, name = plan.layout, _name(index)
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
