"""What was seen of the masks that were read: who was never there, who is somebody else, whose look like a
mistake, who had NaN."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator
from itertools import combinations

import numpy as np

from maggie_api.sequences import compact_frames
from maggie_api.settings import Overlap
from maggie_core.guidance.mistaken import Mistake, Mistakes
from maggie_core.guidance.overlap import CLAIM
from maggie_core.guidance.source import Mask


class ObservedMasks:
    """Masks of a shot as they are read, in any order and from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, bool] = {}
        """By name: whether any mask that was read claims a pixel."""
        self._faint: set[str] = set()
        """Who has values above 0 that claim nothing."""
        self._frames: set[int] = set()
        self._nan: dict[str, dict[int, int]] = {}
        """Pixels with NaN, by name and frame."""
        self._same: dict[tuple[str, str], bool] = {}
        """Whether two that were in the same frames had the same masks there."""
        self._mistakes = Mistakes()

    def __contains__(self, frame: int) -> bool:
        """Whether the masks of a frame were seen."""
        with self._lock:
            return frame in self._frames

    def note(self, frame: int, masks: Iterable[Mask]) -> None:
        """Take the masks of a frame."""
        with self._lock:
            if frame in self._frames:
                return
            self._frames.add(frame)
            masks = list(masks)
            self._mistakes.note(frame, masks)
            totals: list[tuple[Mask, float]] = []
            for mask in masks:
                total = float(mask.pixels.sum())
                claims = total > 0 and bool((mask.pixels >= CLAIM).any())
                self._seen[mask.name] = self._seen.get(mask.name, False) or claims
                if total > 0 and not claims:
                    self._faint.add(mask.name)
                if mask.nan:
                    self._nan.setdefault(mask.name, {})[frame] = mask.nan
                if total > 0:
                    totals.append((mask, total))
            for (one, covers), (other, others) in combinations(totals, 2):
                pair = (one.name, other.name)
                if self._same.get(pair, True):
                    self._same[pair] = covers == others and np.array_equal(one.pixels, other.pixels)

    def mistakes(self, frames: Iterable[int], overlap: Overlap) -> tuple[Mistake, ...]:
        """Masks that look like a mistake, in all frames that were read; arguments as for `sentences`."""
        with self._lock:
            return tuple(
                self._mistakes.found(
                    overlap,
                    whole=self._frames.issuperset(frames),
                    same=lambda one, other: self._same.get((one, other), self._same.get((other, one), False)),
                )
            )

    def of_mistakes(
        self,
        frames: Iterable[int],
        *,
        overlap: Overlap,
        asked: Iterable[int],
        names: Collection[str] | None = None,
    ) -> Iterator[tuple[str, str]]:
        """`(code, sentence)` of each mask that looks like a mistake; arguments as for `sentences`.

        Args:
            names: whose masks are told of; None: everybody's.
        """
        asked = frozenset(asked)
        for mistake in self.mistakes(frames, overlap):
            if names is not None and mistake.name not in names:
                continue
            found = mistake.within(asked)
            spoils = found.kind != "hidden" and not asked.issubset(found.frames)
            rest = "; other frames that it spoils come right with it" if spoils else ""
            yield f"{found.kind}-mask", found.sentence + rest

    def sentences(
        self,
        names: Iterable[str],
        frames: Iterable[int],
        *,
        overlap: Overlap = "first",
        asked: Collection[int] | None = None,
    ) -> Iterator[tuple[str, str]]:
        """`(code, sentence)` of each thing the user should know.

        Args:
            names: everybody in the shot.
            frames: all frames that masks are given for. Who is absent in a part of them may be in the rest.
            overlap: which of several masks owns a pixel.
            asked: frames whose mattes are asked for; None: all. Others are read to measure people.
        """
        frames = tuple(frames)
        yield from self.of_mistakes(frames, overlap=overlap, asked=frames if asked is None else asked)
        with self._lock:
            if self._frames.issuperset(frames):
                for name in (name for name in names if not self._seen.get(name, False)):
                    faint = f"has no value of {CLAIM:g} or more in any frame, and its matte is empty"
                    empty = "is empty in all frames, and so is the matte"
                    yield (
                        "empty-mask",
                        f"the mask of {name} {faint if name in self._faint else empty}: check the file, and "
                        "which of its channels or ids is meant",
                    )
            for sentence in self._of_nan("the mask of {}"):
                yield "mask-nan", sentence
            for (one, other), same in self._same.items():
                if same:
                    yield (
                        "same-masks",
                        f"{one} and {other} have the same mask in every frame: one of them is given the "
                        "other's file, channel or id",
                    )

    def of_nan(self, what: str) -> tuple[str, ...]:
        """A sentence for each mask with NaN.

        Args:
            what: it is called, with `{}` for its name.
        """
        with self._lock:
            return tuple(self._of_nan(what))

    def _of_nan(self, what: str) -> Iterator[str]:
        for name, found in self._nan.items():
            yield (
                f"{what.format(name)} has {sum(found.values())} pixels with NaN in frames "
                f"{compact_frames(found)}: they count as 0; render it again"
            )
