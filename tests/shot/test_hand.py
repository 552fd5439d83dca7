"""In the artist's hand: cores and garbage mattes hold exactly, and no change of them runs the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.guidance_files import write_image
from support.tiny import disc, tiny_model, write_shot

from maggie_api.errors import GuidanceError
from maggie_api.settings import EdgeSettings, MatteSettings
from maggie_core import MaskSequence, MatteResult, ShotMatter, combine
from maggie_core.guidance import Holds, HoldSource, Pins, make_instances
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.frames import open_source
from maggie_core.postprocess.neighbours import share_pixels
from maggie_core.shot.cache import StateCache
from maggie_core.shot.hand import Hand
from maggie_core.shot.matter import FrameFailure

FRAMES = range(1001, 1007)
NAMES = ("ana", "ben")
INSTANCES = make_instances(NAMES)
SETTINGS = MatteSettings(segment_frames=4, warmup_frames=1, refine="guided", smooth="flow")
CORE, GARBAGE = (
    disc(96, 64, *where).astype(np.float16).astype(np.float32)  # as a file stores it
    for where in ((30, 30, 9), (68, 32, 11))
)


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shot, with a core of ana and a garbage matte of ben that serve every frame."""
    folder = tmp_path_factory.mktemp("shot")
    write_shot(folder, frames=FRAMES)
    write_plane(folder / "core.exr", CORE)
    write_plane(folder / "garbage.exr", GARBAGE)
    return folder


def write_plane(path: Path, plane: np.ndarray, window: Window | None = None) -> None:
    display = Window(0, 0, 96, 64)
    write_exr(path, [Part(None, ("A",), plane[..., None], window or display, display)])


def holds(shot: Path, **names: str) -> Holds:
    """`core="ana"` and the like: the shot's own files for these people."""
    sources = [HoldSource(kind, name, str(shot / f"{kind}.exr")) for kind, name in names.items()]  # type: ignore[arg-type]
    return Holds(sources, INSTANCES)


def mattes(shot: Path, hand: Hand | None = None, *, cache: Path | None = None, model=None, **more) -> dict:
    guidance = combine([MaskSequence(name, shot / f"{name}.####.png") for name in NAMES])
    kept = None if cache is None else StateCache(cache, limit_bytes=10**9)
    plate = open_source(shot / "plate.####.exr")
    chosen = replace(SETTINGS, **more.pop("chosen", {}))
    engine = ShotMatter(model or tiny_model(), plate, guidance, chosen, hand=hand, cache=kept, **more)
    return {result.frame: result for result in engine.run()}


def edges(ana: dict | None = None, ben: dict | None = None) -> tuple[EdgeSettings, ...]:
    return EdgeSettings(**(ana or {})), EdgeSettings(**(ben or {}))


TOOLS = {"fill_holes_px": 4.0, "remove_specks_px": 3.0, "grow_px": 1.5, "soften_px": 2.0, "gamma": 1.3}


@pytest.mark.parametrize("chosen", [{}, {"sum_to_one": True}, {"refine": "none"}, {"detail": "full"}])
@pytest.mark.parametrize("tools", [{}, TOOLS])
def test_a_core_is_solid_and_nothing_is_outside_a_garbage_matte(shot: Path, tools: dict, chosen: dict):
    hand = Hand(edges(tools, tools), holds(shot, core="ana", garbage="ben"))

    for result in mattes(shot, hand, chosen=chosen).values():
        ana, ben = result.alphas
        assert ana[CORE == 1].min() == 1
        assert ben[GARBAGE == 0].max() == 0
        assert (ana >= CORE).all()
        assert (ben <= GARBAGE).all()
        if chosen.get("refine") != "none":
            assert (ana + ben).max() <= 1 + 1e-5


@pytest.mark.parametrize(
    "hand_of",
    [
        lambda shot: Hand(edges(TOOLS), holds(shot, core="ana", garbage="ben")),
        lambda shot: Hand(edges({"trust": 0.8}, {"trust": 0.0, "grow_px": -0.5})),
    ],
    ids=["held", "trusted"],
)
def test_a_change_of_hand_needs_no_network_and_gives_the_pixels_of_a_run_from_nothing(
    shot: Path, tmp_path: Path, hand_of, monkeypatch: pytest.MonkeyPatch
):
    hand, fresh = hand_of(shot), mattes(shot, hand_of(shot))
    plain = mattes(shot, cache=tmp_path)

    def no_network(*args: object, **more: object) -> None:
        raise AssertionError("the network ran")

    for name in ("encode", "window"):
        monkeypatch.setattr(type(tiny_model()), name, no_network)
    again = mattes(shot, hand, cache=tmp_path)

    wanted = "matte" if hand.trusts([0, 1]) is None else "state"
    assert [result.reused for result in again.values()] == [wanted] * len(FRAMES)
    for frame in FRAMES:
        np.testing.assert_array_equal(again[frame].alphas, fresh[frame].alphas)
        assert not np.array_equal(again[frame].alphas, plain[frame].alphas)


def test_the_defaults_change_nothing(shot: Path):
    plain, hand = mattes(shot), mattes(shot, Hand.untouched(2))

    for frame in FRAMES:
        np.testing.assert_array_equal(hand[frame].alphas, plain[frame].alphas)


def test_full_trust_keeps_to_the_mask_and_none_to_the_network_without_refinement_too(shot: Path):
    chosen = {"refine": "none", "smooth": "none"}
    network = mattes(shot, chosen=chosen)[1003].alphas[0]
    found = {
        trust: mattes(shot, Hand(edges({"trust": trust})), chosen=chosen)[1003].alphas[0]
        for trust in (0.0, 0.5, 1.0)
    }
    mask = disc(96, 64, 96 * 0.3 + 2, 32, 16) > 0.5

    np.testing.assert_array_equal(found[0.0], network)
    apart = {trust: np.abs(alpha - mask).mean() for trust, alpha in found.items()}
    assert apart[0.0] > apart[0.5] > apart[1.0]
    assert apart[1.0] < 0.03


def test_of_two_cores_in_a_pixel_the_first_stays_solid_and_the_sum_is_one(shot: Path):
    both = [HoldSource("core", name, str(shot / "core.exr")) for name in NAMES]

    for overlap, owner in (("first", 0), ("last", 1)):
        hand = Hand(edges(), Holds(both, INSTANCES, overlap=overlap))  # type: ignore[arg-type]
        alphas = mattes(shot, hand)[1003].alphas
        inside = CORE == 1
        assert alphas[owner][inside].min() == 1
        assert alphas[1 - owner][inside].max() == 0

    halved = Holds(both, INSTANCES, overlap="shared").planes(1003, geometry_of(shot)).core
    assert all(halved[n][CORE == 1].max() == 0.5 for n in (0, 1))


def geometry_of(shot: Path):
    guidance = combine([MaskSequence("ana", shot / "ana.####.png")])
    return ShotMatter(tiny_model(), open_source(shot / "plate.####.exr"), guidance, SETTINGS).geometry


def test_a_pin_is_delivered_as_it_is_and_a_core_leaves_it_its_pixels(shot: Path, tmp_path: Path):
    pin = (disc(96, 64, 30, 30, 12) > 0.5) * np.float32(0.75)
    write_plane(tmp_path / "ben.1003.exr", pin)
    pins = Pins([MaskSequence("ben", tmp_path / "ben.####.exr", exact=True)], INSTANCES, FRAMES)
    hand = Hand(edges({}, TOOLS), holds(shot, core="ana"))

    result = mattes(shot, hand, pins=pins)[1003]

    np.testing.assert_array_equal(result.alphas[1], pin)
    assert result.alphas.sum(axis=0).max() <= 1 + 1e-5


def test_a_hold_has_its_own_window_and_may_be_a_proxy(shot: Path, tmp_path: Path):
    write_plane(tmp_path / "cut.exr", CORE[20:40, 18:42], Window(18, 20, 24, 20))
    half = CORE.reshape(32, 2, 48, 2).mean(axis=(1, 3))
    write_image(tmp_path / "half.exr", half, channels=("A",), kind="half")

    geometry = geometry_of(shot)
    cut, proxy = (
        HoldSource("core", "ana", str(tmp_path / name)).plane(1003, geometry)
        for name in ("cut.exr", "half.exr")
    )

    np.testing.assert_array_equal(cut, CORE)
    assert proxy is not None
    assert np.abs(proxy - CORE).mean() < 0.02


def test_a_damaged_hold_fails_its_own_frame_alone(shot: Path, tmp_path: Path):
    for frame in FRAMES:
        write_plane(tmp_path / f"core.{frame}.exr", CORE)
    (tmp_path / "core.1003.exr").write_bytes(b"no image")
    source = HoldSource("core", "ana", str(tmp_path / "core.####.exr"))
    hand = Hand(edges(), Holds([source], INSTANCES))

    found = mattes(shot, hand)

    assert [frame for frame, each in found.items() if isinstance(each, FrameFailure)] == [1003]
    assert not any(each.without for each in found.values() if isinstance(each, MatteResult))


def test_a_frame_without_a_file_stops_the_job_or_is_held_nowhere_or_as_before(shot: Path, tmp_path: Path):
    write_plane(tmp_path / "core.1001.exr", CORE)
    geometry = geometry_of(shot)

    def source(missing: str) -> HoldSource:
        return HoldSource("core", "ana", str(tmp_path / "core.####.exr"), missing=missing)  # type: ignore[arg-type]

    with pytest.raises(GuidanceError, match="core of ana has no file for frame 1002"):
        source("error").check([1001, 1002])
    assert source("empty").plane(1002, geometry) is None
    np.testing.assert_array_equal(source("hold").plane(1002, geometry), CORE)


def test_whom_a_hold_may_be_of(shot: Path):
    core = str(shot / "core.exr")

    with pytest.raises(GuidanceError, match="a core is of everybody and the shot has ana, ben"):
        Holds([HoldSource("core", "*", core)], INSTANCES)
    with pytest.raises(GuidanceError, match="a garbage is of cy and the shot has ana, ben"):
        Holds([HoldSource("garbage", "cy", core)], INSTANCES)
    everybody = Holds([HoldSource("garbage", "*", core)], INSTANCES).planes(1001, geometry_of(shot))
    assert set(everybody.garbage) == {0, 1}


def test_sharing_pixels_never_takes_from_a_core():
    rng = np.random.default_rng(3)
    core = {
        0: rng.uniform(0, 0.5, (8, 9)).astype(np.float32),
        2: rng.uniform(0, 0.5, (8, 9)).astype(np.float32),
    }
    alphas = rng.uniform(0, 1, (3, 8, 9)).astype(np.float32)
    for n, plane in core.items():
        alphas[n] = np.maximum(alphas[n], plane)

    share_pixels(alphas, cores=core)

    assert alphas.sum(axis=0).max() <= 1 + 1e-6
    assert all((alphas[n] >= plane - 1e-6).all() for n, plane in core.items())
