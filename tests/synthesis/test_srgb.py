"""The tables against the transfer function of IEC 61966-2-1."""

from __future__ import annotations

import numpy as np
import pytest

from maggie_lab.srgb import to_encoded, to_linear


def test_the_tables_follow_the_transfer_function_to_a_tenth_of_an_eight_bit_step():
    values = np.linspace(0, 1, 100_001)
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    encoded = np.where(values <= 0.0031308, 12.92 * values, 1.055 * values ** (1 / 2.4) - 0.055)

    assert np.abs(to_linear(values.astype(np.float32)) - linear).max() < 3e-4
    assert np.abs(to_encoded(values.astype(np.float32)) - encoded).max() < 3e-4


@pytest.mark.parametrize("convert", [to_linear, to_encoded])
def test_ends_are_exact_and_what_is_outside_is_clipped(convert):
    ends = convert(np.array([[-0.2, 0.0], [1.0, 1.7]], np.float32))

    assert ends.dtype == np.float32
    assert np.array_equal(ends, [[0, 0], [1, 1]])


def test_mid_grey_of_the_standard():
    assert to_encoded(np.array([0.18], np.float32))[0] == pytest.approx(0.4614, abs=3e-4)
