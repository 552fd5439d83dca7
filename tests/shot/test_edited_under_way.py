"""What a matte was made from is told by the digests of what was read, whenever somebody edits a file."""

from __future__ import annotations

import shutil
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.tiny import disc, tiny_model, write_shot

from maggie_core import MaskSequence, MatteResult, MatteSettings, ShotMatter, combine
from maggie_core.guidance import Pins
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.frames import open_source
from maggie_core.io.image import read_image
from maggie_core.io.integer_image import write_integer_image
from maggie_core.shot.cache import StateCache
from maggie_core.shot.chain import Chain

FRAMES = range(1001, 1007)
WHOLE = Window(0, 0, 96, 64)


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    write_shot(tmp_path, frames=FRAMES)
    return tmp_path


def matter(folder: Path, *, pinned: bool = False, **more) -> ShotMatter:
    guidance = combine([MaskSequence(name, folder / f"{name}.####.png") for name in ("ana", "ben")])
    settings = MatteSettings(refine="none", smooth="none", exposure_ev=1.0)
    plate = open_source(folder / "plate.####.exr")
    pins = None
    if pinned:
        pins = Pins([MaskSequence("ana", folder / "pin.####.exr", exact=True)], guidance.instances, FRAMES)
    return ShotMatter(tiny_model(), plate, guidance, settings, pins=pins, **more)


def repaint(folder: Path, frame: int) -> None:
    pixels = np.random.default_rng(frame).random((64, 96, 3), np.float32)
    write_exr(folder / f"plate.{frame}.exr", [Part(None, ("R", "G", "B"), pixels, WHOLE, WHOLE)])


def write_pin(folder: Path, level: float) -> None:
    alpha = disc(96, 64, 40, 30, 15) * np.float32(level)
    part = Part(None, ("A",), alpha[..., None], WHOLE, WHOLE, types="float")
    write_exr(folder / "pin.1003.exr", [part])


def test_a_frame_that_was_read_ahead_is_read_again_when_its_segment_is_begun_anew(shot: Path):
    engine = matter(shot, with_scene=True)  # the plate is read once more for every frame
    run = engine.run()
    assert isinstance(next(run), MatteResult)

    for frame in (1002, 1004):  # 1004 has been read ahead, 1002 is read a second time now
        repaint(shot, frame)
    rest = list(run)

    fresh = {each.frame: each for each in matter(shot, with_scene=True).run()}
    for found in rest:
        expected = fresh[found.frame]
        assert isinstance(found, MatteResult) and isinstance(expected, MatteResult)
        assert found.inputs == engine.inputs_now(found.frame)
        assert np.array_equal(found.alphas, expected.alphas), found.frame


def test_a_pin_that_is_replaced_before_its_frame_is_read_is_delivered_as_it_is_now(shot: Path):
    write_pin(shot, 0.5)
    running: list[bool] = []

    def checkpoint(reads: bool) -> None:
        if running and reads:
            running.clear()
            write_pin(shot, 1.0)

    engine = matter(shot, pinned=True, checkpoint=checkpoint)
    assert engine.geometry and engine.view  # read the first frame, too
    running.append(True)
    (found,) = engine.run([1003])

    assert isinstance(found, MatteResult) and not running
    assert found.inputs == engine.inputs_now(1003)
    assert np.array_equal(found.alphas[0], read_image(shot / "pin.1003.exr").pixels[..., 0])


def test_somebody_without_a_mask_beside_small_people_is_a_layer_of_zeros(shot: Path):
    for frame in set(FRAMES) - {1002}:
        shutil.copy(shot / "ben.1002.png", shot / f"ben.{frame}.png")  # empty
    engine = matter(shot)
    engine.model = copy(engine.model)
    engine.model.info = replace(engine.model.info, person_px=(100, 200))

    results = list(engine.run())

    for found in results:
        assert isinstance(found, MatteResult), found
        assert found.alphas.shape == (2, 64, 96)
        assert found.alphas[0].any() and not found.alphas[1].any()


def test_who_jumps_out_of_their_region_and_back_between_two_measured_frames_is_not_cut(shot: Path):
    aside = disc(96, 64, 20, 20, 5).round()
    for frame in FRAMES:
        mask = disc(96, 64, 84, 52, 6).round() if frame == 1003 else aside
        write_integer_image(shot / f"ana.{frame}.png", mask)
        write_integer_image(shot / f"ben.{frame}.png", np.zeros_like(mask))

    def engine(**more) -> ShotMatter:
        made = matter(shot, **more)
        made.model = copy(made.model)
        made.model.info = replace(made.model.info, person_px=(20, 40))
        return made

    assert 1003 not in engine().measured(1003)
    results = {each.frame: each for each in engine().run()}
    (alone,) = engine(cache=StateCache(shot / "cache", limit_bytes=10**8)).run([1003])
    (again,) = engine(cache=StateCache(shot / "cache", limit_bytes=10**8)).run([1003])

    region = engine().passes(1003)[0].geometry.region
    assert region.right < 78 and region.bottom < 46
    found = results[1003].alphas[0]
    assert found[50:54, 82:86].min() == 1
    for other in (alone, again):
        assert np.array_equal(other.alphas[0], found)
    assert results[1002].alphas[0][46:, 78:].max() == 0


def test_somebody_between_the_frames_that_are__and_costs_only_those(
    shot: Path, monkeypatch: pytest.MonkeyPatch
):
    for frame in set(FRAMES) - {1002, 1003}:
        shutil.copy(shot / "ben.1002.png", shot / f"ben.{frame}.png")  # empty
    engine = matter(shot)
    engine.model = copy(engine.model)
    engine.model.info = replace(engine.model.info, person_px=(100, 200))
    assert 1003 not in engine.measured(1003)
    looks: list[int] = []
    matte_of = Chain.matte
    monkeypatch.setattr(Chain, "matte", lambda chain, frame: looks.append(frame) or matte_of(chain, frame))

    results = list(engine.run())

    there = [found.frame for found in results if found.alphas[1].any()]  # type: ignore[union-attr]
    assert there == [1003]
    assert sorted(looks) == sorted((*FRAMES, 1003))
