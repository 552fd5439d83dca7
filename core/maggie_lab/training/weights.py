"""Weights a training starts from, and weights it makes: a folder that `load_model` takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maggie_api.errors import ModelError
from maggie_core.io.atomic import atomic_file
from maggie_core.model import find_weights, load_model, save_weights
from maggie_core.model.checkpoint import build_network, digest_tensors, read_weights
from maggie_core.model.config import NetworkConfig, infer_config
from maggie_core.model.network import Network
from maggie_lab.training.checkpoint import Checkpoint, read_checkpoint

WEIGHTS, CONFIG = "weights.safetensors", "config.json"


USE = ("refine", "smooth", "first_look", "person_px")
"""What weights say of their use: the last steps, the size of the first look, and the heights of people they
judge best (`maggie_core.model.ModelInfo`)."""
NO_STEPS: dict[str, Any] = {"refine": "none", "smooth": "none"}
GENERATED_USE: dict[str, Any] = {
    "refine": "closed-form",
    "smooth": "flow",
    "first_look": 0.5,
    "person_px": [250, 576],
}
"""Of networks with a coarse prior that learned from generated people: as measured for the shipped ones."""


@dataclass(frozen=True)
class Start:
    """What a training starts from."""

    network: Network
    name: str
    """As `--from` named it."""
    licence: str = "unknown"
    commercial: bool = False
    sha256: str = ""
    """Of the file."""
    digest: str = ""
    """Of the tensors (`digest_tensors`), the same in whatever file they stand."""
    use: Mapping[str, Any] = field(default_factory=dict)
    """How they want to be used: those fields of `USE` that they say."""
    encoder_from: str = ""
    """What their encoder began with."""

    def provenance(self) -> dict[str, str]:
        """What `config.json` says of it."""
        encoder = {"encoder_from": self.encoder_from} if self.encoder_from else {}
        return {"from": self.name, "from_sha256": self.sha256, "from_digest": self.digest} | encoder


def start_from(spec: str) -> Start:
    """A network with the weights `spec` names: what `--model` takes, or a `checkpoint.pt` of a training.

    Raises:
        ModelError: there are no such weights, or they are damaged or of another family.
    """
    path = find_weights(spec)
    if path.suffix == ".pt":
        return _start_from_checkpoint(spec, path)
    info = load_model(spec, device="cpu").info
    found = read_weights(path)
    network = build_network(found.state, metadata=found.metadata)
    if digest_tensors(found.state, metadata=network.config.metadata) != info.digest:
        raise ModelError(f"{path} changed while it was read: wait until it is written, and begin again")
    use = {name: value for name in USE if (value := getattr(info, name)) is not None}
    return Start(
        network,
        spec,
        info.licence,
        info.commercial,
        info.sha256,
        info.digest,
        use=use,
        encoder_from=info.encoder_from,
    )


def _start_from_checkpoint(spec: str, path: Path) -> Start:
    state = read_checkpoint(path)
    network, about = network_of(state.average, config_of(state)), state.about
    with path.open("rb") as stream:
        sha256 = file_digest(stream, "sha256").hexdigest()
    return Start(
        network,
        spec,
        str(about.get("licence", "unknown")),
        about.get("commercial") is True,
        sha256,
        digest_tensors(state.average, metadata=network.config.metadata),
        use={name: about[name] for name in USE if name in about},
        encoder_from=str(about.get("encoder_from", "")),
    )


def config_of(state: Checkpoint) -> NetworkConfig:
    """The configuration of a checkpoint's network; one of the first version leaves it to its tensors."""
    return infer_config(state.average) if state.config is None else NetworkConfig(**state.config)


def how_to_use(config: NetworkConfig, start: Start | None) -> dict[str, Any]:
    """Fields of `USE` for `config.json`: those of the start, or what suits a network of `config`."""
    if start is not None:
        return {**NO_STEPS, **start.use}
    return GENERATED_USE if config.coarse_prior else NO_STEPS


def network_of(tensors: dict[str, Tensor], config: NetworkConfig) -> Network:
    """A network of `config` that holds `tensors`, ready to be trained."""
    network = Network(config)
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, strict=False)
    return network


def with_temporal(start: Network, config: NetworkConfig, *, seed: int) -> Network:
    """An image network's weights in the video network of `config`; what is only there starts anew.

    Raises:
        ModelError: the two differ in more than time.
    """
    return _begun_from(
        start.state_dict(), config, seed=seed, take="those of the image stage of the same network"
    )


def with_encoder(start: Network, config: NetworkConfig, *, seed: int) -> Network:
    """The weights of `start` behind an encoder of another kind, which starts anew.

    Raises:
        ModelError: the configurations differ in more than the encoder.
    """
    kept = {
        name: tensor
        for name, tensor in start.state_dict().items()
        if not name.startswith("encoder.") or name.startswith("encoder.mask_embed_layer.")
    }
    return _begun_from(kept, config, seed=seed, take="those of a network that differs in its encoder alone")


def _begun_from(weights: dict[str, Tensor], config: NetworkConfig, *, seed: int, take: str) -> Network:
    """A new network with these weights; what they lack starts anew.

    Raises:
        ModelError: they do not fit; its sentence ends in what to `take`.
    """
    torch.manual_seed(seed)
    network = Network(config)
    mine = network.state_dict()
    foreign = [name for name, x in weights.items() if name not in mine or mine[name].shape != x.shape]
    if foreign:
        raise ModelError(
            f"the weights to start from have another shape ({foreign[0]} and {len(foreign) - 1} more): "
            f"take {take}"
        )
    network.load_state_dict(weights, strict=False)
    return network


def export(network: Network, folder: Path, config: dict[str, Any]) -> Path:
    """Write `folder` for `--model`: the weights as float16, and `config.json` with what they are.

    Equal weights give equal bytes.

    Args:
        config: `name`, `licence`, `commercial`, and whatever else shall be known of their making.

    Returns:
        The weights file.

    Raises:
        OutputError: a file cannot be written.
    """
    about = {"kind": "video" if network.config.temporal else "image", **config}
    save_weights(network, folder / WEIGHTS)
    with atomic_file(folder / CONFIG) as temporary:
        temporary.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return folder / WEIGHTS


def exported_step(folder: Path) -> int | None:
    """The step after which `export` wrote `folder`; None where no such weights are."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return config["trained"]["steps"] if (folder / WEIGHTS).is_file() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
