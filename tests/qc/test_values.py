"""What single frames show: broken numbers, empty frames, alphas that exceed one together, agreement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
from support.tiny import disc

from maggie_core.color import BUILT_IN_CONFIG, ColorSettings
from maggie_core.guidance import MaskSequence, combine
from maggie_core.io.frames import open_source
from maggie_core.io.integer_image import write_integer_image
from maggie_core.qc import PlateImages, check, find, limits_with, thumbnails
from maggie_core.qc.planes import agreement, cleaned, outside

WIDTH, HEIGHT = 128, 96


def spoil(path: Path, alpha: np.ndarray) -> None:
    """Put pixels into a matte that this package would not write, as another program might."""
    image = oiio.ImageBuf(str(path))
    assert image.set_pixels(image.roi, np.ascontiguousarray(alpha[..., None], np.float32))
    assert image.write(str(path)), image.geterror()


def test_pixels_that_are_no_numbers_or_out_of_range_are_counted(shot):
    plane = shot.alphas[1004]["ana"].copy()
    plane[3, 5:8] = np.nan
    plane[4, 5] = np.inf
    plane[10, 10:12] = 1.25
    plane[11, 10] = -0.5
    shot.deliver()
    spoil(shot.path(1004), plane)
    checked = check(shot.subject())

    assert checked.numbers.of("not_finite", "ana")[1004] == 4
    assert checked.numbers.of("out_of_range", "ana")[1004] == 3
    assert {f.measure: f.worst_frame for f in shot.findings(limits={"specks": None})} == {
        "not_finite": 1004,
        "out_of_range": 1004,
    }


def test_the_last_digit_of_a_half_above_one_is_no_fault():
    alpha, not_finite, beyond = cleaned(np.array([[1 + 1 / 1024, 1.0, -1 / 1024]], np.float32))

    assert (not_finite, beyond) == (0, 0)
    assert alpha.min() >= 0 and alpha.max() <= 1


def test_a_black_frame_is_empty_by_its_guidance(shot):
    shot.alphas[1005]["ana"] = np.zeros((HEIGHT, WIDTH), np.float32)
    findings = shot.film().deliver().findings(guidance=True)

    assert ("empty", (1005,)) in [(f.measure, f.frames) for f in findings]


def test_masks_that_look_like_a_mistake_are_found_though_their_mattes_agree_with_them(shot):
    """The first covers the second, whose matte is empty as its mask comes to be."""
    ana = 1 - disc(WIDTH, HEIGHT, 100, 48, 20)
    for number, frame in enumerate(shot.frames):
        shot.alphas[frame] = {"ana": ana, "ben": np.zeros((HEIGHT, WIDTH), np.float32)}
        for name, mask in (("ana", ana), ("ben", disc(WIDTH, HEIGHT, 30 + number, 48, 20))):
            write_integer_image(shot.folder / f"{name}.{frame:04d}.png", (mask > 0.5).astype(np.float32))
    guidance = combine([MaskSequence(name, shot.mask(name)) for name in ("ana", "ben")])

    (found,) = [
        finding
        for finding in shot.deliver().findings(guidance=guidance, limits={"edge_px": None})
        if finding.measure.startswith("mask_")
    ]

    assert (found.measure, found.instance, found.frames) == ("mask_mistaken", "ana", shot.frames)
    assert "mask that looks inverted, or is white all over (covers that of ben): white is" in found.text


def test_a_black_frame_is_empty_by_its_neighbours_where_there_is_no_guidance(shot):
    shot.alphas[1005]["ana"] = np.zeros((HEIGHT, WIDTH), np.float32)
    findings = shot.deliver().findings()

    assert ("empty", (1005,)) in [(f.measure, f.frames) for f in findings]


def test_who_comes_late_leaves_or_is_away_for_longer_is_not_missed(shot):
    nobody = np.zeros((HEIGHT, WIDTH), np.float32)
    for frame in (1001, 1002, 1004, 1005, 1006, 1007):
        shot.alphas[frame]["ana"] = nobody

    assert check(shot.deliver().subject()).numbers.of("empty", "ana") == dict.fromkeys(shot.frames, 0)


def test_alphas_that_claim_the_same_pixels_exceed_one(shot):
    for frame in shot.frames:
        shot.alphas[frame]["ben"] = np.zeros_like(shot.alphas[frame]["ana"])
    shot.alphas[1002]["ben"] = shot.alphas[1002]["ana"]
    checked = check(shot.deliver().subject())

    assert checked.numbers.of("above_one")[1001] == 0
    assert checked.numbers.of("above_one")[1002] == pytest.approx(100, abs=8)  # all but the soft rim
    assert ("above_one", (1002,)) in [(f.measure, f.frames) for f in shot.findings()]


def test_the_contract_of_a_sum_of_one_is_held_to_where_the_header_makes_it(shot):
    for frame in shot.frames:
        shot.headers[frame] = {"settings": {"sum_to_one": True}}
        shot.alphas[frame]["ben"] = 1 - shot.alphas[frame]["ana"]
    shot.alphas[1006]["ben"] = np.minimum(shot.alphas[1006]["ben"] + np.float32(0.05), 1)
    findings = shot.deliver(depth="half").findings(limits={"above_one": None})

    assert [(f.measure, f.frames) for f in findings] == [("sum_broken", (1006,))]


def test_agreement_is_measured_as_area_place_and_overlap():
    mask = (disc(WIDTH, HEIGHT, 60, 48, 20) > 0.5).astype(np.float32)
    same, larger = agreement(mask, mask), agreement(disc(WIDTH, HEIGHT, 60, 48, 24), mask)
    beside = agreement(np.roll(mask, 10, axis=1), mask)

    assert (same.iou, same.area_drift, same.centre_drift) == (1, 0, 0)
    assert larger.area_drift == pytest.approx(100 * (24**2 / 20**2 - 1), abs=2)
    assert larger.centre_drift == pytest.approx(0, abs=0.5)
    assert beside.centre_drift == pytest.approx(100 * 10 / mask.sum() ** 0.5, abs=0.1)
    assert beside.iou < 0.6


def test_alpha_far_from_its_guidance_counts_and_near_it_does_not():
    mask = (disc(WIDTH, HEIGHT, 40, 48, 20) > 0.5).astype(np.float32)
    near = disc(WIDTH, HEIGHT, 40, 48, 23)  # 6 % of 96 are 6 pixels
    stray = disc(WIDTH, HEIGHT, 105, 48, 8)

    assert outside(near, mask) == 0
    assert outside(near + stray, mask) == pytest.approx(100 * 8**2 / (23**2 + 8**2), abs=0.5)
    assert outside(stray, np.zeros_like(mask)) == 100


def test_the_mask_of_another_person_is_found(shot):
    shot.film()
    for frame in shot.frames:
        shot.alphas[frame]["ana"] = disc(WIDTH, HEIGHT, 110, 20, 15)
    found = {f.measure for f in shot.deliver().findings(guidance=True)}

    assert {"iou", "centre_drift", "outside", "area_drift"} <= found


def test_a_frame_without_its_mask_is_noted_and_the_others_are_compared(shot):
    shot.film().deliver()
    (shot.folder / "ana.1003.png").unlink()
    checked = check(shot.subject(guidance=True))

    assert set(checked.numbers.of("iou", "ana")) == set(shot.frames) - {1003}
    assert any("1003" in note for note in checked.notes)


def test_a_frame_without_its_plate_is_noted_and_the_others_are_compared(shot):
    shot.film().deliver()
    (shot.folder / "plate.1004.exr").unlink()
    checked = check(shot.subject(plate=True))

    assert set(checked.numbers.of("flicker", "ana")) == set(shot.frames) - {1001, 1004, 1005}
    assert any("1004" in note for note in checked.notes)


@pytest.mark.parametrize("damage", ["cut short", "another shape"])
def test_a_mask_that_cannot_be_used_is_a_finding_of_its_frame_and_the_others_are_compared(shot, damage: str):
    shot.film().deliver()
    mask = shot.folder / "ana.1003.png"
    if damage == "cut short":
        mask.write_bytes(mask.read_bytes()[:40])
    else:
        write_integer_image(mask, np.ones((20, 90), np.float32))
    checked = check(shot.subject(plate=True, guidance=True))
    (finding,) = find(checked, limits_with())

    assert (finding.measure, finding.frames) == ("unusable_input", (1003,))
    assert "mask" in finding.text and len(finding.text.splitlines()) == 1
    assert set(checked.numbers.of("iou", "ana")) == set(shot.frames) - {1003}
    assert set(checked.numbers.of("flicker", "ana")) == set(shot.frames) - {1001}
    assert len(list(thumbnails(checked, [finding]))) == 1


@pytest.mark.parametrize("exposure", [0.0, "auto"])
def test_a_plate_that_cannot_be_read_is_a_finding_of_its_frame_and_the_others_are_compared(shot, exposure):
    shot.film().deliver()
    plate = shot.folder / "plate.1001.exr"
    plate.write_bytes(plate.read_bytes()[:400])
    colour = ColorSettings(BUILT_IN_CONFIG, "lin_rec709", exposure_ev=exposure)
    images = PlateImages.of(open_source(shot.plate), colour)
    checked = check(shot.subject(plate=images, guidance=True))
    (finding,) = find(checked, limits_with())

    assert (finding.measure, finding.frames) == ("unusable_input", (1001,))
    assert "plate.1001.exr" in finding.text
    assert set(checked.numbers.of("flicker", "ana")) == set(shot.frames) - {1001, 1002}
    assert checked.notes == ()


def test_a_plate_and_a_mask_of_one_frame_are_both_named(shot):
    shot.film().deliver()
    (shot.folder / "ana.1005.png").write_bytes(b"no image")
    (shot.folder / "plate.1005.exr").write_bytes(b"no image")
    (finding,) = shot.findings(plate=True, guidance=True)

    assert (finding.measure, finding.frames, finding.value) == ("unusable_input", (1005,), 2)
    assert "ana.1005.png" in finding.text and "plate.1005.exr" in finding.text
