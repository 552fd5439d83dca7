"""A user's folders of people and places, small."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maggie_core.io.integer_image import write_integer_image


def person(seed: int, *, height: int = 40, width: int = 30, shift: float = 0.0) -> np.ndarray:
    """(height, width, 4) float: a soft blob of one colour, upright, inside its image."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    reach = np.hypot((x - width / 2 - shift) / (0.3 * width), (y - height / 2) / (0.4 * height))
    alpha = np.clip((1.15 - reach) * 4, 0, 1)
    colour = np.broadcast_to(rng.random(3), (height, width, 3))
    return np.concatenate([colour, alpha[..., None]], 2)


def place(seed: int, *, height: int = 72, width: int = 96) -> np.ndarray:
    rng = np.random.default_rng(1000 + seed)
    return np.clip(
        np.linspace(0, 1, width)[None, :, None] * rng.random(3) + rng.random((height, 1, 1)) * 0.2, 0, 1
    )


def write_stills(root: Path, *, people: int = 8, places: int = 4) -> tuple[Path, Path]:
    """RGBA images and, of every third person, an image and its matte."""
    for k in range(people):
        planes = person(k)
        if k % 3 == 2:
            write_integer_image(root / "fg" / f"person{k}_.png", planes[..., :3])
            write_integer_image(root / "fg" / f"person{k}__alpha.png", planes[..., 3])
        else:
            write_integer_image(root / "fg" / f"person{k}_.png", planes)
    for k in range(places):
        write_integer_image(root / "bg" / f"place{k}.png", place(k))
    return root / "fg", root / "bg"


def write_clips_of_people(root: Path, *, people: int = 8, frames: int = 6) -> tuple[Path, Path]:
    """Folders of RGBA frames; a place that moves and two that do not."""
    for k in range(people):
        for t in range(frames + k % 2):
            write_integer_image(root / "fg" / f"walk{k}" / f"{t:04d}.png", person(k, shift=0.5 * t))
    for k in range(4):
        for t in range(3):
            write_integer_image(root / "bg" / f"street{k}" / f"{t:04d}.png", place(10 * k + t))
    for k in range(4):
        write_integer_image(root / "bg" / f"place{k}.png", place(100 + k))
    return root / "fg", root / "bg"
