"""The matching rule of M-HIM2K, at the golden values."""

from __future__ import annotations

import numpy as np
from support.golden_data import FOLDER

from maggie_lab.datasets import match_masks


def test_masks_are_matched_as_the_golden_data_say():
    golden = np.load(FOLDER / "matching.npz")

    index, iou = match_masks(golden["alphas_u8"] / 255, (golden["masks_u8"] > 0).astype(np.float64))

    assert list(index) == list(golden["expected_index"])
    np.testing.assert_allclose(iou, golden["expected_iou"], rtol=1e-6)


def test_without_masks_nobody_has_one():
    index, iou = match_masks(np.ones((2, 4, 4)), np.zeros((0, 4, 4)))

    assert list(index) == [-1, -1]
    assert list(iou) == [0, 0]


def test_one_mask_may_serve_two_people():
    index, _ = match_masks(np.ones((2, 4, 4)), np.ones((1, 4, 4)))

    assert list(index) == [0, 0]
