"""Faults of one alpha beside its mask: what is lost, covered, grey, loose or streaky, and where."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from support.tiny import disc

from maggie_core.guidance import MaskSequence, combine
from maggie_core.io.integer_image import write_integer_image
from maggie_core.qc import check, find, limits_with
from maggie_core.qc.faults import Person

WIDTH, HEIGHT = 320, 240
BODY = disc(WIDTH, HEIGHT, 150, 120, 60)
MASK = (BODY > 0.5).astype(np.float32)
NOBODY = np.zeros_like(BODY)


def person(alpha: np.ndarray, *, mask: np.ndarray = MASK, others: np.ndarray = NOBODY) -> Person:
    return Person(np.asarray(alpha, np.float32), mask, others)


def test_a_sound_alpha_has_no_fault():
    assert {name: found.amount for name, found in person(BODY).faults()} == {
        "undecided_inside": 0,
        "patches": 0,
        "streaks": 0,
        "apart": 0,
    }


def test_a_half_transparent_sleeve_is_a_patch_and_a_soft_edge_is_none():
    bitten, soft = BODY.copy(), cv2.GaussianBlur(BODY, (0, 0), 1.2)
    bitten[110:120, 120:135] = 0.6
    found = person(bitten).patches()

    assert found is not None and found.amount == pytest.approx(100 * 8 * 13 / MASK.sum(), rel=0.2)
    assert found.where[115, 127] and not found.where[60, 150]
    beside = person(soft).patches()
    assert beside is not None and beside.amount == 0


def test_who_is_translucent_all_over_has_no_patches_to_judge():
    veil = person(BODY * np.float32(0.6))

    assert veil.patches() is None
    assert veil.undecided_inside().amount > 50


def test_a_line_that_leads_away_is_a_streak_and_an_arm_is_none():
    streak, arm = BODY.copy(), BODY.copy()
    streak[118:121, 205:260] = 0.5
    arm[110:130, 205:260] = 1

    assert person(streak).streaks().amount > 10
    assert person(streak).streaks().where[119, 240]
    assert person(arm).streaks().amount == 0


def test_a_loose_piece_counts_unless_the_mask_has_it_or_somebody_stands_between():
    loose, bridge, wide = BODY.copy(), NOBODY.copy(), MASK.copy()
    loose[110:116, 235:241] = 0.8
    bridge[105:120, 208:238] = 1
    wide[108:118, 233:243] = 1

    assert person(loose).apart().amount == pytest.approx(100 * 36 / MASK.sum(), rel=0.01)
    assert person(loose, others=bridge).apart().amount == 0
    assert person(loose, mask=wide).apart().amount == 0


def test_what_is_lost_is_said_with_its_place_and_frame(shot):
    shot.film()
    alpha = shot.alphas[1005]["ana"].copy()
    alpha[40:56, 30:60] = 0
    shot.alphas[1005]["ana"] = alpha
    findings = {f.measure: f for f in shot.deliver().findings(plate=True, guidance=True)}
    lost = findings["inside_lost"]

    assert lost.frames == (1005,) and lost.place is not None
    assert 28 <= lost.place.x <= 36 and 38 <= lost.place.y <= 42
    assert lost.text.startswith("ana, frame 1005, at x ")
    assert "allowed is at most 20" in lost.text
    assert findings["flash"].worst_frame in (1005, 1006)


def test_alpha_on_somebody_elses_core_is_said_with_the_name(shot):
    shot.film()
    ben = disc(128, 96, 108, 22, 16)
    for frame in shot.frames:
        shot.alphas[frame]["ben"] = ben
        write_integer_image(shot.folder / f"ben.{frame}.png", (ben > 0.5).astype(np.float32))
    shot.alphas[1003]["ana"] = np.maximum(shot.alphas[1003]["ana"], 0.5 * ben)
    guidance = combine([MaskSequence(name, shot.mask(name)) for name in ("ana", "ben")])
    subject = dataclasses.replace(shot.deliver().subject(), guidance=guidance)
    (finding,) = [each for each in find(check(subject), limits_with()) if each.measure == "covers"]

    assert (finding.instance, finding.frames) == ("ana", (1003,))
    assert finding.value == pytest.approx(50, abs=1)
    assert "alpha inside another's mask (on ben) 50" in finding.text


@pytest.mark.slow
def test_the_benchmark_finds_gross_faults_and_leaves_faultless_mattes_alone(tmp_path):
    from benchmarks.qc import FAULTS, measured

    gross = tuple(each for each in FAULTS if each.name in ("empty frame", "lost third", "leak onto another"))
    counts = measured(tmp_path, 2, gross)

    missed = {
        (quality, fault)
        for quality, of_masks in counts.items()
        for fault, count in of_masks.spoilt.items()
        if of_masks.right[fault] != count
    }
    # The legs of one person, who are so thin that true alphas may lack as much of a mask.
    assert missed == {("typical", "lost third")}
    for of_masks in counts.values():
        assert sum(of_masks.spoilt.values()) == len(gross)
        assert not {"flash", "holes", "streaks", "above_one", "empty"} & set(of_masks.alarms)
