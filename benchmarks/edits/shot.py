"""A small shot on disk whose files are edited at random, as people and programs edit them."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import torch
from safetensors.torch import save

from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.integer_image import write_integer_image
from maggie_core.model.config import COLOUR_PRIOR_CHANNELS, NetworkConfig
from maggie_core.model.network import Network

FRAMES = range(1, 9)
"""A movie's frames count from 1, so that it may stand for the sequence."""
WIDTH, HEIGHT = 96, 80
"""Larger than the smallest working size, so that the plate's own detail is more than the network sees."""
OVERSCAN_PX = 8
NUMBERED = ("plate", "ana", "ben", "core")
"""What has a file for each frame."""
PERSON_RADIUS = (8.0, 24.0)
"""Of a person's mask, in pixels."""
PNG_BYTES = 4096
"""PNGs are filled up to this size, so that a repainted one is as long as the one before."""
PERSON_PX = ((12, 48), (40, 160))
"""Sizes of people that two descriptions of a model claim to know."""
NETWORK = NetworkConfig(
    detail=4, s2=8, s4=8, s8=16, s16=16, s32=24, aspp=8,
    attention=16, attention_hidden=16, query=8, query_hidden=8,
    sparse4=8, gate=8, smooth4=8, head4=4, sparse2=8, smooth2=8, sparse1=4, smooth1=4, head1=4,
    colour_priors=COLOUR_PRIOR_CHANNELS, coarse_prior=4, temporal=True, change=(8, 4),
)  # fmt: skip
"""Of the narrow network with random weights."""
# The aliases are names of the built-in configuration, so that they mean something in both.
CONFIG = """\
ocio_profile_version: 2
search_path: luts
roles: {{default: lin, scene_linear: lin}}
file_rules:
  - !<Rule> {{name: Default, colorspace: lin}}
displays:
  screen:
    - !<View> {{name: raw, colorspace: lin}}
colorspaces:
  - !<ColorSpace> {{name: lin, aliases: [lin_rec709]}}
  - !<ColorSpace>
    name: camera
    aliases: [srgb_tx]
    to_scene_reference: !<FileTransform> {{src: camera.cube, interpolation: tetrahedral}}
  - !<ColorSpace>
    name: gamma
    aliases: [acescct]
    to_scene_reference: !<ExponentTransform> {{value: [{gamma:.3f}, {gamma:.3f}, {gamma:.3f}, 1]}}
"""

Place = Literal["in place", "by rename"]
Time = Literal["time kept", "new time"]


@dataclass(frozen=True)
class Edit:
    """One change of an input: what it is of, how it is made, and the change itself."""

    kind: str
    manner: str
    what: str
    apply: Callable[[], None]

    def __str__(self) -> str:
        return f"{self.kind} ({self.manner}): {self.what}"


@dataclass
class EditedShot:
    """The files of a shot, and what has been done to them.

    Args:
        folder: where they are; made here.
        chance: draws contents.
    """

    folder: Path
    chance: random.Random
    lost: dict[Path, bytes] = field(default_factory=dict)
    """Contents of files that are damaged or deleted, to restore them."""

    def __post_init__(self) -> None:
        for folder in ("plate", "masks", "pins", "holds", "luts", "video", "image"):
            (self.folder / folder).mkdir(parents=True)
        for path in self.all_files():
            path.write_bytes(self.content(path))

    @property
    def plate(self) -> str:
        return str(self.folder / "plate" / "plate.####.exr")

    @property
    def movie(self) -> Path:
        return self.folder / "plate" / "plate.mkv"

    @property
    def config(self) -> Path:
        return self.folder / "config.ocio"

    @property
    def core(self) -> str:
        return str(self.folder / "holds" / "core.####.png")

    @property
    def garbage(self) -> Path:
        """One file for every frame."""
        return self.folder / "holds" / "garbage.png"

    def mask(self, name: str) -> str:
        return str(self.folder / "masks" / f"{name}.####.{'exr' if name == 'ana' else 'png'}")

    def all_files(self) -> list[Path]:
        """Every input of a complete shot."""
        numbered = [self.numbered(kind, frame) for frame in FRAMES for kind in NUMBERED]
        luts = [self.folder / "luts" / "camera.cube", self.config]
        weights = [self.folder / kind / f"{kind}.safetensors" for kind in ("video", "image")]
        about = [self.folder / kind / "config.json" for kind in ("video", "image")]
        return [*numbered, self.garbage, *self.pins(), self.movie, *luts, *weights, *about]

    def numbered(self, kind: str, frame: int) -> Path:
        """File of the plate, of the cores, or of a person's masks."""
        sequence = {"plate": self.plate, "core": self.core}.get(kind) or self.mask(kind)
        return Path(sequence.replace("####", f"{frame:04d}"))

    def pins(self) -> list[Path]:
        return [self.folder / "pins" / f"ana.{frame:04d}.exr" for frame in (1, 4)]

    def content(self, path: Path) -> bytes:
        """What a file of this name may hold, drawn anew; of one length for most of them."""
        scratch = self.folder / f".scratch{path.suffix}"
        if path.suffix == ".cube":
            return self._table()
        if path.suffix == ".ocio":
            return CONFIG.format(gamma=self.chance.uniform(1.2, 2.6)).encode()
        if path.suffix == ".json":
            return self._description(path.parent.name)
        if path.suffix == ".safetensors":
            return self._weights(temporal=path.parent.name == "video")
        if path.suffix == ".mkv":
            self._write_movie(scratch)
        elif path.parent.name == "plate":
            self._write_plate(scratch)
        elif path.suffix == ".png":
            full = 1 if self.chance.random() < 0.2 else 255  # masks of some programs have the codes 0 and 1
            radius = {"core": (3, 8), "garbage": (30, 70)}.get(path.name.split(".")[0], PERSON_RADIUS)
            write_integer_image(scratch, (self._mask(radius) * full).astype(np.uint8))
        else:
            alpha = self._mask() * np.float32(
                self.chance.uniform(0.6, 1) if path.parent.name == "pins" else 1
            )
            whole = Window(0, 0, WIDTH, HEIGHT)
            part = Part(None, ("A",), alpha[..., None], whole, whole, types="float", compression="none")
            write_exr(scratch, [part])
        content = scratch.read_bytes()
        scratch.unlink()
        return content.ljust(PNG_BYTES, b"\0") if path.suffix == ".png" else content

    # What the files hold.

    def _mask(self, radius: tuple[float, float] = PERSON_RADIUS) -> np.ndarray:
        if self.chance.random() < 0.05:
            return np.zeros((HEIGHT, WIDTH), np.float32)
        x, y = self.chance.uniform(20, WIDTH - 20), self.chance.uniform(20, HEIGHT - 20)
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        return (np.hypot(columns - x, rows - y) < self.chance.uniform(*radius)).astype(np.float32)

    def _image(self, height: int, width: int) -> np.ndarray:
        noise = np.random.default_rng(self.chance.getrandbits(32))
        image = noise.uniform(0.02, 0.3, (height, width, 3))
        x, y = self.chance.randrange(width - 24), self.chance.randrange(height - 24)
        image[y : y + 24, x : x + 24] += noise.uniform(0, self.chance.choice((0.7, 4.0)), 3)
        return image.astype(np.float32)

    def _write_plate(self, path: Path) -> None:
        display = Window(0, 0, WIDTH, HEIGHT)
        margin = OVERSCAN_PX if self.chance.random() < 0.1 else 0
        data = Window(-margin, 0, WIDTH + margin, HEIGHT)
        beauty, other = (self._image(data.height, data.width) for _ in range(2))
        if self.chance.random() < 0.1:
            beauty[3:5, 3:5] = self.chance.choice((np.nan, np.inf, -1.0))
        channels = ("R", "G", "B", "other.R", "other.G", "other.B")
        pixels = np.concatenate((beauty, other), axis=-1)
        about = {"slate": f"take {self.chance.randrange(100):03d}"}
        part = Part(
            None, channels, pixels, data, display, metadata=about, compression="none", colorspace=None
        )
        write_exr(path, [part])

    def _write_movie(self, path: Path) -> None:
        with av.open(str(path), "w", format="matroska") as container:
            stream: Any = container.add_stream("ffv1", rate=24)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv444p"
            for _ in FRAMES:
                image = (np.clip(self._image(HEIGHT, WIDTH), 0, 1) * 255).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
            container.mux(stream.encode())

    def _table(self) -> bytes:
        gain = self.chance.uniform(0.3, 1)
        entries = [(r * gain, g * gain, b * gain) for b in (0, 1) for g in (0, 1) for r in (0, 1)]
        lines = ["LUT_3D_SIZE 2", *("{:.7f} {:.7f} {:.7f}".format(*entry) for entry in entries)]
        return ("\n".join(lines) + "\n").encode()

    def _weights(self, *, temporal: bool) -> bytes:
        with torch.random.fork_rng():
            torch.manual_seed(self.chance.getrandbits(32))
            state = Network(NetworkConfig(**{**NETWORK.__dict__, "temporal": temporal})).state_dict()
        return save({name: tensor.contiguous() for name, tensor in state.items()})

    def _description(self, name: str) -> bytes:
        about: dict[str, Any] = {
            "name": name,
            "licence": self.chance.choice(("Apache-2.0", "CC0-1.0   ")),
            "commercial": self.chance.random() < 0.9,
            "refine": self.chance.choice(("none", "guided")),
            "smooth": self.chance.choice(("none", "flow")),
            "first_look": self.chance.choice((0, 0.5)),
        }
        if self.chance.random() < 0.5:
            about["person_px"] = self.chance.choice(PERSON_PX)
        return json.dumps(about).ljust(200).encode()


def replaced(path: Path, content: bytes, *, place: Place, time: Time) -> None:
    """Write `content` over a file, or rename a new file to it; with its time kept if it can be."""
    before = path.stat() if path.exists() else None
    if place == "by rename":
        aside = path.with_name(f".new{path.suffix}")
        aside.write_bytes(content)
        if before is not None and time == "time kept":
            os.utime(aside, ns=(before.st_atime_ns, before.st_mtime_ns))
        aside.replace(path)
        return
    with path.open("r+b" if before else "wb") as file:
        file.write(content)
        file.truncate()
    if before is not None and time == "time kept":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
