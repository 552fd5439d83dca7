from __future__ import annotations

from pathlib import Path

import pytest

from maggie_api.errors import FrameError, SettingsError
from maggie_api.sequences import (
    as_sequence,
    compact_frames,
    expand_output,
    expected_frames,
    frame_of_file,
    parse_frames,
    parse_pattern,
)


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("1001", (1001,)),
        ("1001-1004", (1001, 1002, 1003, 1004)),
        ("1-9x4,20", (1, 5, 9, 20)),
        ("-2-1", (-2, -1, 0, 1)),
        ("5,3,5,4-3", (3, 4, 5)),
        (" 7-8 ", (7, 8)),
    ],
)
def test_ranges_give_each_frame_once_in_order(text, frames):
    assert parse_frames(text) == frames


@pytest.mark.parametrize("text", ["", " ", "abc", "1-", "1.5-3", "9" * 30, "1-" + "9" * 5000])
def test_what_is_no_range_is_refused_in_one_line(text):
    with pytest.raises(SettingsError, match="is no frame range: write it like 1001-1100") as refused:
        parse_frames(text)

    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


@pytest.mark.parametrize("text", ["1-99999999999", "1-900000,1000000-1900000,2000000-2900000"])
def test_a_range_of_too_many_frames_is_told_so(text):
    with pytest.raises(SettingsError, match="names more than 1000000 frames: write a shorter range"):
        parse_frames(text)


@pytest.mark.parametrize("stray", [20261129, 202611291230])
def test_a_stray_dated_file_is_told_at_once_with_the_shots_frames(stray):
    assert expected_frames([1, 2, 5]) == range(1, 6)

    with pytest.raises(FrameError, match=rf"the frames 1-2,{stray}, .*such as --shot-frames 1-2$"):
        expected_frames([1, 2, stray])


def test_frames_are_listed_compactly():
    assert compact_frames([1009, 1001, 1002, 1003, 1004, 1005]) == "1001-1005,1009"


@pytest.mark.parametrize(
    ("pattern", "frame", "path"),
    [
        ("out.####.exr", 1001, "out.1001.exr"),
        ("out.####.exr", 7, "out.0007.exr"),
        ("out.####.exr", 123456, "out.123456.exr"),
        ("out.####.exr", -5, "out.-005.exr"),
        ("a/b/out.%06d.exr", 7, "a/b/out.000007.exr"),
        ("out.%d.exr", 7, "out.7.exr"),
        ("out.#.exr", 1001, "out.1001.exr"),
        ("out_@@@.png", 5, "out_005.png"),
        ("sh010-####.exr", 5, "sh010-0005.exr"),
        ("v2.1-3####.exr", 5, "v2.0005.exr"),
        ("50%_v001.####.exr", 5, "50%_v001.0005.exr"),
        ("out.####", 5, "out.0005"),
        ("cam1####.exr", 5, "cam10005.exr"),
        ("cam1-3####.exr", 5, "cam1-30005.exr"),
        ("sh010-020@@@@.exr", 5, "sh010-0200005.exr"),
        ("take1,2%04d.exr", 5, "take1,20005.exr"),
        ("cam-1$F4.exr", 5, "cam-10005.exr"),
        ("SC#01_####.exr", 5, "SC#01_0005.exr"),
        ("####_SC#01.exr", 5, "0005_SC#01.exr"),
        ("ana@2x_#.exr", 5, "ana@2x_5.exr"),
    ],
)
def test_one_frames_name_follows_the_pattern(pattern, frame, path):
    assert expand_output(pattern, frame) == Path(path)


def test_several_frames_never_share_one_name(tmp_path):
    with pytest.raises(SettingsError, match=r"need a frame token, such as .*out\.####\.exr"):
        expand_output(tmp_path / "out.exr", 1001)

    assert expand_output(tmp_path / "out.exr", 1001, single=True) == tmp_path / "out.exr"


@pytest.mark.parametrize("name", ["", "sub/"])
def test_a_folder_as_output_is_answered_with_a_name(tmp_path, name):
    with pytest.raises(SettingsError, match=r"is a folder: name the files in it, such as .*matte\.####\.exr"):
        expand_output(f"{tmp_path}/{name}", 1001, single=True)


def test_two_frame_tokens_are_refused():
    with pytest.raises(SettingsError, match="2 frame tokens: one is needed"):
        parse_pattern("a.####.%04d.exr")


@pytest.mark.parametrize("name", ["p.%99999999999d.exr", "p.$F" + "9" * 5000 + ".exr", "#" * 300])
def test_a_token_wider_than_any_name_is_refused(name):
    with pytest.raises(SettingsError, match="to more than 255 digits: write a shorter token"):
        parse_pattern(name)


def test_a_range_may_stand_in_the_name():
    pattern = parse_pattern("a.1001-1005x2#.exr")

    assert pattern is not None
    assert pattern.frames == (1001, 1003, 1005)


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("plate.1001.exr", 1001),
        ("plate_0007.png", 7),
        ("plate.-0003.exr", -3),
        ("portrait_3.png", None),
        ("coco_000000142238.jpg", None),
        ("shot_v003.exr", None),
        ("still.exr", None),
    ],
)
def test_a_single_files_frame_is_read_from_its_name(name, frame):
    assert frame_of_file(name) == frame


@pytest.mark.parametrize(
    ("path", "sequence"),
    [
        ("a/SC#01_0012.exr", ("a/SC#01_####.exr", 12)),
        ("a/sh010.####.exr", ("a/sh010.####.exr", None)),
        ("a/sh010.#.exr", ("a/sh010.#.exr", None)),
    ],
)
def test_a_file_with_a_token_in_its_name_is_still_one_of_a_sequence(path, sequence):
    assert as_sequence(path) == sequence
