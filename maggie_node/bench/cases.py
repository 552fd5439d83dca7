"""What is measured, by name, and the scene it is measured on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from maggie_api.errors import SettingsError

Kind = Literal["image", "video", "default", "growth", "full", "e2e", "long"]

BANDS = {"narrow": 0.02, "wide": 0.08}
"""Share of each instance's map that is undecided."""
GROWTH = (1, 5, 10, 20)
STANDARD = (
    *(f"{kind}-576x1024-n{count}" for kind in ("image", "video") for count in (1, 2, 5, 10, 20)),
    *(f"{kind}-576x1024-n5-wide" for kind in ("image", "video")),
    *(f"{kind}-1080x1920-n{count}" for kind in ("image", "video") for count in (1, 2, 5, 10, 20)),
    *(f"{kind}-1080x1920-n5-wide" for kind in ("image", "video")),
    "default-576x1024-n3",
    "growth-576x1024",
    "growth-576x1024-alone",
    "growth-image-576x1024-alone",
    "full-4096x2160-n3",
    "e2e-2k",
    "long-1000",
)
GRAMMAR = (
    "image|video|default-HEIGHTxWIDTH-nN[-wide][-alone], growth[-image]-HEIGHTxWIDTH[-alone], "
    "full|e2e-WIDTHxHEIGHT-nN, long-FRAMES"
)
_NETWORK = re.compile(r"(image|video|default)-(\d+)x(\d+)-n(\d+)((?:-narrow|-wide)?)((?:-alone)?)")
_GROWTH = re.compile(r"growth((?:-image)?)-(\d+)x(\d+)((?:-alone)?)")
_FULL = re.compile(r"full-(\d+)x(\d+)-n(\d+)")
_WHOLE = re.compile(r"e2e-(\d+)x(\d+)-n(\d+)")
_LONG = re.compile(r"long-(\d+)")
PAD = 64


@dataclass(frozen=True)
class Case:
    """One thing to measure. The longer side is the width."""

    name: str
    kind: Kind
    height: int = 0
    width: int = 0
    instances: int = 1
    band: str = "narrow"
    alone: bool = False
    """Every instance in a pass of its own; of growth, that too, and the memory of all."""
    network: Literal["image", "video"] = "video"
    """Of the published two."""
    frames: int = 0

    @property
    def is_video(self) -> bool:
        return self.network == "video"


def find_case(name: str) -> Case:
    """The case called `name`, one of `STANDARD` or another of the same grammar.

    Raises:
        SettingsError: there is no such case.
    """
    if found := _NETWORK.fullmatch(name):
        kind, a, b, count, band, alone = found.groups()
        network = "image" if kind == "image" else "video"
        band = band[1:] or "narrow"
        case = Case(name, kind, *_size(a, b), int(count), band, bool(alone), network=network)  # pyright: ignore[reportArgumentType]
    elif found := _GROWTH.fullmatch(name):
        image, a, b, alone = found.groups()
        network = "image" if image else "video"
        case = Case(name, "growth", *_size(a, b), alone=bool(alone), network=network)
    elif found := _FULL.fullmatch(name):
        case = Case(name, "full", *_size(*found.groups()[:2]), int(found[3]))
    elif found := _LONG.fullmatch(name):
        case = Case(name, "long", 180, 320, 2, frames=int(found[1]))
    elif found := _WHOLE.fullmatch("e2e-2048x1152-n3" if name == "e2e-2k" else name):
        case = Case(name, "e2e", *_size(*found.groups()[:2]), int(found[3]))
    else:
        raise SettingsError(f"no case called {name}: --list names them, others are spelt {GRAMMAR}")
    if case.height < 64 and case.kind != "long":
        raise SettingsError(f"case {name} is {case.width}x{case.height}: it needs at least 64 lines")
    if case.instances < 1 or (case.kind == "long" and case.frames < 10):
        raise SettingsError(f"case {name} is too small: at least one instance, and ten frames of a long shot")
    return case


def _size(a: str, b: str) -> tuple[int, int]:
    return min(int(a), int(b)), max(int(a), int(b))


def scene(height: int, width: int, instances: int, *, frames: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Soft figures that walk over a blurred ground, the same for the same arguments.

    Sizes are grown to multiples of 64, as the network sees them. A figure is two fifths of the height, in one
    row or two, so that its outline alone makes about a fiftieth of the image undecided at 576 lines.

    Returns:
        image (frames, 3, H, W) uint8, sRGB-encoded, and guidance (frames, N, H, W) bool.
    """
    import cv2

    rng = np.random.default_rng(11)
    height, width = height + -height % PAD, width + -width % PAD
    ground = cv2.resize(rng.random((height // 16, width // 16, 3), dtype=np.float32), (width, height)) * 0.6
    grain = rng.random((height, width), dtype=np.float32) - 0.5
    y, x = np.mgrid[:height, :width].astype(np.float32) / height
    rows = 1 if instances <= 10 else 2
    across = -(-instances // rows)
    colours = rng.random((instances, 3), dtype=np.float32)
    images, masks = [], []
    for t in range(frames):
        image, guidance = ground + grain[..., None] * 0.05, []
        for k in range(instances):
            column, row = k % across, k // across
            middle = (column + 0.5) / across * width / height + 0.002 * t * (-1) ** k
            centre = 0.55 if rows == 1 else 0.27 + 0.46 * row
            body = np.hypot((x - middle) / 0.07, (y - centre - 0.05) / 0.15) - 1
            head = np.hypot(x - middle, y - centre + 0.14) / 0.05 - 1
            distance = np.minimum(body * 0.08, head * 0.05) * height + grain * 3
            alpha = np.clip(0.5 - distance / 6, 0, 1)[..., None]
            image = image * (1 - alpha) + alpha * (colours[k] * (0.8 + 0.4 * grain[..., None]))
            guidance.append(distance < 0)
        images.append((np.clip(image, 0, 1) * 255).astype(np.uint8).transpose(2, 0, 1))
        masks.append(np.stack(guidance))
    return np.stack(images), np.stack(masks)
