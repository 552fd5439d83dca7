"""The footage that each split may use; a person or clip of one split is in no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from maggie_api.errors import SettingsError

from .footage import Footage, find_backgrounds, find_foregrounds

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Pool:
    """The footage one split may use."""

    foregrounds: tuple[Footage, ...]
    backgrounds: tuple[Footage, ...]

    def draw(self, rng: np.random.Generator, people: int) -> list[Footage]:
        """Draw footage of `people` different sources, or of all where there are fewer."""
        by_source: dict[str, list[Footage]] = {}
        for footage in self.foregrounds:
            by_source.setdefault(footage.source, []).append(footage)
        sources = list(by_source)
        chosen = rng.choice(len(sources), min(people, len(sources)), replace=False)
        return [by_source[sources[k]][int(rng.integers(len(by_source[sources[k]])))] for k in chosen]

    def check_enough(self, people: int, split: str) -> None:
        """
        Raises:
            SettingsError: there are fewer than `people` sources of foregrounds, or no background.
        """
        there = len({footage.source for footage in self.foregrounds})
        if there < people or not self.backgrounds:
            raise SettingsError(
                f"{split} gets {there} foreground sources and {len(self.backgrounds)} backgrounds but needs "
                f"{people} and 1: add sources, or change --shares or --people"
            )


def find_pools(
    foregrounds: Path, backgrounds: Path, *, shares: Sequence[float], seed: int, clips_only: bool
) -> dict[str, Pool]:
    """Find footage and give each source to one split; see `split_sources`.

    Args:
        clips_only: take no stills for foregrounds.

    Raises:
        FrameError: a folder is missing or empty, or a foreground has no matte.
        SettingsError: clips are wanted and there are none.
    """
    fore, back = find_foregrounds(foregrounds), find_backgrounds(backgrounds)
    if clips_only:
        fore = [footage for footage in fore if footage.is_clip]
        if not fore:
            raise SettingsError(f"{foregrounds} holds stills only: clips need folders of frames, or movies")
    fore_of, back_of = (
        split_sources([footage.source for footage in kind], shares, seed) for kind in (fore, back)
    )
    return {
        split: Pool(
            tuple(footage for footage in fore if fore_of[footage.source] == split),
            tuple(footage for footage in back if back_of[footage.source] == split),
        )
        for split in SPLITS
    }


def split_sources(sources: Sequence[str], shares: Sequence[float], seed: int) -> dict[str, str]:
    """Give each source to one split.

    Sources are ordered by a hash of seed and name, so that a new one moves few others. Validation and test
    get at least one source each where they have a share.

    Args:
        shares: of train, val and test; any positive numbers, 0 for a split without sources.
    """
    order = sorted(set(sources), key=lambda name: blake2b(f"{seed}/{name}".encode()).digest())
    _, val, test = (max(1, round(share / sum(shares) * len(order))) if share else 0 for share in shares)
    which = ["test"] * test + ["val"] * val
    if shares[0]:
        return {name: which[k] if k < len(which) else "train" for k, name in enumerate(order)}
    return {name: which[min(k, len(which) - 1)] for k, name in enumerate(order)}
