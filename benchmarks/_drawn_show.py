"""The shots of a show, drawn at random: how long, how large and how busy shots are is assumed.

Seconds of a frame are measured ones (`COST`, `maggie_node.farm.plan`). The same seed gives the same show.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from maggie_node.farm.plan import SECONDS_PER_FRAME

T = TypeVar("T")

SIZES = {(1920, 1080): 0.25, (2048, 1152): 0.45, (4096, 2160): 0.3}
PEOPLE = {1: 0.4, 2: 0.27, 3: 0.15, 4: 0.08, 5: 0.05, 6: 0.01, 7: 0.01, 8: 0.01, 9: 0.01, 10: 0.01}
LENGTH = (75, 0.6)
"""Median of frames in a shot and the standard deviation of the logarithm; the mean is 90."""
SHORTEST, LONGEST = 8, 1500
URGENT = 0.03
"""Share of shots that go ahead of all others."""
BYTES_PER_PIXEL = 3.5
"""Plate as half float RGB, zip. Masks and mattes: see `MASK_BYTES`."""
MASK_BYTES = 0.05
MATTE_BYTES = 0.2
"""A pixel and person: a mask read, an alpha written, both mostly flat."""
COST = {"fixed": 0.89, "person": 0.553, "pixel": 0.2, "pixel and person": 0.084}
"""Seconds of a 2K frame by what they grow with, of `bench --case e2e-2k` and `benchmarks.instances`: the
network works at 576 rows whatever the plate's size, so only reading, colour and writing grow with pixels."""
PIXELS = 2048 * 1152


@dataclass(frozen=True)
class Shot:
    frames: int
    pixels: int
    people: int
    urgent: bool = False
    bad: frozenset[int] = frozenset()
    """Frames whose plate cannot be read."""

    @property
    def seconds(self) -> float:
        """Seconds a delivered frame takes on a machine of the usual speed."""
        return SECONDS_PER_FRAME * _cost(self.pixels, self.people) / _cost(PIXELS, 3)

    @property
    def bytes_in(self) -> float:
        return self.pixels * (BYTES_PER_PIXEL + MASK_BYTES * self.people)

    @property
    def bytes_out(self) -> float:
        return self.pixels * MATTE_BYTES * self.people


def _cost(pixels: int, people: int) -> float:
    area = pixels / PIXELS
    per_area = COST["pixel"] + COST["pixel and person"] * people
    return COST["fixed"] + COST["person"] * people + per_area * area


def draw_show(shots: int, *, seed: int = 0, bad_share: float = 2e-6) -> list[Shot]:
    """Shots of a show; the first of a longer show of the same seed are the same.

    Args:
        bad_share: chance of a frame to be unreadable.
    """
    rng = random.Random(seed)
    found = []
    for _ in range(shots):
        frames = round(rng.lognormvariate(math.log(LENGTH[0]), LENGTH[1]))
        frames = min(max(frames, SHORTEST), LONGEST)
        (width, height), people = _pick(rng, SIZES), _pick(rng, PEOPLE)
        urgent = rng.random() < URGENT
        bad = frozenset(p for p in range(frames) if rng.random() < bad_share)
        found.append(Shot(frames, width * height, people, urgent, bad))
    return found


def _pick(rng: random.Random, weights: Mapping[T, float]) -> T:
    return rng.choices(list(weights), list(weights.values()))[0]
