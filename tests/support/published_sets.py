"""Small data sets written in the published layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maggie_core.io.integer_image import write_integer_image

HEIGHT, WIDTH = 24, 32


def disc(k: float, *, height: int = HEIGHT, width: int = WIDTH, radius: float = 5.0) -> np.ndarray:
    """A soft disc, the k-th from the left; (height, width) float in [0, 1]."""
    y, x = np.mgrid[:height, :width]
    centre = width * (0.25 + 0.4 * k)
    return np.clip(radius + 0.5 - np.hypot(x - centre, y - height / 2), 0, 1)


def write_planes(folder: Path, planes: list[np.ndarray], *, digits: int = 2) -> None:
    for k, plane in enumerate(planes):
        write_integer_image(folder / f"{k:0{digits}d}.png", plane)


def write_him2k(root: Path, *, names: tuple[str, ...] = ("a", "b"), variants: tuple[str, ...] = ()) -> Path:
    """Composition images with two people each, and their masks in every variant."""
    for number, name in enumerate(names):
        write_integer_image(
            root / "images" / "comp" / f"{name}.png", np.full((HEIGHT, WIDTH, 3), 0.1 * number)
        )
        write_planes(root / "alphas" / "comp" / name, [disc(0), disc(1)])
        for variant in variants:
            write_planes(root / f"masks_matched_{variant}" / "comp" / name, [disc(0) > 0.5, disc(1) > 0.5])
    return root


def write_ihim50k(root: Path, *, names: tuple[str, ...] = ("0", "1")) -> Path:
    for name in names:
        write_integer_image(root / "images" / f"{name}.png", np.full((HEIGHT, WIDTH, 3), 0.5))
        write_planes(root / "alphas" / name, [disc(0), disc(1)], digits=1)
    return root


def write_clips(
    root: Path, *, names: tuple[str, ...] = ("00000",), frames: int = 3, masks: bool = False
) -> Path:
    """Clips in the layout of V-HIM2K5; with masks, of one level of V-HIM60."""
    for name in names:
        for t in range(frames):
            write_integer_image(root / "fgr" / name / f"{t:05d}.png", np.full((HEIGHT, WIDTH, 3), 0.1 * t))
            write_planes(root / "pha" / name / f"{t:05d}", [disc(0), disc(1)])
            if masks:
                write_planes(root / "xmem" / name / f"{t:05d}", [disc(0) > 0.5, disc(1) > 0.5])
    return root
