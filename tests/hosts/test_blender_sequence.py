"""Frames of a scene to numbers of files, as Blender counts them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from maggie_core.geometry import Window
from maggie_core.io.exr import Part, write_exr

FILE = Path(__file__).parents[2] / "hosts" / "blender" / "maggie_node" / "sequence.py"


@pytest.fixture(scope="module")
def sequence() -> ModuleType:
    """The extension's module, which knows no Blender."""
    spec = importlib.util.spec_from_file_location("blender_sequence", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


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
        ("/a/plate.####.exr", "/a/plate.####.exr", 1),
        ("/a/plate.%04d.exr", "/a/plate.%04d.exr", 1),
        ("/a/still.exr", "/a/still.exr", 1),
    ],
)
def test_the_last_number_of_a_name_counts(sequence: ModuleType, path: str, pattern: str, number: int):
    assert sequence.as_sequence(path) == (pattern, number)


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
