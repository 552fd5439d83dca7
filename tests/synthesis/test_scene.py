from __future__ import annotations

import numpy as np
import pytest

from maggie_lab.synthesis import DrawnBank, compose, compose_clip, sample_generator

COUNT = 24


@pytest.fixture(scope="module")
def stills(bank: DrawnBank) -> list[dict[str, np.ndarray]]:
    return [compose(sample_generator(1, index), bank, crop_px=128) for index in range(COUNT)]


@pytest.fixture(scope="module")
def clips(bank: DrawnBank) -> list[dict[str, np.ndarray]]:
    return [
        compose_clip(sample_generator(2, index), bank, frames=(3, 5), crop_px=96, instances=(2, 3))
        for index in range(6)
    ]


def test_a_still_has_the_shapes_types_and_ranges_it_promises(stills):
    for sample in stills:
        instances = len(sample["alphas"])

        assert sample["image"].shape == (3, 128, 128)
        assert sample["alphas"].shape == sample["guidance"].shape == (instances, 128, 128)
        assert 1 <= instances <= 10
        for planes in sample.values():
            assert planes.dtype == np.float32
            assert planes.flags.c_contiguous
            assert 0 <= planes.min() and planes.max() <= 1


def test_mattes_never_add_up_to_more_than_one(stills, clips):
    for sample in stills + clips:
        assert sample["alphas"].sum(-3).max() <= 1 + 1e-5


def test_no_instance_is_empty_and_none_is_without_guidance(stills):
    for sample in stills:
        assert (sample["alphas"] > 0.5).any((1, 2)).all()
        assert sample["guidance"].any((1, 2)).all()


def test_most_masks_are_binary_and_a_few_are_soft(stills):
    masks = [mask for sample in stills for mask in sample["guidance"]]

    soft = np.mean([((mask > 0) & (mask < 1)).any() for mask in masks])

    assert 0.02 < soft < 0.25


def test_there_may_be_many_people(bank: DrawnBank):
    counts = [
        len(compose(sample_generator(5, index), bank, crop_px=64, instances=(7, 10))["alphas"])
        for index in range(4)
    ]

    assert max(counts) >= 6


def test_a_fair_share_of_all_pixels_is_fractional(stills):
    share = np.mean([((s["alphas"] > 0.01) & (s["alphas"] < 0.99)).any(0).mean() for s in stills])

    assert 0.01 < share < 0.25


def test_alphas_are_spread_over_the_whole_range(stills):
    values = np.concatenate([sample["alphas"].ravel() for sample in stills])

    counts, _ = np.histogram(values, bins=np.linspace(0.05, 0.95, 10))

    assert counts.min() > 0.3 * counts.mean()


def test_a_sample_depends_on_its_seed_and_index_alone(bank: DrawnBank, stills):
    alone = compose(sample_generator(1, 17), bank, crop_px=128)

    for name, planes in stills[17].items():
        assert np.array_equal(alone[name], planes)
    assert not np.array_equal(stills[16]["image"], stills[17]["image"])


def test_guidance_is_wrong_but_about_the_same_subject(stills):
    overlaps = []
    for sample in stills:
        true = sample["alphas"] > 0.5
        mask = sample["guidance"] > 0.5
        overlaps += list((true & mask).sum((1, 2)) / (true | mask).sum((1, 2)))

    assert np.mean(overlaps) > 0.7
    assert np.mean(overlaps) < 0.99


def test_a_clip_has_a_leading_time_axis_for_everything(clips):
    for clip in clips:
        frames, instances = clip["alphas"].shape[:2]

        assert 3 <= frames <= 5
        assert clip["image"].shape == (frames, 3, 96, 96)
        assert clip["guidance"].shape == (frames, instances, 96, 96)


def test_people_move_smoothly_from_frame_to_frame(clips):
    for clip in clips:
        steps = np.abs(np.diff(clip["alphas"], axis=0)).mean((1, 2, 3))

        assert 0 < steps.max() < 0.15


def test_guidance_of_a_clip_changes_more_than_the_mattes_do(clips):
    matte = np.mean([np.abs(np.diff(clip["alphas"], axis=0)).mean() for clip in clips])
    mask = np.mean([np.abs(np.diff(clip["guidance"], axis=0)).mean() for clip in clips])

    assert mask > matte
