"""A user's own images as items of a bank: backgrounds from photographs, figures from RGBA cut-outs."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from maggie_api.errors import InputError
from maggie_lab.datasets.layouts import IMAGE_SUFFIXES
from maggie_lab.random import BACKGROUNDS, generator

from .fields import resize

Codes = NDArray[np.uint8]


def read_background(folder: str, index: int, size_px: int, *, seed: int) -> Codes:
    """A square of image number `index` (counted round) of `folder`: (size_px, size_px, 3) codes."""
    image = _read(_numbered(folder, index), "RGB")
    rng = generator(BACKGROUNDS, 2, seed, index)
    side = int(min(image.shape[:2]) * rng.uniform(0.6, 1.0))
    top, left = (int(rng.integers(length - side + 1)) for length in image.shape[:2])
    return _resized(image[top : top + side, left : left + side], size_px)


def read_cutout(folder: str, index: int, size_px: int) -> Codes:
    """Cut-out number `index` (counted round) of `folder`, fitted into the canvas and standing on its lower
    edge: (size_px, size_px, 5) codes as of a drawn figure.
    """
    path = _numbered(folder, index)
    image = _read(path, "RGBA")
    rows, columns = np.flatnonzero(image[..., 3].max(1)), np.flatnonzero(image[..., 3].max(0))
    if not len(rows) or image[..., 3].min() == 255:
        raise InputError(f"{path}: its alpha is the same everywhere; a cut-out needs an image with alpha")
    image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return on_canvas(image, size_px)


def on_canvas(cutout: Codes, size_px: int) -> Codes:
    """A cut-out in the middle of a square canvas, standing on its lower edge.

    Args:
        cutout: (H, W, 4) codes of straight sRGB-encoded colour and alpha, as large as its subject.

    Returns:
        (size_px, size_px, 5) codes as of a drawn figure.
    """
    high, wide = cutout.shape[:2]
    side = int(1.06 * max(high, wide)) + 2
    canvas = np.zeros((side, side, 4), np.uint8)
    left = (side - wide) // 2
    canvas[side - high :, left : left + wide] = cutout
    codes = _resized(canvas, size_px)
    return np.concatenate([codes, np.zeros_like(codes[..., :1])], -1)


def image_digest(folder: str) -> str:
    """What `folder` holds, by the names and sizes of its images: an item of a bank depends on all of them."""
    found = _find(folder)
    described = "".join(f"{path.relative_to(folder).as_posix()}\n{path.stat().st_size}\n" for path in found)
    return f"{len(found)} files, {blake2b(described.encode(), digest_size=8).hexdigest()}"


def _find(folder: str) -> tuple[Path, ...]:
    return tuple(sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES))


_listed = cache(_find)
"""The same for all items that one process draws."""


def _numbered(folder: str, index: int) -> Path:
    found = _listed(folder)
    if not found:
        raise InputError(
            f"{folder}: no images here; give a folder of {', '.join(sorted(IMAGE_SUFFIXES))} files"
        )
    return found[index % len(found)]


def _read(path: Path, mode: str) -> Codes:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert(mode))
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"{path}: cannot be read as an image ({error}); remove or replace it") from error


def _resized(codes: Codes, size_px: int) -> Codes:
    planes = codes.astype(np.float32) / 255
    if codes.shape[-1] == 4:  # colour counts where it is seen
        planes[..., :3] *= planes[..., 3:]
    planes = resize(planes, size_px, size_px)
    if codes.shape[-1] == 4:
        planes[..., :3] /= np.maximum(planes[..., 3:], np.float32(1 / 255))
    return np.floor(np.clip(planes, 0, 1) * 255 + np.float32(0.5)).astype(np.uint8)
