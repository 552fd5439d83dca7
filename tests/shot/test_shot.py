"""The shot engine: every frame once, the same whatever was asked for, and never more state than it needs."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.network_input import seen
from support.tiny import tiny_model, write_shot

from maggie_api.errors import FrameError
from maggie_core import MaskSequence, MatteResult, MatteSettings, ShotMatter, combine
from maggie_core.io.frames import open_source
from maggie_core.shot.frame_input import FrameInput
from maggie_core.shot.matter import FrameFailure

FRAMES = range(1001, 1010)


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    return write_shot(tmp_path_factory.mktemp("shot"), frames=FRAMES)


def matter(shot: tuple[str, dict[str, str]], **settings: object) -> ShotMatter:
    plate, masks = shot
    guidance = combine([MaskSequence(name, pattern) for name, pattern in masks.items()])
    return ShotMatter(tiny_model(), open_source(plate), guidance, MatteSettings(**settings))  # type: ignore[arg-type]


def mattes(engine: ShotMatter, frames: list[int] | None = None) -> dict[int, np.ndarray]:
    results = {}
    for result in engine.run(frames):
        assert isinstance(result, MatteResult)
        results[result.frame] = result.alphas
    return results


def test_every_frame_comes_once_with_every_instance(shot):
    results = list(matter(shot).run())

    assert [result.frame for result in results] == list(FRAMES)
    assert all(result.alphas.shape == (2, 64, 96) for result in results)


def test_an_absent_person_is_a_layer_of_zeros(shot):
    alphas = mattes(matter(shot))

    assert alphas[1002][1].max() == 0
    assert alphas[1002][0].max() > 0.5


@pytest.mark.parametrize("broken", [None, 1005])
def test_nothing_of_a_chain_stays_when_it_is_done(tmp_path, broken):
    shot = write_shot(tmp_path, frames=FRAMES)
    if broken:
        (tmp_path / f"plate.{broken}.exr").write_bytes(b"not an EXR")
    engine = matter(shot, segment_frames=2, warmup_frames=0)
    looked: list[weakref.ref[np.ndarray]] = []

    def read(frame: int, *more: Any) -> tuple[FrameInput, ...]:
        found = original(frame, *more)
        looked.append(weakref.ref(found[0].image))
        return found

    reader = engine._reader
    original, reader.inputs = reader.inputs, read  # type: ignore[method-assign]
    gc.collect()
    gc.disable()
    try:
        failed = [isinstance(result, FrameFailure) for result in engine.run()]
        left = [ref for ref in looked if ref() is not None]
    finally:
        gc.enable()

    assert any(failed) == bool(broken)
    assert len(looked) >= len(FRAMES) - 1
    assert left == []


@pytest.mark.parametrize("chunk", [1, 2, 4])
def test_a_frame_is_the_same_in_every_chunk(shot, chunk: int):
    whole = mattes(matter(shot, segment_frames=4, warmup_frames=2))

    for start in range(0, len(FRAMES), chunk):
        asked = list(FRAMES[start : start + chunk])
        part = mattes(matter(shot, segment_frames=4, warmup_frames=2), asked)
        assert list(part) == asked
        for frame in asked:
            assert np.array_equal(part[frame], whole[frame])


def test_one_segment_for_the_whole_shot_is_the_published_clip(shot):
    engine = matter(shot, segment_frames="whole")

    clip = tiny_model().predict_clip(*seen(engine, engine.shot_frames))

    for frame, alphas in mattes(engine, list(FRAMES[:-1])).items():
        ours = clip[frame - 1001].numpy().copy()
        ours[1] *= frame != 1002
        np.testing.assert_allclose(alphas, ours[:, :64, :96], atol=1e-6)


def test_the_last_frame_keeps_its_own_matte(shot):
    engine = matter(shot, segment_frames="whole")

    own = tiny_model().predict_window(*seen(engine, engine.shot_frames[-3:]))

    np.testing.assert_allclose(mattes(engine, [1009])[1009], own.single[2].numpy()[:, :64, :96], atol=1e-6)


def test_influence_is_bounded_and_true(shot, tmp_path: Path):
    engine = matter(shot, segment_frames=3, warmup_frames=1)
    before = mattes(engine)
    plate, masks = write_shot(tmp_path, frames=FRAMES)
    (tmp_path / "ana.1005.png").unlink()
    (tmp_path / "ana.1005.png").write_bytes((tmp_path / "ben.1006.png").read_bytes())

    after = mattes(matter((plate, masks), segment_frames=3, warmup_frames=1))

    changed = {frame for frame in FRAMES if not np.array_equal(before[frame], after[frame])}
    assert changed
    assert changed <= {frame for frame in FRAMES if 1005 in engine.influence(frame)}
    assert max(len(engine.influence(frame)) for frame in FRAMES) <= 5


@pytest.mark.parametrize("broken", ["plate.1005.exr", "ana.1005.png"])
def test_an_unreadable_frame_fails_alone(shot, tmp_path: Path, broken: str):
    straight = mattes(matter(shot, segment_frames=3, warmup_frames=1))
    damaged = write_shot(tmp_path, frames=FRAMES)
    (tmp_path / broken).write_bytes(b"no picture")
    engine = matter(damaged, segment_frames=3, warmup_frames=1)

    results = {result.frame: result for result in engine.run()}
    found = {frame: result for frame, result in results.items() if isinstance(result, MatteResult)}

    assert list(results) == list(FRAMES)
    assert set(FRAMES) - set(found) == {1005}
    without = {frame for frame, result in found.items() if result.without}
    assert without == {frame for frame in FRAMES if 1005 in engine.influence(frame)} - {1005}
    assert all(result.without in ((), (1005,)) for result in found.values())
    assert all(np.array_equal(found[frame].alphas, straight[frame]) for frame in set(found) - without)


@pytest.mark.parametrize("broken", ["plate.1005.exr", "ben.1004.png"])
def test_the_neighbours_of_an_unreadable_frame_are_the_same_in_any_order(tmp_path: Path, broken: str):
    shot = write_shot(tmp_path, frames=FRAMES)
    (tmp_path / broken).write_bytes(b"no picture")
    frames = [frame for frame in FRAMES if str(frame) not in broken]
    straight = mattes(matter(shot, segment_frames=4, warmup_frames=2), frames)

    for frame in reversed(frames):
        alone = mattes(matter(shot, segment_frames=4, warmup_frames=2), [frame])
        assert np.array_equal(alone[frame], straight[frame])


def test_a_frame_that_is_repainted_under_way_is_told_as_it_was_read(tmp_path: Path):
    shot = write_shot(tmp_path, frames=FRAMES)
    engine = matter(shot, segment_frames="whole")
    before = engine.inputs_now(1004)[1004]
    results = {}

    for result in engine.run():
        assert isinstance(result, MatteResult)
        results[result.frame] = result
        if result.frame == 1003:
            (tmp_path / "ana.1004.png").write_bytes((tmp_path / "ben.1006.png").read_bytes())

    now = engine.inputs_now(1004)[1004]
    assert now != before
    told = {frame: result.inputs[1004] for frame, result in results.items() if 1004 in result.inputs}
    assert told[1003] == before
    after = mattes(matter(shot, segment_frames="whole"))
    for frame, digests in told.items():
        if digests == now:
            assert np.array_equal(results[frame].alphas, after[frame])


def test_frames_outside_the_shot_are_named(shot):
    with pytest.raises(FrameError, match="frames 1020-1021 are outside the shot"):
        list(matter(shot).run([1001, 1020, 1021]))


@pytest.mark.parametrize("length", [1, 2, 3])
def test_very_short_shots_are_matted_whole(tmp_path: Path, length: int):
    shot = write_shot(tmp_path, frames=range(7, 7 + length))

    assert list(mattes(matter(shot))) == list(range(7, 7 + length))


def test_more_than_ten_people_are_matted_in_groups(shot, tmp_path: Path):
    plate, masks = shot
    sources = [MaskSequence(f"p{k}", masks["ana"]) for k in range(13)]
    engine = ShotMatter(tiny_model(), open_source(plate), combine(sources), MatteSettings(overlap="shared"))

    alphas = mattes(engine, [1001])[1001]

    assert alphas.shape[0] == 13
    assert all(alpha.max() > 0.2 for alpha in alphas)


def test_alphas_and_residual_sum_to_one_on_request(shot):
    engine = matter(shot, sum_to_one=True, overlap="shared")

    result = next(iter(engine.run([1004])))

    assert isinstance(result, MatteResult)
    np.testing.assert_allclose(result.alphas.sum(axis=0) + result.extra["residual"], 1, atol=1e-6)


def test_a_plate_that_changes_format_fails_from_there(tmp_path: Path):
    shot = write_shot(tmp_path, frames=range(1, 4))
    write_shot(tmp_path, frames=range(3, 4), width=128)

    results = list(matter(shot).run())

    assert isinstance(results[-1], FrameFailure)
    assert "frames of one shot share a format" in str(results[-1].error)
