"""Pixels that several masks claim."""

from __future__ import annotations

import numpy as np
import pytest

from maggie_core.guidance import exclusive


def coverage(*columns: list[float]) -> np.ndarray:
    """(N, 1, w) from one list of coverages per pixel."""
    return np.array(columns, np.float32).T[:, None, :]


@pytest.mark.parametrize(
    ("policy", "owners"),
    [("first", [[1, 0], [0, 1]]), ("last", [[0, 1], [0, 1]]), ("shared", [[1, 1], [1, 1]])],
)
def test_the_policy_decides_between_equals_and_coverage_between_others(policy, owners):
    claimed = coverage([1.0, 1.0], [0.6, 0.9])

    owned = exclusive(claimed, policy)

    assert owned[:, 0, :].T.tolist() == owners


def test_less_than_half_a_pixel_is_no_claim():
    assert exclusive(coverage([0.4, 0.45], [0.5, 0.0]))[:, 0].T.tolist() == [[0, 0], [1, 0]]


@pytest.mark.parametrize("policy", ["first", "last"])
def test_every_claimed_pixel_has_one_owner(policy):
    random = np.random.default_rng(1).random((12, 9, 7), np.float32)

    owned = exclusive(random, policy)

    assert owned.dtype == np.float32
    assert np.array_equal(owned.sum(axis=0), (random >= 0.5).any(axis=0))
    assert (random[owned == 1] >= 0.5).all()
