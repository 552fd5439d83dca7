"""Grain is measured whatever the picture shows, and does not become part of an edge."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from support.tiny import disc

from maggie_core.postprocess.edges import refine_edges
from maggie_core.postprocess.grain import grain_of, without_grain


def grain(shape: tuple[int, ...], deviation: float) -> np.ndarray:
    return np.random.default_rng(7).normal(0, deviation, shape).astype(np.float32)


@pytest.fixture(scope="module")
def cloth() -> np.ndarray:
    """A picture of ramps, soft patches and a third of sharp texture."""
    rng = np.random.default_rng(2)
    ramp = np.linspace(0.2, 0.8, 240)[None, None, :] * np.ones((3, 180, 1))
    soft = 0.6 * (gaussian_filter(rng.random((3, 180, 240)), (0, 6, 6)) - 0.5)
    soft[:, :60] += 0.2 * (rng.random((3, 60, 240)) - 0.5)
    return (ramp + soft).clip(0, 1).astype(np.float32)


@pytest.mark.parametrize("deviation", [0.004, 0.01, 0.03, 0.06])
def test_grain_is_measured_beside_texture(cloth, deviation):
    assert grain_of(cloth) < 0.002

    assert grain_of(cloth + grain(cloth.shape, deviation)) == pytest.approx(deviation, rel=0.15)


def test_an_image_without_grain_is_returned_as_it_is(cloth):
    assert without_grain(cloth) is cloth


@pytest.mark.parametrize("image", [np.zeros((3, 180, 240)), np.ones((3, 180, 240)), np.full((3, 12, 9), 0.5)])
def test_what_is_clipped_or_tiny_tells_nothing(image):
    image = image.astype(np.float32)

    assert grain_of(image) == 0
    assert without_grain(image) is image


@pytest.mark.parametrize("deviation", [0.01, 0.03])
def test_little_grain_is_taken_out_a_little(cloth, deviation):
    calmed = without_grain(cloth + grain(cloth.shape, deviation))

    rest = np.abs(calmed - cloth)[:, 70:].std()
    assert rest < 0.75 * deviation


@pytest.mark.parametrize(("deviation", "share"), [(0.03, 0.18), (0.06, 0.28)])
def test_an_edge_comes_nearer_to_the_truth_in_grain_too(deviation, share):
    """With the grain left in, 0.21 and 0.39 of the error are left."""
    truth = gaussian_filter(disc(330, 300, 160, 150, 80), 1.0)
    red, blue = np.float32([0.6, 0.3, 0.2])[:, None, None], np.float32([0.3, 0.4, 0.6])[:, None, None]
    image = (truth * red + (1 - truth) * blue).astype(np.float32)
    wide, poor = gaussian_filter(truth, 3.0), (gaussian_filter(truth, 9.0) > 0.1).astype(np.float32)

    def error(seen: np.ndarray) -> float:
        refined = refine_edges(wide[None], seen, poor[None], "closed-form", sizes=[600.0])[0]
        return float(np.abs(refined - truth).mean())

    assert error(image + grain(image.shape, deviation)) < share * np.abs(wide - truth).mean()
