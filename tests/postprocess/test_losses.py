"""Losses: who lost what, where, in plate pixels."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny import disc

from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.postprocess.losses import losses

GEOMETRY = Geometry(Window(0, 0, 400, 240), Window(10, 20, 400, 240), working_px=120)


@pytest.fixture(scope="module")
def people() -> np.ndarray:
    return np.stack([disc(200, 120, 60, 60, 40), disc(200, 120, 140, 60, 40)]).round().astype(np.float32)


def test_a_matte_that_is_its_mask_has_lost_nothing(people):
    assert losses(people, people, [80, 80], GEOMETRY) == ()


def test_a_bite_is_found_where_it_is(people):
    alphas = people.copy()
    alphas[0, 50:70, 50:70] = 0

    (loss,) = losses(alphas, people, [80, 80], GEOMETRY)

    assert (loss.kind, loss.instance, loss.other) == ("lost", 0, None)
    assert 0.08 < loss.share < 0.1
    assert loss.where == Window(110, 120, 40, 40)


def test_a_leg_on_the_neighbour_is_found(people):
    alphas = people.copy()
    alphas[0, 40:80, 130:150] = 0.8

    (loss,) = losses(alphas, people, [80, 80], GEOMETRY)

    assert (loss.kind, loss.instance, loss.other) == ("covers", 0, 1)
    assert loss.where == Window(270, 100, 40, 80)


def test_little_is_no_loss_and_absent_people_have_none(people):
    alphas = people.copy()
    alphas[0, 58:62, 58:62] = 0
    people = people.copy()
    people[1] = alphas[1] = 0

    assert losses(alphas, people, [80, 0], GEOMETRY) == ()


def test_a_few_pixels_of_somebody_who_comes_into_the_image_are_no_loss():
    people = np.zeros((1, 240, 400), np.float32)
    people[0, 100:115, :12] = 1
    alphas = people.copy()

    def shares(rows: int, least: float = 0.05) -> list[float]:
        alphas[0, 104 : 104 + rows, 2:5] = 0
        return [loss.share for loss in losses(alphas, people, [60], GEOMETRY, least=least)]

    assert shares(2) == []
    assert shares(2, least=0)[0] > 0.05
    assert shares(5)[0] > 0.1
