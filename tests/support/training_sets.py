"""Small data sets to train on, in the published layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maggie_core.io.integer_image import write_integer_image
from maggie_lab.srgb import to_encoded, to_linear
from maggie_lab.synthesis.figures import draw_figure

from .tiny import disc

HEIGHT, WIDTH = 80, 112
SYNTHHUMAN_PX = 128


def people(rng: np.random.Generator, *, step: int = 0) -> tuple[np.ndarray, list[np.ndarray]]:
    """An image (H, W, 3) of two discs on noise, and their visible alphas; they move with `step`."""
    centres = rng.uniform((20, 25), (WIDTH - 20, HEIGHT - 25), (2, 2))
    colours = rng.random((2, 3)).astype(np.float32)
    ground = rng.random((HEIGHT, WIDTH, 3)).astype(np.float32) * 0.3
    back, front = (disc(WIDTH, HEIGHT, x + 3 * step, y, 18) for x, y in centres)
    alphas = [back * (1 - front), front]
    covered = sum(alpha[..., None] * colour for alpha, colour in zip(alphas, colours, strict=True))
    return ground * (1 - sum(alphas))[..., None] + covered, alphas


def write_stills(folder: Path, count: int = 6) -> Path:
    """A data set as I-HIM50K lies on disk."""
    for index in range(count):
        image, alphas = people(np.random.default_rng(index))
        write_integer_image(folder / "images" / f"{index}.png", image)
        for k, alpha in enumerate(alphas):
            write_integer_image(folder / "alphas" / str(index) / f"{k}.png", alpha)
    return folder


def write_clips(folder: Path, count: int = 2, frames: int = 6) -> Path:
    """A data set as V-HIM2K5 lies on disk."""
    for index in range(count):
        for t in range(frames):
            image, alphas = people(np.random.default_rng(index), step=t)
            write_integer_image(folder / "fgr" / f"{index:05d}" / f"{t:05d}.png", image)
            for k, alpha in enumerate(alphas):
                write_integer_image(folder / "pha" / f"{index:05d}" / f"{t:05d}" / f"{k:02d}.png", alpha)
    return folder


def painted_person(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Straight colour and alpha of a painted figure."""
    figure = draw_figure(number, SYNTHHUMAN_PX)
    return figure.colour, figure.alpha


def write_synthhuman(folder: Path, numbers: tuple[int, ...]) -> None:
    """Figures before a plain green wall, mixed in linear light, in the layout of SynthHuman."""
    folder.mkdir(exist_ok=True)
    wall = to_linear(np.array([0.1, 0.7, 0.2], np.float32))
    for number in numbers:
        colour, alpha = painted_person(number)
        mixed = to_encoded(to_linear(colour) * alpha[..., None] + wall * (1 - alpha[..., None]))
        write_integer_image(folder / f"rgb_{number:07d}.png", mixed)
        write_integer_image(folder / f"alpha_{number:07d}.png", alpha)
        (folder / f"cam_{number:07d}.txt").write_text("1 0 0\n")
