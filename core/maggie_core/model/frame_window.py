"""A window of frames: what is asked of it, what is known of it while it is matted, and what it gives.

`MatteModel` (matte_model.py) does the matting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from maggie_core.model.network import CoarseInstances, FrameFeatures

Wanted = Literal["all", "after first", "middle"]
"""Mattes asked of a window: of every frame, of every frame but the first, or of the second of three."""

MAPS = ("alpha", "alpha_os8", "alpha_os4", "alpha_os1", "undecided", "single")
"""Results with one map per instance."""
CHANGES = ("change_forward", "change_backward")
"""Results of a video network with one map per frame."""


@dataclass(frozen=True, eq=False)
class TemporalState:
    """What a window takes from the window before; a first window takes nothing."""

    matte: Tensor | None = None
    """(N, H, W) final matte of this window's first frame."""
    hidden: Tensor | None = None
    """(C, H/8, W/8) state of the Conv-GRU before the first frame; None means zeros, as published."""


NO_STATE = TemporalState()


@dataclass(frozen=True, eq=False)
class WindowResult:
    """Mattes of a window and the maps that led to them; coverage in [0, 1], (T, N, H, W) each.

    `alpha` is always given, and `single` unless the middle frame alone is asked for. The other maps are empty
    (T is 0) unless `window` is asked for all `maps`.
    """

    alpha: Tensor
    alpha_os8: Tensor
    alpha_os4: Tensor
    alpha_os1: Tensor
    undecided: Tensor
    """bool: pixels of the sparse stage."""
    single: Tensor
    """Mattes before the temporal fusion, of the last frame alone unless all maps are asked for."""
    hidden: Tensor | None = None
    """(T, C, H/8, W/8) forward temporal states; several groups of instances lie side by side in C."""
    change_forward: Tensor | None = None
    """(T, H, W) in [0, 1]: frame t against t-1; 0.5 where there is no neighbour."""
    change_backward: Tensor | None = None

    @classmethod
    def joined(cls, results: Sequence[WindowResult]) -> WindowResult:
        """Windows one after the other as a single one, without what a video network alone gives."""
        return cls(**{name: torch.cat([getattr(result, name) for result in results]) for name in MAPS})

    def cropped(self, height: int, width: int) -> WindowResult:
        """The same maps without what lies right of `width` and below `height`."""
        maps = {name: getattr(self, name) for name in (*MAPS, *CHANGES)}
        return replace(
            self, **{name: each[..., :height, :width] for name, each in maps.items() if each is not None}
        )


@dataclass(frozen=True, eq=False)
class GroupCoarse:
    """Coarse result of one group; `logits` is None when the whole window has no guidance."""

    logits: Tensor | None
    """(T, n, H/8, W/8), without the first frame where that is not wanted."""
    f8: Tensor
    """(T, query, H/8, W/8), before temporal fusion."""
    hidden: Tensor | None
    """(T, C, H/8, W/8)."""
    queries: Tensor
    """(n, query)."""

    def instances(self, group: Tensor, rows: Tensor, t: int) -> CoarseInstances:
        """Some of the group's instances in frame t, which is counted from the window's end.

        Args:
            group: (n,) which instances of the frame these are.
            rows: places in the group.
        """
        assert self.logits is not None
        return CoarseInstances(group[rows], self.queries[rows], self.logits[t, rows], self.f8[t])


@dataclass(frozen=True, eq=False)
class AskedGroup:
    """Those of a group of instances whose mattes are asked for."""

    instances: Tensor
    """(n,) the whole group."""
    rows: Tensor
    """Places in the group of those that are asked for."""
    place: slice
    """Where their mattes lie among all that are asked for."""

    @classmethod
    def in_groups(cls, groups: Sequence[Tensor], asked: Sequence[int]) -> list[AskedGroup]:
        """Those of each group that are asked for, ascending."""
        found: list[AskedGroup] = []
        end = 0
        for group in groups:
            places = {instance: row for row, instance in enumerate(group.tolist())}
            rows = [places[instance] for instance in asked if instance in places]
            place = slice(end, end := end + len(rows))
            found.append(cls(group, torch.tensor(rows, dtype=torch.long, device=group.device), place))
        return found


@dataclass(frozen=True, eq=False)
class WindowMaps:
    """(T, N, H, W) maps of a window, filled in group by group; T is 0 where they are not asked for."""

    alpha8: Tensor
    alpha4: Tensor
    alpha1: Tensor
    region: Tensor

    @classmethod
    def zeros(cls, shape: tuple[int, ...], device: torch.device) -> WindowMaps:
        kinds = torch.float32, torch.float32, torch.float32, torch.bool
        return cls(*(torch.zeros(shape, dtype=kind, device=device) for kind in kinds))

    @property
    def all(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """In the order of a `WindowResult`."""
        return self.alpha8, self.alpha4, self.alpha1, self.region


@dataclass(frozen=True, eq=False)
class WindowUnderWay:
    """What is known of a window while its frames are matted."""

    frames: list[FrameFeatures]
    groups: list[AskedGroup]
    """Instances of each pass."""
    coarse: list[GroupCoarse]
    """Coarse result of each group."""
    before: Tensor | None
    """(N, H, W) final matte of the first frame."""
    fixed_alphas: Sequence[Tensor | None]
    maps: WindowMaps

    @property
    def shape(self) -> tuple[int, int, int]:
        """N, H, W; N counts who is asked for."""
        h, w = self.frames[0].cells.shape[1:]
        return self.groups[-1].place.stop, 8 * h, 8 * w

    @property
    def hidden(self) -> Tensor | None:
        """(T, C, H/8, W/8) states of all groups, side by side in C."""
        states = [seen.hidden for seen in self.coarse if seen.hidden is not None]
        if len(states) < 2:
            return states[0] if states else None
        return torch.cat(states, dim=1)
