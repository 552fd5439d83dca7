"""Mattes that add up, and occlusion as the recipes count it."""

from __future__ import annotations

import numpy as np
import pytest

from maggie_lab.recipes.compositing import Layer, compose, occlusions, recompose, visible_mattes


def test_visible_mattes_are_the_product_rule_within_a_code_and_never_sum_beyond_one():
    whole = np.random.default_rng(0).integers(0, 256, (5, 40, 50), dtype=np.uint8)
    front = np.cumprod((1 - whole[::-1] / 255), axis=0)[::-1]
    product = whole / 255 * np.concatenate([front[1:], np.ones_like(front[:1])])

    visible = visible_mattes(whole)

    assert np.abs(visible / 255 - product).max() <= 1 / 255 + 1e-6
    assert visible.sum(0, dtype=int).max() <= 255


def test_what_nobody_stands_before_is_unchanged():
    whole = np.zeros((2, 4, 4), np.uint8)
    whole[0, :2], whole[1, 2:] = 200, 77

    assert np.array_equal(visible_mattes(whole), whole)


def test_occlusion_is_counted_against_what_was_seen_before_each_paste():
    whole = np.zeros((3, 1, 8), np.uint8)
    whole[0, 0, :8], whole[1, 0, :4], whole[2, 0, 4:6] = 255, 255, 255

    hidden = occlusions(whole)

    assert hidden[0, 1] == pytest.approx(0.5)
    assert hidden[0, 2] == pytest.approx(0.5)
    assert hidden[1, 2] == 0


def test_a_composite_is_the_sum_of_its_layers_and_background():
    rng = np.random.default_rng(1)
    background = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    layers = [
        Layer(
            rng.integers(0, 256, (15, 12, 3), dtype=np.uint8), rng.integers(0, 256, (15, 12), np.uint8), x, y
        )
        for x, y in ((-4, 2), (5, 10), (22, -3))
    ]

    made = compose(background, layers)

    shares = made.alphas / 255
    expected = (shares[..., None] * made.colours).sum(0) + (1 - shares.sum(0))[..., None] * background
    assert np.abs(made.image - expected).max() <= 0.51
    assert np.array_equal(recompose(background, made.colours, made.alphas), made.image)
    assert not made.whole[0, :, 8:].any()
