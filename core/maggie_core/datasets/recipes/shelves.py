"""Where the files of a made set go: the published layouts, and beside them what `verify` needs.

whole/       each person's matte as if nobody stood in front
fg/, bg/     colours and background as composed, where they are kept
made/        one line of JSON per sample, written last: a sample that has it is complete
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from maggie_core.errors import SettingsError
from maggie_core.io.atomic import atomic_file, cannot_write
from maggie_core.io.picture import write_picture

from ..layouts import MASKS
from .compositing import Composite

JPEG_QUALITY = 95
STILL_MASKS = tuple(f"{MASKS}{k}" for k in range(10))
"""Folders of guidance of a made test set of stills: as many variants as M-HIM2K has."""


@dataclass(frozen=True)
class Shelf:
    """One folder of samples in a published layout."""

    base: Path
    pictures: str
    """Folder of the pictures: `images` or `fgr`."""
    alphas: str
    """`alphas` or `pha`."""
    part: str = ""
    """Folder inside each kind's, such as `comp`."""
    digits: int = 2
    """Of an instance's file name."""
    masks: tuple[str, ...] = ()
    """Folders of guidance; none for training sets."""

    @property
    def is_clip(self) -> bool:
        return self.pictures == "fgr"

    def picture(self, kind: str, name: str, frame: int, suffix: str = ".png") -> Path:
        """One file per frame: of `images`, `fgr`, `bg`."""
        inside = f"{name}/{frame:05d}{suffix}" if self.is_clip else f"{name}{suffix}"
        return self.base / kind / self.part / inside

    def plane(self, kind: str, name: str, frame: int, instance: int) -> Path:
        """One file per frame and instance: of `alphas`, `pha`, `whole`, `fg` and the masks."""
        file = f"{instance:0{self.digits}d}.png"
        folder = self.base / kind / self.part / name
        return folder / f"{frame:05d}" / file if self.is_clip else folder / file

    def record(self, name: str) -> Path:
        """What was made of the sample; its presence says that all of it is there."""
        return self.base / "made" / self.part / f"{name}.json"

    def records(self) -> Iterator[Path]:
        yield from sorted((self.base / "made" / self.part).glob("*.json"))


def stills_shelf(root: Path, split: str) -> Shelf:
    """Training stills as I-HIM50K, others as HIM2K with ten variants of M-HIM2K."""
    if split == "train":
        return Shelf(root / split, "images", "alphas", digits=1)
    return Shelf(root / split, "images", "alphas", "comp", masks=STILL_MASKS)


def clips_shelf(root: Path, split: str, level: str) -> Shelf:
    """Training clips as V-HIM2K5, others as V-HIM60."""
    if split == "train":
        return Shelf(root / split, "fgr", "pha")
    return Shelf(root / split / f"comp_{level}", "fgr", "pha", masks=("xmem",))


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
        f"V-HIM2K5 has names for {index - left} {level} clips: ask for fewer, or make two sets"
    )


class SampleWriter:
    """Writes one sample so that a reader finds all of it or nothing.

    Pictures, by which readers find samples, are kept aside until everything else is there.
    """

    def __init__(self, shelf: Shelf, name: str, *, keep_layers: bool) -> None:
        self._shelf, self._name, self._keep_layers = shelf, name, keep_layers
        self._suffix = ".png" if keep_layers else ".jpg"
        self._aside = shelf.base / f".making-{shelf.part}-{name}"
        with _writing(shelf.base):
            for path in (self._aside, *self._places()):
                _remove(path)

    def _places(self) -> Iterator[Path]:
        """What an earlier run that was stopped may have left of this sample."""
        shelf = self._shelf
        for kind in (shelf.pictures, "bg"):
            for suffix in (".png", ".jpg"):
                path = shelf.picture(kind, self._name, 0, suffix)
                yield path.parent if shelf.is_clip else path
        for kind in (shelf.alphas, "whole", "fg", *shelf.masks):
            path = shelf.plane(kind, self._name, 0, 0)
            yield path.parent.parent if shelf.is_clip else path.parent

    def write(self, frame: int, composite: Composite, masks: list[np.ndarray]) -> None:
        """Write one frame; `masks` has one (N, H, W) array for each folder of guidance."""
        shelf, name = self._shelf, self._name
        for n in range(len(composite.alphas)):
            write_picture(shelf.plane(shelf.alphas, name, frame, n), composite.alphas[n])
            write_picture(shelf.plane("whole", name, frame, n), composite.whole[n])
            for kind, planes in zip(shelf.masks, masks, strict=True):
                write_picture(shelf.plane(kind, name, frame, n), planes[n])
            if self._keep_layers:
                write_picture(shelf.plane("fg", name, frame, n), composite.colours[n])
        if self._keep_layers:
            write_picture(shelf.picture("bg", name, frame), composite.background)
        aside = self._aside / f"{frame:05d}{self._suffix}"
        if self._keep_layers:
            write_picture(aside, composite.picture)
        else:
            _write_jpeg(aside, composite.picture)

    def finish(self, description: dict[str, Any]) -> None:
        """Put the pictures in their place and say that the sample is complete."""
        target = self._shelf.picture(self._shelf.pictures, self._name, 0, self._suffix)
        with _writing(target):
            if self._shelf.is_clip:
                target.parent.parent.mkdir(parents=True, exist_ok=True)
                os.replace(self._aside, target.parent)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(self._aside / f"00000{self._suffix}", target)
                self._aside.rmdir()
        write_text(self._shelf.record(self._name), json.dumps(description) + "\n")


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


def _write_jpeg(path: Path, pixels: np.ndarray) -> None:
    # Encoded in memory: on a full disk the library ends the whole process.
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    with atomic_file(path) as temporary:
        temporary.write_bytes(encoded.getvalue())


def write_text(path: Path, text: str) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
