"""A user's own foregrounds and backgrounds: stills, folders of frames and movies, with or without a matte.

What belongs together is found by name: `ana.jpg` and `ana_alpha.png`, `walk.mp4` and `walk_alpha.mp4`, the
folders `walk/` and `walk_alpha/`. A folder of images numbered in one way is a clip; other images are
stills. The first folder below the root (or the file's own name) is the source: one person or one clip, which
is never in two splits.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maggie_api.errors import FrameError
from maggie_core.io.frames import FileSource, FrameSource
from maggie_core.io.image import list_parts
from maggie_core.io.plate import read_plate, rgb_channels
from maggie_core.io.video import MOVIE_SUFFIXES, MovieSource
from maggie_lab.datasets.layouts import IMAGE_SUFFIXES

MATTE = "_alpha"
"""What the name of a matte has behind the name of its image."""


@dataclass(frozen=True)
class Footage:
    """One still or clip as it lies on the disk."""

    name: str
    """Path below the root, without suffix; unique."""
    source: str
    """The person or clip it shows."""
    images: tuple[Path, ...]
    """One file per frame, or one movie."""
    mattes: tuple[Path, ...]
    """Likewise; empty where the matte is the images' own alpha, or where there is none."""

    @property
    def is_movie(self) -> bool:
        return self.images[0].suffix.lower() in MOVIE_SUFFIXES

    @property
    def is_clip(self) -> bool:
        return self.is_movie or len(self.images) > 1


class OpenFootage:
    """Footage whose frames can be read; frames count from 0."""

    def __init__(self, footage: Footage) -> None:
        """
        Raises:
            FrameError: a file is missing or damaged, or the matte has fewer frames than the image.
        """
        self._footage = footage
        self._images = _open(footage.name, footage.images)
        self._mattes = _open(footage.name, footage.mattes) if footage.mattes else None
        self.frames = len(self._images.frames)
        """How many there are."""
        if self._mattes is not None and len(self._mattes.frames) != self.frames:
            raise FrameError(
                f"{footage.mattes[0]} has {len(self._mattes.frames)} frames but "
                f"{footage.images[0]} has {self.frames}: a matte needs every frame of its image"
            )
        if self._mattes is not None and footage.is_movie:
            self.alpha(0)  # all frames of a movie have one size

    def size(self, frame: int = 0) -> tuple[int, int]:
        """(width, height) of a frame."""
        if self._footage.is_movie:
            height, width = self.colour(frame).shape[:2]
            return width, height
        window = list_parts(self._footage.images[frame])[0].data
        return window.width, window.height

    def colour(self, frame: int) -> np.ndarray:
        """(H, W, 3) float32, as encoded, [0, 1]."""
        return read_plate(self._images, self._images.frames[frame]).pixels

    def alpha(self, frame: int) -> np.ndarray:
        """(H, W) float32 in [0, 1], of the size of the image.

        Raises:
            FrameError: there is no matte, or it has another size.
        """
        source = self._mattes or self._images
        number = source.frames[frame]
        names = source.channels(number)
        if self._mattes is not None:
            names = rgb_channels(names, path=source.path(number))[:1]
        elif "A" in names:
            names = ("A",)
        else:
            raise no_matte(source.path(number))
        alpha = source.read(number, channels=names).pixels[..., 0]
        if self._mattes is not None and (frame == 0 or not self._footage.is_movie):
            self._check_size(alpha, frame)
        return alpha

    def _check_size(self, alpha: np.ndarray, frame: int) -> None:
        (width, height), (tall, wide) = self.size(frame), alpha.shape
        if (width, height) != (wide, tall):
            raise FrameError(
                f"the matte of {self._images.path(self._images.frames[frame])} is {wide}x{tall} but its "
                f"image is {width}x{height}: a matte needs the size of its image"
            )

    def close(self) -> None:
        for source in (self._images, self._mattes):
            if source is not None:
                source.close()


def _open(name: str, files: Sequence[Path]) -> FrameSource:
    if files[0].suffix.lower() in MOVIE_SUFFIXES:
        return MovieSource(files[0])
    return FileSource(name, dict(enumerate(files)))


def no_matte(path: Path) -> FrameError:
    return FrameError(
        f"{path} has no matte: give it an alpha channel, or put {path.stem}{MATTE}{path.suffix} beside it"
    )


def find_foregrounds(root: str | Path) -> list[Footage]:
    """Footage with mattes below `root`, by name.

    Raises:
        FrameError: there is no such folder, nothing in it, or something without a matte.
    """
    found = _find(Path(root))
    for footage in found:
        first = footage.images[0]
        if footage.mattes or (footage.is_movie and "A" in MovieSource(first).channels(1)):
            continue
        if footage.is_movie or not any("A" in part.channels for part in list_parts(first)):
            raise no_matte(first)
    return found


def find_backgrounds(root: str | Path) -> list[Footage]:
    """Footage below `root`, by name; alpha, if any, is ignored.

    Raises:
        FrameError: there is no such folder, or nothing in it.
    """
    return _find(Path(root))


def _find(root: Path) -> list[Footage]:
    if not root.is_dir():
        raise FrameError(f"{root} is not a folder: give one with images or clips")
    found = sorted(_below(root, root), key=lambda footage: footage.name)
    if not found:
        raise FrameError(f"{root} holds no images and no movies: give PNG, JPEG, WebP, TIFF or movie files")
    return found


def _below(folder: Path, root: Path) -> Iterator[Footage]:
    try:
        entries = sorted(entry for entry in os.listdir(folder) if not entry.startswith("."))
    except OSError as error:
        raise FrameError(f"{folder} cannot be listed ({error.strerror}): check the folder") from error
    folders = [folder / name for name in entries if (folder / name).is_dir()]
    files = [folder / name for name in entries if _is_footage(folder / name)]
    by_stem = {path.stem: path for path in files}
    images = [path for path in files if not _is_matte(path.stem, by_stem)]
    stills = [path for path in images if path.suffix.lower() not in MOVIE_SUFFIXES]
    if folder != root and _is_numbered(stills):
        matte_folder = folder.with_name(folder.name + MATTE)
        mattes = [by_stem[path.stem + MATTE] for path in stills if path.stem + MATTE in by_stem]
        if not mattes and matte_folder.is_dir():
            mattes = [path for path in sorted(matte_folder.iterdir()) if _is_footage(path)]
        if mattes and len(mattes) != len(stills):
            raise FrameError(
                f"{folder} has {len(stills)} images and {len(mattes)} mattes: each image needs its matte"
            )
        yield _footage(folder, root, stills, mattes)
        images = [path for path in images if path not in stills]
    for path in images:
        matte = by_stem.get(path.stem + MATTE)
        yield _footage(path.with_suffix(""), root, [path], [matte] if matte else [])
    for each in folders:
        if not _is_matte(each.name, {other.name for other in folders}):
            yield from _below(each, root)


def _footage(path: Path, root: Path, images: list[Path], mattes: list[Path]) -> Footage:
    name = path.relative_to(root)
    return Footage(name.as_posix(), name.parts[0], tuple(images), tuple(mattes))


def _is_matte(name: str, names: Collection[str]) -> bool:
    """Whether this is the name of another one's matte."""
    return name.endswith(MATTE) and name.removesuffix(MATTE) in names


def _is_footage(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES | MOVIE_SUFFIXES and path.is_file()


def _is_numbered(images: Sequence[Path]) -> bool:
    """Whether names differ in a final number only."""
    heads = {re.sub(r"\d+$", "", path.stem) for path in images}
    return len(images) > 1 and len(heads) == 1 and all(path.stem[-1].isdigit() for path in images)
