"""Where an alpha and its mask disagree the plate tells who is right."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny import disc

from maggie_core.qc.faults import Person
from maggie_core.qc.likeness import left_out, taken_in

WIDTH, HEIGHT = 320, 240
BODY = disc(WIDTH, HEIGHT, 150, 120, 60)
MASK = (BODY > 0.5).astype(np.float32)
NOBODY = np.zeros_like(BODY)


def plate(alpha: np.ndarray) -> np.ndarray:
    """(3, H, W): a person in reddish cloth on a greenish ground, with grain."""
    grain = np.random.default_rng(3).normal(0, 0.04, (3, HEIGHT, WIDTH))
    person, ground = (np.array(colour)[:, None, None] for colour in ((0.6, 0.3, 0.3), (0.3, 0.5, 0.35)))
    return np.clip(ground + alpha * (person - ground) + grain, 0, 1).astype(np.float32)


def person(alpha: np.ndarray, mask: np.ndarray = MASK) -> Person:
    return Person(np.asarray(alpha, np.float32), mask, NOBODY)


def test_a_hole_is_left_out_and_a_gap_that_the_mask_fills_is_not():
    holed = BODY.copy()
    holed[110:130, 140:155] = 0
    claimed = np.zeros(BODY.shape, bool)

    hole = left_out(person(holed), plate(BODY), claimed)
    gap = left_out(person(holed), plate(holed), claimed)

    size = person(holed).size
    assert hole.amount == pytest.approx(100 * 20 * 15 / size**2, rel=0.1)
    assert hole.where[120, 147] and not hole.where[60, 150]
    assert gap.amount == 0


def test_a_piece_of_the_wall_is_taken_in_and_what_the_mask_forgot_is_not():
    extended = BODY.copy()
    extended[110:120, 235:255] = 1

    wall = taken_in(person(extended), plate(BODY))
    own = taken_in(person(extended), plate(extended))

    assert wall.amount == pytest.approx(100 * 10 * 20 / person(extended).size ** 2, rel=0.1)
    assert wall.where[115, 245]
    assert own.amount == 0


def test_an_exact_alpha_disagrees_with_no_mask_by_mistake():
    wide = (disc(WIDTH, HEIGHT, 150, 120, 68) > 0.5).astype(np.float32)
    narrow = (disc(WIDTH, HEIGHT, 150, 120, 50) > 0.5).astype(np.float32)

    for mask in (wide, narrow):
        assert left_out(person(BODY, mask), plate(BODY), np.zeros(BODY.shape, bool)).amount == 0
        assert taken_in(person(BODY, mask), plate(BODY)).amount == 0
