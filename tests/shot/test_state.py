"""The same frame is the same frame: in any order and chunk, from the cache or not, whatever was edited."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.network_input import seen
from support.tiny import disc, tiny_model, write_shot

from maggie_api import segments
from maggie_api.errors import GuidanceError
from maggie_core import MaskSequence, MatteResult, MatteSettings, ShotMatter, combine
from maggie_core.guidance import Pins
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.frames import open_source
from maggie_core.io.image import read_image
from maggie_core.io.integer_image import write_integer_image
from maggie_core.shot.cache import StateCache
from maggie_core.shot.matter import FrameFailure

FRAMES = range(1001, 1041)
NAMES = ("ana", "ben")
SETTINGS = MatteSettings(segment_frames=8, warmup_frames=2, refine="guided", smooth="flow")
QUICK = settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shot")
    write_shot(folder, frames=FRAMES, width=64)
    return folder


@pytest.fixture(scope="module")
def straight(shot: Path) -> dict[int, np.ndarray]:
    """The whole shot, forward, without a cache."""
    return mattes(matter(shot))


def matter(folder: Path, cache: StateCache | Path | None = None, *, chosen: MatteSettings = SETTINGS, **more):
    guidance = combine([MaskSequence(name, folder / f"{name}.####.png") for name in NAMES])
    if isinstance(cache, Path):
        cache = StateCache(cache, limit_bytes=10**9)
    plate = open_source(folder / "plate.####.exr")
    model = more.pop("model", None) or tiny_model()
    return ShotMatter(model, plate, guidance, chosen, cache=cache, shot_frames=FRAMES, **more)


def results(engine: ShotMatter, frames: Iterable[int] | None = None) -> dict[int, MatteResult]:
    found = {result.frame: result for result in engine.run(frames)}
    for result in found.values():
        assert isinstance(result, MatteResult), result
    return found  # type: ignore[return-value]


def mattes(engine: ShotMatter, frames: Iterable[int] | None = None) -> dict[int, np.ndarray]:
    return {frame: result.alphas for frame, result in results(engine, frames).items()}


def reused(found: dict[int, MatteResult]) -> dict[int, str]:
    return {frame: result.reused for frame, result in found.items()}


def assert_same(found: dict[int, np.ndarray], straight: dict[int, np.ndarray]) -> None:
    different = [frame for frame, alphas in found.items() if alphas.tobytes() != straight[frame].tobytes()]
    assert not different


def write_plane(path: Path, plane: np.ndarray) -> None:
    window = Window(0, 0, plane.shape[1], plane.shape[0])
    write_exr(path, [Part(None, ("A",), plane[..., None], window, window)])


def edited(shot: Path, to: Path, frame: int, *, what: str = "ana") -> Path:
    """A copy of the shot in which one mask of one frame is painted anew."""
    shutil.copytree(shot, to)
    write_integer_image(to / f"{what}.{frame}.png", (disc(64, 64, 20, 40, 14) > 0.5).astype(np.float32))
    return to


@pytest.mark.parametrize("order", ["forward", "backward", "random"])
def test_single_frames_in_any_order_are_those_of_the_straight_run(shot, straight, tmp_path, order: str):
    frames = list(FRAMES)
    if order == "backward":
        frames.reverse()
    if order == "random":
        random.Random(4).shuffle(frames)

    for frame in frames:
        assert_same(mattes(matter(shot, tmp_path), [frame]), straight)


@pytest.mark.parametrize("frame", [1001, 1008, 1009, 1021, 1040])
def test_one_frame_alone_without_a_cache_is_that_of_the_straight_run(shot, straight, frame: int):
    assert_same(mattes(matter(shot), [frame]), straight)


def test_a_network_that_sees_frames_by_themselves_needs_those_beside_one_alone(shot, tmp_path):
    model = tiny_model(still=True)
    straight = mattes(matter(shot, model=model))

    for frame in (1001, 1008, 1009, 1021, 1040):
        engine = matter(shot, model=model)
        assert_same(mattes(engine, [frame]), straight)
        assert engine.influence(frame) == tuple(each for each in FRAMES if abs(each - frame) <= 1)
    list(matter(shot, tmp_path / "cache", model=model).run())
    painted = edited(shot, tmp_path / "edited", 1012)
    found = reused(results(matter(painted, tmp_path / "cache", model=model)))
    assert {frame for frame, what in found.items() if what != "matte"} == {1011, 1012, 1013}


def test_beside_a_damaged_frame_it_takes_the_next_one(shot, tmp_path):
    model, folder = tiny_model(still=True), tmp_path / "shot"
    straight = mattes(matter(shot, model=model))
    shutil.copytree(shot, folder)
    (folder / "plate.1013.exr").write_bytes(b"cut off")

    found = {each.frame: each for each in matter(folder, model=model).run()}

    assert isinstance(found.pop(1013), FrameFailure)
    assert {frame: each.without for frame, each in found.items() if each.without} == {
        1012: (1013,),
        1014: (1013,),
    }
    rest = {frame: each.alphas for frame, each in found.items() if not each.without}
    assert_same(rest, straight)
    for frame in (1012, 1014):
        (alone,) = matter(folder, model=model).run([frame])
        assert alone.alphas.tobytes() == found[frame].alphas.tobytes()


@QUICK
@given(size=st.integers(1, len(FRAMES)), first=st.integers(0, 7))
def test_chunks_of_any_size_from_anywhere(shot, straight, size: int, first: int):
    start = FRAMES[min(first * size, len(FRAMES) - 1)]

    assert_same(mattes(matter(shot), range(start, min(start + size, FRAMES[-1] + 1))), straight)


@pytest.mark.slow
@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("size", range(1, len(FRAMES) + 1))
def test_every_chunking(shot, straight, tmp_path, size: int, cached: bool):
    for start in range(0, len(FRAMES), size):
        engine = matter(shot, tmp_path if cached else None)
        assert_same(mattes(engine, FRAMES[start : start + size]), straight)


@QUICK
@given(asked=st.lists(st.sets(st.sampled_from(FRAMES), min_size=1, max_size=6), min_size=1, max_size=4))
def test_any_requests_one_after_another_on_one_cache(shot, straight, tmp_path_factory, asked: list[set[int]]):
    cache = tmp_path_factory.mktemp("cache")

    for frames in asked:
        assert_same(mattes(matter(shot, cache), frames), straight)


def test_a_second_run_finds_every_finished_matte(shot, straight, tmp_path):
    first, second = (results(matter(shot, tmp_path)) for _ in range(2))

    assert_same({frame: result.alphas for frame, result in second.items()}, straight)
    assert set(reused(second).values()) == {"matte"}
    assert {result.why for result in first.values()} == {"first time"}
    assert {result.why for result in second.values()} == {""}
    for frame, result in second.items():
        assert result.repairs == first[frame].repairs
        assert result.header.metadata == first[frame].header.metadata


@pytest.mark.parametrize("frame", [1001, 1020, 1040])
def test_a_mask_painted_anew_costs_the_frames_it_influences(shot, tmp_path, frame: int):
    before = mattes(matter(shot, tmp_path / "cache"))
    anew = edited(shot, tmp_path / "anew", frame)

    after = results(matter(anew, tmp_path / "cache"))

    assert_same({f: result.alphas for f, result in after.items()}, mattes(matter(anew)))
    engine = matter(anew)
    influenced = {f for f in FRAMES if frame in engine.influence(f)}
    made = {f for f, how in reused(after).items() if how != "matte"}
    assert frame in made and made <= influenced
    assert not np.array_equal(after[frame].alphas, before[frame])


def test_a_painted_mask_is_named_as_the_reason(shot, tmp_path):
    shutil.copytree(shot, tmp_path / "shot")
    list(matter(tmp_path / "shot", tmp_path / "cache").run())
    write_integer_image(
        tmp_path / "shot" / "ana.1020.png", (disc(64, 64, 20, 40, 14) > 0.5).astype(np.float32)
    )

    after = results(matter(tmp_path / "shot", tmp_path / "cache"))

    assert after[1020].why == "changed: guidance of 1020"
    assert after[1001].reused == "matte" and after[1001].why == ""


def test_files_written_anew_with_the_same_pixels_change_nothing(shot, tmp_path):
    shutil.copytree(shot, tmp_path / "shot")
    list(matter(tmp_path / "shot", tmp_path / "cache").run())
    for path in (tmp_path / "shot").glob("ana.*.png"):
        mask = read_image(path).pixels[..., 0]
        path.unlink()
        write_plane(path.with_suffix(".exr"), mask)
    engine = matter(shot, tmp_path / "cache")
    exr, png = tmp_path / "shot" / "ana.####.exr", shot / "ben.####.png"
    engine.guidance = combine([MaskSequence("ana", exr), MaskSequence("ben", png)])

    assert set(reused(results(engine)).values()) == {"matte"}


@pytest.mark.parametrize("change", ["plate", "working size", "segment", "smooth", "refine", "overlap"])
def test_nothing_stale_is_served_after_a_change(shot, tmp_path, change: str):
    list(matter(shot, tmp_path / "cache").run(FRAMES[:12]))
    folder, chosen = shot, SETTINGS
    if change == "plate":
        folder = tmp_path / "anew"
        shutil.copytree(shot, folder)
        shutil.copy(shot / "plate.1003.exr", folder / "plate.1005.exr")
    else:
        changes = {
            "working size": {"working_px": 64, "data_window": "plate", "exposure_ev": 1.0},
            "segment": {"segment_frames": 5, "warmup_frames": 1},
            "smooth": {"smooth": "none"},
            "refine": {"refine": "none"},
            "overlap": {"overlap": "last"},
        }
        chosen = MatteSettings(**{**SETTINGS.__dict__, **changes[change]})

    after = mattes(matter(folder, tmp_path / "cache", chosen=chosen), FRAMES[:12])

    assert_same(after, mattes(matter(folder, chosen=chosen), FRAMES[:12]))


def test_another_last_step_starts_from_the_network_s_mattes(shot, tmp_path):
    list(matter(shot, tmp_path).run(FRAMES[:9]))
    plain = MatteSettings(**{**SETTINGS.__dict__, "smooth": "none"})

    after = results(matter(shot, tmp_path, chosen=plain), FRAMES[:8])

    # The first chain went on to frame 1010, the second one of them: only what none of them saw is new.
    assert set(reused(after).values()) == {"state"}
    assert {result.why for result in after.values()} == {"changed: smooth"}


def test_other_weights_share_nothing(shot, tmp_path):
    list(matter(shot, tmp_path).run(FRAMES[:3]))
    engine = matter(shot, tmp_path)
    engine.model = tiny_model(temporal=False)

    assert set(reused(results(engine, FRAMES[:3])).values()) == {"nothing"}


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_a_damaged_cache_costs_time_only(shot, straight, tmp_path, share: float):
    list(matter(shot, tmp_path).run(FRAMES[:20]))
    chance = random.Random(0)
    for path in sorted((tmp_path / "v1").glob("*/*/*")):
        if chance.random() < share:
            content = path.read_bytes()
            path.write_bytes(content[: chance.randrange(len(content))])

    assert_same(mattes(matter(shot, tmp_path), FRAMES[:20]), straight)


def test_a_cache_too_small_for_anything_still_gives_every_frame(shot, straight, tmp_path):
    tight = StateCache(tmp_path, limit_bytes=60_000)

    for _ in range(2):
        assert_same(mattes(matter(shot, tight), FRAMES[:20]), straight)

    assert tight.size_bytes() <= 60_000 + 3 * 4096


def test_arrays_that_were_evicted_are_made_again_from_the_last_one_there(shot, tmp_path):
    flickering = replace(SETTINGS, refine="none")  # refined mattes agree, and smoothing leaves them alone
    straight = mattes(matter(shot, chosen=flickering), FRAMES[:16])
    list(matter(shot, tmp_path, chosen=flickering).run(FRAMES[:16]))
    shutil.rmtree(tmp_path / "v1" / "arrays")

    found = results(matter(shot, tmp_path, chosen=flickering), FRAMES[:16])

    assert_same({frame: result.alphas for frame, result in found.items()}, straight)
    # A matte that smoothing leaves as it is has the content of the refined one, which is there again.
    refined = mattes(matter(shot, chosen=replace(flickering, smooth="none")), FRAMES[:16])
    smoothed = {frame for frame in found if not np.array_equal(refined[frame], straight[frame])}
    assert smoothed
    assert {frame for frame, result in found.items() if result.why == "no longer in the cache"} >= smoothed
    assert {result.why for result in found.values()} <= {"no longer in the cache", ""}


def test_an_unreadable_frame_fails_alone_with_a_cache_too(shot, straight, tmp_path):
    shutil.copytree(shot, tmp_path / "shot")
    (tmp_path / "shot" / "plate.1020.exr").write_bytes(b"not an EXR")
    engine = matter(tmp_path / "shot", tmp_path / "cache")

    found = {result.frame: result for result in engine.run()}

    failed = {frame for frame, result in found.items() if isinstance(result, FrameFailure)}
    assert failed == {1020}
    whole = {f: r for f, r in found.items() if isinstance(r, MatteResult) and not r.without}
    assert set(whole) == {frame for frame in FRAMES if 1020 not in engine.influence(frame)}
    assert_same({f: r.alphas for f, r in whole.items()}, straight)
    shutil.copy(shot / "plate.1020.exr", tmp_path / "shot" / "plate.1020.exr")
    assert_same(mattes(matter(tmp_path / "shot", tmp_path / "cache")), straight)


def test_a_whole_shot_in_one_chain_longer_than_the_interpreter_s_stack(tmp_path):
    long = range(1, 400)
    shot = tmp_path / "shot"
    write_shot(shot, frames=range(1, 4), width=64)
    plate = open_source(shot / "plate.####.exr")
    guidance = combine([MaskSequence(name, shot / f"{name}.0002.png") for name in NAMES])
    plate.read, plate.digest = (_looping(call) for call in (plate.read, plate.digest))  # type: ignore[method-assign]
    plate.channels, plate.path = _looping(plate.channels), _looping(plate.path)  # type: ignore[method-assign]
    whole = MatteSettings(segment_frames="whole")
    cache = StateCache(tmp_path / "cache", limit_bytes=10**9)

    alone, after = (
        mattes(ShotMatter(tiny_model(), plate, guidance, whole, shot_frames=long, cache=cache), [399])
        for _ in range(2)
    )

    assert np.array_equal(alone[399], after[399])


def _looping(call):
    return lambda frame, **options: call((frame - 1) % 3 + 1, **options)


def test_hidden_state_is_carried_on_request_and_is_state_like_the_rest(shot, tmp_path):
    carrying = MatteSettings(segment_frames="whole", carry_hidden=True)
    whole = mattes(matter(shot, chosen=carrying), FRAMES[:10])

    clip = tiny_model().predict_clip(*seen(matter(shot, chosen=carrying), FRAMES[:11]), carry_hidden=True)
    for frame in (1005, 1004, 1009):
        assert_same(mattes(matter(shot, tmp_path, chosen=carrying), [frame]), whole)

    for frame, alphas in whole.items():
        if frame != 1002:  # ben is away
            np.testing.assert_allclose(alphas, clip[frame - 1001].numpy()[:, :64, :64], atol=1e-6)
    plain = mattes(matter(shot, chosen=MatteSettings(segment_frames="whole")), FRAMES[:10])
    assert any(not np.array_equal(plain[frame], whole[frame]) for frame in whole)


# Pins


@pytest.fixture(scope="module")
def pins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Soft discs somewhere else, as the artist's alpha of ana in frames 1005 and 1020."""
    folder = tmp_path_factory.mktemp("pins")
    for frame in (1005, 1020):
        write_plane(folder / f"ana.{frame}.exr", disc(64, 64, 30, 30, 17) * np.float32(0.8125))
    return folder


def pinned(folder: Path, pins: Path, cache: Path | None = None, *, chosen: MatteSettings = SETTINGS):
    engine = matter(folder, cache, chosen=chosen)
    engine.pins = Pins([MaskSequence("ana", pins / "ana.####.exr")], engine.guidance.instances, FRAMES)
    return engine


def test_pinned_frames_are_delivered_exactly_and_only_their_neighbours_change(shot, straight, pins):
    found = mattes(pinned(shot, pins))

    alpha = read_image(pins / "ana.1005.exr").pixels[..., 0]
    for frame in (1005, 1020):
        assert np.array_equal(found[frame][0], alpha)
    changed = {frame for frame in FRAMES if not np.array_equal(found[frame], straight[frame])}
    engine = matter(shot)
    assert changed <= {f for f in FRAMES if {1005, 1020} & set(engine.influence(f))}


def test_a_frame_between_two_pins_is_smoothed_towards_them(shot, straight, pins, tmp_path):
    for frame in (1005, 1007):
        shutil.copy(pins / "ana.1005.exr", tmp_path / f"ana.{frame}.exr")

    found = mattes(pinned(shot, tmp_path), [1006])

    assert not np.array_equal(found[1006], straight[1006])


def test_the_frame_after_a_pin_goes_on_from_it(shot, pins):
    bare = MatteSettings(segment_frames=8, warmup_frames=2, refine="none", smooth="none")
    engine = pinned(shot, pins, chosen=bare)
    found = mattes(engine, [1005, 1006])

    window = tiny_model().predict_window(
        *seen(engine, [1005, 1006, 1007]), previous=torch.from_numpy(found[1005])
    )

    assert np.array_equal(found[1005][0], read_image(pins / "ana.1005.exr").pixels[..., 0])
    assert np.array_equal(found[1006], window.alpha[1].numpy())


def test_pins_are_the_same_in_any_order_and_from_the_cache(shot, pins, tmp_path):
    whole = mattes(pinned(shot, pins))

    for frames in ([1006], [1005, 1021], [1003], list(FRAMES[:10])):
        assert_same(mattes(pinned(shot, pins, tmp_path), frames), whole)


def test_a_pin_stands_for_somebody_without_guidance(shot, pins, tmp_path):
    shutil.copytree(shot, tmp_path / "shot")
    write_integer_image(tmp_path / "shot" / "ana.1005.png", np.zeros((64, 64), np.float32))

    found = mattes(pinned(tmp_path / "shot", pins), [1005])[1005]

    assert found[0].max() == np.float32(0.8125)


def test_a_pin_keeps_its_alpha_where_everything_sums_to_one(shot, pins):
    one = MatteSettings(**{**SETTINGS.__dict__, "sum_to_one": True, "overlap": "shared"})

    (result,) = results(pinned(shot, pins, chosen=one), [1005]).values()

    assert np.array_equal(result.alphas[0], read_image(pins / "ana.1005.exr").pixels[..., 0])
    np.testing.assert_allclose(result.alphas.sum(axis=0) + result.extra["residual"], 1, atol=1e-6)


@pytest.mark.parametrize(
    ("names", "files", "said"),
    [
        (("anna",), "ana.####.exr", "a pin is of anna and the shot has ana, ben"),
        (("ana", "ana"), "ana.####.exr", "ana is pinned twice"),
        (("ana",), "away.####.exr", "number its files as the plate's"),
    ],
)
def test_pins_that_cannot_be_are_refused(shot, pins, names: Sequence[str], files: str, said: str):
    shutil.copy(pins / "ana.1005.exr", pins / "away.0005.exr")

    with pytest.raises(GuidanceError, match=said):
        Pins([MaskSequence(n, pins / files) for n in names], matter(shot).guidance.instances, FRAMES)


def test_a_pin_of_another_size_fails_its_frame_with_what_to_do(shot, tmp_path):
    write_plane(tmp_path / "ana.1005.exr", np.ones((32, 32), np.float32))
    chosen = MatteSettings(segment_frames=4, warmup_frames=0)
    engine = pinned(shot, tmp_path, chosen=chosen)

    found = {result.frame: result for result in engine.run(FRAMES[:12])}

    failed = {frame: r.error for frame, r in found.items() if isinstance(r, FrameFailure)}
    assert set(failed) == {1005}
    assert "is 32x32 and the plate 64x64: a pin is delivered as it is" in str(failed[1005])


@pytest.mark.parametrize("frame", [1012, 1018])
def test_a_frame_needs_no_other_files_than_those_that_are_named_for_it(shot, tmp_path, frame):
    """Hosts render these files and no others; among them masks in which small people are measured."""
    model = copy(tiny_model())
    model.info = replace(model.info, person_px=(60, 90))
    chosen = replace(SETTINGS, working_px=64)
    needed = segments.input_frames([FRAMES.index(frame)], len(FRAMES), chosen)
    for index, name in [(i, "plate") for i in needed.plate] + [
        (i, name) for i in needed.guidance for name in NAMES
    ]:
        (source,) = shot.glob(f"{name}.{FRAMES[index]}.*")
        (tmp_path / source.name).symlink_to(source)

    whole, alone = (matter(folder, chosen=chosen, model=model) for folder in (shot, tmp_path))

    assert any(each.geometry != whole.geometry for each in whole.passes(frame))
    np.testing.assert_array_equal(mattes(alone, [frame])[frame], mattes(whole, [frame])[frame])
    assert len(needed.guidance) < len(FRAMES) / 2
