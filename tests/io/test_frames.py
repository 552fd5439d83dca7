from __future__ import annotations

import os
import time
from fractions import Fraction

import numpy as np
import OpenEXR
import pytest

from maggie_api.errors import FrameError, SettingsError
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.frames import file_digest, missing_frames, on_missing_source, open_source

WINDOW = Window(0, 0, 8, 6)


def write_frame(path, value: float = 1.0, **metadata) -> None:
    plane = np.full((6, 8), value, np.float16)
    header = {"compression": OpenEXR.ZIPS_COMPRESSION, "type": OpenEXR.scanlineimage, **metadata}
    OpenEXR.File(header, {"R": plane, "G": plane, "B": plane}).write(str(path))


def value_at(source, frame: int) -> float:
    return float(source.read(frame).pixels[0, 0, 0])


@pytest.fixture
def gappy(tmp_path):
    """Frames 1001-1005 and 1009, each of its own value."""
    for frame in (1001, 1002, 1003, 1004, 1005, 1009):
        write_frame(tmp_path / f"plate.{frame}.exr", frame - 1000)
    (tmp_path / "plate.1006.exr.bak").write_bytes(b"")
    (tmp_path / "plate_left.1007.exr").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("token", ["####", "%04d", "#", "@@@@", "%d"])
def test_a_sequence_is_the_files_that_are_there(gappy, token):
    source = open_source(gappy / f"plate.{token}.exr")

    assert source.frames == (1001, 1002, 1003, 1004, 1005, 1009)
    assert source.expected == tuple(range(1001, 1010))
    assert value_at(source, 1009) == 9
    assert source.path(1003) == gappy / "plate.1003.exr"
    assert source.channels(1001) == ("R", "G", "B")
    assert source.colorspace_hint == str(gappy / "plate.1001.exr")


def test_a_range_in_the_name_limits_the_shot_and_is_expected_whole(gappy):
    source = open_source(gappy / "plate.1004-1007#.exr")

    assert source.frames == (1004, 1005)
    assert missing_frames(source, source.expected) == (1006, 1007)


def test_a_sequence_on_twos_has_no_gaps(tmp_path):
    for frame in (1, 3, 5):
        write_frame(tmp_path / f"a.{frame:04d}.exr")

    source = open_source(tmp_path / "a.####.exr")

    assert source.expected == source.frames == (1, 3, 5)


def test_negative_and_long_frame_numbers_are_frames(tmp_path):
    for name in (
        "a.-0002.exr",
        "a.-001.exr",
        "a.0000.exr",
        "a.9999.exr",
        "a.10000.exr",
        "a.00010.exr",
        "a.12.exr",
    ):
        write_frame(tmp_path / name)

    assert open_source(tmp_path / "a.####.exr").frames == (-2, -1, 0, 9999, 10000)


def test_of_two_paddings_of_one_frame_the_asked_one_wins(tmp_path):
    write_frame(tmp_path / "a.7.exr", 1)
    write_frame(tmp_path / "a.0007.exr", 2)

    assert value_at(open_source(tmp_path / "a.%d.exr"), 7) == 1
    assert value_at(open_source(tmp_path / "a.####.exr"), 7) == 2


@pytest.mark.parametrize(
    ("name", "frame"), [("plate.1001.exr", 1001), ("portrait.exr", 1), ("take####.exr", 1), ("a_%04d.exr", 1)]
)
def test_a_file_that_exists_is_that_one_file(tmp_path, name, frame):
    write_frame(tmp_path / name)
    write_frame(tmp_path / "plate.1002.exr")

    source = open_source(tmp_path / name)

    assert source.frames == source.expected == (frame,)
    assert source.path(frame) == tmp_path / name


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "is a folder: name the files in it"),
        ("villain.####.exr", "matches no file: check the path and the number of #"),
        ("nowhere/a.####.exr", r"cannot be listed \(no such file or directory\)"),
        ("villain.exr", "does not exist"),
        ("villain.mov", "does not exist"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(gappy, name, sentence):
    with pytest.raises(FrameError, match=sentence) as refused:
        open_source(gappy / name)

    assert "\n" not in str(refused.value)


def test_a_frame_outside_the_sequence_is_answered_with_those_there_are(gappy):
    with pytest.raises(FrameError, match=r"has no frame 1006: it has 1001-1005,1009"):
        open_source(gappy / "plate.####.exr").read(1006)


def test_a_frame_deleted_after_opening_is_a_frame_error(gappy):
    source = open_source(gappy / "plate.####.exr")
    (gappy / "plate.1002.exr").unlink()

    with pytest.raises(FrameError, match="does not exist"):
        source.read(1002)
    with pytest.raises(FrameError, match="no such file"):
        source.digest(1002)


def test_missing_frames_are_an_error_that_lists_them(gappy):
    source = open_source(gappy / "plate.####.exr")

    with pytest.raises(FrameError, match=r"6 plate frames are missing .*: 999-1000,1006-1008,1010;"):
        on_missing_source(source, range(999, 1011), "error")


def test_a_held_frame_is_the_last_one_before_the_gap(gappy):
    source = on_missing_source(open_source(gappy / "plate.####.exr"), range(999, 1011), "hold")

    assert [value_at(source, frame) for frame in (999, 1005, 1006, 1008, 1009, 1010)] == [1, 5, 5, 5, 9, 9]
    assert source.digest(1006) == source.digest(1005)
    assert set(range(999, 1011)) <= set(source.frames)


def test_a_black_frame_has_the_plates_windows_and_its_own_digest(gappy):
    source = on_missing_source(open_source(gappy / "plate.####.exr"), range(1001, 1010), "black")

    black = source.read(1006)

    assert not black.pixels.any()
    assert (black.data, black.channels) == (WINDOW, ("R", "G", "B"))
    assert source.digest(1006) != source.digest(1005)
    assert value_at(source, 1005) == 5


def test_skipped_frames_are_left_out(gappy):
    plate = open_source(gappy / "plate.####.exr")

    assert on_missing_source(plate, range(1004, 1010), "skip").frames == plate.frames
    with pytest.raises(FrameError, match="none of the frames 1-2 is there"):
        on_missing_source(plate, (1, 2), "skip")


def test_nothing_is_wrapped_where_nothing_is_missing(gappy):
    plate = open_source(gappy / "plate.####.exr")

    assert on_missing_source(plate, (1001, 1009), "error") is plate
    with pytest.raises(SettingsError, match="one of error, hold, black, skip"):
        on_missing_source(plate, (1001,), "guess")  # pyright: ignore[reportArgumentType]


def test_the_digest_follows_the_files_content(tmp_path):
    write_frame(tmp_path / "a.exr", 1)
    write_frame(tmp_path / "b.exr", 1)
    before = file_digest(tmp_path / "a.exr")

    same = file_digest(tmp_path / "b.exr")
    write_frame(tmp_path / "a.exr", 2)
    os.utime(tmp_path / "a.exr", ns=(1, 1))

    assert same == before
    assert file_digest(tmp_path / "a.exr") != before


def test_a_file_put_in_place_with_size_and_time_preserved_is_another_file(tmp_path):
    path, other = tmp_path / "a.exr", tmp_path / "b.exr"
    path.write_bytes(b"one")
    other.write_bytes(b"two")
    for each in (path, other):
        os.utime(each, (1_000_000_000, 1_000_000_000))
    before = file_digest(path)

    os.replace(other, path)

    assert file_digest(path) != before


def test_a_file_changed_within_one_tick_of_a_coarse_clock_is_another_file(tmp_path):
    path = tmp_path / "a.exr"
    path.write_bytes(b"one")
    now = int(time.time())
    os.utime(path, (now, now))
    before = file_digest(path)

    with path.open("r+b") as file:
        file.write(b"two")
    os.utime(path, (now, now))

    assert file_digest(path) != before


def test_the_frame_rate_is_read_from_the_header(tmp_path):
    write_frame(tmp_path / "a.0001.exr", FramesPerSecond=Fraction(24000, 1001))
    write_frame(tmp_path / "b.0001.exr")

    assert open_source(tmp_path / "a.####.exr").rate == Fraction(24000, 1001)
    assert open_source(tmp_path / "b.####.exr").rate is None


def test_a_held_or_black_frame_has_the_window_of_the_frame_that_stands_in(gappy):
    for policy in ("hold", "black"):
        source = on_missing_source(open_source(gappy / "plate.####.exr"), range(1001, 1010), policy)

        assert source.header(1007, ("R", "G", "B")).data == source.read(1007).data == WINDOW


@pytest.mark.parametrize("policy", ["hold", "black"])
def test_a_damaged_frame_is_one_that_is_missing_until_it_is_repaired(tmp_path, policy):
    for frame in (1, 2, 3):
        write_exr(
            tmp_path / f"p.{frame}.exr",
            [Part(None, ("R", "G", "B"), np.full((6, 8, 3), frame / 4, np.float32), WINDOW, WINDOW)],
        )
    whole = (tmp_path / "p.2.exr").read_bytes()
    (tmp_path / "p.2.exr").write_bytes(whole[: len(whole) // 2])
    source = on_missing_source(open_source(tmp_path / "p.#.exr"), (1, 2, 3), policy)
    healthy = on_missing_source(open_source(tmp_path / "p.#.exr"), (1, 2, 3), policy).digest(1)

    assert source.read(2).pixels.max() == (0.25 if policy == "hold" else 0)
    damaged = source.digest(2)
    (tmp_path / "p.2.exr").write_bytes(whole)

    assert source.digest(1) == healthy
    repaired = on_missing_source(open_source(tmp_path / "p.#.exr"), (1, 2, 3), policy)
    assert damaged not in (healthy, repaired.digest(2))
    assert repaired.read(2).pixels.max() == 0.5
