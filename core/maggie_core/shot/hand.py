"""What the artist decides of finished alphas: cores, garbage mattes and edge tools.

It is the last step but one, on the plate's own pixels: only the sharing of pixels between people follows. It
needs no network, and a frame's holds matter to that frame alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maggie_api.settings import EdgeSettings
from maggie_core.guidance import HeldPlanes, Holds
from maggie_core.postprocess.edge_tools import with_edge_tools
from maggie_core.runtime.threads import side_by_side


@dataclass(frozen=True, eq=False)
class Hand:
    """The artist's decisions on a shot.

    Args:
        edges: of each instance, in order.
        holds: cores and garbage mattes; None without any.
    """

    edges: tuple[EdgeSettings, ...]
    holds: Holds | None = None

    @classmethod
    def untouched(cls, count: int) -> Hand:
        """The defaults for so many instances."""
        return cls((EdgeSettings(),) * count)

    def trusts(self, shown: Sequence[int]) -> tuple[float | None, ...] | None:
        """How far the mattes of some instances keep to their masks; None for who leaves that to the masks,
        and in place of the whole where everybody does."""
        found = tuple(None if self.edges[n].trust == "auto" else float(self.edges[n].trust) for n in shown)
        return None if all(trust is None for trust in found) else found

    def apply(self, alphas: np.ndarray, held: HeldPlanes, *, but: Sequence[int]) -> None:
        """Hold and treat alphas (N, H, W), in place.

        Args:
            but: instances whose alphas stay as they are: the artist gave them.
        """

        def one(n: int) -> None:
            core, garbage = held.core.get(n), held.garbage.get(n)
            if core is not None or garbage is not None or self.edges[n].has_tools:
                alphas[n] = with_edge_tools(alphas[n], self.edges[n], core=core, garbage=garbage)

        side_by_side(one, [n for n in range(len(alphas)) if n not in but])
