"""A network of the family small enough for a test: random weights, the real code."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from maggie_core.model.network import Network
from maggie_core.model.widths import Widths

WIDTHS = Widths(
    detail=4,
    s2=4,
    s4=8,
    s8=8,
    s16=8,
    s32=16,
    aspp=8,
    attention=8,
    attention_hidden=8,
    query=8,
    query_hidden=8,
    sparse4=4,
    gate=4,
    smooth4=4,
    head4=4,
    sparse2=4,
    smooth2=4,
    sparse1=4,
    smooth1=4,
    head1=4,
    temporal=True,
    change=(4, 4),
)


def write_tiny_model(folder: Path, *, licence: str = "Apache-2.0", commercial: bool = True) -> Path:
    """A model folder (`config.json` and weights) to name as `--model`; the same bytes every time."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        state = Network(WIDTHS).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / "tiny.safetensors")
    config = {"name": "tiny", "licence": licence, "commercial": commercial}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder
