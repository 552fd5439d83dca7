from __future__ import annotations

import os
import resource

import numpy as np
import pytest

from maggie_api.errors import OutputError, SettingsError
from maggie_core.io.image import read_image
from maggie_core.io.integer_image import write_integer_image
from maggie_core.io.picture import write_picture


@pytest.mark.parametrize("suffix", [".png", ".tif", ".dpx"])
def test_sixteen_bit_images_round_trip(tmp_path, suffix):
    pixels = np.random.default_rng(0).random((9, 7, 3), dtype=np.float32)

    write_integer_image(tmp_path / f"a{suffix}", pixels, bits=16)

    np.testing.assert_allclose(read_image(tmp_path / f"a{suffix}").pixels, pixels, atol=0.51 / 65535)


def test_bytes_are_written_as_they_are_and_colour_under_no_alpha_survives(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 4), dtype=np.uint8)
    pixels[..., 3] = 0

    write_integer_image(tmp_path / "a.png", pixels)

    assert np.array_equal(np.rint(read_image(tmp_path / "a.png").pixels * 255), pixels)


def test_grey_images_are_clamped_and_written(tmp_path):
    write_integer_image(tmp_path / "a.png", np.full((4, 4), 2.0))

    assert np.array_equal(read_image(tmp_path / "a.png").pixels, np.ones((4, 4, 1)))


def test_pixels_may_lie_in_memory_in_any_order(tmp_path):
    pixels = np.random.default_rng(0).random((3, 7, 9)).transpose(2, 1, 0)

    write_integer_image(tmp_path / "a.png", pixels)

    np.testing.assert_allclose(read_image(tmp_path / "a.png").pixels, pixels, atol=0.51 / 255)


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"pictures are \.png"):
        write_integer_image(tmp_path / "a.exr", np.zeros((4, 4)))


@pytest.mark.parametrize(
    ("write", "suffix"),
    [
        *((write_integer_image, suffix) for suffix in (".png", ".tif", ".dpx")),
        *((write_picture, suffix) for suffix in (".png", ".tif")),
    ],
)
def test_a_full_disk_leaves_no_image(tmp_path, write, suffix):
    pixels = np.random.default_rng(0).random((200, 300, 3), np.float32)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OutputError, match="free some space"):
            write(tmp_path / f"a{suffix}", pixels)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert os.listdir(tmp_path) == []
