"""Shots whose faults are known: a textured disc moves over a textured ground, and its alpha is the disc."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.tiny import disc

from maggie_core.color import BUILT_IN_CONFIG, ColorSettings
from maggie_core.guidance import Guidance, MaskSequence, combine
from maggie_core.guidance.instances import make_instances
from maggie_core.image.frame import Frame
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.frames import open_source
from maggie_core.io.integer_image import write_integer_image
from maggie_core.mattes import MatteFile, write_mattes
from maggie_core.qc import Finding, MatteFiles, PlateImages, Subject, check, find, limits_with

WIDTH, HEIGHT, RADIUS = 128, 96, 24.0
HEADER = {"version": "1.0", "model": "tiny", "weights_sha256": "ab" * 32, "settings": {"working_px": 576}}


def place(index: int) -> tuple[float, float]:
    """Where the disc is in the frame of that index."""
    return 40.0 + 2 * index % 48, 48.0


def disc_at(index: int, *, radius: float = RADIUS) -> np.ndarray:
    return disc(WIDTH, HEIGHT, *place(index), radius)


def texture(seed: int) -> np.ndarray:
    """(H, W, 3) with structure that optical flow can follow."""
    noise = np.random.default_rng(seed).random((HEIGHT, 2 * WIDTH, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return np.clip(0.3 + 2.0 * (smooth - smooth.mean()), 0.02, 1)


@dataclass
class Delivery:
    """Mattes, plate and masks of a shot in a folder; right until a test changes `alphas` and delivers."""

    folder: Path
    frames: tuple[int, ...]
    alphas: dict[int, dict[str, np.ndarray]]
    headers: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What a frame's header says, where it is not `HEADER`."""

    @property
    def pattern(self) -> str:
        return str(self.folder / "matte.####.exr")

    @property
    def plate(self) -> str:
        return str(self.folder / "plate.####.exr")

    def mask(self, name: str) -> str:
        return str(self.folder / f"{name}.####.png")

    def path(self, frame: int) -> Path:
        return self.folder / f"matte.{frame:04d}.exr"

    def deliver(self, *frames: int, layout: Any = "layers", depth: Any = "float") -> Delivery:
        """Write the mattes of `frames`, or of all."""
        for frame in frames or self.frames:
            alphas = self.alphas[frame]
            height, width = next(iter(alphas.values())).shape
            window = Window(0, 0, width, height)
            write_mattes(
                self.path(frame),
                np.stack(list(alphas.values())),
                instances=make_instances(alphas),
                geometry=Geometry(window, window),
                plate=Frame(np.zeros((height, width, 3), np.float32), ("R", "G", "B"), window, window),
                provenance=HEADER | self.headers.get(frame, {}),
                settings=MatteFile(layout=layout, depth=depth),
            )
        return self

    def film(self) -> Delivery:
        """Write the plate and the masks too."""
        ground, cloth = texture(1), texture(2)
        window = Window(0, 0, WIDTH, HEIGHT)
        for index, frame in enumerate(self.frames):
            alpha = disc_at(index)[..., None]
            moved = np.roll(cloth, round(place(index)[0]), axis=1)[:, :WIDTH]
            pixels = ground[:, :WIDTH] * (1 - alpha) + moved * alpha
            write_exr(
                self.folder / f"plate.{frame:04d}.exr", [Part(None, ("R", "G", "B"), pixels, window, window)]
            )
            write_integer_image(
                self.folder / f"ana.{frame:04d}.png", (alpha[..., 0] > 0.5).astype(np.float32)
            )
        return self

    def subject(
        self, *, plate: bool | PlateImages = False, guidance: bool | Guidance = False, **fields: Any
    ) -> Subject:
        if plate is True:
            plate = PlateImages.of(open_source(self.plate), ColorSettings(BUILT_IN_CONFIG, "lin_rec709"))
        if guidance is True:
            guidance = combine([MaskSequence("ana", self.mask("ana"))])
        subject = Subject(
            MatteFiles(self.pattern),
            self.frames,
            self.frames,
            plate=plate or None,
            guidance=guidance or None,
        )
        return dataclasses.replace(subject, **fields)

    def findings(
        self, *, limits: Mapping[str, float | None] | None = None, **given: Any
    ) -> tuple[Finding, ...]:
        return find(check(self.subject(**given)), limits_with((limits or {}).items()))


@pytest.fixture
def shot(tmp_path: Path) -> Delivery:
    """Eight frames of `ana`, nothing written yet."""
    frames = tuple(range(1001, 1009))
    return Delivery(tmp_path, frames, {frame: {"ana": disc_at(i)} for i, frame in enumerate(frames)})


@pytest.fixture
def long_shot(tmp_path: Path) -> Delivery:
    """Twenty-four frames."""
    frames = tuple(range(1001, 1025))
    return Delivery(tmp_path, frames, {frame: {"ana": disc_at(i)} for i, frame in enumerate(frames)})
