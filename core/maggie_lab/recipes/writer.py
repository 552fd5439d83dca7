"""The files of a made set: those of the published layouts, and those that `verify` needs.

whole/       each person's matte without the people in front
fg/, bg/     colours and background as composed, where they are kept
made/        one line of JSON per sample, written last: a sample that has it is complete
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from maggie_api.errors import SettingsError
from maggie_core.io.atomic import cannot_write, write_text
from maggie_lab.datasets.layouts import MASKS, SampleLayout

from .compositing import Composite

JPEG_QUALITY = 95
STILL_MASKS = tuple(f"{MASKS}{k}" for k in range(10))
"""Folders of guidance of a made test set of stills: as many variants as M-HIM2K has."""


def still_layout(root: Path, split: str) -> SampleLayout:
    """Training stills as I-HIM50K, others as HIM2K with ten variants of M-HIM2K."""
    if split == "train":
        return SampleLayout(root / split, "images", "alphas", digits=1)
    return SampleLayout(root / split, "images", "alphas", "comp", masks=STILL_MASKS)


def clip_layout(root: Path, split: str, level: str) -> SampleLayout:
    """Training clips as V-HIM2K5, others as V-HIM60."""
    if split == "train":
        return SampleLayout(root / split, "fgr", "pha")
    return SampleLayout(root / split / f"comp_{level}", "fgr", "pha", masks=("xmem",))


_NUMBERS = {
    "easy": (range(500),),
    "medium": (range(500, 1500), range(3500, 100_000)),
    "hard": (range(1500, 3500),),
}


def clip_name(level: str, index: int) -> str:
    """The five digits by which V-HIM2K5 tells the level of its clip `index`.

    Raises:
        SettingsError: there is no such number left.
    """
    left = index
    for numbers in _NUMBERS[level]:
        if left < len(numbers):
            return f"{numbers[left]:05d}"
        left -= len(numbers)
    raise SettingsError(
        f"V-HIM2K5 has names for {index - left} {level} clips only: ask for fewer, or make two sets"
    )


class SampleWriter:
    """Writes one sample so that a reader finds all of it or nothing; use it as a context.

    Everything is written into a folder aside, and `finish` moves it to its place: images last, as readers
    find samples by them, then the description. Remains of a run that was stopped are removed first.
    """

    def __init__(self, layout: SampleLayout, name: str, *, keep_layers: bool) -> None:
        self._layout, self._name, self._keep_layers = layout, name, keep_layers
        self._suffix = ".png" if keep_layers else ".jpg"
        self._aside = replace(layout, base=layout.base / f".making-{layout.subset}{name}")

    def __enter__(self) -> SampleWriter:
        with _writing(self._layout.base):
            for path in (self._aside.base, *self._places(self._layout)):
                _remove(path)
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(OSError):
            _remove(self._aside.base)

    def _places(self, layout: SampleLayout) -> Iterator[Path]:
        """Files and folders that belong to this sample alone, images last."""
        for kind in (layout.alphas, "whole", "fg", *layout.masks):
            path = layout.plane(kind, self._name, 0, 0)
            yield path.parent.parent if layout.is_clip else path.parent
        for kind in ("bg", layout.images):
            for suffix in (".png", ".jpg"):
                path = layout.image(kind, self._name, 0, suffix)
                yield path.parent if layout.is_clip else path

    def write(self, frame: int, composite: Composite, masks: list[np.ndarray]) -> None:
        """Write one frame; `masks` has (N, H, W) uint8 for each folder of guidance.

        Raises:
            OutputError: a file cannot be written.
        """
        layout, name = self._aside, self._name
        for n in range(len(composite.alphas)):
            _write(layout.plane(layout.alphas, name, frame, n), composite.alphas[n])
            _write(layout.plane("whole", name, frame, n), composite.whole[n])
            for kind, planes in zip(layout.masks, masks, strict=True):
                _write(layout.plane(kind, name, frame, n), planes[n])
            if self._keep_layers:
                _write(layout.plane("fg", name, frame, n), composite.colours[n])
        if self._keep_layers:
            _write(layout.image("bg", name, frame), composite.background)
        _write(layout.image(layout.images, name, frame, self._suffix), composite.image)

    def finish(self, description: dict[str, Any]) -> None:
        """Move the sample to its place and say that it is complete.

        Raises:
            OutputError: a file cannot be written.
        """
        for written, place in zip(self._places(self._aside), self._places(self._layout), strict=True):
            if written.exists():
                with _writing(place):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(written, place)
        write_text(self._layout.record(self._name), json.dumps(description) + "\n")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error.strerror or str(error)) from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write(path: Path, pixels: np.ndarray) -> None:
    """Write (H, W) or (H, W, 3) uint8. The sample is moved as one, so that files need no flush each."""
    encoded = io.BytesIO()  # in memory: on a full disk the JPEG library ends the whole process
    if path.suffix == ".jpg":
        Image.fromarray(pixels).save(encoded, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    else:
        Image.fromarray(pixels).save(encoded, "PNG", compress_level=3)
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded.getvalue())
