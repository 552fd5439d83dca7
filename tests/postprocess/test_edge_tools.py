"""Edge tools: exact at their defaults, and each does what its name says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from support.tiny import disc

from maggie_api.errors import SettingsError
from maggie_api.settings import EdgeSettings
from maggie_core.postprocess.edge_tools import with_edge_tools


@pytest.fixture(scope="module")
def alpha() -> np.ndarray:
    return gaussian_filter(disc(120, 100, 60, 50, 30), 1.5).astype(np.float32)


def area(alpha: np.ndarray) -> float:
    return float(alpha.sum())


def test_the_defaults_change_nothing(alpha):
    assert with_edge_tools(alpha, EdgeSettings()) is alpha


def test_core_and_garbage_hold_whatever_the_tools_do(alpha):
    core, garbage = disc(120, 100, 60, 50, 34), disc(120, 100, 60, 50, 40)
    core[:, :60] = 0

    for tools in (EdgeSettings(), EdgeSettings(grow_px=-9, gamma=0.5), EdgeSettings(soften_px=6, grow_px=12)):
        found = with_edge_tools(alpha, tools, core=core, garbage=garbage)

        assert found[(core == 1) & (garbage == 1)].min() == 1
        assert found[garbage == 0].max() == 0


def test_small_holes_and_specks_go_with_their_rims_and_large_ones_stay(alpha):
    spoiled = alpha.copy()
    spoiled[48:52, 58:62] = 0.1
    spoiled[48:52, 62] = 0.6
    spoiled[5:8, 5:8] = 0.7
    tools = EdgeSettings(fill_holes_px=6, remove_specks_px=6)

    clean = with_edge_tools(spoiled, tools)
    kept = with_edge_tools(spoiled, EdgeSettings(fill_holes_px=2, remove_specks_px=2))

    assert np.abs(clean - alpha).max() < 0.021
    assert clean[:12, :12].max() == 0
    np.testing.assert_allclose(kept, spoiled, atol=1e-6)


@pytest.mark.parametrize("by_px", [0.25, 0.5, 1.0, 1.75, 4.0, 11.0, -0.5, -3.25])
def test_an_edge_moves_by_as_much_as_was_asked(by_px):
    edge = np.zeros((40, 60), np.float32)
    edge[:, :30] = 1

    moved = with_edge_tools(edge, EdgeSettings(grow_px=by_px))

    np.testing.assert_allclose(moved.sum(axis=1), 30 + by_px, atol=1e-5)


def test_a_disc_grows_alike_in_all_directions():
    grown = with_edge_tools(disc(200, 200, 100, 100, 30), EdgeSettings(grow_px=15))

    assert abs(np.sqrt(area(grown) / np.pi) - 45) < 1


def test_soften_keeps_the_area_and_widens_the_edge(alpha):
    soft = with_edge_tools(alpha, EdgeSettings(soften_px=3))

    assert abs(area(soft) - area(alpha)) < 1
    assert ((soft > 0.05) & (soft < 0.95)).sum() > 1.5 * ((alpha > 0.05) & (alpha < 0.95)).sum()


def test_points_and_gamma_work_on_values_alone():
    ramp = np.linspace(0, 1, 101, dtype=np.float32)[None]

    points = with_edge_tools(ramp, EdgeSettings(black_point=0.2, white_point=0.7))
    lifted = with_edge_tools(ramp, EdgeSettings(gamma=2.0))

    np.testing.assert_allclose(points, np.clip((ramp - 0.2) / 0.5, 0, 1), atol=1e-6)
    np.testing.assert_allclose(lifted, np.sqrt(ramp), atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fill_holes_px": -1},
        {"remove_specks_px": float("inf")},
        {"grow_px": float("nan")},
        {"black_point": 0.5, "white_point": 0.5},
        {"gamma": 0},
    ],
)
def test_values_that_mean_nothing_are_refused(wrong):
    with pytest.raises(SettingsError):
        EdgeSettings(**wrong)
