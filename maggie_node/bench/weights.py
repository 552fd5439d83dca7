"""Weights of the published widths where no checkpoint is at hand: fixed random ones, fitted to a scene.

A random network decides nothing and leaves the sparse stage no realistic work. So its batch norms are given
the statistics of the scene, its queries are fitted so that the coarse mattes follow the guidance, and their
gain is chosen so that as many pixels are undecided as the case asks for.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.config import NetworkConfig
from maggie_core.model.network import Network
from maggie_node.bench.literal import (
    MEAN,
    REFINE,
    SLOTS,
    STD,
    LiteralModel,
    _alpha,
    _bilinear,
    _keep_box,
    _unknown,
)

GAIN = {
    # A cell knows its identity and takes it over from the token; a token stays nearly what it is, whatever
    # the image, so that queries fitted to one window hold for the next.
    "id_embedding": 3 * 128**0.5,
    "query_feat": 128**0.5,
    "feat_token_ca_layers.0.multihead_attn.out_proj": 3.0,
    "feat_token_ca_layers.1.multihead_attn.out_proj": 3.0,
    "token_feat_ca": 0.05,
    "sa_layers": 0.05,
}
_BRANCH = re.compile(r"layer\w+\.\d\.bn2\.")
"""The last norm of a residual block: weak branches, as at the start of training, let the guidance through."""
UNUSED = ("decoder.dummy_downscale.", "num_batches_tracked")


def fitted_weights(
    image: Tensor, guidance: Tensor, *, video: bool, band: float, widths: NetworkConfig | None = None
) -> tuple[dict[str, Tensor], float]:
    """Weights for a window of a scene, and the share of each map that they leave undecided there.

    Args:
        image: (T, 3, H, W) float32 in [0, 1]; three frames for a video network, one for an image network.
        guidance: (T, N, H, W) binary; more than ten are fitted in as few groups of nearly equal size as
            needed, all seen by the encoder, as `MatteModel` has it.
        band: the share to come near to.
    """
    state = random_state(widths or NetworkConfig(temporal=video))
    model = _Fitted(state)
    groups = guidance.tensor_split(-(-guidance.shape[1] // SLOTS), dim=1)
    share = model.fit(image, groups, band)
    model.predict(image, groups[0])
    return {name: model.state[name].contiguous() for name in state}, share


def random_state(widths: NetworkConfig) -> dict[str, Tensor]:
    """Random weights under the published names, the same at every call."""
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in Network(widths).state_dict().items()}
    state = {}
    for name, shape in shapes.items():
        if any(part in name for part in UNUSED) or name.endswith(("weight_u", "weight_v")):
            continue
        random = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
        if len(shape) == 1:
            values = 1 + 0.1 * random if name.endswith(".weight") else 0.1 * random
            if _BRANCH.search(name):
                values *= 0.1
            if name.startswith("encoder.shortcut.3.5."):
                values *= 4  # what is seen at stride 8 says best where somebody ends
        else:
            gain = next((gain for part, gain in GAIN.items() if part in name), 1.0)
            values = random * gain / math.prod(shape[1:]) ** 0.5
        state[name] = torch.from_numpy(values).float()
    embedding = state["encoder.mask_embed_layer.weight"]
    embedding.copy_(8 * F.normalize(embedding, dim=1))
    state["encoder.conv1.module.weight_bar"][:, :3] *= 0.2  # the guidance counts, not the image's grain
    state[f"{REFINE}conv.4.weight"][0], state[f"{REFINE}conv.4.bias"][0] = 0, 4  # what a query adds to all
    for i in range(2):
        packed = state[f"{REFINE}feat_token_ca_layers.{i}.multihead_attn.in_proj_weight"]
        dim = packed.shape[1]
        packed[: 2 * dim] = torch.eye(dim).repeat(2, 1)  # a cell finds the token of its own identity
    for name in [name for name in state if name.endswith("weight_bar")]:
        # Converged, as trained: a power-iteration step more or less changes nothing then.
        matrix = state[name].double().flatten(1)
        u = torch.linalg.eigh(matrix @ matrix.t()).eigenvectors[:, -1]
        state[name[:-3] + "u"] = u.float().contiguous()
        state[name[:-3] + "v"] = F.normalize(matrix.t() @ u, dim=0).float()
    return state


class _Fitted(LiteralModel):
    """Fits what depends on the scene: norms when they are met for the first time, and the queries."""

    def __init__(self, state: dict[str, Tensor]):
        super().__init__(state)
        self._known: set[str] = set()
        self._encoded: tuple[list[Tensor], Tensor] | None = None

    def _norm(self, name: str, x: Tensor) -> Tensor:
        if name not in self._known:
            self._known.add(name)
            kept = [dim for dim in range(x.ndim) if dim != 1]
            var, mean = torch.var_mean(x, dim=kept, correction=0)
            self.state[f"{name}.running_var"].copy_(var)
            self.state[f"{name}.running_mean"].copy_(mean)
        return super()._norm(name, x)

    def _encoder(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Of the window it is fitted to: once, with everybody's guidance."""
        self._encoded = self._encoded or super()._encoder(x)
        return self._encoded

    @torch.inference_mode()
    def fit(self, image: Tensor, groups: Sequence[Tensor], band: float) -> float:
        """Fit the queries to all groups (T, n, H, W) of a window together; the share they leave undecided."""
        mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in (MEAN, STD))
        everybody = torch.cat(list(groups), dim=1)
        ids = torch.cat([torch.arange(group.shape[1]) + 1 for group in groups])
        embedded = torch.einsum("tnhw,ne->tehw", everybody, self._w("encoder.mask_embed_layer")[ids])
        embedded /= everybody.sum(1, keepdim=True) + 1e-6
        shortcuts, x = self._encoder(torch.cat([(image - mean) / std, embedded], dim=1))
        d8 = self._decoder(self._aspp(x), shortcuts)
        looks = []
        for group in groups:
            features, tokens = self._attention(d8, group)
            fused = self._to_query_space(features)
            if self.is_video:
                fused = self._to_query_space(self._gru(features, None)[0])
            looks.append((tokens, fused, group))
        self._fit_queries(looks)
        middle = len(image) // 2
        logits = torch.cat(
            [
                torch.einsum("nc,chw->nhw", self._queries(*look)[: look[2].shape[1]], look[1][middle])
                for look in looks
            ]
        )
        gain = self._gain(logits.unsqueeze(0), band)
        self.state[f"{REFINE}decoder_norm.weight"].fill_(gain)
        return self._share(logits.unsqueeze(0) * gain)

    def _fit_queries(self, looks: Sequence[tuple[Tensor, Tensor, Tensor]]) -> None:
        """One query for each slot, by least squares over the groups' features and guidance."""
        query = looks[0][1].shape[1]
        flat = [fused.permute(0, 2, 3, 1).reshape(-1, query).double() for _, fused, _ in looks]
        flat = [rows - rows.mean(1, keepdim=True) for rows in flat]  # a layer norm follows the queries
        targets = torch.randn(SLOTS, query, generator=torch.Generator().manual_seed(3)).double()
        for k in range(looks[0][2].shape[1]):
            gram, aims = 1e-3 * torch.eye(query).double(), torch.zeros(query).double()
            for rows, (_, _, group) in zip(flat, looks, strict=True):
                if k < group.shape[1]:
                    wanted = F.avg_pool2d(group[:, k], 8).flatten().double() * 2 - 1
                    inside = (wanted > 0).double()
                    weight = inside / inside.mean().clamp(min=1e-3).sqrt() + (1 - inside)
                    weighted = rows * weight[:, None] / len(rows)
                    gram += weighted.t() @ rows
                    aims += weighted.t() @ wanted
            targets[k] = torch.linalg.solve(gram, aims)
        targets = (targets - targets.mean(1, keepdim=True)) / targets.std(1, correction=0, keepdim=True)
        tokens = torch.stack([tokens for tokens, *_ in looks]).double().mean(0)  # nearly alike
        state = self.state
        solved = torch.linalg.pinv(tokens) @ targets
        state[f"{REFINE}final_mlp.layers.0.weight"].copy_(solved.t())
        state[f"{REFINE}final_mlp.layers.0.bias"].zero_()
        state[f"{REFINE}decoder_norm.bias"].zero_()
        state[f"{REFINE}decoder_norm.weight"].fill_(1.0)

    def _gain(self, logits: Tensor, band: float) -> float:
        """The factor on (1, N, h, w) logits that leaves the wanted share undecided, which falls with it."""
        low, high = 0.1, 100.0
        for _ in range(9):
            gain = (low * high) ** 0.5
            low, high = (gain, high) if self._share(logits * gain) > band else (low, gain)
        return high

    def _share(self, logits: Tensor) -> float:
        """Share of the maps of (1, N, h, w) logits that is undecided."""
        alpha = _alpha(_bilinear(logits, 8))
        if self.is_video:
            alpha[alpha >= 0.95] = 1.0
        region = _unknown(alpha, 15)
        if self.is_video:
            for plane, where in zip(alpha[0], region[0], strict=True):
                _keep_box(plane, where)
        return float((region > 0).float().mean())
