"""The small shot that every case starts from, its plain mattes, and other ways to write its pictures."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import numpy as np
import OpenEXR
import OpenImageIO
from safetensors.torch import save_file

from maggie_core.model.config import COLOUR_PRIOR_CHANNELS, NetworkConfig
from maggie_core.model.network import Network

oiio: Any = OpenImageIO  # compiled: the type checker cannot see that nothing here is None
WIDTH, HEIGHT = 80, 72
FRAMES = (1001, 1002)
PEOPLE = ("ana", "ben")
WIDTHS = NetworkConfig(
    detail=4, s2=8, s4=8, s8=16, s16=16, s32=24, aspp=8,
    attention=16, attention_hidden=16, query=8, query_hidden=8,
    sparse4=8, gate=8, smooth4=8, head4=4, sparse2=8, smooth2=8, sparse1=4, smooth1=4, head1=4,
    colour_priors=COLOUR_PRIOR_CHANNELS, coarse_prior=4, temporal=True, change=(8, 4),
)  # fmt: skip
HEADER = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}


@dataclass(frozen=True)
class Base:
    """The shot on disk; cases link to its files or write other ones."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "model").mkdir(parents=True)
        import torch

        torch.manual_seed(7)
        state = {name: tensor.contiguous() for name, tensor in Network(WIDTHS).state_dict().items()}
        save_file(state, self.folder / "model" / "tiny.safetensors")
        (self.folder / "model" / "config.json").write_text(
            '{"name": "tiny", "licence": "Apache-2.0", "commercial": true}', encoding="utf-8"
        )
        for frame in FRAMES:
            OpenEXR.File(dict(HEADER), {"RGB": self.plates[frame]}).write(str(self.plate(frame)))
            for name in PEOPLE:
                write_image(self.mask(name, frame), (self.masks[name, frame] * 255).astype(np.uint8))

    @property
    def model(self) -> str:
        return str(self.folder / "model")

    def plate(self, frame: int) -> Path:
        return self.folder / f"plate.{frame}.exr"

    def mask(self, name: str, frame: int) -> Path:
        return self.folder / f"{name}.{frame}.png"

    @cached_property
    def masks(self) -> dict[tuple[str, int], np.ndarray]:
        """(H, W) float32 of 0 and 1, by person and frame."""
        found = {}
        for who, name in enumerate(PEOPLE):
            for at, frame in enumerate(FRAMES):
                plane = np.zeros((HEIGHT, WIDTH), np.float32)
                plane[14 + 6 * who : 60, 8 + 36 * who + at : 34 + 36 * who + at] = 1
                found[name, frame] = plane
        return found

    @cached_property
    def plates(self) -> dict[int, np.ndarray]:
        """(H, W, 3) float16 by frame: noise, and people of a colour each."""
        found = {}
        for frame in FRAMES:
            picture = np.random.default_rng(frame).uniform(0.02, 0.2, (HEIGHT, WIDTH, 3))
            for who, name in enumerate(PEOPLE):
                picture[self.masks[name, frame] > 0] = (0.3 + 0.3 * who, 0.5, 1.2 - 0.6 * who)
            found[frame] = picture.astype(np.float16)
        return found


@dataclass(frozen=True)
class Shot:
    """A case's own files, in the words of the command line."""

    base: Base
    folder: Path

    @property
    def out(self) -> Path:
        """Where mattes go; nothing else is written there."""
        return self.folder / "out"

    @property
    def output(self) -> str:
        return str(self.out / "m.####.exr")

    def arguments(
        self,
        *more: str,
        plate: str | None = None,
        guidance: Sequence[str] | None = None,
        output: str | None = None,
        model: str | None = None,
    ) -> list[str]:
        """The command, with what is not given as the plain shot has it."""
        base = self.base
        if guidance is None:
            guidance = [f"{name}={base.folder / name}.####.png" for name in PEOPLE]
        masks = [word for each in guidance for word in ("--guidance", each)]
        plate = plate or str(base.folder / "plate.####.exr")
        return ["matte", plate, "-o", output or self.output, *more, *masks, "--model", model or base.model]

    def plates(self, pixels: Mapping[int, np.ndarray] | None = None, **form: Any) -> str:
        """Write the plate, or other pixels, in some form; returns the sequence."""
        for frame, picture in (pixels or self.base.plates).items():
            write_exr(self.folder / f"p.{frame}.exr", picture, **form)
        return str(self.folder / "p.####.exr")

    def linked(self, name: str, source: str, *, suffix: str) -> None:
        """Files of the plain shot under other names: `name` with {frame} in it."""
        for frame in FRAMES:
            target = self.folder / name.format(frame=frame)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(self.base.folder / f"{source}.{frame}{suffix}", target)


def write_image(path: Path, pixels: np.ndarray, *, kind: str | None = None) -> None:
    """(H, W) or (H, W, C) pixels as OpenImageIO stores them for the name's ending."""
    height, width = pixels.shape[:2]
    spec = oiio.ImageSpec(
        width, height, 1 if pixels.ndim == 2 else pixels.shape[2], kind or str(pixels.dtype)
    )
    if path.suffix == ".tif":  # else it has the time of writing in it, and no case would come twice
        spec.attribute("DateTime", "2026:01:01 00:00:00")
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels).reshape(height, width, -1)), output.geterror()
    assert output.close()


def write_exr(
    path: Path,
    picture: np.ndarray,
    *,
    names: Sequence[str] = ("R", "G", "B"),
    more: Mapping[str, np.ndarray] | None = None,
    header: Mapping[str, Any] | None = None,
    parts: Sequence[str] = (),
    first: bool = True,
) -> None:
    """An EXR by OpenEXR's own binding.

    Args:
        names: of the picture's channels.
        more: other channels.
        header: attributes.
        parts: names of other parts, grey ones; the picture's is `rgba`.
        first: whether the picture's part comes first.
    """
    planes = {name: np.ascontiguousarray(picture[..., k]) for k, name in enumerate(names)} | dict(more or {})
    whole = HEADER | dict(header or {})
    if not parts:
        OpenEXR.File(whole, planes).write(str(path))
        return
    made = [OpenEXR.Part(dict(whole, name="rgba"), planes, "rgba")]
    grey = np.zeros(picture.shape[:2], np.float16)
    others = [OpenEXR.Part(dict(HEADER, name=name), {"Y": grey}, name) for name in parts]
    OpenEXR.File(made + others if first else others + made).write(str(path))


def write_movie(path: Path, pictures: list[np.ndarray], *, codec: str, form: str, **options: str) -> None:
    """(H, W, 3) uint8 pictures as a movie of 24 a second."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(24), options=options)
        stream.width, stream.height, stream.pix_fmt = pictures[0].shape[1], pictures[0].shape[0], form
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")))
        container.mux(stream.encode())


def _linked(path: Path, folder: Path) -> Any:
    """The file opened under a plain name: the binding takes no name that is not UTF-8."""
    (folder / "matte.exr").symlink_to(path.absolute())
    return OpenEXR.File(str(folder / "matte.exr"), separate_channels=True)


def written_alphas(folder: Path) -> dict[int, dict[str, np.ndarray]]:
    """Alphas by frame and layer of the mattes in a folder, read by OpenEXR's own binding.

    Raises:
        RuntimeError: a file is not whole.
    """
    found: dict[int, dict[str, np.ndarray]] = {}
    for path in sorted(folder.glob("*.exr")):
        if not path.is_file():  # a case may have put a folder there
            continue
        with tempfile.TemporaryDirectory() as plain, _linked(path, Path(plain)) as file:
            planes = {
                name: np.asarray(channel.pixels, np.float32)
                for name, channel in file.channels().items()
                if name.startswith("maggie_") and name.endswith(".alpha")
            }
        number = re.findall(r"-?\d+", path.stem)[-1]
        found[int(number)] = {name[7:-6]: plane for name, plane in planes.items()}
    return found
