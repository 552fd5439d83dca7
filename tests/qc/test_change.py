"""What changes from frame to frame, and how much of it the image explains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.tiny import disc

from maggie_core.guidance import Holds, HoldSource
from maggie_core.io.integer_image import write_integer_image
from maggie_core.qc import check, find, limits_with
from maggie_core.qc.change import change_px, outline_px

WIDTH, HEIGHT = 128, 96


def test_the_outline_of_a_disc_is_its_circumference_whether_sharp_or_soft():
    sharp = disc(WIDTH, HEIGHT, 64, 48, 30)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    soft = np.clip((30 - np.hypot(columns + 0.5 - 64, rows + 0.5 - 48)) / 8 + 0.5, 0, 1).astype(np.float32)

    assert outline_px(sharp) == pytest.approx(2 * np.pi * 30, rel=0.1)
    assert outline_px(soft) == pytest.approx(2 * np.pi * 30, rel=0.03)


def test_change_is_the_mean_motion_of_the_outline():
    small, large = disc(WIDTH, HEIGHT, 64, 48, 28), disc(WIDTH, HEIGHT, 64, 48, 31)
    moved = disc(WIDTH, HEIGHT, 67, 48, 30)

    assert change_px(large, small) == pytest.approx(3, rel=0.1)
    assert change_px(moved, disc(WIDTH, HEIGHT, 64, 48, 30)) == pytest.approx(3 * 2 / np.pi, rel=0.1)
    assert change_px(np.zeros_like(small), np.zeros_like(small)) is None


def test_an_alpha_that_moves_with_its_image_changes_and_hardly_flickers(shot):
    numbers = check(shot.film().deliver().subject(plate=True)).numbers
    change, flicker = (np.mean(list(numbers.of(name, "ana").values())) for name in ("change", "flicker"))

    assert len(numbers.of("flicker", "ana")) == len(shot.frames) - 1
    assert change > 1.1  # two pixels a frame, a circle shows 2 / pi of them
    assert flicker < 0.45 * change


def test_an_alpha_that_pulses_on_an_image_flickers_by_as_much(shot):
    for index, frame in enumerate(shot.frames):
        x, y = 40.0 + 2 * index, 48.0
        shot.alphas[frame] = {"ana": disc(WIDTH, HEIGHT, x, y, 24 + 1.5 * (-1) ** index)}
    numbers = check(shot.film().deliver().subject(plate=True)).numbers

    assert np.mean(list(numbers.of("flicker", "ana").values())) == pytest.approx(3, rel=0.25)
    assert "flicker" in {f.measure for f in shot.findings(plate=True)}


@pytest.mark.parametrize("given", ["plate", "guidance"])
def test_a_frame_copied_for_the_next_is_stuck(shot, given: str):
    shot.alphas[1005] = shot.alphas[1004]
    findings = (
        shot.film()
        .deliver()
        .findings(**{given: True}, limits=dict.fromkeys(("flicker", "iou", "jolt", "chatter", "pop")))
    )

    assert [(f.measure, f.frames) for f in findings] == [("stuck", (1005,))]


def test_alphas_may_stand_still_on_an_image_that_does(shot):
    shot.film()
    for frame in shot.frames:
        shot.alphas[frame] = shot.alphas[1001]
        for name in ("plate.{}.exr", "ana.{}.png"):
            (shot.folder / name.format(frame)).write_bytes((shot.folder / name.format(1001)).read_bytes())

    assert shot.deliver().findings(plate=True, guidance=True) == ()


def test_a_lost_half_is_a_jump_of_the_area_and_guidance_that_shares_it_explains_it(shot):
    half = shot.alphas[1005]["ana"].copy()
    half[:, : 40 + 2 * 4] = 0
    shot.alphas[1005] = {"ana": half}
    shot.film().deliver()
    alone = check(shot.subject()).numbers.of("area_jump", "ana")
    guided = check(shot.subject(guidance=True)).numbers.of("area_jump", "ana")

    write_integer_image(shot.folder / "ana.1005.png", (half > 0.5).astype(np.float32))
    shared = check(shot.subject(guidance=True)).numbers.of("area_jump", "ana")

    assert alone[1005] == pytest.approx(50, abs=3) and guided[1005] == pytest.approx(50, abs=3)
    assert alone[1004] == pytest.approx(0, abs=1)
    assert shared[1005] == pytest.approx(0, abs=3)


def test_who_walks_out_of_the_image_does_not_jump(shot):
    for index, frame in enumerate(shot.frames):
        shot.alphas[frame] = {"ana": disc(WIDTH, HEIGHT, 95 + 9 * index, 48, 24)}
    jumps = check(shot.deliver().subject()).numbers.of("area_jump", "ana")

    assert max(jumps.values()) < 40
    assert shot.findings() == ()


def test_a_frame_that_is_shifted_by_a_pixel_stands_out_from_both_its_neighbours(shot):
    before = check(shot.film().deliver().subject(plate=True)).numbers.of("jolt", "ana")
    shot.alphas[1005]["ana"] = np.roll(shot.alphas[1005]["ana"], 1, axis=1)
    after = check(shot.deliver(1005).subject(plate=True)).numbers.of("jolt", "ana")

    assert max(before.values()) < 0.35
    assert after[1005] == pytest.approx(1, abs=0.4)
    assert ("jolt", (1005,)) in [(f.measure, f.frames) for f in shot.findings(plate=True)]


def test_a_patch_in_one_frame_alone_pops(shot):
    shot.alphas[1005]["ana"] = shot.alphas[1005]["ana"].copy()
    shot.alphas[1005]["ana"][44:52, 44:52] = 0
    findings = {f.measure: f for f in shot.film().deliver().findings(plate=True)}

    assert findings["pop"].frames == (1005,)
    assert findings["pop"].place is not None and 42 <= findings["pop"].place.x <= 46


def test_a_frame_that_is_held_as_the_job_asks_is_not_stuck_and_a_finding_of_it_says_so(shot):
    shot.alphas[1005] = {"ana": shot.alphas[1004]["ana"]}
    shot.headers[1005] = {"stood_in": [1005]}
    found = shot.film().deliver().findings(plate=True, limits={"flicker": 0.5})

    assert "stuck" not in {each.measure for each in found}
    (flicker,) = [each for each in found if each.measure == "flicker"]
    assert "(held in 1005)" in flicker.text or "(held)" in flicker.text


def test_what_the_artist_holds_is_no_fault(shot, tmp_path):
    held, cut = disc(WIDTH, HEIGHT, 100, 20, 9), np.ones((HEIGHT, WIDTH), bool)
    cut[:, 55:85] = False
    for name, plane in (("core", held > 0.5), ("garbage", cut)):
        write_integer_image(tmp_path / f"{name}.png", plane.astype(np.float32))
    for frame in shot.frames:
        shot.alphas[frame]["ana"] = np.maximum(shot.alphas[frame]["ana"] * cut, held)
    shot.film().deliver()
    guidance = shot.subject(guidance=True).guidance
    sources = [HoldSource("core", "ana", str(tmp_path / "core.png"))]
    sources.append(HoldSource("garbage", "ana", str(tmp_path / "garbage.png")))
    holds = Holds(sources, guidance.instances)

    def told(**fields: Any) -> set[str]:
        return {f.measure for f in find(check(shot.subject(guidance=True, **fields)), limits_with())}

    assert {"inside_lost", "apart"} & told()
    assert not {"inside_lost", "apart", "outside", "iou", "holes"} & told(holds=holds)
