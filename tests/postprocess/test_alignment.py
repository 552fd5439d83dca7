"""How a mask lies in the image: what is doubted, and what is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from support.tiny import disc

from maggie_core.postprocess.alignment import SeenMask


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Image (3, H, W) of a grainy disc on a grainy wall, and its mask."""
    truth = gaussian_filter(disc(240, 240, 120, 120, 80), 1.0)
    image = truth * 0.5 + 0.2 + np.random.default_rng(0).normal(0, 0.01, (3, 240, 240))
    return image.astype(np.float32), (truth > 0.5).astype(np.float32)


def test_a_mask_that_follows_the_person_is_not_doubted_and_one_that_is_off_is(drawn):
    image, mask = drawn
    off = (disc(240, 240, 128, 114, 84) > 0.5).astype(np.float32)
    good, poor = SeenMask(mask, image, 160), SeenMask(off, image, 160)

    assert good.alignment > 2
    assert good.doubt == 0
    assert poor.doubt > good.doubt


def test_no_outline_is_no_reason_for_doubt(drawn):
    image, mask = drawn

    for plain in (np.zeros_like(mask), np.ones_like(mask)):
        assert SeenMask(plain, image, 160).doubt == 0


@pytest.mark.parametrize("code", [0.0, 0.5, 1.0])
def test_a_plate_of_one_colour_is_no_reason_for_doubt(drawn, code: float):
    _, mask = drawn

    assert SeenMask(mask, np.full((3, *mask.shape), code, np.float32), 160).doubt == 0


def test_on_an_enlarged_plate_the_sides_are_farther_apart_and_others_do_not_count(drawn):
    image, mask = drawn
    off = (disc(240, 240, 120, 120, 90) > 0.5).astype(np.float32)
    beside = np.zeros_like(mask)
    beside[:, 190:] = 1
    striped = image + beside * 0.3 * (np.arange(240) % 8 < 4).astype(np.float32)

    plain = SeenMask(mask, image, 160, 2.0)
    assert plain.doubt == 0
    assert replace(plain, mask=off).doubt == 1
    alone, seen = (SeenMask(mask, striped, 160, 2.0, who).alignment for who in ([beside], []))
    assert alone == pytest.approx(plain.alignment, rel=0.05)
    assert seen < 0.8 * alone
    assert replace(plain, others=[np.ones_like(mask)]).alignment == np.inf


def test_a_plate_that_is_too_coarse_for_a_person_is_no_reason_for_doubt(drawn):
    image, _ = drawn
    off = (disc(240, 240, 128, 114, 84) > 0.5).astype(np.float32)

    assert np.isfinite(SeenMask(off, image, 160).alignment)
    assert SeenMask(off, image, 160, 3.0).alignment == np.inf
