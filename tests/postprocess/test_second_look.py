"""The small look: only masks in doubt change, and their outlines move without a jump."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from support.tiny import disc

from maggie_core.postprocess.alignment import alignment, doubt
from maggie_core.postprocess.second_look import LOOK_PX, corrected_guidance, look_scale, small_look


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Image (3, H, W) of a grainy disc on a grainy wall, and its mask."""
    truth = gaussian_filter(disc(240, 240, 120, 120, 80), 1.0)
    image = truth * 0.5 + 0.2 + np.random.default_rng(0).normal(0, 0.01, (3, 240, 240))
    return image.astype(np.float32), (truth > 0.5).astype(np.float32)


def test_a_mask_that_follows_the_person_is_not_doubted_and_one_that_is_off_is(drawn):
    image, mask = drawn
    off = (disc(240, 240, 128, 114, 84) > 0.5).astype(np.float32)

    assert alignment(mask, image, 160) > 2
    assert doubt(alignment(mask, image, 160)) == 0
    assert doubt(alignment(off, image, 160)) > doubt(alignment(mask, image, 160))


def test_no_outline_is_no_reason_for_doubt(drawn):
    image, mask = drawn

    for plain in (np.zeros_like(mask), np.ones_like(mask)):
        assert doubt(alignment(plain, image, 160)) == 0


def test_masks_that_are_not_doubted_stay_bit_for_bit(drawn):
    _, mask = drawn
    guidance = np.stack([mask, np.roll(mask, 20, axis=1)])

    assert np.array_equal(corrected_guidance(guidance, np.zeros_like(guidance), [0, 0]), guidance)


def test_the_outline_moves_with_the_doubt():
    guidance, seen = (disc(240, 240, 120, 120, radius)[None].round() for radius in (60, 80))

    areas = [corrected_guidance(guidance, seen, [d])[0].sum() for d in (0, 0.25, 0.5, 0.75, 1)]

    radii = np.sqrt(np.array(areas) / np.pi)
    np.testing.assert_allclose(radii, [60, 65, 70, 75, 80], atol=1.2)


def test_a_mask_neither_vanishes_nor_grows_into_another(drawn):
    _, mask = drawn
    guidance = np.stack([mask, disc(240, 240, 225, 225, 12).round()])

    gone = corrected_guidance(guidance, np.zeros_like(guidance), [1, 1])
    grown = corrected_guidance(guidance, np.ones_like(guidance), [1, 0])

    assert np.array_equal(gone, guidance)
    assert (grown[0] * guidance[1]).sum() == 0
    assert np.array_equal(grown[1], guidance[1])


def test_the_look_brings_people_near_its_size_in_steps():
    for size in (100.0, 256.0, 362.0, 540.0, 2000.0):
        scale = look_scale([size, 0.0])
        assert scale <= 1
        assert size < LOOK_PX or 0.8 < size * scale / LOOK_PX < 1.2
    assert look_scale([]) == look_scale([0.0]) == 1.0
    assert look_scale([540.0]) == look_scale([560.0])


def test_what_is_looked_at_is_smaller_and_binary(drawn):
    image, mask = drawn

    small, masks = small_look(image, mask[None], scale=0.5)

    assert small.shape == (3, 120, 120)
    assert masks.shape == (1, 120, 120)
    assert set(np.unique(masks)) == {0.0, 1.0}
