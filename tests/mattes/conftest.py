"""A small shot: two people on a plate that has everything a header can carry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.guidance_files import soft_disc

from maggie_core.guidance import make_instances
from maggie_core.image.frame import Frame
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.mattes import MatteFile, write_mattes

DISPLAY = Window(0, 0, 48, 32)
INSTANCES = make_instances(["Anna Maria", "ben"])
PROVENANCE = {"version": "0.1.0", "recipe": "abc123", "settings": {"working_px": 576}, "model": "default"}


@pytest.fixture
def alphas() -> np.ndarray:
    """(2, 32, 48) float32; the two overlap."""
    return np.stack([soft_disc(18, 14, 8), soft_disc(28, 16, 8)])


@pytest.fixture
def plate() -> Frame:
    random = np.random.default_rng(7).random((32, 48, 3), np.float32) * 6 - 0.1
    metadata = {
        "smpte:TimeCode": (0x01020304, 0),
        "FramesPerSecond": (24000, 1001),
        "camera:lens": "32 mm",
        "compression": "dwaa:45",
        "cryptomatte/abc1234/name": "CryptoObject",
        "oiio:subimages": 1,
    }
    return Frame(random, ("R", "G", "B"), DISPLAY, DISPLAY, 2.0, metadata)


@pytest.fixture
def write(tmp_path: Path, alphas: np.ndarray, plate: Frame) -> Callable[..., tuple[Path, ...]]:
    """Write the shot's frame 1001; settings by name, everything else may be replaced."""

    def write(
        *, region: Window = DISPLAY, display: Window = DISPLAY, planes: np.ndarray = alphas, **options: Any
    ) -> tuple[Path, ...]:
        passed = {name: options.pop(name) for name in ("extra", "scene_linear") if name in options}
        provenance = options.pop("provenance", PROVENANCE)
        return write_mattes(
            tmp_path / "out.1001.exr",
            planes,
            instances=INSTANCES,
            geometry=Geometry(display, region, pixel_aspect=2.0),
            plate=plate,
            provenance=provenance,
            settings=MatteFile(**options),
            **passed,
        )

    return write
