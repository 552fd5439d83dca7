"""The golden cases: deterministic weights by recipe, inputs and expected numbers of the published network."""

from __future__ import annotations

import json
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FOLDER = Path(__file__).parents[1] / "golden"

GAIN = {
    "decoder.refine_OS8.id_embedding.weight": 3 * 128**0.5,
    "decoder.refine_OS8.query_feat.weight": 128**0.5,
    "encoder.mask_embed_layer.weight": 3**0.5,
}


@cache
def state(kind: str) -> dict[str, Tensor]:
    """The recipe's weights for `image` or `video`, under the published names."""
    entries = json.loads((FOLDER / f"state_dict_{kind}.json").read_text())["entries"]
    overrides = np.load(FOLDER / f"overrides_{kind}.npz")
    weights: dict[str, np.ndarray] = {}
    for name, (shape, *_) in entries.items():
        if name in overrides:
            weights[name] = np.asarray(overrides[name])
        elif name.endswith("num_batches_tracked"):
            weights[name] = np.zeros((), np.int64)
        elif not name.endswith(("weight_u", "weight_v")):
            weights[name] = _random(name, shape)
    for name in list(weights):
        if name.endswith("weight_bar"):
            matrix = weights[name].astype(np.float64).reshape(weights[name].shape[0], -1)
            u = np.linalg.eigh(matrix @ matrix.T)[1][:, -1]
            v = matrix.T @ u
            weights[name[:-3] + "u"] = u.astype(np.float32)
            weights[name[:-3] + "v"] = (v / np.linalg.norm(v)).astype(np.float32)
    return {name: torch.from_numpy(np.ascontiguousarray(weights[name])) for name in entries}


def _random(name: str, shape: list[int]) -> np.ndarray:
    x = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()))).standard_normal(tuple(shape))
    if len(shape) == 1:
        return (1 + 0.1 * x if name.endswith(".weight") else 0.1 * x).astype(np.float32)
    gain = 3.0 if "feat_token_ca_layers" in name and name.endswith("out_proj.weight") else GAIN.get(name, 1.0)
    return (x * gain / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


class Case:
    """One golden file: `case["refined"]`, and its inputs as tensors."""

    def __init__(self, name: str):
        self.arrays = np.load(FOLDER / f"{name}.npz")
        self.image = torch.from_numpy(self.arrays["image_u8"]).permute(0, 3, 1, 2).float() / 255
        self.guidance = torch.from_numpy(self.arrays["mask"]).float()

    def __getitem__(self, key: str) -> Tensor:
        return torch.from_numpy(self.arrays[key])

    def bits(self, key: str, *shape: int) -> Tensor:
        flat = np.unpackbits(self.arrays[key])[: int(np.prod(shape))]
        return torch.from_numpy(flat.reshape(shape).astype(bool))
