from __future__ import annotations

import numpy as np
import pytest

from maggie_lab.synthesis import backgrounds, hairstyles, make_background, make_figure, props, textures
from maggie_lab.synthesis.hairstyles import HairStyle, grow
from maggie_lab.synthesis.shapes import Capsule, Ellipse, Polygon, union
from maggie_lab.synthesis.strands import Tuft, splat

SIZE = 128


@pytest.fixture(scope="module", params=[False, True], ids=["training", "held out"])
def figures(request: pytest.FixtureRequest) -> list[np.ndarray]:
    return [make_figure(seed, SIZE, held_out=request.param) for seed in range(16)]


def test_a_figure_is_premultiplied_rgba_in_range(figures):
    for figure in figures:
        assert figure.shape == (SIZE, SIZE, 4)
        assert figure.dtype == np.float32
        assert 0 <= figure.min() and figure.max() <= 1
        assert (figure[..., :3] <= figure[..., 3:] + 1e-5).all()


def test_no_figure_is_empty_and_none_is_hard_edged(figures):
    for figure in figures:
        alpha = figure[..., 3]

        assert (alpha > 0.5).mean() > 0.03
        assert ((alpha > 0.02) & (alpha < 0.98)).mean() > 0.005


def test_the_same_seed_draws_the_same_figure_and_background():
    assert np.array_equal(make_figure(7, SIZE), make_figure(7, SIZE))
    assert np.array_equal(make_background(7, SIZE), make_background(7, SIZE))
    assert not np.array_equal(make_figure(7, SIZE), make_figure(8, SIZE))


@pytest.mark.parametrize("maker", [*backgrounds.TRAINING, *backgrounds.HELD_OUT])
def test_every_background_fills_its_canvas_with_something(maker):
    image = maker(np.random.default_rng(4), SIZE)

    assert image.shape == (SIZE, SIZE, 3)
    assert np.isfinite(image).all()
    assert image.std() > 0.003


def test_backgrounds_are_colours_in_range():
    for seed in range(6):
        image = make_background(seed, SIZE, held_out=seed % 2 == 1)

        assert image.dtype == np.float32
        assert 0 <= image.min() and image.max() <= 1


def test_nothing_held_out_is_drawn_in_training():
    assert not {s.name for s in hairstyles.TRAINING} & {s.name for s in hairstyles.HELD_OUT}
    assert not set(backgrounds.TRAINING) & set(backgrounds.HELD_OUT)
    assert not set(props.TRAINING) & set(props.HELD_OUT)
    shared = set(textures.TRAINING) & set(textures.HELD_OUT)
    assert {pattern.__name__ for pattern in shared} == {"_plain"}


@pytest.mark.parametrize("style", [*hairstyles.TRAINING, *hairstyles.HELD_OUT], ids=lambda style: style.name)
def test_every_hair_style_grows_from_the_head(style: HairStyle):
    hair = grow(np.random.default_rng(1), style, faces_us=True, density=0.2)

    tufts = hair.behind + hair.before
    assert bool(tufts) == (style.length[1] > 0)
    for tuft in tufts:
        assert np.isfinite(tuft.curves).all()
        assert np.abs(tuft.curves[:, 0]).max() < 1.2


def test_a_strand_thinner_than_a_pixel_covers_its_width():
    curve = np.stack([np.linspace(10, 50, 9), np.full(9, 20.3)], -1)[None].astype(np.float32)
    ones = np.ones((1, 9), np.float32)

    depth, _, _ = splat(np.random.default_rng(0), Tuft(curve, 0.25 * ones, ones, ones), 64)

    assert depth.sum() == pytest.approx(0.25 * 40, rel=0.01)
    assert depth[:, 30].sum() == pytest.approx(0.25, rel=0.15)
    assert depth.max() < 0.25


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        (Capsule((20.2, 30.7), (44.2, 30.7), 6, 6), 24 * 12 + np.pi * 36),
        (Ellipse((31.7, 30.2), 20, 9, 0.4), np.pi * 180),
        (Polygon(((10.3, 12.1), (50.6, 15.2), (40.1, 52.9))), 775.9),
    ],
)
def test_the_coverage_of_a_shape_adds_up_to_its_area(shape, area: float):
    patch = union([shape], 64)

    assert patch is not None
    assert patch.coverage().sum() == pytest.approx(area, rel=0.015)


def test_a_shape_outside_the_canvas_is_nothing():
    assert union([Ellipse((200, 200), 10, 10)], 64) is None
