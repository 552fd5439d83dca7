"""One random generator per address, so that any sample can be made alone.

A sample is a function of its seed and its index and of nothing else: not of the samples made before it, not
of the number of processes. Every maker therefore asks for its own generator by a path of integers.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

T = TypeVar("T")

FIGURES, BACKGROUNDS, SCENES, HELD_OUT_SET, DETAILS, PUPPETS, FRAMES = range(7)
"""First step of a path: things of two kinds with the same seed must not share their draws."""


def generator(*path: int) -> np.random.Generator:
    """A generator that depends on `path` alone; different paths give independent streams."""
    return np.random.default_rng(np.random.SeedSequence([int(step) for step in path]))


def sample_generator(seed: int, index: int) -> np.random.Generator:
    """The generator of sample `index` of the set `seed`: hand it to `compose` or `compose_clip`."""
    return generator(SCENES, seed, index)


def pick(rng: np.random.Generator, weighted: dict[T, float]) -> T:
    """Draw one key with a probability proportional to its weight."""
    weights = np.array(list(weighted.values()), dtype=np.float64)
    return list(weighted)[int(rng.choice(len(weights), p=weights / weights.sum()))]
