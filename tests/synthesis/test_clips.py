"""Clips are functions of continuous time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from maggie_lab.srgb import to_linear
from maggie_lab.synthesis import DrawnBank, compose_clip, sample_generator
from maggie_lab.synthesis.flow import flow_between
from maggie_lab.synthesis.motion import Pendulum, Wave, draw_gestures
from maggie_lab.synthesis.scene_sampling import SceneSpec, crop_scene, enrich

CLIPS = range(4)


def clip(bank: DrawnBank, index: int, times: list[float] | None = None, **options) -> dict[str, np.ndarray]:
    rng = sample_generator(7, index)
    return compose_clip(rng, bank, frames=3, crop_px=64, instances=(1, 2), times=times, **options)


@pytest.mark.parametrize("index", CLIPS)
def test_a_frame_does_not_depend_on_the_other_frames_asked_for(bank: DrawnBank, index: int):
    forward = clip(bank, index)
    backward = clip(bank, index, [2.0, 1.0, 0.0])
    finer = clip(bank, index, [0.0, 0.5, 1.0, 1.5, 2.0])

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
    rng, more = np.random.default_rng(3), np.random.default_rng(4)
    spec = SceneSpec(bank, 64, "mixed", False, True, 1.0, more)
    scene = enrich(more, crop_scene(rng, spec, (2, 2))[0], spec)
    scene.moments, scene.shutter = 5, 0.8

    blurred = scene.expose(1.0)
    scene.moments = 1
    moments = [scene.expose(1.0 + 0.8 * (k / 4 - 0.5) + 1e-9).light for k in range(5)]

    assert np.abs(blurred.light - np.mean(moments, axis=0)).max() < 1e-4


def test_colours_and_mattes_give_back_the_frame_before_the_camera(bank: DrawnBank):
    for index in CLIPS:
        sample = clip(bank, index, [0.0, 1.0], extras=True)
        for t in range(len(sample["clean"])):
            alphas = sample["alphas"][t][:, None]
            planes = [sample["clean"][t], sample["background"][t], sample["foreground"][t]]
            frame, background, foreground = map(to_linear, planes) if sample["linear"][t] else planes

            again = (alphas * foreground).sum(0) + (1 - alphas.sum(0)) * background

            assert np.abs(again - frame).max() < 4e-3
            assert set(np.unique(sample["trimap"])) <= {0.0, 0.5, 1.0}


def test_flow_leads_to_the_same_point_of_the_same_person(bank: DrawnBank):
    missed = []
    for index in range(6):
        rng = sample_generator(8, index)
        sample = compose_clip(rng, bank, frames=2, crop_px=96, instances=(1, 1), severity="good", extras=True)
        (first, second), flow = sample["alphas"][:, 0], sample["flow"][0, 0]
        rows, columns = np.nonzero(first > 0.99)
        there = [rows + flow[1, rows, columns], columns + flow[0, rows, columns]]
        inside = ((np.array(there) > 0) & (np.array(there) < 95)).all(0)
        missed.append(np.mean(map_coordinates(second, there, order=1)[inside] < 0.9))
        assert np.isfinite(flow).all()
        assert np.abs(sample["flow"][1]).max() < 1e-2

    assert np.mean(missed) < 0.03


def test_what_only_drifts_flows_as_it_drifts(bank: DrawnBank):
    scene = still_scene(bank)
    scene.actors[0].motion = replace(scene.actors[0].motion, drift=(3.0, -2.0), swing=(0.0,) * 4)

    flow = flow_between(scene, 1.0, 2.0)[0]

    moving = (flow != 0).any(0)
    assert moving.mean() > 0.02
    assert np.abs(flow[:, moving] - np.array([[3.0], [-2.0]])).max() < 0.02


def still_scene(bank: DrawnBank):
    """One flat figure that neither sways nor shakes."""
    plan = SceneSpec(bank, 64, "good", False, False, 0.0, np.random.default_rng(0))
    scene, _ = crop_scene(np.random.default_rng(9), plan, (1, 1))
    scene.actors = [actor for actor in scene.actors if actor.instance == 0]
    actor = scene.actors[0]
    calm = replace(actor.sway, first=0 * actor.sway.first, second=0 * actor.sway.second)
    actor.sway = calm
    return scene
