"""Frame numbers of scripts, files and command lines."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Any

import pytest
from support.nuke_plugin import part
from support.shots import write_shot
from support.tiny import tiny_model

from maggie_api.errors import HostError, SettingsError
from maggie_api.segments import InputFrames
from maggie_api.sequences import parse_frames
from maggie_api.settings import MatteSettings
from maggie_core.guidance import MaskSequence, combine
from maggie_core.io.frames import open_source
from maggie_core.shot.matter import ShotMatter

frames, shot, state = part("frames"), part("shot"), part("state")


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


def custom_frames(text: str) -> list[int]:
    """The frames that a node with a range delivers of a long plate."""
    plate = state.InputSource("plate", "Read1", -100, 2000, "plate.%04d.exr")
    return shot.shot_frames(state.NodeState("MaGGIe1", plate, (), frames="custom", range=text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1001-1004", [1001, 1002, 1003, 1004]),
        ("1001-1010x4, 1020", [1001, 1005, 1009, 1020]),
        ("-3--1,7", [-3, -2, -1, 7]),
        ("5", [5]),
        ("4-1", [1, 2, 3, 4]),
        ("1-4y2", [2, 4]),
    ],
)
def test_ranges_are_written_as_everywhere_else(text: str, expected: list[int]):
    assert custom_frames(text) == expected == list(parse_frames(text))


@pytest.mark.parametrize("text", ["", "a", "1-10x0", "1.5", "1-"])
def test_what_is_no_range_is_said(text: str):
    with pytest.raises(HostError, match="1001-1100") as said:
        custom_frames(text)
    with pytest.raises(SettingsError) as shared:
        parse_frames(text)

    assert str(said.value) == str(shared.value)


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


@pytest.fixture(scope="module")
def influence(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[InputFrames]]:
    """The frames whose plate and guidance each matte of a shot of 30 frames depends on, as the core says."""
    written = write_shot(tmp_path_factory.mktemp("shot"), frames=range(1001, 1031), names=("ana",))
    guidance = combine([MaskSequence("ana", written.mask("ana"))])

    def of(settings: MatteSettings, **how: bool) -> list[InputFrames]:
        model, plate = tiny_model(**how), open_source(written.plate)
        model = copy(model)
        model.info = replace(model.info, person_px=(250, 576))
        matter = ShotMatter(model, plate, guidance, settings, shot_frames=written.frames)
        found = []
        for frame in written.frames:
            reached = matter.influence(frame)
            looked_at = sorted({*reached, *matter.measured(frame)})
            found.append(InputFrames(tuple(sorted({1001, *reached})), tuple(looked_at)))
        return found

    return of


def needed(settings: MatteSettings, *, looks_around: bool = True) -> list[InputFrames]:
    """The frames that Nuke renders for each matte of a shot of 30 frames."""
    return [
        frames.input_frames([frame], 1001, 1030, settings, looks_around=looks_around)
        for frame in range(1001, 1031)
    ]


@pytest.mark.parametrize("segment", [8, 48, "whole"])
@pytest.mark.parametrize("warmup", [0, 2, 4])
@pytest.mark.parametrize("smooth", ["none", "flow"])
@pytest.mark.parametrize("scale", ["auto", "off"])
def test_what_is_rendered_is_what_a_matte_depends_on(
    influence: Callable[..., list[InputFrames]], segment: Any, warmup: int, smooth: Any, scale: Any
):
    settings = MatteSettings(segment_frames=segment, warmup_frames=warmup, smooth=smooth, scale=scale)

    assert needed(settings) == influence(settings)


@pytest.mark.parametrize("segment", [8, "whole"])
@pytest.mark.parametrize("smooth", ["none", "flow"])
@pytest.mark.parametrize("scale", ["auto", "off"])
def test_so_it_is_of_a_model_that_is_known_to_see_every_frame_by_itself(
    influence: Callable[..., list[InputFrames]], segment: Any, smooth: Any, scale: Any
):
    settings = MatteSettings(segment_frames=segment, smooth=smooth, scale=scale)

    assert needed(settings, looks_around=False) == influence(settings, still=True)


@pytest.mark.parametrize("how", [{}, {"temporal": False}, {"still": True}])
def test_what_only_the_model_decides_is_rendered_for_every_model(
    influence: Callable[..., list[InputFrames]], how: dict[str, bool]
):
    settings = MatteSettings(segment_frames=8)

    for rendered, used in zip(needed(settings), influence(settings, **how), strict=True):
        assert set(rendered.plate) >= set(used.plate)
        assert set(rendered.guidance) >= set(used.guidance)


def test_only_what_a_frame_depends_on_is_rendered():
    settings = MatteSettings(segment_frames=48, warmup_frames=4, smooth="flow", scale="off")

    found = frames.input_frames([1100], 1001, 1200, settings)

    assert found.guidance == tuple(range(1097 - 4, 1103))
    assert found.plate == (1001, *found.guidance)


def test_a_frame_of_a_model_without_state_needs_three():
    settings = MatteSettings(segment_frames=48, warmup_frames=4, smooth="flow", scale="off")

    found = frames.input_frames([1100], 1001, 1200, settings, looks_around=False)

    assert found.guidance == (1099, 1100, 1101)
    assert found.plate == (1001, *found.guidance)


def test_people_are_measured_on_masks_of_the_whole_segment_and_light_on_plates_of_the_first_second():
    settings = MatteSettings(segment_frames=48, warmup_frames=4, smooth="flow", exposure_ev="auto")

    found = frames.input_frames([1100], 1001, 1200, settings)

    assert found.guidance == (*range(1093, 1103), *range(1105, 1147, 4))
    assert found.plate == (1001, 1013, 1025, *range(1093, 1103))
