"""Every instance in a pass of its own: what matting people together is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from maggie_core.model.matte_model import CHANGES, MAPS, MatteModel, WindowResult


class OneByOne(MatteModel):
    """A model that never sees two instances at once, encoder included, as MGM runs.

    It takes one pass for each instance, so time and the features held grow with their number. With one
    instance it is the model it was made from.
    """

    instances = "alone"

    def encode(self, image: Tensor, guidance: Tensor) -> Any:
        """Features of one frame: a tuple with those of each instance's pass."""
        return tuple(super(OneByOne, self).encode(image, only) for only in guidance.split(1))

    def passed(self, features: Any) -> Any:
        return tuple(super(OneByOne, self).passed(only) for only in features)

    def window(
        self,
        frames: list[Any],
        *,
        previous: Tensor | None = None,
        hidden: Tensor | None = None,
        skip_first: bool = False,
        skip_last: bool = False,
        known: Sequence[Tensor | None] = (),
        maps: bool = False,
    ) -> WindowResult:
        """As `MatteModel.window`; the change maps are those of all passes, changed where any is."""
        passes = list(zip(*frames, strict=True))
        states = [None] * len(passes) if hidden is None else list(hidden.chunk(len(passes)))
        results = []
        for k, (features, state) in enumerate(zip(passes, states, strict=True)):
            results.append(
                super().window(
                    list(features),
                    previous=None if previous is None else previous[k : k + 1],
                    hidden=state,
                    skip_first=skip_first,
                    skip_last=skip_last,
                    maps=maps,
                    known=[None if frame is None else frame[k : k + 1] for frame in known],
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
