"""Specks, holes and edges of one alpha."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny import disc

from maggie_core.qc.planes import shape

WIDTH, HEIGHT = 320, 240
BODY = disc(WIDTH, HEIGHT, 150, 120, 60)


def looked_at(alpha: np.ndarray, *, total: np.ndarray | None = None, mask: np.ndarray | None = None):
    return shape(alpha, alpha if total is None else total, mask)


def test_a_smooth_disc_has_no_specks_and_no_holes_and_an_edge_of_a_pixel():
    found = looked_at(BODY)

    assert (found.speck_count, found.hole_count) == (0, 0)
    assert found.edge_px == pytest.approx(1, abs=0.3)
    assert found.undecided == pytest.approx(100 * 2 / 60, abs=1.5)


def test_pieces_apart_from_the_rest_are_specks_and_ends_of_hair_are_not():
    alpha = BODY.copy()
    alpha[20:24, 300:304] = 0.6
    alpha[200:203, 10:13] = 1
    alpha[120, 213:216] = 0.8  # two pixels off the disc's rim
    found = looked_at(alpha)

    assert found.speck_count == 2
    assert found.specks == pytest.approx(100 * 25 / np.count_nonzero(alpha > 0.02))


def test_half_a_person_behind_a_post_is_no_speck():
    alpha = BODY.copy()
    alpha[:, 145:160] = 0

    assert looked_at(alpha).speck_count == 0


def test_a_hole_in_the_body_is_found_and_one_that_somebody_else_fills_is_none():
    alpha = BODY.copy()
    alpha[100:106, 150:156] = 0.1
    hand = np.zeros_like(alpha)
    hand[100:106, 150:156] = 0.9

    found, filled = looked_at(alpha), looked_at(alpha, total=alpha + hand)

    assert (found.hole_count, filled.hole_count) == (1, 0)
    assert found.holes == pytest.approx(100 * 36 / np.count_nonzero(alpha > 0.02))


def test_a_large_hole_is_the_arms_own_unless_the_guidance_has_none_there():
    alpha = BODY * (1 - disc(WIDTH, HEIGHT, 150, 120, 20))
    ring = (alpha > 0.5).astype(np.float32)
    full = (BODY > 0.5).astype(np.float32)

    assert looked_at(alpha).hole_count == 0
    assert looked_at(alpha, mask=ring).hole_count == 0
    assert looked_at(alpha, mask=full).hole_count == 1


def test_what_is_open_to_the_images_border_is_no_hole():
    alpha = np.ones((HEIGHT, WIDTH), np.float32)
    alpha[:40, 100:140] = 0

    assert looked_at(alpha).hole_count == 0


def test_a_cut_out_has_no_edge_and_a_smeared_matte_no_core():
    cut_out = looked_at((BODY > 0.5).astype(np.float32))
    smeared = looked_at(BODY * np.float32(0.6))

    assert cut_out.edge_px == 0
    assert smeared.undecided == 100


def test_noise_has_many_specks():
    noise = (np.random.default_rng(0).random((HEIGHT, WIDTH)) > 0.9995).astype(np.float32)
    alone = noise * (disc(WIDTH, HEIGHT, 150, 120, 70) == 0)

    assert looked_at(np.maximum(BODY, alone)).speck_count == pytest.approx(alone.sum(), abs=6)


def test_an_empty_alpha_is_nothing():
    found = looked_at(np.zeros((HEIGHT, WIDTH), np.float32))

    assert (found.speck_count, found.hole_count, found.undecided, found.edge_px) == (0, 0, 0, None)
