"""Clips are functions of continuous time."""

from __future__ import annotations

import numpy as np
import pytest

from maggie_core.synthesis import DrawnBank, compose_clip, sample_generator
from maggie_core.synthesis.motion import Pendulum, Wave, draw_gestures

CLIPS = range(4)


def clip(bank: DrawnBank, index: int, times: list[float] | None = None, **options) -> dict[str, np.ndarray]:
    rng = sample_generator(7, index)
    return compose_clip(rng, bank, frames=4, crop_px=96, instances=(1, 3), times=times, **options)


@pytest.mark.parametrize("index", CLIPS)
def test_a_frame_does_not_depend_on_the_other_frames_asked_for(bank: DrawnBank, index: int):
    forward = clip(bank, index)
    backward = clip(bank, index, [3.0, 2.0, 1.0, 0.0])
    finer = clip(bank, index, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0])

    for name, planes in forward.items():
        assert np.array_equal(backward[name][::-1], planes)
        if finer[name].shape[1] == planes.shape[1]:
            assert np.array_equal(finer[name][::2], planes)


def test_half_way_in_time_is_about_half_way_in_motion(bank: DrawnBank):
    for index in CLIPS:
        alphas = clip(bank, index, [0.0, 0.5, 1.0])["alphas"]

        first, second = (np.abs(alphas[k] - alphas[k + 1]).mean() for k in (0, 1))
        assert first == pytest.approx(second, rel=0.8, abs=4e-3)


def test_limbs_move_against_the_body(bank: DrawnBank):
    puppet = bank.puppet(0)
    gestures = draw_gestures(np.random.default_rng(1), loose=lambda limb: 1.0)

    hands = np.array([puppet.joint("hand0", gestures.at(time)) for time in range(20)])
    steps = np.linalg.norm(np.diff(hands, axis=0), axis=1) / puppet.unit_px

    assert np.ptp(hands, axis=0).max() > 0.1 * puppet.unit_px
    assert steps.max() < 0.5


def test_what_hangs_swings_later_than_what_it_hangs_from():
    head = Wave((0.2,), (0.4,), (0.0,))
    hair = Pendulum((head,), pace=0.5, damping=0.3)

    times = np.arange(0, 60, 0.1)
    driver, answer = (np.array([thing.at(t) for t in times]) for thing in (head, hair))

    lags = [np.corrcoef(-answer[k:], driver[: len(driver) - k])[0, 1] for k in range(60)]
    assert 5 < int(np.argmax(lags)) < 55


def test_a_jump_rings_and_comes_to_rest():
    hair = Pendulum((Wave(jump=(0.3, 5.0, 3.0)),), pace=0.6, damping=0.2)

    swings = [hair.at(time) for time in range(80)]

    assert swings[:5] == [0.0] * 5
    assert max(swings) > 0.05 and min(swings) < -0.05
    assert abs(swings[-1]) < 1e-3


def test_motion_blur_is_the_mean_of_what_the_shutter_sees(bank: DrawnBank):
    from maggie_core.synthesis.staging import Brief, crop_scene, enrich

    rng, more = np.random.default_rng(3), np.random.default_rng(4)
    brief = Brief(bank, 64, "mixed", False, True, 1.0, more)
    scene = enrich(more, crop_scene(rng, brief, (2, 2))[0], brief)
    scene.moments, scene.shutter = 5, 0.8

    blurred = scene.expose(1.0)
    scene.moments = 1
    moments = [scene.expose(1.0 + 0.8 * (k / 4 - 0.5) + 1e-9).light for k in range(5)]

    assert np.abs(blurred.light - np.mean(moments, axis=0)).max() < 1e-4


def test_colours_and_mattes_give_back_the_frame_before_the_camera(bank: DrawnBank):
    from maggie_core.synthesis.camera import to_linear

    for index in CLIPS:
        sample = clip(bank, index, extras=True)
        for t in range(len(sample["clean"])):
            alphas = sample["alphas"][t][:, None]
            planes = [sample["clean"][t], sample["background"][t], sample["foreground"][t]]
            frame, background, foreground = map(to_linear, planes) if sample["linear"][t] else planes

            again = (alphas * foreground).sum(0) + (1 - alphas.sum(0)) * background

            assert np.abs(again - frame).max() < 4e-3
            assert set(np.unique(sample["trimap"])) <= {0.0, 0.5, 1.0}
