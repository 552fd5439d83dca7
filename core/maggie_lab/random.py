"""Random generators that are addressed by a path of integers.

A sample depends on its seed and its index, not on the samples made before it and not on the number of
processes. Code that draws asks for a generator of its own by a path: what is drawn, seed, index, and so on.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

T = TypeVar("T")

FIGURES, BACKGROUNDS, SCENES, HELD_OUT_SET, DETAILS, PUPPETS, FRAMES = range(7)
"""First step of a path: what is drawn. Two kinds of things with one seed get different streams.

The order is fixed: another number would change every generated sample.
"""


def generator(*path: int) -> np.random.Generator:
    """Make the generator of one path.

    Args:
        path: integers, each at least 0; the first says what is drawn.

    Returns:
        A new generator. The same path gives the same stream; different paths give independent streams.

    Raises:
        ValueError: a step of the path is negative.
    """
    return np.random.default_rng(np.random.SeedSequence([int(step) for step in path]))


def sample_generator(seed: int, index: int) -> np.random.Generator:
    """Make the generator of generated sample `index` of the set `seed`, for `compose` and `compose_clip`."""
    return generator(SCENES, seed, index)


def pick(rng: np.random.Generator, weighted: dict[T, float]) -> T:
    """Draw one key, with a probability proportional to its weight.

    Args:
        weighted: weights by key, each at least 0, one of them above 0; their sum is free. The order of the
            keys counts: a dictionary in another order gives another draw.
    """
    weights = np.array(list(weighted.values()), dtype=np.float64)
    return list(weighted)[int(rng.choice(len(weights), p=weights / weights.sum()))]
