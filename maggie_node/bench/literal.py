"""The published network in its published order of operations, to measure against; nothing else uses it.

Nothing is folded, cached or skipped: every window is computed anew from its three frames, spectral norms take
a power-iteration step in each call, batch norms stand by themselves, all ten tokens and logits are computed,
active sites come from running the dummy network, and every map is dense. It reads a state_dict by the
published names and shares no code with `maggie_core.model`, so that the two also check each other.

Source: Huynh et al., "MaGGIe: Masked Guided Gradual Human Instance Matting", CVPR 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SLOTS = 10
SLOPE = 0.2
ABSENT = 99.0
ROW = (0.0112972, 0.0196901, 0.0274797, 0.0307091, 0.0274797, 0.0196901, 0.0112972)
REFINE = "decoder.refine_OS8."


@dataclass(frozen=True, eq=False)
class LiteralResult:
    """(T, N, H, W) coverage in [0, 1]; `single` is before the temporal fusion, `hidden` is (T, C, h, w)."""

    alpha: Tensor
    alpha_os8: Tensor
    alpha_os4: Tensor
    alpha_os1: Tensor
    undecided: Tensor
    single: Tensor
    hidden: Tensor | None = None
    change_forward: Tensor | None = None
    change_backward: Tensor | None = None


class LiteralModel:
    """The published network, image or video, of whatever widths `state` has.

    Args:
        state: the published names; `decoder.dummy_downscale` may be missing, its values do not matter.
    """

    def __init__(self, state: Mapping[str, Tensor], *, device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        self.state = {name: tensor.float().clone().to(self.device) for name, tensor in state.items()}
        self.is_video = any(name.startswith("decoder.diff_module.") for name in state)
        detail = len(self.state["encoder.shortcut.0.0.module.weight_bar"])
        s4 = len(self.state["encoder.conv3.module.weight_bar"])
        for k, shape in enumerate(((detail, 3), (detail, detail), (s4, detail), (s4, s4))):
            dummy = torch.full((shape[0], 3, 3, shape[1]), 0.01, device=self.device)
            self.state.setdefault(f"decoder.dummy_downscale.{k}.weight", dummy)

    @torch.inference_mode()
    def predict(
        self,
        image: Tensor,
        guidance: Tensor,
        *,
        previous: Tensor | None = None,
        hidden: Tensor | None = None,
    ) -> LiteralResult:
        """Matte one window of the video network (three frames), or one frame with the image network.

        Args:
            image: (T, 3, H, W) sRGB-encoded [0, 1], H and W multiples of 32.
            guidance: (T, N, H, W) or (T, N, H/8, W/8) binary, N up to ten.
            previous: (N, H, W) final matte of the first frame, from the window before (video).
            hidden: (C, h, w) temporal state before the first frame (video); None as published.
        """
        image, guidance = image.to(self.device), guidance.to(self.device, torch.float32)
        if guidance.shape[-1] != image.shape[-1]:
            guidance = F.interpolate(guidance, image.shape[-2:], mode="nearest")
        if not guidance.any():
            nothing = torch.zeros_like(guidance)
            return LiteralResult(*[nothing] * 4, undecided=nothing > 0, single=nothing)
        mean, std = (torch.tensor(x, device=self.device).view(1, 3, 1, 1) for x in (MEAN, STD))
        normal = (image - mean) / std
        shortcuts, x = self._encoder(torch.cat([normal, self._embedding(guidance)], dim=1))
        d8 = self._decoder(self._aspp(x), shortcuts)
        features, tokens = self._attention(d8, guidance)
        f8 = self._to_query_space(features)
        fused, states = f8, None
        if self.is_video:
            merged, states = self._gru(features, hidden)
            fused = self._to_query_space(merged)
        queries = self._queries(tokens, fused, guidance)
        logits = torch.einsum("nc,tchw->tnhw", queries, fused)[:, : guidance.shape[1]]
        alpha8 = _alpha(_bilinear(logits, 8))
        if self.is_video:
            alpha8[alpha8 >= 0.95] = 1.0
        region = _unknown(alpha8, 15)
        if self.is_video:
            for t, i in np.ndindex(*alpha8.shape[:2]):
                _keep_box(alpha8[t, i], region[t, i])
        alpha4, alpha1 = self._detail(normal, shortcuts, f8, queries, region)
        single = _fused(alpha8, alpha4, alpha1, region)
        if not self.is_video:
            return LiteralResult(single, alpha8, alpha4, alpha1, region > 0, single)
        forward, backward = self._changes(f8)
        _soft(single, forward, backward)
        final = _fused_in_time(single, previous, forward, backward)
        return LiteralResult(
            final, alpha8, alpha4, alpha1, region > 0, single, states, forward.squeeze(1), backward.squeeze(1)
        )

    # Parts by their names in the checkpoint.

    def _w(self, name: str) -> Tensor:
        return self.state[f"{name}.weight"]

    def _spectral(self, name: str) -> Tensor:
        """The weight of a spectrally normalised convolution, after a step of its vectors."""
        bar = self.state[f"{name}.module.weight_bar"]
        u, v = self.state[f"{name}.module.weight_u"], self.state[f"{name}.module.weight_v"]
        matrix = bar.flatten(1)
        product = matrix.t() @ u
        v.copy_(product / (product.norm() + 1e-12))
        product = matrix @ v
        u.copy_(product / (product.norm() + 1e-12))
        return bar / torch.dot(u, matrix @ v)

    def _conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self._spectral(name)
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2)

    def _norm(self, name: str, x: Tensor) -> Tensor:
        mean, var = self.state[f"{name}.running_mean"], self.state[f"{name}.running_var"]
        return F.batch_norm(x, mean, var, self._w(name), self.state[f"{name}.bias"], eps=1e-5)

    def _layer_norm(self, name: str, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self._w(name), self.state[f"{name}.bias"])

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self._w(name), self.state[f"{name}.bias"])

    def _embedding(self, guidance: Tensor) -> Tensor:
        slots = torch.arange(1, guidance.shape[1] + 1, device=self.device).view(1, -1, 1, 1)
        ids = (guidance * slots).long()
        claimed = (ids > 0).unsqueeze(-1)
        vectors = F.embedding(ids, self._w("encoder.mask_embed_layer")) * claimed
        return (vectors.sum(1) / (claimed.sum(1) + 1e-6)).permute(0, 3, 1, 2)

    def _encoder(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        shortcuts = [self._shortcut(0, x)]
        x = F.relu(self._norm("encoder.bn1", self._conv("encoder.conv1", x, 2)))
        x = F.relu(self._norm("encoder.bn2", self._conv("encoder.conv2", x)))
        shortcuts.append(self._shortcut(1, x))
        x = F.relu(self._norm("encoder.bn3", self._conv("encoder.conv3", x, 2)))
        stages = (("layer1", 3, 1), ("layer2", 4, 2), ("layer3", 4, 2), ("layer_bottleneck", 2, 2))
        for k, (stage, blocks, stride) in enumerate(stages):
            for block in range(blocks):
                x = self._block(f"encoder.{stage}.{block}", x, stride if block == 0 else 1)
            if k < 3:
                shortcuts.append(self._shortcut(k + 2, x))
        return shortcuts, x

    def _shortcut(self, k: int, x: Tensor) -> Tensor:
        name = f"encoder.shortcut.{k}"
        x = self._norm(f"{name}.2", F.relu(self._conv(f"{name}.0", x)))
        return self._norm(f"{name}.5", F.relu(self._conv(f"{name}.3", x)))

    def _block(self, name: str, x: Tensor, stride: int) -> Tensor:
        skip = x
        if stride == 2:
            pooled = self._conv(f"{name}.downsample.1", F.avg_pool2d(x, 2))
            skip = self._norm(f"{name}.downsample.2", pooled)
        x = F.relu(self._norm(f"{name}.bn1", self._conv(f"{name}.conv1", x, stride)))
        return F.relu(self._norm(f"{name}.bn2", self._conv(f"{name}.conv2", x)) + skip)

    def _aspp(self, x: Tensor) -> Tensor:
        branches = []
        for k, dilation in ((1, 0), (2, 2), (3, 4), (4, 8)):
            branch = F.conv2d(x, self._w(f"aspp.aspp{k}"), padding=dilation, dilation=max(1, dilation))
            branches.append(F.relu(self._norm(f"aspp.aspp{k}_bn", branch)))
        pooled = F.conv2d(F.adaptive_avg_pool2d(x, 1), self._w("aspp.aspp5"))
        pooled = F.relu(self._norm("aspp.aspp5_bn", pooled))
        branches.append(F.interpolate(pooled, x.shape[-2:], mode="nearest"))
        return F.relu(self._norm("aspp.bn2", F.conv2d(torch.cat(branches, dim=1), self._w("aspp.conv2"))))

    def _decoder(self, x: Tensor, shortcuts: list[Tensor]) -> Tensor:
        for stage, blocks, shortcut in (("layer1", 2, 4), ("layer2", 3, 3)):
            for block in range(blocks):
                x = self._up_block(f"decoder.{stage}.{block}", x, up=block == 0)
            x = x + shortcuts[shortcut]
        return x

    def _up_block(self, name: str, x: Tensor, *, up: bool) -> Tensor:
        skip = x
        if up:
            nearest = F.interpolate(x, scale_factor=2, mode="nearest")
            skip = self._norm(f"{name}.upsample.2", self._conv(f"{name}.upsample.1", nearest))
            x = F.conv_transpose2d(x, self._spectral(f"{name}.conv1"), stride=2, padding=1)
        else:
            x = self._conv(f"{name}.conv1", x)
        x = F.leaky_relu(self._norm(f"{name}.bn1", x), SLOPE)
        return F.leaky_relu(self._norm(f"{name}.bn2", self._conv(f"{name}.conv2", x)) + skip, SLOPE)

    def _attention(self, d8: Tensor, guidance: Tensor) -> tuple[Tensor, Tensor]:
        frames, _, height, width = d8.shape
        cells = F.avg_pool2d(guidance, 8) > 0
        slots = torch.arange(1, guidance.shape[1] + 1, device=self.device).view(1, -1, 1, 1)
        table = self._w(f"{REFINE}id_embedding")
        feat_pos = F.embedding((cells * slots).amax(dim=1).flatten(), table)
        token_pos, tokens = table[1:], self._w(f"{REFINE}query_feat")
        absent = torch.ones(SLOTS, dtype=torch.bool, device=self.device)
        absent[: guidance.shape[1]] = ~cells.any(dim=3).any(dim=2).any(dim=0)
        feat = self._linear(f"{REFINE}feat_proj.layers.0", d8.permute(0, 2, 3, 1).flatten(0, 2))
        for i in range(2):
            name = f"{REFINE}token_feat_ca_layers.{i}"
            tokens = self._attend(name, tokens, tokens + token_pos, feat + feat_pos, feat)
            tokens = self._feed_forward(f"{REFINE}mlp_layers.{i}", tokens)
            query = tokens + token_pos
            tokens = self._attend(f"{REFINE}sa_layers.{i}", tokens, query, query, tokens, absent)
            name = f"{REFINE}feat_token_ca_layers.{i}"
            feat = self._attend(name, feat, feat + feat_pos, tokens + token_pos, tokens, absent)
        name = f"{REFINE}final_token_feat_ca"
        tokens = self._attend(name, tokens, tokens + token_pos, feat + feat_pos, feat)
        return feat.view(frames, height, width, -1).permute(0, 3, 1, 2), tokens

    def _attend(
        self,
        name: str,
        target: Tensor,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        absent: Tensor | None = None,
    ) -> Tensor:
        own = f"{name}.self_attn" if "sa_layers" in name else f"{name}.multihead_attn"
        wq, wk, wv = self.state[f"{own}.in_proj_weight"].chunk(3)
        bq, bk, bv = self.state[f"{own}.in_proj_bias"].chunk(3)
        q, k, v = F.linear(query, wq, bq), F.linear(key, wk, bk), F.linear(value, wv, bv)
        scores = (q / q.shape[1] ** 0.5) @ k.t()
        if absent is not None:
            scores = scores.masked_fill(absent, -torch.inf)
        attended = self._linear(f"{own}.out_proj", scores.softmax(dim=1) @ v)
        return self._layer_norm(f"{name}.norm", target + attended)

    def _feed_forward(self, name: str, x: Tensor) -> Tensor:
        inner = self._linear(f"{name}.linear2", F.relu(self._linear(f"{name}.linear1", x)))
        return self._layer_norm(f"{name}.norm", x + inner)

    def _to_query_space(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self._w(f"{REFINE}conv.0"), padding=1)
        x = F.leaky_relu(self._norm(f"{REFINE}conv.1", x), SLOPE)
        return F.leaky_relu(self._norm(f"{REFINE}conv.4", F.conv2d(x, self._w(f"{REFINE}conv.3"))), SLOPE)

    def _queries(self, tokens: Tensor, fused: Tensor, guidance: Tensor) -> Tensor:
        """(10, query) from the tokens; what else is at hand is for `weights.Calibrated`."""
        return self._layer_norm(f"{REFINE}decoder_norm", self._linear(f"{REFINE}final_mlp.layers.0", tokens))

    def _gru(self, x: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        state = torch.zeros_like(x[:1]) if hidden is None else hidden.to(self.device).unsqueeze(0)
        ahead = []
        for t in range(len(x)):
            state = self._cell(x[t : t + 1], state)
            ahead.append(state)
        merged = [ahead[-1]]
        for t in range(len(x) - 2, -1, -1):
            state = self._cell(x[t : t + 1], state)
            merged.insert(0, (ahead[t] + state) / 2)
        return torch.cat(merged), torch.cat(ahead)

    def _cell(self, x: Tensor, h: Tensor) -> Tensor:
        ih, hh = "decoder.os8_temp_module.ih.0", "decoder.os8_temp_module.hh.0"
        gates = F.conv2d(torch.cat([x, h], dim=1), self._w(ih), self.state[f"{ih}.bias"], padding=1)
        r, z = torch.sigmoid(gates).chunk(2, dim=1)
        c = F.conv2d(torch.cat([x, r * h], dim=1), self._w(hh), self.state[f"{hh}.bias"], padding=1)
        return (1 - z) * h + z * torch.tanh(c)

    def _changes(self, f8: Tensor) -> tuple[Tensor, Tensor]:
        """(T, 1, H, W) change maps, forward and backward, by one call of the head for each pair."""
        still = torch.zeros_like(f8[:1, :1])
        forward, backward = [still], []
        for t in range(1, len(f8)):
            forward.append(self._change(f8[t - 1 : t], f8[t : t + 1]))
        for t in range(len(f8) - 1):
            backward.append(self._change(f8[t + 1 : t + 2], f8[t : t + 1]))
        backward.append(still)
        return (
            torch.sigmoid(_bilinear(torch.cat(forward), 8)),
            torch.sigmoid(_bilinear(torch.cat(backward), 8)),
        )

    def _change(self, other: Tensor, own: Tensor) -> Tensor:
        name = "decoder.diff_module"
        x = self._conv(f"{name}.0", torch.cat([other, own], dim=1))
        x = F.relu(self._norm(f"{name}.1", x))
        x = F.relu(self._norm(f"{name}.4", self._conv(f"{name}.3", x)))
        return F.conv2d(x, self._w(f"{name}.6"), padding=1)

    def _detail(
        self, normal: Tensor, shortcuts: list[Tensor], f8: Tensor, queries: Tensor, region: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Alphas at strides 4 and 1, zero everywhere where nothing is undecided."""
        frames, count = region.shape[:2]
        if not region.any():
            return torch.zeros_like(region), torch.zeros_like(region)
        s1 = _Sites(region.flatten(0, 1).nonzero(), frames * count, *region.shape[2:])
        s2, s4, s8 = self._dummy(s1, normal)
        fea1, fea2, fea3 = shortcuts[:3]
        own = queries[:count].repeat(frames, 1)[s8.coords[:, 0]]
        x = self._feed_forward("decoder.inst_spec_layer", s8.sample(f8) * own)
        x = s4.upward(x, self._w("decoder.layer3.0"))
        x = s4.same(self._rows("decoder.layer3.1", x), self._w("decoder.layer3.3"))
        d = s4.sample(fea3)
        gate = self._rows(
            "decoder.guidance_layer.1", self._point("decoder.guidance_layer.0", torch.cat([d, x], 1))
        )
        gate = (
            s4.same(gate, self._w("decoder.guidance_layer.3")) + self.state["decoder.guidance_layer.3.bias"]
        )
        smooth = self._smooth("decoder.layer3_smooth", d * torch.sigmoid(gate))
        logit4 = self._head("decoder.refine_OS4", smooth, s4)
        x = self._rows("decoder.layer4.1", s2.upward(smooth, self._w("decoder.layer4.0")))
        x = torch.cat([s2.sample(fea2), self._point("decoder.layer4.3", x)], 1)
        x = self._smooth("decoder.layer4_smooth", x)
        x = self._rows("decoder.layer5.1", s1.upward(x, self._w("decoder.layer5.0")))
        x = torch.cat([s1.sample(fea1), s1.same(x, self._w("decoder.layer5.3"))], 1)
        logit1 = self._head("decoder.refine_OS1", self._smooth("decoder.layer5_smooth", x), s1)
        dense4 = s4.dense(logit4, frames).view(frames, count, s4.height, s4.width)
        dense1 = s1.dense(logit1, frames).view(frames, count, s1.height, s1.width)
        return _alpha(_bilinear(dense4, 4)), _alpha(dense1)

    def _dummy(self, s1: _Sites, normal: Tensor) -> tuple[_Sites, _Sites, _Sites]:
        """The sites at strides 2, 4 and 8, from convolutions whose values nobody looks at."""
        name = "decoder.dummy_downscale"
        x = s1.same(s1.sample(normal), self._w(f"{name}.0"))
        s2, x = s1.downward(x, self._w(f"{name}.1"))
        s4, x = s2.downward(x, self._w(f"{name}.2"))
        s8, x = s4.downward(x, self._w(f"{name}.3"))
        return s2, s4, s8

    def _rows(self, norm: str, x: Tensor) -> Tensor:
        return F.leaky_relu(self._norm(norm, x), SLOPE)

    def _point(self, name: str, x: Tensor) -> Tensor:
        weight = self._w(name)
        return x @ weight.reshape(weight.shape[3], weight.shape[0])  # re-read in memory order, as trained

    def _smooth(self, name: str, x: Tensor) -> Tensor:
        return self._norm(f"{name}.2", F.relu(self._point(f"{name}.0", x) + self.state[f"{name}.0.bias"]))

    def _head(self, name: str, x: Tensor, sites: _Sites) -> Tensor:
        x = self._rows(f"{name}.1", sites.same(x, self._w(f"{name}.0")))
        return sites.same(x, self._w(f"{name}.3")) + self.state[f"{name}.3.bias"]


class _Sites:
    """Active sites (m, y, x) of one scale, with pairs of rows for each of the nine kernel positions."""

    def __init__(self, coords: Tensor, maps: int, height: int, width: int):
        self.coords, self.maps, self.height, self.width = coords, maps, height, width
        self.index = torch.full((maps, height + 2, width + 2), -1, device=coords.device)
        m, y, x = coords.unbind(1)
        self.index[m, y + 1, x + 1] = torch.arange(len(coords), device=coords.device)
        self.pairs: list[tuple[int, int, Tensor, Tensor]] = []
        self.coarse_pairs: list[tuple[int, int, Tensor, Tensor]] = []
        for r, s in np.ndindex(3, 3):
            found = self.index[m, y + r, x + s]
            here = (found >= 0).nonzero().squeeze(1)
            self.pairs.append((r, s, found[here], here))

    def same(self, rows: Tensor, weight: Tensor) -> Tensor:
        """3x3 convolution that keeps the sites: for each kernel position gather, multiply, add."""
        out = rows.new_zeros(len(self.coords), weight.shape[0])
        for r, s, source, target in self.pairs:
            out.index_add_(0, target, rows[source] @ weight[:, r, s].t())
        return out

    def downward(self, rows: Tensor, weight: Tensor) -> tuple[_Sites, Tensor]:
        """3x3 convolution of stride 2: the sites it reaches, and their rows."""
        height, width = (self.height + 1) // 2, (self.width + 1) // 2
        m, y, x = self.coords.unbind(1)
        reached = []
        for r, s in np.ndindex(3, 3):
            up, left = y + 1 - r, x + 1 - s
            meets = (up % 2 == 0) & (left % 2 == 0) & (up >= 0) & (left >= 0)
            meets &= (up < 2 * height) & (left < 2 * width)
            fine = meets.nonzero().squeeze(1)
            places = (m[fine] * height + up[fine] // 2) * width + left[fine] // 2
            reached.append((r, s, fine, places))
        flat = torch.unique(torch.cat([places for *_, places in reached]))
        coords = torch.stack([flat // (height * width), flat // width % height, flat % width], dim=1)
        coarse = _Sites(coords, self.maps, height, width)
        out = rows.new_zeros(len(coords), weight.shape[0])
        for r, s, fine, places in reached:
            target = torch.searchsorted(flat, places)
            self.coarse_pairs.append((r, s, fine, target))
            out.index_add_(0, target, rows[fine] @ weight[:, r, s].t())
        return coarse, out

    def upward(self, rows: Tensor, weight: Tensor) -> Tensor:
        """The inverse of `downward`: rows of the coarser sites to these."""
        out = rows.new_zeros(len(self.coords), weight.shape[0])
        for r, s, fine, coarse in self.coarse_pairs:
            out.index_add_(0, fine, rows[coarse] @ weight[:, r, s].t())
        return out

    def sample(self, dense: Tensor) -> Tensor:
        """(n, C) of (F, C, H, W) images."""
        m, y, x = self.coords.unbind(1)
        return dense[m // (self.maps // len(dense)), :, y, x]

    def dense(self, rows: Tensor, frames: int) -> Tensor:
        """(M, H, W) logits, those of missing sites far below zero."""
        out = rows.new_zeros(self.maps, self.height, self.width)
        m, y, x = self.coords.unbind(1)
        out[m, y, x] = rows[:, 0] + ABSENT
        return out - ABSENT


def _alpha(logits: Tensor) -> Tensor:
    return (torch.tanh(logits) + 1) / 2


def _bilinear(x: Tensor, factor: int) -> Tensor:
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def _unknown(alpha: Tensor, size: int) -> Tensor:
    """(T, N, H, W) 0/1: undecided pixels, grown by an ellipse of odd size."""
    found = ((alpha > 1 / 255) & (alpha < 254 / 255)).to("cpu", torch.uint8).numpy()
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    grown = np.stack([cv2.dilate(plane, element) for plane in found.reshape(-1, *found.shape[2:])])
    return torch.from_numpy(grown.reshape(found.shape)).to(alpha)


def _keep_box(alpha: Tensor, region: Tensor) -> None:
    """Zero one map of both, in place, away from the grown box of its smoothed alpha."""
    height, width = alpha.shape
    kernel = alpha.new_tensor(ROW).expand(1, 1, 7, 7).contiguous()
    smooth = F.conv2d(alpha[None, None], kernel, padding=3)[..., 3:-3, 3:-3]
    smooth = F.interpolate(smooth, (height, width), mode="bilinear", align_corners=False)[0, 0]
    y, x = (smooth > 0.1).nonzero(as_tuple=True)
    if len(y) == 0:
        return
    inside = torch.zeros_like(alpha)
    top, left = max(0, int(y.min()) - 30), max(0, int(x.min()) - 30)
    inside[top : min(int(y.max()) + 30, height), left : min(int(x.max()) + 30, width)] = 1
    alpha *= inside
    region *= inside


def _fused(alpha8: Tensor, alpha4: Tensor, alpha1: Tensor, region: Tensor) -> Tensor:
    weight = (_unknown(alpha8, 13) * region > 0).float()
    alpha = weight * alpha4 + (1 - weight) * alpha8
    weight = (_unknown(alpha, 7) * region > 0).float()
    return weight * alpha1 + (1 - weight) * alpha


def _fused_in_time(single: Tensor, previous: Tensor | None, forward: Tensor, backward: Tensor) -> Tensor:
    a0, a1, a2 = single
    before = a0 if previous is None else previous.to(a0)
    df, db = (forward > 0.5).float(), (backward > 0.5).float()
    ahead = before * (1 - df[1]) + a1 * df[1]
    behind = a2 * (1 - db[1]) + a1 * db[1]
    out1 = torch.where(ahead == behind, ahead, a1)
    out2 = out1 * (1 - df[2]) + a2 * df[2]
    return torch.stack([a0, out1, out2])


def _soft(single: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
    """The softly fused mattes, which the published program computes for its images."""
    ahead, behind = [single[0]], [single[-1]]
    for t in range(1, len(single)):
        ahead.append(ahead[-1] * (1 - forward[t]) + single[t] * forward[t])
    for t in range(len(single) - 2, -1, -1):
        behind.insert(0, behind[0] * (1 - backward[t]) + single[t] * backward[t])
    middle = [(a + b) / 2 for a, b in zip(ahead[1:-1], behind[1:-1], strict=True)]
    return torch.stack([ahead[0], *middle, behind[-1]])
