"""Everything in a pixel belongs to somebody, once."""

from __future__ import annotations

import numpy as np

from maggie_core.mattes import sum_to_one


def test_alphas_and_residual_sum_to_one():
    alphas = np.random.default_rng(5).random((4, 20, 30), np.float32) ** 3

    scaled, extra = sum_to_one(alphas)

    assert np.abs(scaled.sum(axis=0) + extra["residual"] - 1).max() < 1e-6
    assert scaled.dtype == extra["residual"].dtype == extra["contested"].dtype == np.float32


def test_alphas_that_fit_together_are_kept_bit_for_bit():
    alphas = np.random.default_rng(5).random((4, 20, 30), np.float32) / 4

    assert np.array_equal(sum_to_one(alphas)[0], alphas)


def test_contested_is_the_second_claim():
    alphas = np.array([[1, 1, 0.5, 0.75], [0, 1, 0.5, 0.5], [0, 0, 0, 0.25]], np.float32)[:, None]

    _, extra = sum_to_one(alphas)

    assert extra["contested"][0].tolist() == [0, 1, 0.5, 0.5]


def test_nobody_competes_with_one_person():
    _, extra = sum_to_one(np.full((1, 2, 2), 0.75, np.float32))

    assert not extra["contested"].any() and (extra["residual"] == 0.25).all()
