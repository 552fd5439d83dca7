"""Files that are damaged: what the policies do with them, what is said, and what a repair makes anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from support.command_line import Command
from support.loss_warnings import without_losses
from support.shots import TinyShot, write_image

from maggie_api.events import Event, Finished, FrameDone, FrameFailed, Warning, from_line
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, read_image, write_exr
from maggie_core.mattes import explain, read_mattes


def events_of(result: Result) -> list[Event]:
    return [from_line(line) for line in result.stdout.splitlines()]


def cached(result: Result) -> dict[int, bool]:
    return {event.frame: event.cached for event in events_of(result) if isinstance(event, FrameDone)}


def failed(result: Result) -> list[int]:
    return [event.frame for event in events_of(result) if isinstance(event, FrameFailed)]


def told(result: Result) -> list[str]:
    return [event.text for event in without_losses(events_of(result)) if isinstance(event, Warning)]


def mattes(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    return {path.name: read_mattes(path)[0] for path in sorted(folder.glob("m.*.exr"))}


def assert_same(found: Path, wanted: Path) -> None:
    ours, theirs = mattes(found), mattes(wanted)
    assert list(ours) == list(theirs)
    for name, alphas in ours.items():
        for who, alpha in alphas.items():
            np.testing.assert_array_equal(alpha, theirs[name][who], err_msg=f"{name} {who}")


@pytest.fixture
def matte(command: Command, shot: TinyShot, tiny_model: Path, tmp_path: Path):
    """Matte the shot into a folder, in segments of two frames."""

    def run(folder: str, *options: object) -> Result:
        return command(
            *("matte", shot.plate, "-o", tmp_path / folder / "m.####.exr", *shot.guidance, "--json"),
            *("--model", tiny_model, "--segment", "2", "--warmup", "0", *options),
        )

    return run


def cut(path: Path) -> bytes:
    """Damage a file; returns it whole."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return whole


@pytest.mark.parametrize(
    ("file", "options", "done"),
    [
        ("plate.1003.exr", ("--on-missing", "hold"), "plate frames 1003 cannot be read and are held"),
        ("plate.1003.exr", ("--on-missing", "black"), "plate frames 1003 cannot be read and are black"),
        ("ana.1003.png", ("--guidance-missing", "hold"), "masks of frames 1003 cannot be read and are held"),
        (
            "ana.1003.png",
            ("--guidance-missing", "empty"),
            "masks of frames 1003 cannot be read and are empty",
        ),
    ],
)
def test_a_damaged_file_is_one_that_is_missing_until_it_is_repaired(
    matte, shot: TinyShot, tmp_path: Path, file: str, options: tuple[str, ...], done: str
):
    matte("m", *options)
    whole = cut(shot.folder / file)

    damaged, again = matte("m", *options), matte("m", *options)
    header = explain(tmp_path / "m" / "m.1003.exr")
    (shot.folder / file).unlink()
    missing = matte("missing", *options)
    assert_same(tmp_path / "m", tmp_path / "missing")
    (shot.folder / file).write_bytes(whole)
    repaired = matte("m", *options)
    fresh = matte("fresh", *options)

    assert [each.exit_code for each in (damaged, again, missing, repaired, fresh)] == [0] * 5
    (said,) = told(damaged)
    assert said.startswith(done)
    assert (header["stood_in"], header["without"]) == ([1003], [])
    # 1001-1002 end where 1003 is looked ahead at; 1005 begins a segment of its own.
    assert cached(damaged) == {1001: False, 1002: False, 1003: False, 1004: False, 1005: True}
    assert all(cached(again).values())
    assert cached(repaired) == cached(damaged)
    assert_same(tmp_path / "m", tmp_path / "fresh")


def test_a_cache_knows_what_was_held(matte, shot: TinyShot, tmp_path: Path):
    options = ("--guidance-missing", "hold", "--cache", tmp_path / "cache")
    matte("m", *options)
    whole = cut(shot.folder / "ana.1003.png")
    matte("m", *options)
    matte("held", "--guidance-missing", "hold")
    assert_same(tmp_path / "m", tmp_path / "held")

    (shot.folder / "ana.1003.png").write_bytes(whole)
    matte("m", *options)

    matte("fresh", "--guidance-missing", "hold")
    assert_same(tmp_path / "m", tmp_path / "fresh")


def test_a_damaged_core_that_is_held_is_said_until_it_is_repaired(matte, shot: TinyShot, tmp_path: Path):
    for frame in shot.frames:
        source = shot.folder / f"ana.{frame}.png"
        (shot.folder / f"core.{frame}.png").write_bytes(source.read_bytes())
    options = ("--guidance-missing", "hold", "--core", f"ana={shot.folder / 'core.####.png'}")
    matte("m", *options)
    whole = cut(shot.folder / "core.1003.png")

    damaged, again = matte("m", *options), matte("m", *options)
    header = explain(tmp_path / "m" / "m.1003.exr")
    (shot.folder / "core.1003.png").write_bytes(whole)
    repaired = matte("m", *options)

    assert told(damaged) == [
        "cores or garbage mattes of frames 1003 cannot be read and are held from the nearest frame before, "
        "or else after: repair their files"
    ]
    assert header["stood_in"] == [1003]
    assert [frame for frame, there in cached(damaged).items() if not there] == [1003]
    assert all(cached(again).values())
    assert cached(repaired) == cached(damaged)


def test_nan_in_masks_and_cores_is_said_with_its_frames(matte, shot: TinyShot):
    plane = np.zeros((64, 96, 1), np.float32)
    plane[10:40, 20:40] = 1
    plane[12:14, 30] = np.nan
    plane[20, 30] = np.inf
    write_image(shot.folder / "core.1002.exr", plane, "half")
    for frame in (1001, 1003, 1004, 1005):
        write_image(shot.folder / f"core.{frame}.exr", np.where(np.isfinite(plane), plane, 0), "half")

    result = matte("m", "--core", f"ana={shot.folder / 'core.####.exr'}")

    assert told(result) == [
        "the core of ana has 2 pixels with NaN in frames 1002: they count as 0; render it again"
    ]


def test_masks_are_not_left_out_by_the_plate_s_policy(matte, shot: TinyShot):
    cut(shot.folder / "ana.1003.png")

    result = matte("m", "--on-missing", "skip")

    assert (result.exit_code, failed(result)) == (3, [1003])
    assert any("without frame 1003" in text for text in told(result))


@pytest.mark.parametrize("content", [b"", b"no picture"])
@pytest.mark.parametrize("file", ["plate.1001.exr", "ana.1001.png"])
def test_the_shot_s_first_frame_fails_alone_and_comes_back(
    matte, shot: TinyShot, tmp_path: Path, file: str, content: bytes
):
    matte("whole")
    path = shot.folder / file
    whole = path.read_bytes()
    path.write_bytes(content)

    damaged, part = matte("m"), matte("part", "--frames", "1002,1005")
    alone = matte("alone", "--frames", "1001")
    assert (damaged.exit_code, failed(damaged)) == (3, [1001])
    assert (alone.exit_code, failed(alone)) == (3, [1001])
    assert events_of(part)[-1] == Finished(done=2, skipped=0, failed=0)
    for name in ("m.1002.exr", "m.1005.exr"):
        assert (tmp_path / "m" / name).read_bytes() == (tmp_path / "part" / name).read_bytes()
    path.write_bytes(whole)
    repaired = matte("m")

    assert cached(repaired) == {1001: False, 1002: False, 1003: True, 1004: True, 1005: True}
    assert_same(tmp_path / "m", tmp_path / "whole")


def test_the_region_and_the_exposure_follow_a_first_frame_that_is_repaired(
    matte, shot: TinyShot, tmp_path: Path
):
    options = ("--data-window", "plate", "--exposure-ev", "auto")
    path = shot.folder / "plate.1001.exr"
    image = read_image(path)
    wide = np.pad(image.pixels * 4, ((2, 3), (5, 1), (0, 0)))
    write_exr(path, [Part(None, ("R", "G", "B"), wide, Window(-5, -2, 102, 69), image.display)])
    whole = path.read_bytes()
    path.write_bytes(b"no picture")

    first = matte("m", *options)
    shown = explain(tmp_path / "m" / "m.1005.exr")
    path.write_bytes(whole)
    repaired, fresh = matte("m", *options), matte("fresh", *options)

    assert failed(first) == [1001]
    assert shown["data"] == [0, 0, 96, 64]
    assert (repaired.exit_code, fresh.exit_code) == (0, 0)
    after = explain(tmp_path / "m" / "m.1005.exr")
    assert after["data"] == [-5, -2, 102, 69]
    assert after["settings"]["exposure_ev"] != shown["settings"]["exposure_ev"]
    assert_same(tmp_path / "m", tmp_path / "fresh")


def test_each_frame_s_masks_lie_on_its_own_data_window(matte, shot: TinyShot, tmp_path: Path):
    def give_borders(widths: dict[int, int]) -> None:
        for frame, left in widths.items():
            path = shot.folder / f"plate.{frame}.exr"
            image = read_image(path)
            pixels = np.pad(image.pixels, ((1, 1), (left, left + 1), (0, 0)))
            window = Window(-left, -1, pixels.shape[1], pixels.shape[0])
            write_exr(path, [Part(None, ("R", "G", "B"), pixels, window, image.display)])
            for name in shot.names:
                file = shot.folder / f"{name}.{frame}.png"
                mask = np.pad(read_image(file).pixels, ((1, 1), (left, left + 1), (0, 0)))
                write_image(file, np.round(mask * 255).astype(np.uint8), "uint8")

    asked = ("--frames", "1004-1005", "--colorspace", "ACEScg")
    matte("m", *asked)
    give_borders({frame: 2 * index for index, frame in enumerate(shot.frames)})

    result = matte("wide", *asked)

    assert result.exit_code == 0, result.stderr
    assert_same(tmp_path / "wide", tmp_path / "m")
