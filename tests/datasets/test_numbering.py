"""Frame numbers in names: order, padding, and what is no sequence."""

from __future__ import annotations

from pathlib import Path

import pytest

from maggie_api.errors import FrameError
from maggie_api.sequences import numbered_stem
from maggie_lab.datasets.numbering import by_frame, check_paired


def files(*stems: str) -> dict[str, Path]:
    return {stem: Path(f"{stem}.png") for stem in stems}


@pytest.mark.parametrize(
    "stem, expected",
    [
        ("0012", ("", 12)),
        ("walk.0012", ("walk.", 12)),
        ("walk_12", ("walk_", 12)),
        ("walk12", ("walk", 12)),
        ("take-12", ("take-", 12)),
        ("-005", ("", -5)),
        ("plate.-005", ("plate.", -5)),
        ("v2_3", ("v2_", 3)),
        ("walk", None),
        ("12a", None),
        ("", None),
    ],
)
def test_the_number_at_the_end_of_a_name_is_its_frame(stem: str, expected: tuple[str, int] | None):
    assert numbered_stem(stem) == expected


def test_files_come_in_the_order_of_their_numbers():
    found = by_frame(files("a10", "a9", "a0011", "a1"))

    assert found is not None
    assert list(found) == [1, 9, 10, 11]
    assert [path.stem for path in found.values()] == ["a1", "a9", "a10", "a0011"]


@pytest.mark.parametrize("stems", [(), ("a",), ("a1", "b2"), ("a1", "a")])
def test_other_files_are_no_sequence(stems: tuple[str, ...]):
    assert by_frame(files(*stems)) is None


def test_two_files_of_one_frame_are_named():
    with pytest.raises(FrameError, match=r"1\.png and 001\.png are both frame 1: keep one of them"):
        by_frame(files("1", "001"))


def test_an_error_stays_one_line_however_many_runs_there_are():
    frames = range(0, 4000, 7), [frame**2 for frame in range(300)]

    with pytest.raises(FrameError) as caught:
        check_paired(*frames, of=Path("walk"), where=Path("walk_alpha"), what="mattes", needs="do so")

    assert len(str(caught.value)) < 250
