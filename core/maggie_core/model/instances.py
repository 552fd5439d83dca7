"""The instance matte decoder: one token per instance, attention at stride 8, queries for the coarse logits.

Source: Huynh et al., "MaGGIe: Masked Guided Gradual Human Instance Matting", CVPR 2024.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.config import NetworkConfig
from maggie_core.model.layers import SLOPE


class Cells(NamedTuple):
    """Sums of the features of cells and the embedding of each cell's instance, without a copy of the sums."""

    rows: Tensor
    """(k, C)."""
    ids: Tensor
    """(k,) row of the table."""
    table: Tensor
    """(slots + 1, C)."""

    def times(self, matrix: Tensor) -> Tensor:
        """(C, n) -> (k, n)."""
        return torch.addmm((self.table @ matrix)[self.ids], self.rows, matrix)


class Attention(nn.Module):
    """Single-head attention with packed projections, as `torch.nn.MultiheadAttention` stores them."""

    def __init__(self, dim: int):
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self, query: Tensor | Cells, key: Tensor | Cells, value: Tensor, present: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(q, C), (k, C), (k, C) -> attended (q, C) and weights (q, k), over keys that are `present`.

        One side at least is the few tokens: all projections are moved to it. The keys' bias shifts all scores
        of a query, which softmax takes away.
        """
        wq, wk, wv = self.in_proj_weight.chunk(3)
        bq, _, bv = self.in_proj_bias.chunk(3)
        scale = wq.shape[1] ** -0.5
        if isinstance(key, Cells):
            assert isinstance(query, Tensor)
            scores = key.times(((F.linear(query, wq, bq) * scale) @ wk).t()).t()
        else:
            k = F.linear(key, wk) * scale
            matrix = (k @ wq).t()
            scores = k @ bq + (query.times(matrix) if isinstance(query, Cells) else query @ matrix)
        if present is not None:
            scores = scores.masked_fill(~present, -torch.inf)
        weights = torch.softmax(scores, dim=-1)
        if isinstance(key, Cells):
            return self.out_proj(F.linear(weights @ value, wv, bv)), weights
        return torch.addmm(
            self.out_proj.bias, weights, F.linear(value, wv, bv) @ self.out_proj.weight.t()
        ), weights


class CrossAttention(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.multihead_attn = Attention(dim)
        self.norm = nn.LayerNorm(dim)

    def forward(
        self,
        target: Tensor,
        query: Tensor | Cells,
        key: Tensor | Cells,
        value: Tensor,
        present: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        attended, weights = self.multihead_attn(query, key, value, present)
        return self.norm(target + attended), weights


class SelfAttention(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.self_attn = Attention(dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor, positions: Tensor, present: Tensor) -> Tensor:
        query = tokens + positions
        return self.norm(tokens + self.self_attn(query, query, tokens, present)[0])


class FeedForward(nn.Module):
    """Two linear layers around a ReLU, added and normalised."""

    def __init__(self, dim: int, hidden: int, *, dropout: float = 0.0):
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.dropout(self.linear2(self.dropout(F.relu(self.linear1(x))))))


class Projection(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(inputs, outputs)])

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[0](x)


class InstanceDecoder(nn.Module):
    """`refine_OS8`: tokens attend to the features and the features to the tokens, twice."""

    blocks = 2

    def __init__(self, w: NetworkConfig):
        super().__init__()
        dim = w.attention
        self.feat_proj = Projection(w.s8, dim)
        self.sa_layers = nn.ModuleList(SelfAttention(dim) for _ in range(self.blocks))
        self.token_feat_ca_layers = nn.ModuleList(CrossAttention(dim) for _ in range(self.blocks))
        self.mlp_layers = nn.ModuleList(FeedForward(dim, w.attention_hidden) for _ in range(self.blocks))
        self.feat_token_ca_layers = nn.ModuleList(CrossAttention(dim) for _ in range(self.blocks))
        self.final_token_feat_ca = CrossAttention(dim)
        self.final_mlp = Projection(dim, w.query)
        self.decoder_norm = nn.LayerNorm(w.query)
        self.query_feat = nn.Embedding(w.slots, dim)
        self.id_embedding = nn.Embedding(w.slots + 1, dim)
        self.conv = _to_query_space(dim, w.query)

    def attend(self, d8: Tensor, cells: Tensor, slots: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Attention over the frames of one window.

        An instance without guidance in the whole window is no key of any other; its own token still attends.

        Args:
            d8: (T, C, h, w) decoder features.
            cells: (T, n, h, w) bool, cells that hold a pixel of the instance; at least one is True.
            slots: (n,) int64, slot 0..slots-1 of each instance.

        Returns:
            Features (T, dim, h, w), queries (n, query), and the token-to-feature attention weights
            (n, T h w) of each of the three layers that training supervises.
        """
        frames, _, height, width = d8.shape
        present = cells.any(dim=3).any(dim=2).any(dim=0)
        ids = ((slots + 1).view(1, -1, 1, 1) * cells).amax(dim=1)
        token_positions = self.id_embedding(slots + 1)
        feat = self.feat_proj(d8.permute(0, 2, 3, 1).flatten(0, 2))
        tokens = self.query_feat(slots)
        scores = []
        for i in range(self.blocks):
            placed = Cells(feat, ids.flatten(), self.id_embedding.weight)
            tokens, weights = self.token_feat_ca_layers[i](tokens, tokens + token_positions, placed, feat)
            scores.append(weights)
            tokens = self.mlp_layers[i](tokens)
            tokens = self.sa_layers[i](tokens, token_positions, present)
            feat, _ = self.feat_token_ca_layers[i](feat, placed, tokens + token_positions, tokens, present)
        placed = Cells(feat, ids.flatten(), self.id_embedding.weight)
        tokens, weights = self.final_token_feat_ca(tokens, tokens + token_positions, placed, feat)
        scores.append(weights)
        queries = self.decoder_norm(self.final_mlp(tokens))
        return feat.view(frames, height, width, -1).permute(0, 3, 1, 2), queries, scores


class PlaneDecoder(nn.Module):
    """`refine_OS8` without attention: the query of a slot is the same for every image.

    The coarse logits are then a last layer with one plane per slot, as when MGM is widened to take all masks
    stacked and to give all mattes at once (MGM* in the paper). It answers `attend` as `InstanceDecoder` does.
    """

    def __init__(self, w: NetworkConfig):
        super().__init__()
        self.feat_proj = Projection(w.s8, w.attention)
        self.fixed_queries = nn.Embedding(w.slots, w.query)
        self.conv = _to_query_space(w.attention, w.query)

    def attend(self, d8: Tensor, cells: Tensor, slots: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Features (T, dim, h, w), queries (n, query), and no attention weights."""
        features = self.feat_proj(d8.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return features, self.fixed_queries(slots), []


def _to_query_space(dim: int, query: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(dim, dim, 3, padding=1, bias=False),
        nn.BatchNorm2d(dim),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(dim, query, 1, bias=False),
        nn.BatchNorm2d(query),
        nn.LeakyReLU(SLOPE),
    )
