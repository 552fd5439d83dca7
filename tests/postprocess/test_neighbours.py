"""Neighbours: nobody on another's core, and no pixel claimed more than once."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny import disc

from maggie_core.postprocess.neighbours import clear_cores, share_pixels


@pytest.fixture(scope="module")
def people() -> np.ndarray:
    """(2, H, W): masks of two discs that touch."""
    return np.stack([disc(200, 120, 60, 60, 40), disc(200, 120, 140, 60, 40)]).round().astype(np.float32)


def test_an_alpha_on_anothers_core_is_gone_and_the_rest_stays(people):
    alphas = np.full_like(people, 0.6)

    cleared = clear_cores(alphas, people, [80.0, 80.0])

    core = disc(200, 120, 140, 60, 37) == 1
    assert cleared[0][core].max() == 0
    assert np.array_equal(cleared[0][people[1] == 0], alphas[0][people[1] == 0])
    assert np.array_equal(cleared[1][people[0] == 0], alphas[1][people[0] == 0])


def test_the_core_of_a_mask_that_is_off_begins_deeper(people):
    alphas = np.full_like(people, 0.6)

    cleared = clear_cores(alphas, people, [80.0, 80.0], off=[0.0, 0.05])

    near, core = (disc(200, 120, 140, 60, radius) == 1 for radius in (37, 22))
    assert cleared[0][near & ~core].mean() > 0.3
    assert cleared[0][core].max() == 0
    assert np.array_equal(cleared[1], clear_cores(alphas, people, [80.0, 80.0])[1])


def test_where_both_masks_claim_a_pixel_both_alphas_stay(people):
    both = np.stack([np.maximum(people[0], people[1]), people[1]])
    alphas = np.full_like(people, 0.6)

    cleared = clear_cores(alphas, both, [80.0, 80.0])

    assert np.array_equal(cleared[0], alphas[0])


def test_one_person_alone_is_left_as_they_are(people):
    alone = people[:1] * np.float32(0.7)

    assert np.array_equal(clear_cores(alone, people[:1], [80.0]), alone)


def test_together_they_claim_no_more_than_the_pixel():
    rng = np.random.default_rng(1)
    alphas = rng.random((5, 300, 40)).astype(np.float32) ** 3
    alphas[:, 0, 0], alphas[:, 0, 1] = 1, 0
    before = alphas.copy()

    share_pixels(alphas)

    assert alphas.sum(axis=0).max() <= 1 + 1e-5
    assert alphas.min() >= 0
    assert (alphas <= before + 1e-6).all()
    fits = before.sum(axis=0) <= 1
    assert np.array_equal(alphas[:, fits], before[:, fits])


def test_who_covers_a_pixel_wholly_keeps_it_and_equals_halve_it():
    alphas = np.array([[1.0, 0.8, 1.0], [0.7, 0.8, 1.0]], np.float32)[:, None]

    share_pixels(alphas)

    np.testing.assert_allclose(alphas[:, 0], [[1, 0.5, 0.5], [0, 0.5, 0.5]], atol=1e-5)


def test_a_fixed_alpha_stays_and_the_others_share_what_it_leaves():
    alphas = np.array([[0.6], [0.5], [0.5]], np.float32)[:, None]

    share_pixels(alphas, fixed=[0])

    np.testing.assert_allclose(alphas[:, 0, 0], [0.6, 0.2, 0.2], atol=1e-5)


def test_nothing_flips_where_two_are_nearly_equal():
    one, other = (np.array([[a], [b]], np.float32)[:, None] for a, b in ((0.8, 0.81), (0.81, 0.8)))

    share_pixels(one)
    share_pixels(other)

    assert np.abs(one - other).max() < 0.03
