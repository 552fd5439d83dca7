"""Trackers: from the people in one frame to the people in the next ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from maggie_core.model import MatteModel
from maggie_core.model.still import matte_still
from maggie_core.postprocess.temporal import correspondence, sampled
from maggie_core.propagation.affinity import Known, alike, cell_labels, describe, remembered

Plane = NDArray[np.float32]

PAD_PX = 64
"""The network sees an image grown to a multiple of this, as in a shot."""
MATTE_SHARE = 0.5
"""What the network's own matte counts against affinity and flow. It draws the outline; alone it would follow
whatever it once took in."""


class Tracker(Protocol):
    """Follows people through a clip, in one direction."""

    @property
    def digest(self) -> str:
        """Text that changes with everything that decides the masks beside images and keys."""
        ...

    def follow(
        self,
        path: Sequence[int],
        image: Callable[[int], Plane],
        keys: Mapping[int, Plane],
        start: Plane,
        settle: Callable[[int, Plane], Plane],
    ) -> Iterator[int]:
        """Follow people along a path of frames; yields each frame after the first once it is settled.

        Args:
            path: frames in the order they are visited, forwards or backwards in time.
            image: (3, H, W) of a frame, sRGB-encoded in [0, 1].
            keys: (N + 1, H, W) shares of background and people in frames where they are given; all zero where
                a pixel's owner is not known.
            start: the same of the first frame of the path.
            settle: takes a frame and the shares (N + 1, H, W) found in it, and returns those to go on from:
                what is known of the frame replaces what was found.
        """
        ...


class AffinityTracker:
    """The built-in tracker: affinity to the keys and to the frame before, flow, and the network's own matte.

    It keeps nothing from frame to frame but the shares of people, so a chain may be taken up at any frame.
    """

    def __init__(self, model: MatteModel) -> None:
        self._model = model

    @property
    def digest(self) -> str:
        return f"affinity 1 {self._model.digest}"

    def follow(
        self,
        path: Sequence[int],
        image: Callable[[int], Plane],
        keys: Mapping[int, Plane],
        start: Plane,
        settle: Callable[[int, Plane], Plane],
    ) -> Iterator[int]:
        """As `Tracker.follow`."""
        memory = [remembered(image(t), shares) for t, shares in keys.items()]
        shares, there = start, image(path[0])
        cells = describe(there)
        for t in path[1:]:
            here = image(t)
            known = Known(cells, cell_labels(shares))
            cells = describe(here)
            shares = settle(t, self._step(here, there, cells, shares, known, memory))
            there = here
            yield t

    def _step(
        self, here: Plane, there: Plane, cells: Plane, shares: Plane, known: Known, keys: Sequence[Known]
    ) -> Plane:
        """(N + 1, H, W) shares of a frame from those of the frame before."""
        x, y, sure = correspondence(here, there)
        carried = np.stack([sampled(plane, x, y) for plane in shares])
        found = alike(cells, known, x, y, keys)
        found += sure * (carried - found)
        owner = found.argmax(axis=0)
        masks = np.stack([owner == n for n in range(1, len(found))]).astype(np.float32)
        if masks.any():
            alphas = matte_still(self._model, here, masks, pad_px=PAD_PX)
            rest = np.clip(1 - alphas.sum(axis=0, keepdims=True), 0, 1)
            found += np.float32(MATTE_SHARE) * (np.concatenate([rest, alphas]) - found)
        return found / np.maximum(found.sum(axis=0), np.float32(1e-3))
