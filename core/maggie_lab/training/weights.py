"""Weights a training starts from, and weights it makes: a folder that `load_model` takes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maggie_api.errors import ModelError
from maggie_core.io.atomic import atomic_file
from maggie_core.model import find_weights, load_model, save_weights
from maggie_core.model.checkpoint import read_said, read_state
from maggie_core.model.config import Widths, infer_widths
from maggie_core.model.network import Network
from maggie_lab.training.loop import read_checkpoint

WEIGHTS, CONFIG = "weights.safetensors", "config.json"


@dataclass(frozen=True)
class Start:
    """What a training goes on from."""

    network: Network
    name: str
    licence: str = "unknown"
    commercial: bool = False
    sha256: str = ""
    refine: str = "none"
    smooth: str = "none"
    """The last steps they were made to end in."""

    def provenance(self) -> dict[str, str]:
        return {"from": self.name, "from_sha256": self.sha256}


def start_from(spec: str) -> Start:
    """A network with the weights `spec` names: what `--model` takes, or a `checkpoint.pt` of a training.

    Raises:
        ModelError: there are no such weights, or they are damaged or of another family.
    """
    path = find_weights(spec)
    if path.suffix == ".pt":
        state = read_checkpoint(path)
        about = state.get("about", {})
        network = network_of(state["average"], _widths(state))
        return Start(
            network,
            path.parent.name or path.stem,
            str(about.get("licence", "unknown")),
            about.get("commercial") is True,
            _sha256(path),
            str(about.get("refine", "none")),
            str(about.get("smooth", "none")),
        )
    info = load_model(spec, device="cpu").info  # says in one line what is wrong with foreign weights
    tensors = read_state(path)
    network = network_of(tensors, infer_widths(tensors, read_said(path)))
    return Start(network, spec, info.licence, info.commercial, info.sha256, info.refine, info.smooth)


def last_steps(widths: Widths, start: Start | None) -> dict[str, str]:
    """Last steps for `config.json`: those of the start, or what suits a network of `widths`."""
    if start is not None:
        return {"refine": start.refine, "smooth": start.smooth}
    if widths.prior:
        return {"refine": "closed-form", "smooth": "flow"}
    return {"refine": "none", "smooth": "none"}


def network_of(tensors: dict[str, Tensor], widths: Widths) -> Network:
    """A network of `widths` that holds `tensors`, ready to be trained."""
    network = Network(widths)
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, strict=False)
    return network


def with_temporal(start: Network, widths: Widths, *, seed: int) -> Network:
    """An image network's weights in the video network of `widths`; what is only there starts anew.

    Raises:
        ModelError: the widths differ in more than time.
    """
    torch.manual_seed(seed)
    network = Network(widths)
    mine, theirs = network.state_dict(), start.state_dict()
    foreign = [name for name, x in theirs.items() if name not in mine or mine[name].shape != x.shape]
    if foreign:
        raise ModelError(
            f"the weights to start from have another shape ({foreign[0]} and {len(foreign) - 1} more): "
            "take those of the image stage of the same network"
        )
    network.load_state_dict(theirs, strict=False)
    return network


def with_encoder(start: Network, widths: Widths, *, seed: int) -> Network:
    """The weights of `start` behind an encoder of another kind, which starts anew.

    Raises:
        ModelError: the widths differ in more than the encoder.
    """
    torch.manual_seed(seed)
    network = Network(widths)
    mine = network.state_dict()
    kept = {
        name: tensor
        for name, tensor in start.state_dict().items()
        if not name.startswith("encoder.") or name.startswith("encoder.mask_embed_layer.")
    }
    foreign = [name for name, x in kept.items() if name not in mine or mine[name].shape != x.shape]
    if foreign:
        raise ModelError(
            f"the weights to start from have another shape ({foreign[0]} and {len(foreign) - 1} more): "
            "take those of a network that differs in its encoder alone"
        )
    network.load_state_dict(kept, strict=False)
    return network


def export(network: Network, folder: Path, config: dict[str, Any]) -> Path:
    """Write `folder` for `--model`: the weights as float16, and `config.json` with what they are.

    Args:
        config: `name`, `licence`, `commercial`, and whatever else shall be known of their making.

    Returns:
        The weights file.

    Raises:
        OutputError: a file cannot be written.
    """
    about = {"kind": "video" if network.widths.temporal else "image", **config}
    save_weights(network, folder / WEIGHTS)
    with atomic_file(folder / CONFIG) as temporary:
        temporary.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return folder / WEIGHTS


def _widths(state: dict[str, Any]) -> Widths:
    if "widths" in state:
        return Widths(**state["widths"])
    return infer_widths(state["average"])


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
