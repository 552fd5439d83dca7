"""Weights of the published widths where no checkpoint is at hand: fixed random ones, fitted to a scene.

A random network decides nothing and leaves the sparse stage no realistic work. So its batch norms are given
the statistics of the scene, its queries are fitted so that the coarse mattes follow the guidance, and their
gain is chosen so that as many pixels are undecided as the case asks for.
"""

from __future__ import annotations

import math
import re
import zlib

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.network import Network
from maggie_core.model.widths import Widths
from maggie_node.bench.literal import REFINE, LiteralModel, _alpha, _bilinear, _keep_box, _unknown

GAIN = {
    # A cell knows its identity and takes it over from the token; a token stays nearly what it is, whatever
    # the picture, so that queries fitted to one window hold for the next.
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
    picture: Tensor, guidance: Tensor, *, video: bool, band: float, widths: Widths | None = None
) -> tuple[dict[str, Tensor], float]:
    """Weights for a window of a scene, and the share of each map that they leave undecided there.

    Args:
        picture: (T, 3, H, W) float32 in [0, 1]; three frames for a video network, one for an image network.
        guidance: (T, N, H, W) binary, N up to ten.
        band: the share to come near to.
    """
    state = random_state(widths or Widths(temporal=video))
    model = _Fitted(state, band)
    result = model.predict(picture, guidance)
    kept = {name: model.state[name].contiguous() for name in state}
    return kept, float(result.undecided[len(picture) // 2].float().mean())


def random_state(widths: Widths) -> dict[str, Tensor]:
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
    state["encoder.conv1.module.weight_bar"][:, :3] *= 0.2  # the guidance counts, not the picture's grain
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
    """Fits what depends on the scene while it runs over it for the first time."""

    def __init__(self, state: dict[str, Tensor], band: float):
        super().__init__(state)
        self._band = band
        self._known: set[str] = set()

    def _norm(self, name: str, x: Tensor) -> Tensor:
        if name not in self._known:
            self._known.add(name)
            kept = [dim for dim in range(x.ndim) if dim != 1]
            var, mean = torch.var_mean(x, dim=kept, correction=0)
            self.state[f"{name}.running_var"].copy_(var)
            self.state[f"{name}.running_mean"].copy_(mean)
        return super()._norm(name, x)

    def _queries(self, tokens: Tensor, fused: Tensor, guidance: Tensor) -> Tensor:
        count, query = guidance.shape[1], fused.shape[1]
        rows = fused.permute(0, 2, 3, 1).reshape(-1, query).double()
        rows = rows - rows.mean(1, keepdim=True)  # a layer norm follows, so a query's mean is zero
        wanted = F.avg_pool2d(guidance, 8).permute(0, 2, 3, 1).reshape(-1, count).double() * 2 - 1
        inside = (wanted > 0).double()
        weight = inside / inside.mean(0).clamp(min=1e-3).sqrt() + (1 - inside)
        targets = torch.randn(tokens.shape[0], query, generator=torch.Generator().manual_seed(3)).double()
        for k in range(count):
            weighted = rows * weight[:, k : k + 1]
            gram = weighted.t() @ rows + 1e-3 * len(rows) * torch.eye(query).double()
            targets[k] = torch.linalg.solve(gram, weighted.t() @ wanted[:, k])
        targets = (targets - targets.mean(1, keepdim=True)) / targets.std(1, correction=0, keepdim=True)
        state = self.state
        state[f"{REFINE}final_mlp.layers.0.weight"].copy_((torch.linalg.pinv(tokens.double()) @ targets).t())
        state[f"{REFINE}final_mlp.layers.0.bias"].zero_()
        state[f"{REFINE}decoder_norm.bias"].zero_()
        state[f"{REFINE}decoder_norm.weight"].fill_(1.0)
        middle = len(fused) // 2
        logits = torch.einsum("nc,chw->nhw", super()._queries(tokens, fused, guidance)[:count], fused[middle])
        state[f"{REFINE}decoder_norm.weight"].fill_(self._gain(logits.unsqueeze(0)))
        return super()._queries(tokens, fused, guidance)

    def _gain(self, logits: Tensor) -> float:
        """The factor on (1, N, h, w) logits that leaves the wanted share undecided, which falls with it."""
        low, high = 1e-2, 1e3
        for _ in range(14):
            gain = (low * high) ** 0.5
            alpha = _alpha(_bilinear(logits * gain, 8))
            if self.is_video:
                alpha[alpha >= 0.95] = 1.0
            region = _unknown(alpha, 15)
            if self.is_video:
                for plane, where in zip(alpha[0], region[0], strict=True):
                    _keep_box(plane, where)
            low, high = (gain, high) if float((region > 0).float().mean()) > self._band else (low, gain)
        return high
