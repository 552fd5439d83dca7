"""The closed form's own loops solve what the paper's Laplacian, as pymatting builds it, says."""

from __future__ import annotations

import numpy as np
import pytest
from pymatting.laplacian.cf_laplacian import cf_laplacian
from scipy.sparse.linalg import spsolve

from maggie_core.postprocess.closed_form import solve

EPS, TRUST = 1e-5, 2e-3


def told(unknown: np.ndarray, *, eps: float = EPS, trust: float = TRUST) -> tuple[np.ndarray, np.ndarray]:
    """Alphas of the unknown pixels of a random image, ours and by a factorisation."""
    rng = np.random.default_rng(8)
    colour, before = rng.random((*unknown.shape, 3)), rng.random(unknown.shape)
    given = (rng.random(unknown.shape) > 0.5).astype(np.float64)
    laplacian = cf_laplacian(colour, eps, 1)[unknown.ravel()]
    open_ = unknown.ravel()
    wanted = trust * before[unknown] - laplacian[:, ~open_] @ given[~unknown]
    system = laplacian[:, open_].tocsc()
    system.setdiag(system.diagonal() + trust)

    ours = solve(colour, before, given, unknown, eps=eps, trust=trust, rtol=1e-10, steps=3000)

    return ours, np.asarray(spsolve(system, wanted))


def test_it_solves_the_papers_equations():
    unknown = np.zeros((24, 31), bool)
    unknown[4:15, 3:20] = True
    unknown[18, 22:] = True

    ours, exact = told(unknown)

    assert np.abs(ours - exact).max() < 1e-6


@pytest.mark.parametrize("where", [np.s_[:, :], np.s_[0, 0], np.s_[:, -1], np.s_[-2:, :3]])
def test_unknown_pixels_may_lie_at_the_border(where):
    unknown = np.zeros((9, 12), bool)
    unknown[where] = True

    ours, exact = told(unknown, eps=1e-3)

    assert np.abs(ours - exact).max() < 1e-6


def test_the_image_may_say_nothing():
    flat = np.full((12, 12, 3), 0.5)
    unknown = np.zeros((12, 12), bool)
    unknown[4:8, 4:8] = True

    zeros = solve(flat, np.zeros((12, 12)), np.zeros((12, 12)), unknown, eps=EPS, trust=0, rtol=1e-5, steps=9)
    ones = solve(flat, np.ones((12, 12)), np.ones((12, 12)), unknown, eps=EPS, trust=0, rtol=1e-9, steps=99)

    assert np.array_equal(zeros, np.zeros(16))
    assert np.allclose(ones, 1, atol=1e-6)
