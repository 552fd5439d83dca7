"""What the video network adds: a Conv-GRU at stride 8, the change head, and matte fusion."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.layers import SpectralConv
from maggie_core.model.widths import Fusion, Widths


class ConvGru(nn.Module):
    """One convolutional GRU cell, run forwards over a window and, if it is `bidirectional`, back again."""

    def __init__(self, dim: int, *, bidirectional: bool = True):
        super().__init__()
        self.bidirectional = bidirectional
        self.ih = nn.Sequential(nn.Conv2d(2 * dim, 2 * dim, 3, padding=1))
        self.hh = nn.Sequential(nn.Conv2d(2 * dim, dim, 3, padding=1))

    def cell(self, x: Tensor, h: Tensor) -> Tensor:
        r, z = torch.sigmoid(self.ih(torch.cat([x, h], dim=1))).chunk(2, dim=1)
        candidate = torch.tanh(self.hh(torch.cat([x, r * h], dim=1)))
        return (1 - z) * h + z * candidate

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(T, C, h, w) features -> their temporal states (mean of both directions), and the forward ones.

        Args:
            hidden: (C, h, w) state before the first frame; None means zeros, the published behaviour.
        """
        state = torch.zeros_like(x[:1]) if hidden is None else hidden.unsqueeze(0)
        forward = []
        for frame in x.split(1):
            state = self.cell(frame, state)
            forward.append(state)
        if not self.bidirectional:
            return torch.cat(forward), torch.cat(forward)
        merged = [forward[-1]]
        for frame, ahead in zip(reversed(x.split(1)[:-1]), reversed(forward[:-1]), strict=True):
            state = self.cell(frame, state)
            merged.append((ahead + state) / 2)
        return torch.cat(merged[::-1]), torch.cat(forward)


def change_head(w: Widths) -> nn.Sequential:
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
    frame, which has none behind it, as it is.

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
    df, db = (change_forward > 0.5).to(alphas.dtype), (change_backward > 0.5).to(alphas.dtype)
    ahead = p * (1 - df[1]) + a1 * df[1]
    behind = a2 * (1 - db[1]) + a1 * db[1]
    if fusion == "backward":
        return torch.stack([a0, behind, a2])
    out1 = ahead if fusion == "forward" else torch.where(ahead == behind, ahead, a1)
    out2 = out1 * (1 - df[2]) + a2 * df[2]
    return torch.stack([a0, out1, out2])


def tidy_coarse(alpha: Tensor) -> Tensor:
    """Snap nearly solid coverage of the coarse matte to one (the published test-time rule)."""
    return torch.where(alpha >= 0.95, 1.0, alpha)


BOX_GROWTH_PX = 30
_ROW = torch.tensor([0.0112972, 0.0196901, 0.0274797, 0.0307091, 0.0274797, 0.0196901, 0.0112972])
"""One row of the 7x7 smoothing kernel; all seven rows are the same, as published (it is no Gaussian)."""


def instance_boxes(alpha: Tensor) -> Tensor:
    """Where an instance may be: the grown bounding box of its smoothed coarse matte.

    Args:
        alpha: (M, H, W) coarse coverage in [0, 1].

    Returns:
        (M, H, W) bool; all True for a map whose smoothed matte nowhere exceeds 0.1.
    """
    maps, height, width = alpha.shape
    row = _ROW.to(alpha)
    smooth = F.conv2d(alpha.unsqueeze(1), row.view(1, 1, 1, 7), padding=(0, 3))
    smooth = F.conv2d(smooth, torch.ones(1, 1, 7, 1).to(alpha), padding=(3, 0))
    smooth = F.interpolate(smooth[..., 3:-3, 3:-3], (height, width), mode="bilinear", align_corners=False)
    keep = torch.ones_like(alpha, dtype=torch.bool)
    for m, found in enumerate(smooth[:, 0] > 0.1):
        rows, columns = found.any(dim=1).nonzero(), found.any(dim=0).nonzero()
        if len(rows) == 0:
            continue
        top, bottom = int(rows[0]) - BOX_GROWTH_PX, int(rows[-1]) + BOX_GROWTH_PX
        left, right = int(columns[0]) - BOX_GROWTH_PX, int(columns[-1]) + BOX_GROWTH_PX
        keep[m] = False
        keep[m, max(0, top) : min(bottom, height), max(0, left) : min(right, width)] = True
    return keep
