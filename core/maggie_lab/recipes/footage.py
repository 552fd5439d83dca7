"""A user's own foregrounds and backgrounds: stills, folders of frames and movies, with or without a matte.

A matte is found by the name of its image: `ana.jpg` and `ana_alpha.png`, `walk.mp4` and `walk_alpha.mp4`, the
folders `walk/` and `walk_alpha/`. A folder below the root whose images have one name and a number at its end
is a clip; its frames are ordered, and paired with their mattes, by that number. Other images are stills. The
first folder below the root (or the file's own name) is the source: one person or one clip, which is never in
two splits.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from maggie_api.errors import FrameError
from maggie_api.sequences import is_movie
from maggie_core.io.frames import FileSource, FrameSource
from maggie_core.io.image import list_parts
from maggie_core.io.plate import read_plate, rgb_channels
from maggie_core.io.video import MovieSource
from maggie_lab.datasets.layouts import IMAGE_SUFFIXES
from maggie_lab.datasets.numbering import by_frame, check_paired

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
        return is_movie(self.images[0])

    @property
    def is_clip(self) -> bool:
        return self.is_movie or len(self.images) > 1

    def size_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(path.stat().st_size for path in (*self.images, *self.mattes))


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
    if is_movie(files[0]):
        return MovieSource(files[0])
    return FileSource(name, dict(enumerate(files)))


def no_matte(path: Path) -> FrameError:
    return FrameError(
        f"{path} has no matte: give it an alpha channel, or put {path.stem}{MATTE}{path.suffix} beside it"
    )


def find_foregrounds(root: str | Path) -> list[Footage]:
    """Footage with mattes below `root`, by name.

    Raises:
        FrameError: there is no such folder, nothing in it, something without a matte, mattes of other frames
            than the images, or two files of one name or one frame.
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
        FrameError: there is no such folder, nothing in it, or two files of one name or one frame.
    """
    return _find(Path(root))


def _find(root: Path) -> list[Footage]:
    if not root.is_dir():
        raise FrameError(f"{root} is not a folder: give one with images or clips")
    found = sorted(_below(root, root), key=lambda footage: footage.name)
    for footage, other in pairwise(found):
        if footage.name == other.name:
            raise FrameError(
                f"{root} has two clips or images called {footage.name} (such as a folder and a movie): "
                "rename one of them"
            )
    if not found:
        raise FrameError(f"{root} holds no images and no movies: give PNG, JPEG, WebP, TIFF or movie files")
    return found


def _below(folder: Path, root: Path) -> Iterator[Footage]:
    try:
        entries = sorted(entry for entry in os.listdir(folder) if not entry.startswith("."))
    except OSError as error:
        raise FrameError(f"{folder} cannot be listed ({error.strerror}): check the folder") from error
    folders = [folder / name for name in entries if (folder / name).is_dir()]
    by_stem = _by_stem(folder / name for name in entries if _is_footage(folder / name))
    shown = {stem: path for stem, path in by_stem.items() if not _is_matte(stem, by_stem)}
    clip = None if folder == root else _clip(folder, root, shown, by_stem)
    if clip is not None:
        yield clip
        taken = {*clip.images, *clip.mattes}
        shown = {stem: path for stem, path in shown.items() if path not in taken}
    for stem, path in shown.items():
        matte = by_stem.get(stem + MATTE)
        yield _footage(path.with_suffix(""), root, [path], [matte] if matte else [])
    for each in folders:
        if not _is_matte(each.name, {other.name for other in folders}):
            yield from _below(each, root)


def _by_stem(files: Iterable[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in files:
        if path.stem in found:
            raise FrameError(
                f"{found[path.stem]} and {path.name} have one name: rename or remove one of them"
            )
        found[path.stem] = path
    return found


def _clip(folder: Path, root: Path, shown: Mapping[str, Path], by_stem: Mapping[str, Path]) -> Footage | None:
    """The numbered images of a folder with the mattes of the same frame numbers; None where it is no clip."""
    images = {stem: path for stem, path in shown.items() if _is_image(path)}
    mattes = {stem: path for stem, path in images.items() if stem.endswith(MATTE)}
    for stem in mattes:  # the matte of a frame that is padded in another way, `0001_alpha` of `1`
        del images[stem]
    frames = by_frame(images)
    if frames is None or len(frames) < 2:
        return None
    beside = {stem: path for stem, path in by_stem.items() if stem.endswith(MATTE) and _is_image(path)}
    where, found = folder, beside
    if not beside:
        where = folder.with_name(folder.name + MATTE)
        found = _by_stem(path for path in _listed(where) if _is_image(path))
    if not found:
        return _footage(folder, root, list(frames.values()), [])
    needs = "each image needs the matte of its own frame number"
    matte_frames = by_frame({stem.removesuffix(MATTE): path for stem, path in found.items()})
    if matte_frames is None:
        raise FrameError(f"the mattes in {where} are not numbered in one way: {needs}")
    check_paired(frames, matte_frames, of=folder, where=where, what="mattes", needs=needs)
    return _footage(folder, root, list(frames.values()), list(matte_frames.values()))


def _listed(folder: Path) -> list[Path]:
    """Files of a folder by name, hidden ones left out; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _footage(path: Path, root: Path, images: list[Path], mattes: list[Path]) -> Footage:
    name = path.relative_to(root)
    return Footage(name.as_posix(), name.parts[0], tuple(images), tuple(mattes))


def _is_matte(name: str, names: Collection[str]) -> bool:
    """Whether this is the name of another one's matte."""
    return name.endswith(MATTE) and name.removesuffix(MATTE) in names


def _is_footage(path: Path) -> bool:
    return (_is_image(path) or is_movie(path)) and path.is_file()


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
