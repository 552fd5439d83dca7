"""Parts of the video network alone: a Conv-GRU at stride 8, the change head, and matte fusion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.config import Fusion, Gru, NetworkConfig
from maggie_core.model.crops import CELL, Box, bounds, grown, moved
from maggie_core.model.layers import SpectralConv
from maggie_core.model.refinement import to_alpha


class ConvGru(nn.Module):
    """One convolutional GRU cell, run forwards over a window and, in `both` directions, back again.

    With `still` it starts from zeros in every frame.
    """

    def __init__(self, dim: int, *, gru: Gru = "both"):
        super().__init__()
        self.gru: Gru = gru
        self.ih = nn.Sequential(nn.Conv2d(2 * dim, 2 * dim, 3, padding=1))
        self.hh = nn.Sequential(nn.Conv2d(2 * dim, dim, 3, padding=1))

    @property
    def _weights(self) -> tuple[Tensor, Tensor]:
        """Weights of the gates and of the candidate: (2 C, 2 C, 3, 3) and (C, 2 C, 3, 3)."""
        return self.ih.get_parameter("0.weight"), self.hh.get_parameter("0.weight")

    def cell(self, x: Tensor, h: Tensor | None) -> Tensor:
        """The state (1, C, h, w) after a frame.

        Args:
            x: (1, 3 C, h, w), `inputs` of the frame.
            h: (1, C, h, w) state before; None means zeros.
        """
        dim = x.shape[1] // 3
        gates, candidate = x[:, : 2 * dim], x[:, 2 * dim :]
        if h is None:
            return torch.sigmoid(gates[:, dim:]) * torch.tanh(candidate)
        to_gates, to_candidate = (weight[:, dim:] for weight in self._weights)
        r, z = _conv(h, to_gates).add_(gates).sigmoid_().chunk(2, dim=1)
        candidate = _conv(r * h, to_candidate).add_(candidate).tanh_()
        return torch.lerp(h, candidate, z)

    def inputs(self, x: Tensor) -> Tensor:
        """(1, C, h, w) -> (1, 3 C, h, w): the frame's share of both convolutions, for both directions."""
        weight = torch.cat([weight[:, : x.shape[1]] for weight in self._weights])
        bias = torch.cat([part.get_parameter("0.bias") for part in (self.ih, self.hh)])
        return _conv(x, weight, bias)

    def forward(self, x: Tensor, hidden: Tensor | None = None, *, first: int = 0) -> tuple[Tensor, Tensor]:
        """(T, C, h, w) features -> their temporal states (mean of both directions), and the forward ones.

        Args:
            hidden: (C, h, w) state before the first frame; None means zeros, the published behaviour.
            first: first frame whose temporal state is given; the forward states are given of all frames.
        """
        if self.gru == "still":
            states = torch.cat([self.cell(self.inputs(frame), None) for frame in x.split(1)])
            return states[first:], states
        state = None if hidden is None else hidden.unsqueeze(0).clone(memory_format=torch.channels_last)
        forward, again = [], {}
        for t, frame in enumerate(x.split(1)):
            again[t] = self.inputs(frame)
            state = self.cell(again[t], state)
            forward.append(state)
            if self.gru != "both" or not first <= t < len(x) - 1:
                del again[t]
        if self.gru != "both":
            return torch.cat(forward[first:]), torch.cat(forward)
        merged = [forward[-1]]
        for t in reversed(range(first, len(x) - 1)):
            state = self.cell(again.pop(t), state)
            merged.append((forward[t] + state) / 2)
        return torch.cat(merged[::-1]), torch.cat(forward)


def _conv(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """3x3 convolution in the precision of the weight; the result has the precision of `x`."""
    return F.conv2d(x.to(weight.dtype), weight, bias, padding=1).to(x.dtype)


def change_head(w: NetworkConfig) -> nn.Sequential:
    """`diff_module`: two frames' stride-8 features to one logit, high where the matte changed."""
    a, b = w.change
    return nn.Sequential(
        SpectralConv(2 * w.query, a, 1),
        nn.BatchNorm2d(a),
        nn.ReLU(),
        SpectralConv(a, b, 3),
        nn.BatchNorm2d(b),
        nn.ReLU(),
        nn.Conv2d(b, 1, 3, padding=1, bias=False),
    )


def change_logits(head: nn.Module, f8: Tensor) -> tuple[Tensor, Tensor]:
    """Forward and backward change logits of a window, at stride 8.

    Args:
        f8: (T, C, h, w).

    Returns:
        Two (T, h, w): entry t of the first compares t-1 with t (0 at the first frame), entry t of the second
        t+1 with t (0 at the last).
    """
    if f8.shape[0] == 1:
        still = f8.new_zeros(1, *f8.shape[2:])
        return still, still
    ahead = head(torch.cat([f8[:-1], f8[1:]], dim=1)).squeeze(1)
    behind = head(torch.cat([f8[1:], f8[:-1]], dim=1)).squeeze(1)
    still = torch.zeros_like(ahead[:1])
    return torch.cat([still, ahead]), torch.cat([behind, still])


def enlarge(logits: Tensor, factor: int = 8) -> Tensor:
    """(T, h, w) -> (T, 8h, 8w), bilinear by pixel centres."""
    return F.interpolate(
        logits.unsqueeze(1), scale_factor=factor, mode="bilinear", align_corners=False
    ).squeeze(1)


def fuse_window(
    alphas: Tensor,
    previous: Tensor | None,
    change_forward: Tensor,
    change_backward: Tensor,
    *,
    fusion: Fusion = "both",
) -> Tensor:
    """Carry mattes through a window of three frames where nothing changed.

    The middle frame takes what its neighbours agree on exactly; elsewhere, and wherever something changed, it
    keeps its own matte. With one direction alone that neighbour is believed, and `backward` leaves the last
    frame, which has no frame after it, as it is.

    Args:
        alphas: (3, N, H, W) mattes of the single frames.
        previous: (N, H, W) final matte of frame 0, or None for a first window.
        change_forward: (3, H, W) in [0, 1].
        change_backward: (3, H, W) in [0, 1].
        fusion: `forward` or `backward` for the paper's ablation.

    Returns:
        (3, N, H, W).
    """
    a0, a1, a2 = alphas
    p = a0 if previous is None else previous
    since, until = change_forward[1] > 0.5, change_backward[1] > 0.5
    ahead, behind = torch.where(since, a1, p), torch.where(until, a1, a2)
    if fusion == "backward":
        return torch.stack([a0, behind, a2])
    out1 = ahead if fusion == "forward" else torch.where(ahead == behind, ahead, a1)
    out2 = torch.where(change_forward[2] > 0.5, a2, out1)
    return torch.stack([a0, out1, out2])


def may_take_over(alpha: Tensor, before: Tensor, changed: Tensor) -> Tensor:
    """(N, H, W) bool: where the middle frame of `fuse_window` depends on the one after it.

    It then takes the matte before if the one after is the same. Two mattes agree exactly where both are
    decided; anywhere else that is chance and does not count. Neither does it where the frame's own matte is
    decided in the same way and 1/255 is all that could be taken over, unless the one before is 0 or 1.

    Args:
        alpha, before: (N, H, W) mattes of the frame and of the one before.
        changed: (H, W) bool: since the one or until the other.
    """
    differs = (alpha != before) & ~changed
    places = differs.nonzero(as_tuple=True)
    value, own = before[places], alpha[places]
    empty, solid = value < 1 / 255, value > 254 / 255
    alike = (empty & (own < 1 / 255)) | (solid & (own > 254 / 255))
    differs[places] = (value == 0) | (value == 1) | ((empty | solid) & ~alike)
    return differs


SOLID = 0.95
"""Coarse coverage of at least this counts as 1 (the published test-time rule)."""
BOX_GROWTH_PX = 30
_ROW = (0.0112972, 0.0196901, 0.0274797, 0.0307091, 0.0274797, 0.0196901, 0.0112972)
"""One row of the 7x7 smoothing kernel; all seven rows are the same, as published (it is no Gaussian)."""
_LEAST, _REACH = 0.09, 12
"""The kernel's weights sum to 1.03: what it smooths to more than 0.1 has a pixel above this within reach."""
_LEAST_LOGIT, _REACH_CELLS = -1.2, 7
"""A pixel above that has a cell above this beside it, and its box ends less than so many cells away."""


def coarse_mattes(logits: Tensor) -> tuple[Tensor, list[Box]]:
    """Coarse mattes of a frame, and where in it each instance may be.

    Args:
        logits: (M, h, w) at stride 8.

    Returns:
        (M, 8h, 8w) coverage in [0, 1], zero further than 8 pixels outside the boxes, and rows and columns of
        each map: the grown bounding box of its smoothed matte, or all of them where that nowhere exceeds 0.1.
    """
    mattes = logits.new_zeros(len(logits), *(8 * side for side in logits.shape[1:]))
    return mattes, [_place(plane, cells) for plane, cells in zip(mattes, logits, strict=True)]


def _place(plane: Tensor, cells: Tensor) -> Box:
    """Enlarge logits (h, w) to a matte (8h, 8w) in the instance's box, which is returned."""
    near = bounds(cells > _LEAST_LOGIT)
    if near is not None:
        near = grown(near, _REACH_CELLS, _REACH_CELLS, cells.shape)
        pixels = _pixels(near)
        plane[pixels] = _coverage(cells, near)
        inner = bounds(plane[pixels] > _LEAST)
        if inner is not None:
            wide = grown(moved(inner, pixels), _REACH, _REACH, plane.shape)
            found = _smooth_bounds(plane, *wide)
            if found is not None:
                box = grown(found, BOX_GROWTH_PX, BOX_GROWTH_PX - 1, plane.shape)
                kept = grown(box, CELL, CELL, plane.shape)
                inside = plane[kept].clone()
                plane[pixels] = 0
                plane[kept] = inside
                return box
    everything = slice(0, cells.shape[0]), slice(0, cells.shape[1])
    plane.copy_(_coverage(cells, everything))
    return _pixels(everything)


def _coverage(cells: Tensor, part: Box) -> Tensor:
    """Coverage of every pixel in a part of the logits (h, w), enlarged bilinearly by pixel centres."""
    wide = grown(part, 1, 1, cells.shape)
    large = F.interpolate(cells[wide][None, None], scale_factor=8, mode="bilinear", align_corners=False)[0, 0]
    top, left = (8 * (inner.start - outer.start) for inner, outer in zip(part, wide, strict=True))
    rows, columns = (8 * (side.stop - side.start) for side in part)
    alpha = to_alpha(large[top : top + rows, left : left + columns])
    return alpha.masked_fill_(alpha >= SOLID, 1.0)


def _pixels(part: Box) -> Box:
    rows, columns = (slice(8 * side.start, 8 * side.stop) for side in part)
    return rows, columns


def _smooth_bounds(plane: Tensor, rows: slice, columns: slice) -> Box | None:
    """Bounds of the smoothed matte (H, W) above 0.1, which lie inside the box.

    The matte is smoothed with zeros beyond the border, its outer 3 pixels are cut, and it is enlarged again.
    """
    height, width = plane.shape
    smooth = _weighed(_weighed(F.pad(plane[rows, columns], (3, 3, 3, 3)), 1, _ROW), 0, (1.0,) * len(_ROW))
    smooth = _stretched(_stretched(smooth, rows, height).t(), columns, width).t()
    found = bounds(smooth > 0.1)
    return None if found is None else moved(found, (rows, columns))


def _weighed(plane: Tensor, dim: int, weights: Sequence[float]) -> Tensor:
    """Weighted sums of neighbours in (H, W) along `dim`, one for each place where all of them are there."""
    length = plane.shape[dim] - len(weights) + 1
    out = plane.narrow(dim, 0, length) * weights[0]
    for start, weight in enumerate(weights[1:], 1):
        out.add_(plane.narrow(dim, start, length), alpha=weight)
    return out


def _stretched(lines: Tensor, part: slice, whole: int) -> Tensor:
    """Some lines (n, C) of an image of `whole` lines, whose outer three are cut before it is stretched to
    the same size, bilinearly by pixel centres; what lies outside the part is as its border.
    """
    at = (torch.arange(part.start, part.stop, device=lines.device) + 0.5) * ((whole - 6) / whole) - 0.5
    at = at.clamp(0, whole - 7)
    low = at.long()
    place = (low + 3 - part.start).clamp(0, len(lines) - 1)
    following = (torch.clamp(low + 1, max=whole - 7) + 3 - part.start).clamp(0, len(lines) - 1)
    return torch.lerp(lines[place], lines[following], (at - low).to(lines.dtype).unsqueeze(1))
