"""A narrow network with random weights and small shots on disk: the real pipeline, in milliseconds."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.integer_image import write_integer_image
from maggie_core.model import MatteModel, from_state_dict
from maggie_core.model.config import COLOUR_PRIOR_CHANNELS, NetworkConfig
from maggie_core.model.network import Network

WIDTHS = NetworkConfig(
    detail=4, s2=8, s4=8, s8=16, s16=16, s32=24, aspp=8,
    attention=16, attention_hidden=16, query=8, query_hidden=8,
    sparse4=8, gate=8, smooth4=8, head4=4, sparse2=8, smooth2=8, sparse1=4, smooth1=4, head1=4,
    colour_priors=COLOUR_PRIOR_CHANNELS, coarse_prior=4, temporal=True, change=(8, 4),
)  # fmt: skip


def tiny_state(widths: NetworkConfig = WIDTHS, *, seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights of a tiny network; the same for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        state = Network(widths).state_dict()
    return {name: tensor.contiguous() for name, tensor in state.items()}


@cache
def tiny_model(*, temporal: bool = True, still: bool = False) -> MatteModel:
    """A tiny video network, one of images, or one of video that is `still`: it sees every frame by itself."""
    if still:
        widths = replace(WIDTHS, gru="still", fusion="none")
        return from_state_dict(tiny_state(widths), metadata=widths.metadata)
    return from_state_dict(tiny_state(replace(WIDTHS, temporal=temporal)))


def write_tiny_model(
    folder: Path, *, licence: str = "Apache-2.0", commercial: bool = True, still: bool = False
) -> Path:
    """A model folder (`config.json` and weights) to name as `--model`; the same bytes every time.

    Args:
        still: it sees every frame by itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    widths = replace(WIDTHS, gru="still", fusion="none") if still else WIDTHS
    save_file(tiny_state(widths, seed=2), folder / "tiny.safetensors", widths.metadata if still else None)
    config = {"name": "tiny", "licence": licence, "commercial": commercial}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def disc(width: int, height: int, x: float, y: float, radius: float) -> np.ndarray:
    """(H, W) float32 soft disc."""
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(columns + 0.5 - x, rows + 0.5 - y)
    return np.clip(radius - distance + 0.5, 0, 1).astype(np.float32)


def write_shot(
    folder: Path, *, frames: range = range(1001, 1007), width: int = 96, height: int = 64
) -> tuple[str, dict[str, str]]:
    """A plate of two moving discs and a mask sequence for each; `ben` is absent in the second frame.

    Returns:
        The plate's pattern and the masks' patterns by name.
    """
    rng = np.random.default_rng(4)
    ground = rng.random((height, width, 3)).astype(np.float32) * 0.2
    whole = Window(0, 0, width, height)
    for index, frame in enumerate(frames):
        ana = disc(width, height, width * 0.3 + index, height * 0.5, height * 0.25)
        ben = disc(width, height, width * 0.7 - index, height * 0.5, height * 0.2)
        pixels = (
            ground
            + ana[..., None] * np.float32([1.6, 0.3, 0.2])
            + ben[..., None] * np.float32([0.1, 0.4, 0.9])
        )
        write_exr(folder / f"plate.{frame:04d}.exr", [Part(None, ("R", "G", "B"), pixels, whole, whole)])
        if index == 1:
            ben = np.zeros_like(ben)
        write_integer_image(folder / f"ana.{frame:04d}.png", (ana > 0.5).astype(np.float32))
        write_integer_image(folder / f"ben.{frame:04d}.png", (ben > 0.5).astype(np.float32))
    return str(folder / "plate.####.exr"), {name: str(folder / f"{name}.####.png") for name in ("ana", "ben")}
