"""Frames of a scene to numbers of files, as Blender counts them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from support.blenders import extension_part

from maggie_api.sequences import as_sequence, sequence_of_file
from maggie_api.settings import MatteSettings
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.frames import FileSource

WHOLE_FRAME = MatteSettings(scale="off")
"""Nobody is enlarged, so that nobody has to be measured."""


@pytest.fixture(scope="module")
def sequence(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The extension's module, which knows no Blender."""
    return extension_part(tmp_path_factory.mktemp("extension"), "sequence")


@pytest.mark.parametrize(
    ("frame", "number"), [(9, 1001), (10, 1001), (11, 1002), (14, 1005), (15, 1005), (99, 1005)]
)
def test_an_image_node_holds_its_first_and_its_last_file(sequence: ModuleType, frame: int, number: int):
    # Rendered in 4.5 and 5.0: before its start an Image node shows the file before its first.
    timing = sequence.Timing(start=11, offset=1001, duration=4)

    assert timing.number(frame) == number


def test_a_cyclic_node_begins_again_and_a_still_is_always_itself(sequence: ModuleType):
    cyclic = sequence.Timing(1, 1000, 3, cyclic=True)

    assert [cyclic.number(frame) for frame in range(7)] == [1003, 1001, 1002, 1003, 1001, 1002, 1003]
    assert {sequence.Timing(1, 0, 1, still=7).number(frame) for frame in (-3, 1, 50)} == {7}


def test_the_frame_of_a_number_is_where_it_is_seen(sequence: ModuleType):
    timing = sequence.Timing(11, 1000, 6)

    assert [timing.number(timing.frame(number)) for number in range(1001, 1007)] == list(range(1001, 1007))


@pytest.mark.parametrize(
    ("path", "pattern", "number"),
    [
        ("/a/plate.1001.exr", "/a/plate.####.exr", 1001),
        ("/a2/shot3_v02_0007.png", "/a2/shot3_v02_####.png", 7),
        ("/a/0010.exr", "/a/####.exr", 10),
        ("/a/plate.####.exr", "/a/plate.####.exr", None),
        ("/a/plate.%04d.exr", "/a/plate.%04d.exr", None),
        ("/a/still.exr", "/a/still.exr", None),
    ],
)
def test_the_last_number_of_a_name_counts(path: str, pattern: str, number: int | None):
    assert as_sequence(path) == (pattern, number)


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("/a/plate.1001.exr", "/a/plate.####.exr"),
        ("/a/shot3_v02_0007.png", "/a/shot3_v02_####.png"),
        ("/a/render0001.png", "/a/render####.png"),
        ("/a/0010.exr", "/a/####.exr"),
        ("/a/plate.%04d.exr", "/a/plate.%04d.exr"),
        *((f"/a/{name}.exr",) * 2 for name in ("plate_4k", "hero_v2", "shot010", "coco_000000142238")),
    ],
)
def test_a_number_that_belongs_to_the_name_makes_no_sequence(path: str, files: str):
    assert sequence_of_file(path) == files


def test_a_matte_is_due_while_its_plate_has_files(sequence: ModuleType):
    assert sequence.Timing(11, 1000, 6).files_expected(1001, 1006) == (11, None)
    assert sequence.Timing(11, 1000, 6).files_expected(1000, 1003) == (None, 14)
    assert sequence.Timing(1, 0, 1, still=7).files_expected(7, 7) == (None, None)


@pytest.mark.parametrize(
    ("files", "shot"),
    [
        ((1001, 1002, 1003), range(1001, 1004)),
        ((1001, 1003, 1005), range(1001, 1006, 2)),
        ((1001, 1002, 1005), range(1001, 1006)),
        ((7,), range(7, 8)),
    ],
)
def test_a_shot_has_the_numbers_that_the_worker_counts_segments_in(
    sequence: ModuleType, files: tuple[int, ...], shot: range
):
    worker = FileSource("plate", {number: Path(f"plate.{number}.exr") for number in files})

    assert sequence.expected_frames(files) == shot
    assert tuple(shot) == worker.expected


@pytest.mark.parametrize(
    ("matted", "settings", "first", "last"),
    [
        ([1060], WHOLE_FRAME, 1045, 1062),  # its segment starts at 1049, the warm-up four frames earlier
        ([1001], WHOLE_FRAME, 1001, 1003),
        ([1096, 1097], WHOLE_FRAME, 1045, 1099),
        ([1060], MatteSettings(segment_frames=10, warmup_frames=0, scale="off"), 1051, 1062),
        ([1060], MatteSettings(segment_frames="whole", scale="off"), 1001, 1062),
        ([990, 1500], WHOLE_FRAME, 1, 0),
    ],
)
def test_masks_are_rendered_for_what_the_mattes_depend_on(
    sequence: ModuleType, matted: list[int], settings: MatteSettings, first: int, last: int
):
    plate = tuple(range(1001, 1201))

    assert sequence.guidance_numbers(plate, matted, settings) == tuple(range(first, last + 1))


def test_people_are_measured_on_masks_of_the_whole_segment(sequence: ModuleType):
    found = sequence.guidance_numbers(tuple(range(1001, 1201)), [1060], MatteSettings(smooth="flow"))

    # Frames of its segment, 1049 to 1096, and of the two after it.
    assert found == (*range(1045, 1063), *range(1065, 1099, 4))


def test_of_a_model_without_state_masks_of_three_frames_are_rendered(sequence: ModuleType):
    plate = tuple(range(1001, 1201))

    assert sequence.guidance_numbers(plate, [1060], WHOLE_FRAME, looks_around=False) == (1059, 1060, 1061)


def test_a_gap_in_the_plate_does_not_move_the_segments(sequence: ModuleType):
    plate = tuple(number for number in range(1001, 1201) if not 1010 <= number < 1020)

    assert sequence.guidance_numbers(plate, [1060], MatteSettings())[0] == 1045


def test_a_mask_with_fellows_is_a_sequence_and_one_alone_stands_for_every_frame(
    sequence: ModuleType, tmp_path: Path
):
    for name in ("ana.0001.png", "ana.0002.png", "ana.00003.png", "ben.0001.png", "anna.0009.png"):
        (tmp_path / name).touch()

    assert sequence.guidance_files(str(tmp_path / "ana.0002.png")) == str(tmp_path / "ana.####.png")
    assert sequence.numbers_on_disk(str(tmp_path / "ana.####.png")) == [1, 2]
    assert sequence.guidance_files(str(tmp_path / "ben.0001.png")) == str(tmp_path / "ben.0001.png")
    assert sequence.numbers_on_disk(str(tmp_path / "nowhere" / "ana.####.png")) == []


def test_the_windows_of_an_exr_are_read_from_its_header(sequence: ModuleType, tmp_path: Path):
    pixels = np.zeros((70, 100, 3), np.float32)
    part = Part(None, ("R", "G", "B"), pixels, Window(-2, -3, 100, 70), Window(0, 0, 96, 64))
    write_exr(tmp_path / "a.exr", [part])
    (tmp_path / "b.exr").write_bytes((tmp_path / "a.exr").read_bytes()[:60])
    (tmp_path / "c.png").write_bytes(b"no EXR")

    assert sequence.exr_windows(str(tmp_path / "a.exr")) == ((-2, -3, 97, 66), (0, 0, 95, 63))
    for name in ("b.exr", "c.png", "none.exr"):
        assert sequence.exr_windows(str(tmp_path / name)) is None
