"""How a shot is read is decided by its first frame, its first second, and the overscan of all its frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.guidance_files import write_image
from support.tiny import tiny_model

from maggie_core import MaskSequence, MatteResult, MatteSettings, ShotMatter, combine
from maggie_core.io.frames import open_source
from maggie_core.shot.inputs import InputAccount

DISPLAY = (0, 0, 96, 64)


def frame(folder: Path, number: int, value: float = 0.18, *, data=DISPLAY, **metadata) -> None:
    """A plate of one value, with a lighter square, and a mask of that square."""
    x, y, width, height = data
    pixels = np.full((height, width, 3), value, np.float32)
    pixels[16 - y : 48 - y, 32 - x : 64 - x] *= 2
    path = folder / f"plate.{number}.exr"
    write_image(path, pixels, channels="RGB", data=(x, y), display=DISPLAY, metadata=metadata)
    mask = np.zeros((64, 96), np.uint8)
    mask[16:48, 32:64] = 255
    write_image(folder / f"ana.{number}.png", mask)


def matter(folder: Path, *, shot_frames=None, **settings) -> ShotMatter:
    guidance = combine([MaskSequence("ana", folder / "ana.####.png")])
    plate = open_source(folder / "plate.####.exr")
    return ShotMatter(tiny_model(), plate, guidance, MatteSettings(**settings), shot_frames=shot_frames)


def test_a_file_outside_the_shot_does_not_decide_its_colour_space(tmp_path, monkeypatch):
    monkeypatch.delenv("OCIO", raising=False)
    frame(tmp_path, 1001, colorInteropID="lin_p3d65")
    frame(tmp_path, 1002, colorInteropID="lin_rec709")

    shot, everything = matter(tmp_path, shot_frames=[1002]), matter(tmp_path)

    assert shot.view.colorspace == "Linear Rec.709 (sRGB)"
    assert everything.view.colorspace == "Linear P3-D65"


def test_frames_that_are_appended_do_not_change_an_automatic_exposure(tmp_path):
    for number in range(1001, 1026):
        frame(tmp_path, number, 0.045)
    before = matter(tmp_path, exposure_ev="auto", colorspace="lin_rec709").effective.exposure_ev

    for number in range(1026, 1040):
        frame(tmp_path, number, 8.0)
    after = matter(tmp_path, exposure_ev="auto", colorspace="lin_rec709").effective.exposure_ev

    assert before == after == pytest.approx(2.0, abs=0.13)  # 0.045 is two stops below middle grey


def test_the_overscan_of_a_later_frame_is_matted_too_and_the_region_is_the_shots(tmp_path):
    frame(tmp_path, 1001)
    frame(tmp_path, 1002, data=(-16, -8, 128, 80))
    frame(tmp_path, 1003, data=(0, 0, 120, 64))

    shot = matter(tmp_path, data_window="plate")
    results = [result for result in shot.run([1001, 1003]) if isinstance(result, MatteResult)]

    assert (shot.geometry.region.x, shot.geometry.region.y) == (-16, -8)
    assert (shot.geometry.region.width, shot.geometry.region.height) == (136, 80)
    assert [result.alphas.shape for result in results] == [(1, 80, 136)] * 2
    assert matter(tmp_path).geometry.region == shot.geometry.display


def test_a_mask_of_the_overscans_size_lies_on_the_overscan_of_its_own_frame(tmp_path):
    frame(tmp_path, 1001)
    frame(tmp_path, 1002, data=(-16, -8, 128, 80))
    mask = np.zeros((80, 128), np.uint8)
    mask[24:56, 48:80] = 255  # the square, counted from the corner of the overscan
    write_image(tmp_path / "ana.1002.png", mask)

    shot = matter(tmp_path)
    first, second = (
        shot._reader.inputs(number, shot.passes(number), InputAccount())[0].guidance
        for number in (1001, 1002)
    )

    assert first.any() and np.array_equal(first, second)
