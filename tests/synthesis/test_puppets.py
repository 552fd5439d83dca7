from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maggie_lab.synthesis import DrawnBank
from maggie_lab.synthesis.layer import Placement
from maggie_lab.synthesis.puppet import REST, Bend, Puppet

SIZE = 192


def drawn(puppet: Puppet, bend: Bend = REST) -> np.ndarray:
    placement = Placement((SIZE / 2, SIZE / 2), (SIZE / 2, SIZE / 2), 0.7)
    return puppet.draw(placement, SIZE, bend=bend, shade=lambda colour, _: colour)


@pytest.fixture(scope="module")
def puppets(bank: DrawnBank) -> list[Puppet]:
    return [bank.puppet(index) for index in range(bank.puppets)]


def test_a_puppet_is_premultiplied_and_in_range(puppets: list[Puppet]):
    for puppet in puppets:
        planes = drawn(puppet, Bend(arms=((0.4, 0.5), (-0.3, 0.2)), head=0.1, hair=0.3, skirt=-0.2))

        assert 0 <= planes.min() and planes.max() <= 1 + 1e-5
        assert (planes[:3] <= planes[3] + 1e-5).all()
        assert (planes[4] <= planes[3] + 1e-5).all()
        assert (planes[3] > 0.5).mean() > 0.02


def test_a_turned_arm_moves_and_the_rest_stays(puppets: list[Puppet]):
    for puppet in puppets:
        limbs = {piece.limb for piece in puppet.pieces}
        if "arm0" not in limbs:
            continue
        bend = Bend(arms=((0.6, 0.3), (0.0, 0.0)))

        rest, turned = (
            puppet.draw(
                Placement((0, 0), (0, 0), 1.0),
                SIZE,
                bend=b,
                shade=lambda c, _: c,
                limbs=limbs - {"arm0", "held0"},
            )
            for b in (REST, bend)
        )

        assert np.array_equal(rest, turned)
        assert not np.array_equal(drawn(puppet), drawn(puppet, bend))


def test_a_hand_reaches_what_is_in_reach_and_stretches_towards_what_is_not(puppets: list[Puppet]):
    for puppet in puppets:
        root, elbow, wrist = (np.array(puppet.joints[f"{name}1"]) for name in ("shoulder", "elbow", "wrist"))
        length = np.linalg.norm(elbow - root) + np.linalg.norm(wrist - elbow)
        near = root + 0.8 * length * np.array([0.6, 0.8])
        far = root + 3.0 * length * np.array([-0.6, 0.8])

        for target, missed in ((near, 0.01), (far, 2.1)):
            turn = puppet.reaching(1, (float(target[0]), float(target[1])))
            x, y = puppet.joint("wrist1", Bend(arms=((0.0, 0.0), turn)))

            assert np.hypot(x - target[0], y - target[1]) < missed * length


def test_the_elbow_never_flips_while_the_target_moves(puppets: list[Puppet]):
    for puppet in puppets:
        root = np.array(puppet.joints["shoulder0"])
        around = np.linspace(0, 2 * np.pi, 200)
        targets = root + puppet.unit_px * (1 + 0.5 * np.sin(3 * around))[:, None] * np.stack(
            [np.cos(around), np.sin(around)], -1
        )

        turns = [puppet.reaching(0, (float(x), float(y))) for x, y in targets]

        elbows = np.array([puppet.joint("elbow0", Bend(arms=(turn, (0.0, 0.0)))) for turn in turns])
        assert np.linalg.norm(np.diff(elbows, axis=0), axis=1).max() < 0.3 * puppet.unit_px
        assert np.abs(np.diff([lower for _, lower in turns])).max() < 0.3


def test_a_stored_puppet_is_the_same(puppets: list[Puppet], tmp_path: Path):
    with (tmp_path / "puppet.npz").open("wb") as stream:
        puppets[0].save(stream)

    loaded = Puppet.load(tmp_path / "puppet.npz")

    assert loaded.joints == puppets[0].joints
    assert np.array_equal(drawn(loaded), drawn(puppets[0]))
