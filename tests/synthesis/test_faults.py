from __future__ import annotations

import numpy as np
import pytest

from maggie_core.synthesis import degrade, faults
from maggie_core.synthesis.faults import SEVERITIES, draw_fault, subject_size


def body(size_px: int) -> np.ndarray:
    """A head on shoulders, `size_px` square, as a soft alpha."""
    y, x = np.mgrid[:size_px, :size_px].astype(np.float32) / size_px
    head = 0.17 - np.hypot(x - 0.5, (y - 0.3) * 0.85)
    trunk = 0.34 - np.hypot((x - 0.5), (y - 0.95) * 0.75)
    return np.clip(np.maximum(head, trunk) * size_px + 0.5, 0, 1).astype(np.float32)


def disagreement(alpha: np.ndarray, severity: str, *, count: int = 30, held_out: bool = False) -> float:
    """Mean share of the subject's pixels that masks get wrong."""
    truth = alpha > 0.5
    wrong = [
        ((degrade(alpha, np.random.default_rng(seed), severity, held_out=held_out) > 0.5) != truth).sum()
        for seed in range(count)
    ]
    return float(np.mean(wrong) / truth.sum())


@pytest.mark.parametrize("held_out", [False, True])
def test_rougher_means_more_wrong(held_out: bool):
    alpha = body(160)

    good, typical, rough = (disagreement(alpha, s, held_out=held_out) for s in ("good", "typical", "rough"))

    assert good < 0.75 * typical
    assert typical < 0.75 * rough
    assert rough < 0.6


def test_errors_grow_with_the_subject_and_not_with_pixels():
    small, large = (disagreement(body(size), "typical", count=40) for size in (96, 288))

    assert small == pytest.approx(large, rel=0.5)


@pytest.mark.parametrize("severity", [*SEVERITIES])
def test_a_mask_is_binary_and_never_loses_the_subject(severity: str):
    alpha = body(96)

    for seed in range(20):
        mask = degrade(alpha, np.random.default_rng(seed), severity)

        assert mask.shape == alpha.shape
        assert mask.dtype == np.float32
        assert set(np.unique(mask)) == {0.0, 1.0}


def test_an_empty_alpha_gives_an_empty_mask_for_every_family():
    empty = np.zeros((64, 64), np.float32)

    for seed in range(40):
        assert not degrade(empty, np.random.default_rng(seed), "mixed", subject_px=50).any()


def test_a_full_crop_stays_nearly_full():
    full = np.ones((64, 64), np.float32)

    kept = [
        degrade(full, np.random.default_rng(seed), "typical", subject_px=200).mean() for seed in range(20)
    ]

    assert np.mean(kept) > 0.97


def test_a_fault_wanders_with_time_but_stays_the_same_fault():
    alpha = body(128)
    fault = draw_fault(np.random.default_rng(5), "typical", subject_px=subject_size(alpha))
    rng = np.random.default_rng(0)

    first, second, late = (fault.apply(alpha, rng, time=time) for time in (0.0, 1.0, 6.0))

    near = np.abs(first - second).mean()
    assert 0 < near < np.abs(first - late).mean()


def test_held_out_families_are_not_drawn_in_training():
    def names(table: dict[str, dict[str, float]]) -> set[str]:
        return {name for families in table.values() for name in families}

    assert not names(faults.SEVERITIES) & names(faults.HELD_OUT)
