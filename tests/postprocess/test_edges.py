"""The last step: nearer to the truth where colours tell, bit for bit the same everywhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, gaussian_filter, shift
from support.moving_people import moving_person
from support.tiny import disc, tiny_model, write_shot

from maggie_core import MaskSequence, MatteResult, MatteSettings, ShotMatter, combine
from maggie_core.io.frames import open_source
from maggie_core.postprocess.alignment import SeenMask
from maggie_core.postprocess.edges import masks_off, refine_edges, undecided_band

HOW = ["guided", "closed-form"]
LARGE = [600.0]
"""The size of a person of whom the disc is a detail: guidance holds no pixel that these tests look at."""


@pytest.fixture(scope="module")
def soft_edge() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A red disc with a soft edge on blue: image, truth, and an alpha whose edge is blurred too far."""
    rng = np.random.default_rng(3)
    truth = gaussian_filter(disc(330, 300, 160, 150, 80), 1.0)
    red, blue = np.float32([0.8, 0.2, 0.1])[:, None, None], np.float32([0.1, 0.3, 0.7])[:, None, None]
    image = truth * red + (1 - truth) * blue + rng.normal(0, 0.004, (3, 300, 330)).astype(np.float32)
    return image.clip(0, 1), truth, gaussian_filter(truth, 3.0)


def far_off(alpha: np.ndarray) -> np.ndarray:
    """(1, H, W): guidance that no one would take at its word."""
    return binary_dilation(alpha > 0.5, iterations=12)[None].astype(np.float32)


@pytest.mark.parametrize(("how", "share"), [("guided", 0.9), ("closed-form", 0.3)])
def test_a_blurred_edge_comes_nearer_to_the_truth(soft_edge, how, share):
    image, truth, blurred = soft_edge

    refined = refine_edges(blurred[None], image, far_off(blurred), how, sizes=LARGE)[0]

    assert np.abs(refined - truth).mean() < share * np.abs(blurred - truth).mean()


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("soft_px", [0.0, 1.5])
@pytest.mark.parametrize("contrast", [1.0, 0.3])
def test_an_exact_alpha_with_its_own_guidance_stays_as_it_is(how, contrast, soft_px):
    (image,), (truth,) = moving_person("walk", contrast=contrast, soft_px=soft_px, frames=1)

    refined = refine_edges(truth, image, (truth > 0.5).astype(np.float32), how)

    assert 1000 * np.abs(refined - truth).mean() <= 0.02  # MAD
    assert np.array_equal(refined, truth)


@pytest.mark.parametrize("how", HOW)
def test_an_alpha_with_another_outline_than_its_guidance_is_refined(soft_edge, how):
    image, truth, blurred = soft_edge
    guidance = (truth > 0.5).astype(np.float32)
    wide = np.clip(shift(blurred, (1, 0), order=1), 0, 1).astype(np.float32)

    refined = refine_edges(wide[None], image, guidance[None], how)[0]

    assert np.abs(refined - truth).mean() < 0.7 * np.abs(wide - truth).mean()


@pytest.mark.parametrize("how", HOW)
def test_decided_pixels_stay_as_they_are(soft_edge, how):
    image, _, blurred = soft_edge

    refined = refine_edges(blurred[None], image, far_off(blurred), how, sizes=LARGE)[0]

    away = ~undecided_band(blurred, LARGE[0])
    assert away.any()
    assert np.array_equal(refined[away], blurred[away])
    assert not np.array_equal(refined, blurred)


@pytest.mark.parametrize("how", HOW)
def test_it_is_the_same_every_time_and_leaves_its_input_alone(soft_edge, how):
    image, _, blurred = soft_edge
    alphas = np.stack([blurred, 1 - blurred])
    before = alphas.copy()

    masks = np.concatenate([far_off(alpha) for alpha in alphas])
    first, again = (refine_edges(alphas, image, masks, how) for _ in range(2))

    assert np.array_equal(first, again)
    assert np.array_equal(alphas, before)
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 1


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_alphas_and_tiny_images_pass(how, value):
    for shape in ((1, 1), (2, 9), (40, 40)):
        alphas = np.full((1, *shape), value, np.float32)
        masks = (alphas > 0.5).astype(np.float32)
        refined = refine_edges(alphas, np.full((3, *shape), 0.4, np.float32), masks, how)
        assert np.allclose(refined, value, atol=1e-3)


def test_good_guidance_is_taken_at_its_word_and_poor_guidance_is_not(soft_edge):
    image, truth, _ = soft_edge
    good = (truth > 0.5).astype(np.float32)
    hazy = np.clip(0.1 + 0.8 * truth, 0, 1).astype(np.float32)  # agrees with it, but is unsure of itself

    believed = refine_edges(hazy[None], image, good[None], "closed-form")[0]
    alone = refine_edges(hazy[None], image, far_off(truth), "closed-form")[0]

    assert np.abs(believed - truth).mean() < 0.6 * np.abs(alone - truth).mean()


def test_where_colours_say_nothing_the_network_decides(soft_edge):
    _, _, blurred = soft_edge

    grey = np.full((3, *blurred.shape), 0.5, np.float32)
    grey = refine_edges(blurred[None], grey, far_off(blurred), "closed-form", sizes=LARGE)[0]

    # Smooth between its ends as the alpha was, and nowhere far from it.
    assert np.abs(grey - blurred).max() < 0.2


def test_a_shot_takes_the_models_own_refinement_unless_told(tmp_path):
    plate, masks = write_shot(tmp_path, frames=range(1001, 1003))
    guidance = combine([MaskSequence(name, pattern) for name, pattern in masks.items()])
    model = tiny_model()
    told = replace(model.info, refine="closed-form")

    def alphas(**settings: object) -> np.ndarray:
        matter = ShotMatter(model, open_source(plate), guidance, MatteSettings(**settings))  # type: ignore[arg-type]
        return np.stack([result.alphas for result in matter.run() if isinstance(result, MatteResult)])

    plain, info = alphas(), model.info
    model.info = told
    try:
        by_model, off = alphas(), alphas(refine="none")
    finally:
        model.info = info
    assert np.array_equal(off, plain)
    assert np.array_equal(by_model, alphas(refine="closed-form"))
    assert not np.array_equal(by_model, plain)


def test_deep_inside_a_mask_alpha_stays_and_far_outside_there_is_none(soft_edge):
    image, truth, _ = soft_edge
    good = (truth > 0.5).astype(np.float32)
    bitten = truth.copy()
    bitten[140:160, 140:160] = 0
    bitten[5:20, 5:20] = 1

    held = refine_edges(bitten[None], image, good[None], "closed-form")[0]

    assert held[140:160, 140:160].min() == 1
    assert held[5:20, 5:20].max() == 0


def test_a_strand_is_cut_farther_from_a_mask_than_haze_is(soft_edge):
    image, truth, _ = soft_edge
    mask = (truth > 0.5).astype(np.float32)
    strand, haze = (slice(149, 152), slice(239, 290)), (slice(60, 240), slice(239, 290))
    red = image[:, 150, 160][:, None, None]

    def held(piece: tuple[slice, slice], alpha: float) -> np.ndarray:
        flies, seen = truth.copy(), image.copy()
        flies[piece] = np.maximum(flies[piece], alpha)
        seen[:, *piece] = flies[piece] * red + (1 - flies[piece]) * seen[:, *piece]
        return refine_edges(flies[None], seen, mask[None], "guided", sizes=[300.0], doubts=[0.0], off=[0.0])[
            0
        ]

    def at(alpha: np.ndarray, away: int) -> float:
        return float(alpha[150, 240 + away])

    assert at(held(strand, 0.9), 11) > 0.2
    assert at(held(strand, 0.9), 28) == 0
    assert at(held(haze, 0.6), 11) == 0


def test_a_strand_beside_a_good_mask_is_the_networks_and_haze_is_half_the_masks(soft_edge):
    image, truth, _ = soft_edge
    mask = (truth > 0.5).astype(np.float32)
    strand, haze = (slice(149, 152), slice(239, 290)), (slice(60, 240), slice(239, 290))

    def beside(piece: tuple[slice, slice], away: int) -> float:
        flies = truth.copy()
        flies[piece] = np.maximum(flies[piece], 0.6)
        how = {"sizes": [1500.0], "doubts": [0.0], "off": [0.0], "trusts": [0.5]}
        return float(refine_edges(flies[None], image, mask[None], "none", **how)[0, 150, 240 + away])

    # The filter's window is 16 pixels, and nothing is cut before 30.
    assert beside(strand, 2) < beside(strand, 12) < beside(strand, 28)
    assert beside(strand, 28) > 0.53
    assert beside(haze, 28) == pytest.approx(0.3, abs=0.02)


def test_next_to_no_trust_is_none(soft_edge):
    image, truth, _ = soft_edge
    mask = far_off(truth)

    none, least = (refine_edges(truth[None], image, mask, "none", trusts=[trust]) for trust in (0.0, 5e-324))

    np.testing.assert_array_equal(least, none)


def test_a_mask_in_doubt_is_held_from_deeper_on_and_nothing_jumps_between(soft_edge):
    image, truth, _ = soft_edge
    mask = far_off(truth)

    def held(doubt: float) -> np.ndarray:
        how = {"sizes": [300.0], "doubts": [doubt], "off": [0.0]}
        return refine_edges(truth[None], image, mask, "guided", **how)[0]

    errors = [float(np.abs(held(doubt) - truth).mean()) for doubt in (0, 0.25, 0.5, 0.75, 1)]
    assert errors == sorted(errors, reverse=True)
    assert np.abs(held(0.51) - held(0.5)).max() < 0.05


def test_a_mask_beside_the_persons_edge_holds_less_and_a_bite_for_no_reason_is_filled(soft_edge):
    image, truth, _ = soft_edge
    good = (truth > 0.5).astype(np.float32)
    beside = shift(good, (0, 9), order=0)
    bitten = truth.copy()
    bitten[110:190, 120:200] = 0

    def wrong(alpha: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
        (off,) = masks_off(alpha[None], [SeenMask(mask, image, 300.0)])
        held = refine_edges(alpha[None], image, mask[None], "guided", sizes=[300.0], doubts=[0.0], off=[off])
        return off, float(np.abs(held - truth).mean())

    off, kept = wrong(truth, beside)
    believed = refine_edges(
        truth[None], image, beside[None], "guided", sizes=[300.0], doubts=[0.0], off=[0.0]
    )
    assert 0.01 < off < 9 / 300
    assert kept < 0.3 * np.abs(believed - truth).mean()
    off, filled = wrong(bitten, good)
    assert off == 0
    assert filled < 0.1 * np.abs(bitten - truth).mean()


def test_lengths_are_shares_of_the_persons_size(soft_edge):
    image, _, blurred = soft_edge
    mask = far_off(blurred)

    small, as_measured, large = (
        refine_edges(blurred[None], image, mask, "guided", sizes=[size], doubts=[1.0])
        for size in (60, 184, 600)
    )

    assert np.array_equal(as_measured, refine_edges(blurred[None], image, mask, "guided", doubts=[1.0]))
    assert not np.array_equal(small, large)


def test_full_trust_is_the_masks_own_edge_and_none_is_the_network(soft_edge):
    image, truth, blurred = soft_edge
    good = (truth > 0.5).astype(np.float32)

    by_mask = [refine_edges(a[None], image, good[None], "guided", trusts=[1.0])[0] for a in (blurred, truth)]
    alone = refine_edges(np.zeros_like(good)[None], image, good[None], "guided", trusts=[0.0])[0]

    np.testing.assert_allclose(by_mask[0], by_mask[1], atol=1e-6)
    assert alone.max() == 0


def test_a_mask_of_an_enlarged_plate_counts_as_exact_as_its_pixels():
    times = 4
    truth = gaussian_filter(disc(240, 200, 120, 100, 60), times / 2)
    image = np.where(np.arange(3)[:, None, None] < 2, 0.2 + 0.6 * truth, 0.5).astype(np.float32)
    mask = (np.kron(truth[::times, ::times], np.ones((times, times))) > 0.5).astype(np.float32)
    network = np.roll(truth, 2, axis=1)  # half a pixel of the plate

    as_plate, enlarged = (
        refine_edges(network[None], image, mask[None], "guided", plate_px=px)[0] for px in (1.0, times)
    )

    assert np.abs(enlarged - truth).mean() < 0.8 * np.abs(as_plate - truth).mean()
