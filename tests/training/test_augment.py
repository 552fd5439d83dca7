"""Stills and clips made new: what each step does, and that a sample is a function of its seed."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny import disc

from maggie_lab.datasets import guidance_noise
from maggie_lab.synthesis import sample_generator
from maggie_lab.training import augment, transitions
from maggie_lab.training.augment import Codes, augmented


def clip(frames: int = 1, *, height: int = 150, width: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Images and alphas of two discs, one moving."""
    alphas = np.stack(
        [
            np.stack([disc(width, height, 60 + 4 * t, 80, 35), disc(width, height, 150, 70, 30)])
            for t in range(frames)
        ]
    )
    ground = np.random.default_rng(0).random((1, 3, height, width)).astype(np.float32) * 0.4
    return ground + 0.5 * alphas.max(1, keepdims=True), alphas


def codes(frames: int = 1) -> Codes:
    image, alphas = clip(frames)
    planes = augment.to_codes(alphas)
    return Codes(augment.to_codes(image.transpose(0, 2, 3, 1)), planes, planes)


@pytest.mark.parametrize("frames", [1, 3])
def test_a_sample_is_a_function_of_its_seed(frames: int):
    one, two, other = (
        augmented(*clip(frames), sample_generator(3, index), crop_px=96) for index in (7, 7, 8)
    )

    assert one is not None and two is not None and other is not None
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert not np.array_equal(one["image"], other["image"])


def test_samples_have_the_crops_size_binary_guidance_and_alphas_in_range():
    for index in range(20):
        sample = augmented(*clip(2), sample_generator(0, index), crop_px=96)

        assert sample is not None
        count = sample["alphas"].shape[1]
        assert sample["image"].shape == (2, 3, 96, 96)
        assert sample["alphas"].shape == sample["guidance"].shape == (2, count, 96, 96)
        assert set(np.unique(sample["guidance"])) <= {0.0, 1.0}
        assert 0 <= sample["alphas"].min() and sample["alphas"].max() <= 1
        assert not ((sample["alphas"] > 0) & (sample["alphas"] < 4.9 / 255)).any()


def test_nobody_in_the_image_is_no_sample():
    image, alphas = clip()

    assert augmented(image, alphas * 0, sample_generator(0, 0), crop_px=96) is None


def test_an_image_is_scaled_to_its_short_side_and_grown_with_zeros_to_a_multiple_of_64():
    scaled = augment.scaled(codes(), 108)

    assert scaled.image.shape[1:3] == (128, 192)
    assert not scaled.image[:, 108:].any() and not scaled.image[:, :, 144:].any()
    assert scaled.image[:, :108, :144].any()
    assert set(np.unique(scaled.masks)) <= set(np.unique(codes().masks))


def test_crops_show_somebody():
    big = augment.scaled(codes(), 256)

    shown = [(augment.cropped(big, np.random.default_rng(k), 96).alphas > 127).any() for k in range(30)]

    assert all(shown)


def test_gamma_leaves_black_and_white_and_noise_is_grey():
    image = codes().image
    steps = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, None, :, None], (1, 4, 256, 3))

    curved = augment.with_gamma(steps, np.random.default_rng(2))
    grain = augment.noisy(np.full_like(image, 128), np.random.default_rng(1)).astype(int) - 128

    assert (curved[..., 0, :] == 0).all() and (curved[..., 255, :] == 255).all()
    assert not np.array_equal(curved, steps)
    assert np.array_equal(grain[..., 0], grain[..., 1]) and grain.std() < 9 and grain.std() > 0


def test_jpeg_changes_an_image_a_little():
    image = codes(2).image

    stored = augment.compressed(image, np.random.default_rng(0))

    assert stored.shape == image.shape
    assert 0 < np.abs(stored.astype(int) - image).mean() < 30


def test_motion_blur_takes_the_alphas_along_and_keeps_their_sum():
    before = codes(3)

    image, alphas = augment.motion_blurred(before.image, before.alphas, np.random.default_rng(1))

    assert image.shape == before.image.shape
    assert not np.array_equal(alphas, before.alphas)
    assert alphas.sum() == pytest.approx(before.alphas.sum(), rel=0.02)


def test_a_warp_moves_image_and_alphas_together():
    alphas = codes().alphas
    image = alphas.max(1)[..., None].repeat(3, -1)

    moved, mattes = augment.warped(image, alphas, np.random.default_rng(4))

    assert not np.array_equal(mattes, alphas)
    overlap = np.minimum(moved[..., 0] > 127, mattes.max(1) > 127).sum()
    assert overlap > 0.97 * (mattes.max(1) > 127).sum()


def test_guidance_goes_wrong_by_itself_in_every_frame_but_not_by_much():
    _, alphas = clip()
    still = np.repeat(alphas, 8, 0)

    masks = guidance_noise.noisy_guidance(still, np.random.default_rng(0))

    truth = still > 0.5
    shares = (masks & truth).sum((2, 3)) / (masks | truth).sum((2, 3))
    assert shares.mean() > 0.6
    assert len({mask.tobytes() for mask in masks[:, 0]}) == 8


@pytest.mark.parametrize("seed", range(6))
def test_a_cut_moves_mask_within_or_between_instances(seed: int):
    _, alphas = clip()
    masks = alphas[0] > 0.5

    after = guidance_noise.patches_moved(masks, np.random.default_rng(seed))

    assert after.shape == masks.shape and after.dtype == bool
    assert (after != masks).mean() < 0.15


def test_drop_out_takes_small_patches_from_at_most_half_of_a_clips_masks():
    masks = np.repeat(clip()[1] > 0.5, 4, 0)

    changed = [
        (guidance_noise.patches_dropped(masks, np.random.default_rng(seed)) != masks).any((2, 3)).sum()
        for seed in range(20)
    ]

    assert 0 in changed and max(changed) > 0 and max(changed) <= 4


def test_blocky_guidance_says_what_its_cells_top_left_pixel_says():
    masks = np.random.default_rng(0).random((2, 24, 32)) > 0.5

    cells = guidance_noise.block_sampled(masks)

    assert np.array_equal(cells[:, ::8, ::8], masks[:, ::8, ::8])
    assert np.array_equal(cells[:, 7::8, 7::8], masks[:, ::8, ::8])


def test_a_change_map_is_ones_first_and_then_where_an_alpha_moved():
    _, alphas = clip(2)

    change = transitions.change_map(alphas, np.random.default_rng(0))

    moved = (np.abs(alphas[1] - alphas[0]) > 5 / 255).any(0)
    assert change[0].all()
    assert change[1][moved].all() and not change[1][:, 170:].any()


def test_an_instance_without_an_edge_does_not_count_in_a_still():
    alphas = np.stack([disc(64, 64, 30, 30, 12), np.ones((64, 64), np.float32)])[None]

    valid = transitions.valid_frames(alphas, np.ones((1, 64, 64)), np.random.default_rng(0))

    assert valid.tolist() == [[True, False]]
