"""What is said of masks that are never there, have NaN, are somebody else's, or look like a mistake."""

from __future__ import annotations

import numpy as np
import pytest
from support.guidance_files import square, write_image

from maggie_api.settings import Overlap
from maggie_core.guidance import MaskSequence, combine


def observed(
    tmp_path, frames=(1, 2), *, overlap: Overlap = "first", asked: tuple[int, ...] | None = None, **masks
) -> dict[str, str]:
    """Codes and sentences after the masks of `frames` are read; each mask is a pair, of frames 1 and 2, or
    holds for both."""
    for name, planes in masks.items():
        pair = planes if isinstance(planes, tuple) else (planes, planes)
        for frame, plane in zip((1, 2), pair, strict=True):
            write_image(tmp_path / f"{name}.{frame:04d}.exr", plane)
    guidance = combine([MaskSequence(name, tmp_path / f"{name}.####.exr") for name in masks])
    for frame in frames:
        guidance.masks(frame)
    return dict(guidance.observed.sentences(list(masks), (1, 2), overlap=overlap, asked=asked))


def test_masks_of_different_people_are_nothing_to_tell_of(tmp_path):
    assert observed(tmp_path, ana=square(0, 0), ben=square(9, 9)) == {}


def test_somebody_without_a_mask_in_any_frame_is_told_of_once_all_are_read(tmp_path):
    empty = square(0, 0, side=0)

    assert "ben" in observed(tmp_path, ana=square(0, 0), ben=empty)["empty-mask"]
    assert observed(tmp_path, (1,), ana=square(0, 0), ben=empty) == {}


def test_a_mask_that_is_too_faint_to_claim_a_pixel_is_told_of(tmp_path):
    found = observed(tmp_path, ana=square(0, 0), ben=0.4 * square(9, 9))

    assert "the mask of ben has no value of 0.5 or more in any frame" in found["empty-mask"]
    assert "ana" not in found["empty-mask"]


def test_two_with_the_same_mask_are_told_of(tmp_path):
    found = observed(tmp_path, ana=square(0, 0), ben=square(9, 9), cy=square(0, 0))

    assert list(found) == ["same-masks"]
    assert found["same-masks"].startswith("ana and cy have the same mask")


def test_nan_is_counted_and_told_of(tmp_path):
    broken = square(0, 0)
    broken[20:22, 30:33] = np.nan

    assert "of ana has 12 pixels with NaN in frames 1-2" in observed(tmp_path, ana=broken)["mask-nan"]


def standing() -> np.ndarray:
    """Somebody cut off by the lower side of the image."""
    return square(10, 20, side=22)


def test_an_inverted_mask_is_told_of_with_its_frames_and_whom_it_covers(tmp_path):
    found = observed(tmp_path, ana=(1 - standing(), standing()), ben=square(9, 0, side=6))

    assert list(found) == ["inverted-mask"]
    assert found["inverted-mask"].startswith(
        "the mask of ana is white along the image's sides and black inside in frame 1, and covers the mask "
        "of ben there, where little or nothing is left of that matte: white is what is matted, so turn black "
        "and white round if ana is where it is black; other frames that it spoils come right with it"
    )


def test_frames_that_were_read_and_not_asked_for_are_named_only_if_the_mistake_is_in_them_alone(tmp_path):
    one, both = (1 - standing(), standing()), 1 - standing()

    assert " in frame 2: " in observed(tmp_path, asked=(2,), ana=both)["inverted-mask"]
    assert " in frame 1: " in observed(tmp_path, asked=(2,), ana=one)["inverted-mask"]
    assert " in frames 1-2: " in observed(tmp_path, ana=both)["inverted-mask"]


def test_whoever_is_hidden_in_some_frames_of_a_mistaken_mask_is_told_of_in_these(tmp_path):
    beside, inside = square(9, 0, side=6), square(12, 22, side=6)

    found = observed(tmp_path, ana=1 - standing(), ben=(inside, beside))["inverted-mask"]

    assert " in frames 1-2, and covers the mask of ben in frame 2, where little or nothing is left" in found
    assert found.endswith("is black")  # in all frames: none is spoilt by another's mask


def test_the_background_behind_others_does_not_look_inverted(tmp_path):
    ana, ben = standing(), square(9, 0, side=6)

    assert observed(tmp_path, ana=ana, ben=ben, wall=1 - ana - ben) == {}


def test_masks_that_are_all_inverted_are_no_background_of_each_other(tmp_path):
    for name, plane in (("ana", 1 - standing()), ("ben", 1 - square(9, 8, side=6))):
        write_image(tmp_path / f"{name}.exr", plane)
    guidance = combine([MaskSequence(name, tmp_path / f"{name}.exr") for name in ("ana", "ben")])
    guidance.masks(1)

    found = guidance.observed.mistakes((1,), "shared")
    assert [(each.kind, each.name) for each in found] == [("inverted", "ana"), ("inverted", "ben")]


def test_whoever_is_covered_by_two_together_is_told_of_with_both(tmp_path):
    left, right, ben = square(8, 8, side=8), square(8, 16, side=8), square(10, 11, side=6)

    found = observed(tmp_path, ana=left, cy=right, ben=ben)

    assert found["hidden-mask"].startswith("the whole mask of ben lies in the masks of ana, cy in frames 1-2")


def test_a_white_mask_is_told_of_where_it_covers_somebody_or_if_it_is_white_in_all_frames(tmp_path):
    white, ana, ben = np.ones((32, 48), np.float32), square(0, 0), square(9, 9)

    assert (
        "frame 1, and covers the mask of ben there"
        in observed(tmp_path, ana=(white, ana), ben=ben)["full-mask"]
    )
    assert "is white all over in frames 1-2: " in observed(tmp_path, ana=white)["full-mask"]
    assert observed(tmp_path, ana=(white, ana)) == {}  # a close-up
    assert observed(tmp_path, (1,), ana=white) == {}  # it may be one


@pytest.mark.parametrize(("overlap", "empty"), [("first", "ben"), ("last", "ana"), ("shared", None)])
def test_whoever_is_covered_in_all_frames_is_told_of_as_the_order_decides(tmp_path, overlap, empty):
    ben, ana = square(8, 8, side=6), square(4, 4, side=16)
    if overlap == "last":
        ana, ben = ben, ana

    found = observed(tmp_path, overlap=overlap, ana=ana, ben=ben)

    assert list(found) == ([] if empty is None else ["hidden-mask"])
    if empty is not None:
        assert found["hidden-mask"].startswith(f"the whole mask of {empty} lies in the mask of ")
        assert "in frames 1-2" in found["hidden-mask"]


def test_whoever_is_hidden_in_some_frames_alone_is_nothing_to_tell_of(tmp_path):
    in_front, hidden, beside = square(4, 4, side=16), square(8, 8, side=6), square(8, 30, side=6)

    assert observed(tmp_path, ana=in_front, ben=(hidden, beside)) == {}
    assert observed(tmp_path, ana=hidden, ben=in_front) == {}  # ana is in front, and ben has the rest


def test_a_close_up_with_a_gap_at_a_corner_or_a_side_does_not_look_inverted(tmp_path):
    gaps = [(0, 0), (0, 20), (12, 0), (24, 40)]  # above a shoulder, between arms, between hair and shoulder

    assert [observed(tmp_path, ana=1 - square(*gap)) for gap in gaps] == [{}] * len(gaps)


def close_up(*, shoulders: int) -> np.ndarray:
    """Head and shoulders, which begin at a row and take all of the lower side."""
    mask = square(6, 16, side=16)
    mask[shoulders:] = 1
    return mask


def test_a_close_up_that_is_inverted_is_told_of(tmp_path):
    assert observed(tmp_path, ana=close_up(shoulders=22)) == {}
    assert list(observed(tmp_path, ana=1 - close_up(shoulders=22))) == ["inverted-mask"]
    assert observed(tmp_path, ana=1 - close_up(shoulders=10)) == {}  # somebody above a low wall, or inverted


def test_masks_of_different_sizes_are_compared_where_they_lie(tmp_path):
    large = square(16, 16, side=64, size=(128, 192))
    inside, outside = square(8, 8, side=6), square(8, 30, side=6)

    assert list(observed(tmp_path, ana=large, ben=inside)) == ["hidden-mask"]
    assert observed(tmp_path, ana=large, ben=outside) == {}
