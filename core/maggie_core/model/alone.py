"""Every instance in a pass of its own: what matting people together is measured against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, tee

import torch
from torch import Tensor

from maggie_core.model.matte_model import CHANGES, MAPS, MatteModel, WindowResult


class OneByOne(MatteModel):
    """A model that never sees two instances at once, encoder included, as MGM runs.

    `predict_window`, `predict_clip` and `stream` take one pass for each instance, so time and the features
    held grow with their number. With one instance it is the model it was made from.
    """

    instances = "alone"

    def predict_window(
        self, image: Tensor, guidance: Tensor, *, previous: Tensor | None = None, hidden: Tensor | None = None
    ) -> WindowResult:
        """As `MatteModel.predict_window`; the change maps are those of all passes, changed where any is."""
        self._check(image, guidance)
        count = guidance.shape[1]
        states = [None] * count if hidden is None else list(hidden.chunk(count))
        results = []
        for k, state in enumerate(states):
            earlier = None if previous is None else previous[k : k + 1]
            only = guidance[:, k : k + 1]
            results.append(super().predict_window(image, only, previous=earlier, hidden=state))
        return _side_by_side(results)

    def stream(
        self, pairs: Iterable[tuple[Tensor, Tensor]], *, carry_hidden: bool = False, carry_last: bool = True
    ) -> Iterator[Tensor]:
        """As `MatteModel.stream`; three frames' features are held for each instance."""
        pairs = iter(pairs)
        first = next(pairs, None)
        if first is None:
            return
        run, count = super().stream, first[1].shape[0]
        passes = [
            run(_only(copy, k), carry_hidden=carry_hidden, carry_last=carry_last)
            for k, copy in enumerate(tee(chain([first], pairs), count))
        ]
        for mattes in zip(*passes, strict=True):
            yield torch.cat(mattes)


def _only(pairs: Iterable[tuple[Tensor, Tensor]], k: int) -> Iterator[tuple[Tensor, Tensor]]:
    for image, guidance in pairs:
        yield image, guidance[k : k + 1]


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
