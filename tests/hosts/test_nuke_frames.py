"""Frame numbers of scripts, files and command lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from nuke_plugin import part
from shots import write_shot
from tiny import tiny_model

from maggie_core.guidance import MaskSequence, combine
from maggie_core.io.frames import open_source
from maggie_core.settings import MatteSettings
from maggie_core.shot import ShotMatter
from maggie_node.hosting import HostError
from maggie_node.job import MatteJob

frames = part("frames")


@pytest.mark.parametrize(
    ("mode", "value", "shift"),
    [
        ("expression", "", 0),
        ("expression", "frame", 0),
        ("expression", "frame + 499", 499),  # Foundry: at frame 1, image.0500 is read
        ("expression", "frame-1000", -1000),
        ("start at", "1", 499),  # image.0500, the first, is read at frame 1
        ("start at", "", 0),
        ("offset", "1000", -1000),  # so many frames later: file 1 is read at frame 1001
        ("offset", "-10", 10),
        ("expression", "frame*2", None),
        ("expression", "1001", None),
        ("offset", "2.5", None),
        ("start at", "[value root.first_frame]", None),
    ],
)
def test_a_read_says_which_file_a_frame_is(mode: str, value: str, shift: int | None):
    assert frames.read_shift(mode, value, 500) == shift


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1001-1004", [1001, 1002, 1003, 1004]),
        ("1001-1010x4, 1020", [1001, 1005, 1009, 1020]),
        ("-3--1,7", [-3, -2, -1, 7]),
        ("5", [5]),
    ],
)
def test_ranges_are_written_as_everywhere_else(text: str, expected: list[int]):
    assert frames.parse_frames(text) == expected


@pytest.mark.parametrize("text", ["", "a", "10-1", "1-10x0", "1.5", "1-"])
def test_what_is_no_range_is_said(text: str):
    with pytest.raises(HostError, match="1001-1100"):
        frames.parse_frames(text)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nuke", "-x", "-F", "1-3", "a.nk"], [1, 2, 3]),
        (["nuke", "-F", "1-2", "-F", "9", "-x", "a.nk"], [1, 2, 9]),
        (["nuke", "-x", "a.nk", "5,7"], [5, 6, 7]),
        (["nuke", "-x", "a.nk", "1,9,4"], [1, 5, 9]),
        (["nuke", "-x", "a.nk", "2-4"], [2, 3, 4]),
        (["nuke", "-x", "a.nk"], []),
        (["nuke", "-t", "shot_1-3"], []),
        ([], []),
    ],
)
def test_a_command_line_says_what_is_rendered(arguments: list[str], expected: list[int]):
    assert frames.rendered_frames(arguments) == expected


@pytest.mark.parametrize("line", ["nuke -x a.nk", "nuke -i -X Write1 a.nk", "nuke -m 4 -xi a.nk"])
def test_a_command_line_that_renders_is_known(line: str):
    assert frames.is_executed(line.split())
    assert not frames.is_executed(["nuke", "-t", "x.py", "1-3"])


def test_runs_are_unbroken():
    assert frames.runs([5, 1, 2, 3, 9, 2]) == [(1, 3), (5, 5), (9, 9)]


def test_what_is_rendered_holds_all_that_a_matte_depends_on(tmp_path: Path):
    shot = write_shot(tmp_path, frames=range(1001, 1031), names=("ana",))
    guidance = combine([MaskSequence("ana", shot.mask("ana"))])
    for segment in (8, 0):
        settings = MatteSettings(segment_frames=segment or None, steady="flow")
        matter = ShotMatter(
            tiny_model(), open_source(shot.plate), guidance, settings, shot_frames=shot.frames
        )

        for frame in shot.frames:
            assert set(matter.influence(frame)) <= set(frames.needed([frame], 1001, 1030, segment))


def test_segments_and_warmup_are_those_of_a_job():
    job = MatteJob("p.exr", "m.exr", (part("shot").MaskGuidance("ana", "a.exr"),))

    assert frames.WARMUP == job.warmup_frames
    assert part("shot").Asked("n", None, ()).segment == job.segment_frames


def test_only_what_a_frame_depends_on_is_rendered():
    assert frames.needed([1100], 1001, 1200, 48) == list(range(1097 - 4, 1105))
