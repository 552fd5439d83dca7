"""Neighbouring frames agree: less flicker, nothing invented, the same frame in any order."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift
from support.moving_people import MOTIONS, moving_person
from support.tiny import disc, tiny_model, write_shot

from maggie_core import MaskSequence, MatteResult, MatteSettings, ShotMatter, combine
from maggie_core.io.frames import open_source
from maggie_core.io.integer_image import write_integer_image
from maggie_core.postprocess import temporal
from maggie_core.postprocess.temporal import flows, smoothed, smoothed_clip

FRAMES = range(1001, 1010)
ALL = np.array([True])


@pytest.fixture(scope="module")
def moving() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Images and true alphas (1, H, W) of a textured disc that moves three pixels a frame."""
    rng = np.random.default_rng(2)
    wall, cloth = (gaussian_filter(rng.random((3, 96, 128)), (0, 2, 2)).astype(np.float32) for _ in range(2))
    wall, cloth = 0.5 * wall, 0.5 + 0.5 * cloth
    images, truths = [], []
    for step in range(3):
        alpha = gaussian_filter(disc(128, 96, 55 + 3 * step, 48, 25), 1.0)
        images.append(alpha * shift(cloth, (0, 0, 3 * step), order=1) + (1 - alpha) * wall)
        truths.append(alpha[None])
    return [image.astype(np.float32) for image in images], truths


def beside(image: np.ndarray, other: np.ndarray, alphas: np.ndarray, present: np.ndarray = ALL):
    return other, alphas, present, lambda: flows(image, other)


def test_flows_that_are_found_at_once_have_one_thread_each_and_leave_the_rest(moving, monkeypatch):
    image, seen, calls = moving[0][0], [], count()

    def search(here: np.ndarray, there: np.ndarray) -> np.ndarray:
        time.sleep(0.004 * (next(calls) % 7))
        seen.append(cv2.getNumThreads())
        return np.zeros((*here.shape, 2), np.float32)

    monkeypatch.setattr(temporal, "_flow", search)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: flows(image, image), range(24)))
        after = cv2.getNumThreads()
    finally:
        cv2.setNumThreads(threads)

    assert (set(seen), after) == ({1}, 3)


def test_errors_of_single_frames_are_averaged_along_the_motion(moving):
    images, truths = moving
    rng = np.random.default_rng(5)
    noise = [gaussian_filter(rng.standard_normal(truth.shape), (0, 3, 3)) for truth in truths]
    wrong = [np.clip(t + 1.5 * n, 0, 1).astype(np.float32) for t, n in zip(truths, noise, strict=True)]

    smooth = smoothed(images[1], wrong[1], [beside(images[1], images[k], wrong[k]) for k in (0, 2)])

    error, before = (((x - truths[1]) ** 2).mean() for x in (smooth, wrong[1]))
    assert error < 0.7 * before


def test_a_bite_or_a_blot_of_one_frame_alone_is_mended_whole(moving):
    """In the mean of three frames a bite would be two thirds full, and a blot a third."""
    images, truths = moving
    bite, blot = disc(128, 96, 62, 40, 8), disc(128, 96, 108, 20, 8)
    wrong = [truth.copy() for truth in truths]
    wrong[1] = np.maximum(truths[1] * (1 - bite), blot).astype(np.float32)

    smooth = smoothed(images[1], wrong[1], [beside(images[1], images[k], wrong[k]) for k in (0, 2)])

    assert smooth[0][bite > 0].mean() > 0.97
    assert smooth[0][blot > 0].mean() < 0.03


@pytest.mark.parametrize("at", [0, 2])
def test_a_bite_or_a_blot_of_one_frame_alone_leaves_nothing_in_the_frames_beside_it(moving, at: int):
    """In the mean of three frames two thirds of the bite were left, and a third of the blot."""
    images, truths = moving
    bite, blot = disc(128, 96, 62, 40, 8), disc(128, 96, 108, 20, 8)
    # An edge that is too wide in this frame alone, so that it is averaged.
    wrong = [truths[0].copy(), gaussian_filter(truths[1], (0, 4, 4)), truths[2].copy()]
    even = [beside(images[1], images[k], wrong[k]) for k in (0, 2)]
    wrong[at] = np.maximum(truths[at] * (1 - bite), blot).astype(np.float32)

    smooth = smoothed(images[1], wrong[1], [beside(images[1], images[k], wrong[k]) for k in (0, 2)])

    assert not np.array_equal(smooth, wrong[1])
    inside, outside = (disc(128, 96, x, y, 5) > 0 for x, y in ((62, 40), (108, 20)))
    assert smooth[0][inside].min() > 0.97
    assert smooth[0][outside].max() < 0.03
    edge = (truths[1][0] > 0.1) & (truths[1][0] < 0.9) & (bite == 0)
    np.testing.assert_allclose(smooth[0][edge], smoothed(images[1], wrong[1], even)[0][edge], atol=0.02)


def test_what_is_right_stays_right(moving):
    images, truths = moving

    smooth = smoothed(images[1], truths[1], [beside(images[1], images[k], truths[k]) for k in (0, 2)])

    assert np.abs(smooth - truths[1]).mean() < 0.004


@pytest.mark.parametrize("soft_px", [0.0, 1.5])
@pytest.mark.parametrize("contrast", [1.0, 0.3])
@pytest.mark.parametrize("motion", MOTIONS)
def test_exact_alphas_of_a_moving_person_stay_as_they_are(motion, contrast, soft_px):
    images, truths = moving_person(motion, contrast=contrast, soft_px=soft_px)

    smooth = smoothed_clip(images, truths, np.ones((len(images), 1), bool))

    assert 1000 * np.abs(smooth - truths).mean() <= 0.02  # MAD
    assert np.array_equal(smooth, truths)


@pytest.mark.parametrize("motion", ["walk", "turn", "come near", "stand"])
def test_mattes_that_are_wrong_in_another_way_each_time_become_steadier_and_better(motion):
    images, truths = moving_person(motion, soft_px=1.0)
    rng = np.random.default_rng(11)
    noise = gaussian_filter(rng.standard_normal(truths.shape), (0, 0, 4, 4))
    near = gaussian_filter(truths, (0, 0, 3, 3))
    wrong = truths + 4 * noise * (4 * near * (1 - near))  # around the outline
    wrong = np.clip(wrong, 0, 1).astype(np.float32)

    smooth = smoothed_clip(images, wrong, np.ones((len(images), 1), bool))

    before, after = wrong[1:-1] - truths[1:-1], smooth[1:-1] - truths[1:-1]
    assert np.abs(after).mean() < 0.8 * np.abs(before).mean()
    assert np.sqrt((np.diff(after, axis=0) ** 2).mean()) < 0.7 * np.sqrt(
        (np.diff(before, axis=0) ** 2).mean()
    )


def test_a_frame_with_one_neighbour_stays_as_it_is(moving):
    images, truths = moving

    smooth = smoothed(images[1], truths[1], [beside(images[1], images[0], 0.5 * truths[0])])

    assert np.array_equal(smooth, truths[1])


def test_neighbours_that_show_something_else_do_not_count(moving):
    images, truths = moving
    cut = np.random.default_rng(9).random(images[0].shape).astype(np.float32)

    smooth = smoothed(images[1], truths[1], 2 * [beside(images[1], cut, np.ones_like(truths[1]))])

    assert np.abs(smooth - truths[1]).mean() < 0.02


def test_a_clip_is_smoothed_frame_by_frame(moving):
    images, truths = moving

    clip = smoothed_clip(np.stack(images), np.stack(truths), np.ones((3, 1), bool))

    for t, around in enumerate([(1,), (0, 2), (1,)]):
        alone = smoothed(images[t], truths[t], [beside(images[t], images[k], truths[k]) for k in around])
        assert np.array_equal(clip[t], alone)


def test_an_instance_that_is_absent_beside_does_not_fade(moving):
    images, truths = moving

    absent = beside(images[1], images[0], np.zeros_like(truths[0]), ~ALL)
    faint = beside(images[1], images[2], 0.2 * truths[2])

    smooth = smoothed(images[1], truths[1], [absent, faint])

    assert np.array_equal(smooth, truths[1])


def test_a_smoothed_frame_is_the_same_in_any_order_and_company(tmp_path):
    plate, masks = write_shot(tmp_path, frames=FRAMES)
    for frame in (1004, 1006):  # masks that miss half of ana, so that her mattes flicker
        half = disc(96, 64, 32, 32, 16) * (np.arange(96) < 32)
        write_integer_image(tmp_path / f"ana.{frame}.png", (half > 0.5).astype(np.float32))
    guidance = combine([MaskSequence(name, pattern) for name, pattern in masks.items()])

    def mattes(frames: list[int] | None = None, *, smooth: str = "flow") -> dict[int, np.ndarray]:
        settings = MatteSettings(segment_frames=4, warmup_frames=2, smooth=smooth)  # type: ignore[arg-type]
        matter = ShotMatter(tiny_model(), open_source(plate), guidance, settings)
        return {r.frame: r.alphas for r in matter.run(frames) if isinstance(r, MatteResult)}

    whole, plain = mattes(), mattes(smooth="none")

    assert sorted(whole) == list(FRAMES)
    assert any(not np.array_equal(whole[frame], plain[frame]) for frame in FRAMES)
    for frame in (1009, 1005, 1001, 1004):
        assert np.array_equal(mattes([frame])[frame], whole[frame])
    assert whole[1002][1].max() == 0  # ben is absent there


def test_influence_reaches_as_far_as_the_neighbours_need(tmp_path):
    plate, masks = write_shot(tmp_path, frames=FRAMES)
    guidance = combine([MaskSequence(name, pattern) for name, pattern in masks.items()])
    settings = MatteSettings(segment_frames=4, warmup_frames=2)

    def influence(smooth: str) -> tuple[int, ...]:
        chosen = replace(settings, smooth=smooth)  # type: ignore[arg-type]
        return ShotMatter(tiny_model(), open_source(plate), guidance, chosen).influence(1005)

    assert influence("none") == (1003, 1004, 1005, 1006)
    assert influence("flow") == (1003, 1004, 1005, 1006, 1007)


def test_an_image_network_is_never_smoothed(tmp_path):
    plate, masks = write_shot(tmp_path, frames=range(1001, 1003))
    guidance = combine([MaskSequence(name, pattern) for name, pattern in masks.items()])
    settings = MatteSettings(smooth="flow")

    matter = ShotMatter(tiny_model(temporal=False), open_source(plate), guidance, settings)

    assert matter.effective.smooth == "none"
