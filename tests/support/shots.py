"""Small shots on disk: a plate and one mask sequence per person, written with OpenImageIO."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO

oiio: Any = OpenImageIO  # compiled: the type checker cannot see that nothing here is None
WIDTH, HEIGHT = 96, 64


@dataclass(frozen=True)
class TinyShot:
    """Where a shot lies, in the words of the command line."""

    folder: Path
    frames: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def plate(self) -> str:
        return str(self.folder / "plate.####.exr")

    def mask(self, name: str) -> str:
        return str(self.folder / f"{name}.####.png")

    @property
    def guidance(self) -> list[str]:
        """The options that name every mask."""
        return [word for name in self.names for word in ("--guidance", f"{name}={self.mask(name)}")]


def write_shot(
    folder: Path,
    *,
    frames: Iterable[int] = range(1001, 1006),
    names: tuple[str, ...] = ("ana", "ben"),
    absent: dict[str, set[int]] | None = None,
) -> TinyShot:
    """Discs that walk over a noisy scene-linear background, and their masks, square and rough.

    Args:
        absent: frames in which a person is not there; the mask is then empty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    frames = tuple(frames)
    for frame in frames:
        step = frame - frames[0]
        picture = np.random.default_rng(frame).uniform(0.02, 0.2, (HEIGHT, WIDTH, 3)).astype(np.float32)
        for who, name in enumerate(names):
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            if frame not in (absent or {}).get(name, ()):
                x, y = 12 + 22 * who + step, 12 + 6 * who
                mask[y : y + 36, x : x + 20] = 255
                picture[y + 2 : y + 34, x + 2 : x + 18] = (0.3 + 0.4 * who, 0.5, 1.5 - 0.5 * who)
            write_image(folder / f"{name}.{frame:04d}.png", mask[..., None], "uint8")
        write_image(folder / f"plate.{frame:04d}.exr", picture, "half")
    return TinyShot(folder, frames, names)


def write_image(path: Path, pixels: np.ndarray, kind: str) -> None:
    """One image file with (H, W, C) pixels stored as `kind`."""
    height, width, channels = pixels.shape
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), oiio.ImageSpec(width, height, channels, kind)), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels)), output.geterror()
    assert output.close()


def write_deep_exr(path: Path) -> None:
    """A deep EXR of one sample a pixel."""
    spec = oiio.ImageSpec(WIDTH, HEIGHT, 2, "float")
    spec.channelnames = ("A", "Z")
    spec.deep = True
    data = oiio.DeepData()
    data.init(WIDTH * HEIGHT, 2, [oiio.TypeDesc("float")] * 2, ["A", "Z"])
    for pixel in range(WIDTH * HEIGHT):
        data.set_samples(pixel, 1)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_deep_image(data), output.geterror()
    assert output.close()
