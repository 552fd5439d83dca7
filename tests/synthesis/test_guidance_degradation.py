from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maggie_lab.synthesis import degrade, guidance_degradation
from maggie_lab.synthesis.guidance_degradation import SEVERITIES, draw_degradation, subject_size
from maggie_lab.synthesis.outlines import filled, outline, trace


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
def test_a_mask_is_between_0_and_1_and_never_loses_the_subject(severity: str):
    alpha = body(96)

    for seed in range(20):
        mask = degrade(alpha, np.random.default_rng(seed), severity)

        assert mask.shape == alpha.shape
        assert mask.dtype == np.float32
        assert 0 <= mask.min() and mask.max() <= 1
        assert (mask > 0.5).any()
        if severity != "mixed":
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
    degradation = draw_degradation(np.random.default_rng(5), "typical", subject_px=subject_size(alpha))
    rng = np.random.default_rng(0)

    first, second, late = (degradation.apply(alpha, rng, time=time) for time in (0.0, 1.0, 6.0))

    near = np.abs(first - second).mean()
    assert 0 < near < np.abs(first - late).mean()


def test_held_out_families_are_not_drawn_in_training():
    def names(table: dict[str, dict[str, float]]) -> set[str]:
        return {name for families in table.values() for name in families}

    assert not names(guidance_degradation.SEVERITIES) & names(guidance_degradation.HELD_OUT)


ALL = sorted(
    {name for families in SEVERITIES.values() for name in families} | set(guidance_degradation.CRUDE)
)


def mask_of(family: str, alpha: np.ndarray, seed: int = 3) -> np.ndarray:
    drawn = draw_degradation(np.random.default_rng(seed), "typical", subject_px=subject_size(alpha))
    name = family.removesuffix("_rough")
    return replace(drawn, family=name).apply(alpha, np.random.default_rng(seed), time=0.0)


@pytest.mark.parametrize("family", [name for name in ALL if name != "crude"])
def test_every_family_errs_but_means_the_same_subject(family: str):
    alpha = body(128)

    masks = [mask_of(family, alpha, seed) for seed in range(6)]

    overlaps = [((m > 0.5) & (alpha > 0.5)).sum() / ((m > 0.5) | (alpha > 0.5)).sum() for m in masks]
    assert 0.3 < np.mean(overlaps) < 1
    assert not np.array_equal(masks[0], masks[1])


def test_a_missing_part_is_10_to_40_percent_of_the_area():
    alpha = body(128)

    lost = [1 - mask_of("part", alpha, seed).sum() / (alpha > 0.5).sum() for seed in range(12)]

    assert 0.05 < min(lost) and max(lost) < 0.45


def test_the_training_blend_has_a_tenth_nearly_perfect_and_a_tenth_soft():
    blend = SEVERITIES["mixed"]

    assert sum(blend.values()) == pytest.approx(1)
    assert blend["near"] == blend["soft"] == 0.1


def test_an_outline_follows_the_border_of_the_subject():
    alpha = body(160)

    points = outline(alpha, 60, cell_px=1.0)
    drawn = filled(points, 160, 160, smooth=True)

    assert points.shape == (60, 2)
    assert np.abs(drawn - (alpha > 0.5)).mean() < 0.015


def test_the_border_of_a_square_is_its_pixel_edges():
    mask = np.zeros((6, 7), bool)
    mask[2:4, 1:5] = True

    points = trace(mask)

    assert len(points) == 12
    assert points.min(0).tolist() == [1, 2] and points.max(0).tolist() == [5, 4]


def test_between_key_frames_an_outline_is_carried_along():
    alpha = body(160)
    moved = np.roll(alpha, 20, axis=1)
    degradation = draw_degradation(np.random.default_rng(2), "rough", subject_px=100)

    masks = [degradation.outline_between(alpha, moved, share, keys=(3, 4)) for share in (0.0, 0.5, 1.0)]

    centres = [(mask * np.arange(160)).sum() / mask.sum() for mask in masks]
    assert centres[0] < centres[1] - 2 < centres[2] - 4
