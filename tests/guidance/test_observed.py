"""What is said of masks that are never there, have NaN, or are somebody else's."""

from __future__ import annotations

import numpy as np
from support.guidance_files import square, write_image

from maggie_core.guidance import MaskSequence, combine


def observed(tmp_path, frames=(1, 2), **masks: np.ndarray) -> dict[str, str]:
    """Codes and sentences after the masks of `frames` are read; each mask holds for frames 1 and 2."""
    for name, plane in masks.items():
        for frame in (1, 2):
            write_image(tmp_path / f"{name}.{frame:04d}.exr", plane)
    guidance = combine([MaskSequence(name, tmp_path / f"{name}.####.exr") for name in masks])
    for frame in frames:
        guidance.masks(frame)
    return dict(guidance.observed.sentences(list(masks), (1, 2)))


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
