"""What scenes are made of, as shares over many small ones."""

from __future__ import annotations

import numpy as np
import pytest

from maggie_lab.synthesis import DrawnBank
from maggie_lab.synthesis.layer import Layer
from maggie_lab.synthesis.puppet import Puppet
from maggie_lab.synthesis.scene import Scene
from maggie_lab.synthesis.scene_sampling import (
    BANDS,
    SceneSpec,
    crop_scene,
    embrace_scene,
    enrich,
    group_scene,
)

COUNT = 60


def spec(bank: DrawnBank, seed: int, *, moves: bool = False) -> SceneSpec:
    return SceneSpec(bank, 64, "mixed", False, moves, 0.5, np.random.default_rng((1, seed)))


@pytest.fixture(scope="module")
def scenes(bank: DrawnBank) -> list[Scene]:
    drawn = []
    for seed in range(COUNT):
        plan = spec(bank, seed)
        scene, _ = crop_scene(np.random.default_rng((2, seed)), plan, (1, 4))
        drawn.append(enrich(np.random.default_rng((3, seed)), scene, plan))
    return drawn


def test_the_parts_of_a_scene_come_in_the_shares_they_should(scenes: list[Scene]):
    actors = [actor for scene in scenes for actor in scene.actors]

    assert 0.4 < np.mean([scene.linear for scene in scenes]) < 0.8
    assert 0.05 < np.mean([scene.moments > 1 for scene in scenes]) < 0.35
    assert {scene.moments for scene in scenes} <= {1, *range(5, 10)}
    assert 0.6 < np.mean([actor.held_counts for actor in actors]) < 0.8
    assert 0.1 < np.mean([actor.blur_px > 0 for actor in actors]) < 0.4
    assert {type(actor.figure) for actor in actors} == {Layer, Puppet}
    assert all(actor.gestures is not None for actor in actors if isinstance(actor.figure, Puppet))


def test_what_is_held_is_in_the_matte_or_in_the_background(bank: DrawnBank):
    holding = next(f for f in map(lambda i: bank.figure(i), range(bank.figures)) if f[..., 4].mean() > 0.5)
    plan = spec(bank, 0)
    scene, _ = crop_scene(np.random.default_rng(0), plan, (1, 1))
    scene.actors = [actor for actor in scene.actors if actor.instance == 0]
    actor = scene.actors[0]
    actor.figure = Layer(holding, closed=True)
    actor.placement = actor.placement.__class__((96, 96), (32, 32), 0.33)

    with_it = scene.expose(0.0)
    actor.held_counts = False
    without = scene._instant(0.0)

    assert np.array_equal(with_it.light, without.light)
    assert np.array_equal(with_it.bodies, without.mattes)
    assert with_it.mattes.sum() > without.mattes.sum() + 1


def test_groups_stand_on_common_ground_and_reach_every_band_of_occlusion(bank: DrawnBank):
    hidden, slopes = [], []
    for seed in range(40):
        scene, _ = group_scene(np.random.default_rng(seed), spec(bank, seed), (2, 2))
        back, front = (scene._draw(actor, 0.0)[3] for actor in scene.actors)
        hidden.append(float((back * front).sum() / max(back.sum(), 1)))
        slopes.append(scene.actors[1].placement.centre[1] - scene.actors[0].placement.centre[1])

    assert np.mean(np.array(slopes) > -1) > 0.7
    assert np.mean(np.array(hidden) < 0.02) > 0.1
    for low, high in list(BANDS)[1:3]:
        assert any(low - 0.05 < share < high + 0.05 for share in hidden)


def test_people_who_hold_each_other_touch(bank: DrawnBank):
    holds = 0
    for seed in range(12):
        scene, _ = embrace_scene(np.random.default_rng(seed), spec(bank, seed))
        for actor in scene.actors:
            for hold in actor.holds:
                bend, placement = actor.bend_at(0.0, None), actor.placement_at(0.0, None)
                wrist = placement.into_crop(*actor.figure.joint(f"wrist{hold.side}", bend))
                unit = hold.other.placement.scale * hold.other.figure.unit_px
                body = np.array(
                    [
                        hold.other.placement.into_crop(*hold.other.figure.joints[j])
                        for j in ("shoulder0", "shoulder1", "chest", "neck")
                    ]
                )
                holds += np.linalg.norm(body - wrist, axis=1).min() < 1.2 * unit

    assert holds >= 8


def test_an_embrace_draws_the_arm_after_the_one_it_holds(bank: DrawnBank):
    scenes = [embrace_scene(np.random.default_rng(seed), spec(bank, seed))[0] for seed in range(12)]

    lifted = [scene for scene in scenes if len(scene.actors) == 3]

    assert len(lifted) > 4
    for scene in lifted:
        body, held, arms = scene.actors
        assert body.instance == arms.instance != held.instance
        assert not body.limbs & arms.limbs
