"""Every instance in a pass of its own, for comparison with matting all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from maggie_core.model.frame_window import CHANGES, MAPS, NO_STATE, TemporalState, Wanted, WindowResult
from maggie_core.model.matte_model import MatteModel


class PerInstanceModel(MatteModel):
    """A model that never sees two instances at once, encoder included, as MGM runs.

    It takes one pass for each instance, so time and the features held grow with their number. With one
    instance it is the model it was made from.
    """

    instances = "alone"

    def encode(self, image: Tensor, guidance: Tensor) -> Any:
        """Features of one frame: a tuple with those of each instance's pass."""
        return tuple(super(PerInstanceModel, self).encode(image, only) for only in guidance.split(1))

    def release_fine(self, features: Any) -> Any:
        """As `MatteModel.release_fine`, of each instance's pass."""
        return tuple(super(PerInstanceModel, self).release_fine(only) for only in features)

    def window(
        self,
        frames: list[Any],
        *,
        state: TemporalState = NO_STATE,
        wanted: Wanted = "all",
        fixed_alphas: Sequence[Tensor | None] = (),
        only: Sequence[int] | None = None,
        maps: bool = False,
    ) -> WindowResult:
        """As `MatteModel.window`. The change maps are those of all passes: changed where any of them is."""
        passes = list(zip(*frames, strict=True))
        if only is not None:
            passes = [passes[n] for n in only]
        hidden = [None] * len(passes) if state.hidden is None else list(state.hidden.chunk(len(passes)))
        results = []
        for k, features in enumerate(passes):
            matte = None if state.matte is None else state.matte[k : k + 1]
            results.append(
                super().window(
                    list(features),
                    state=TemporalState(matte, hidden[k]),
                    wanted=wanted,
                    fixed_alphas=[None if frame is None else frame[k : k + 1] for frame in fixed_alphas],
                    maps=maps,
                )
            )
        return _side_by_side(results)


def _side_by_side(results: list[WindowResult]) -> WindowResult:
    """The windows of single instances as one window of all of them."""
    first = results[0]
    maps = {name: torch.cat([getattr(result, name) for result in results], dim=1) for name in MAPS}
    shared = {
        name: torch.stack([getattr(result, name) for result in results]).amax(dim=0)
        for name in CHANGES
        if getattr(first, name) is not None
    }
    states = [result.hidden for result in results if result.hidden is not None]
    return replace(first, **maps, **shared, hidden=torch.cat(states, dim=1) if states else None)
