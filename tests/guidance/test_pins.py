"""Alphas that are delivered as they are."""

from __future__ import annotations

import numpy as np
import pytest
from support.guidance_files import write_image

from maggie_core.guidance import MaskSequence, Pins, make_instances
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window

WINDOW = Window(0, 0, 48, 32)
GEOMETRY = Geometry(WINDOW, WINDOW)
ANNA = make_instances(["anna"])


def pinned(tmp_path, codes: np.ndarray) -> np.ndarray:
    write_image(tmp_path / "anna.1.png", codes)
    pins = Pins([MaskSequence("anna", tmp_path / "anna.#.png", exact=True)], ANNA, [1])
    return pins.exact(1, GEOMETRY)[0]


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65535)])
@pytest.mark.parametrize("largest", [1, 2, 200])
def test_a_pins_codes_are_scaled_by_the_type_of_its_file_alone(tmp_path, dtype, top, largest):
    codes = np.zeros((32, 48), dtype)
    codes[4:9, 6:12] = largest

    np.testing.assert_allclose(pinned(tmp_path, codes), codes / top, atol=1e-7)


def test_a_mask_of_zeros_and_ones_is_still_a_whole_mask(tmp_path):
    codes = np.zeros((32, 48), np.uint8)
    codes[4:9, 6:12] = 1
    write_image(tmp_path / "anna.1.png", codes)

    (mask,) = MaskSequence("anna", tmp_path / "anna.#.png").read(1)

    assert np.array_equal(mask.pixels, codes)
