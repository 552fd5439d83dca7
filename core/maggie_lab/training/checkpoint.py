"""The one file a training goes on from: weights, their average, optimiser, position, and what it was told."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maggie_api.errors import ModelError
from maggie_core.io.atomic import atomic_file

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """State of a training after a step."""

    net: dict[str, Tensor]
    average: dict[str, Tensor]
    """The running average of the weights, which is what is validated and exported."""
    optimiser: dict[str, Any]
    step: int
    elapsed_s: float = 0.0
    """Seconds spent on steps so far; validation is not counted."""
    scaler: dict[str, Any] | None = None
    """State of the loss scaler of fp16."""
    best: float | None = None
    """Smallest held-out MAD so far."""
    start: list[Tensor] = field(default_factory=list)
    """The parameters it began from, where each step pulls the weights back to them."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Of `TrainSettings`, by name."""
    config: dict[str, Any] | None = None
    """Of the network's configuration, by name; None in files of the first version."""
    about: dict[str, Any] = field(default_factory=dict)
    """What the weights say of their making in `config.json`."""

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            OutputError: it cannot be written; what was there before is untouched.
        """
        state = {each.name: getattr(self, each.name) for each in fields(self)}
        with atomic_file(path) as temporary:
            torch.save(state, temporary)


def read_checkpoint(path: Path) -> Checkpoint:
    """What `Checkpoint.write` wrote.

    Raises:
        ModelError: the file is damaged or no checkpoint of a training.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(f"{path} cannot be read as a checkpoint: begin again in another folder") from error
    if not isinstance(state, dict) or not {"net", "average", "optimiser", "step"} <= state.keys():
        raise ModelError(f"{path} is no checkpoint of a training: begin again in another folder")
    known = {each.name for each in fields(Checkpoint)}
    return Checkpoint(**{name: value for name, value in state.items() if name in known})
