from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from maggie_lab.evaluation import BASELINES, blurred_mask, closed_form, guided_filter, mask_itself

Scene = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture
def disc() -> Scene:
    """A red disc on a green ground (3, 96, 96), its alpha, and a mask two pixels off."""
    y, x = np.mgrid[:96, :96].astype(np.float32)
    alpha = np.clip(30.5 - np.hypot(x - 48, y - 48), 0, 1)
    colours = np.array([[0.8, 0.2, 0.1], [0.2, 0.7, 0.3]], np.float32)
    image = colours[0][:, None, None] * alpha + colours[1][:, None, None] * (1 - alpha)
    mask = np.roll(alpha > 0.5, 2, axis=1).astype(np.float32)
    return image, alpha, mask


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_gives_coverage_of_the_masks_shape(name: str, disc: Scene):
    image, _, mask = disc

    alpha = BASELINES[name](image, mask)

    assert alpha.shape == mask.shape
    assert alpha.dtype == np.float32
    assert 0 <= alpha.min() and alpha.max() <= 1


def test_the_guided_filter_moves_a_wrong_edge_towards_the_right_one(disc: Scene):
    image, truth, mask = disc

    filtered = guided_filter(image, mask, radius_px=5)

    assert ((filtered - truth) ** 2).mean() < 0.5 * ((mask - truth) ** 2).mean()


def test_a_blur_lowers_the_squared_error_of_a_mask_that_is_off(disc: Scene):
    image, truth, mask = disc

    blurred = blurred_mask(image, mask)

    assert ((blurred - truth) ** 2).mean() < ((mask_itself(image, mask) - truth) ** 2).mean()


def test_an_empty_mask_stays_empty(disc: Scene):
    image, _, mask = disc

    for baseline in BASELINES.values():
        assert not baseline(image, np.zeros_like(mask)).any()


def test_the_closed_form_finds_the_edge_of_a_mask_that_is_off(disc: Scene):
    image, truth, mask = disc

    alpha = closed_form(image, mask, band_px=5)

    assert np.abs(alpha - truth).max() < 0.02


def test_the_closed_form_keeps_the_mask_away_from_its_edge(disc: Scene):
    image, _, mask = disc
    noisy = np.clip(image + np.random.default_rng(1).normal(0, 0.3, image.shape), 0, 1)

    alpha = closed_form(noisy, mask, band_px=3)

    near = ndimage.maximum_filter(mask, 7) > ndimage.minimum_filter(mask, 7)
    assert np.array_equal(alpha[~near], mask[~near])


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_gives_the_same_matte_every_time(name: str, disc: Scene):
    image, _, mask = disc

    assert np.array_equal(BASELINES[name](image, mask), BASELINES[name](image, mask))


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (40, 2), (3, 3)])
def test_an_image_of_a_few_pixels_has_a_baseline_too(size: tuple[int, int]):
    mask = np.zeros(size, np.float32)
    mask[0, 0] = 1

    for baseline in BASELINES.values():
        alpha = baseline(np.full((3, *size), 0.5, np.float32), mask)

        assert np.isfinite(alpha).all()
