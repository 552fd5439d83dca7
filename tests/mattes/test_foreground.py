"""Each person's own colour."""

from __future__ import annotations

import numpy as np
import OpenEXR
import pytest
from support.guidance_files import soft_disc

from maggie_api.errors import SettingsError
from maggie_core.mattes.foreground import unmixed_foreground


def mixture(foreground, background, alpha) -> np.ndarray:
    """(H, W, 3) float32 plate in which `alpha` mixes two plain colours."""
    fore, back = np.float32(foreground), np.float32(background)
    return (alpha[..., None] * fore + (1 - alpha[..., None]) * back).astype(np.float32)


@pytest.mark.parametrize("foreground", [(0.8, 0.2, 0.1), (12.0, 3.5, 1.2), (0.4, -0.02, 0.3)])
def test_a_plain_person_before_a_plain_background_is_unmixed_exactly(foreground):
    alpha = soft_disc(50, 40, 25, size=(80, 100))
    plate = mixture(foreground, (0.05, 0.3, 0.02), alpha)

    colour = unmixed_foreground(plate, alpha)

    assert np.abs(colour - alpha[..., None] * np.float32(foreground)).max() < 1e-3


def test_where_the_person_is_solid_the_plate_is_untouched():
    alpha = soft_disc(30, 30, 20, size=(60, 60))
    plate = np.random.default_rng(2).random((60, 60, 3), np.float32) * 50 - 0.5

    colour = unmixed_foreground(plate, alpha)

    assert np.array_equal(colour[alpha == 1], plate[alpha == 1])
    assert not colour[alpha == 0].any()


def test_damaged_pixels_do_not_spread():
    alpha = soft_disc(30, 30, 20, size=(60, 60))
    plate = mixture((0.8, 0.2, 0.1), (0.1, 0.1, 0.1), alpha)
    plate[5, 5], plate[30, 30] = np.nan, np.inf

    colour = unmixed_foreground(plate, alpha)

    assert np.isfinite(colour).all()
    edge = (alpha > 0) & (alpha < 1)
    assert np.abs(colour[edge] - alpha[edge][:, None] * np.float32([0.8, 0.2, 0.1])).max() < 0.01


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2)])
def test_the_smallest_images_work_and_nobody_adds_nothing(size):
    plate = np.full((*size, 3), 0.5, np.float32)

    assert np.isfinite(unmixed_foreground(plate, np.full(size, 0.5, np.float32))).all()
    assert not unmixed_foreground(plate, np.zeros(size, np.float32)).any()


@pytest.mark.parametrize(
    ("layout", "prefix"), [("layers", "maggie_ben."), ("multipart", "maggie_ben."), ("files", "")]
)
def test_colour_lies_in_the_layer_of_its_alpha(write, plate, alphas, layout, prefix):
    path = write(layout=layout, foreground=True, scene_linear=plate.pixels, depth="float")[-1]

    part = OpenEXR.File(str(path), separate_channels=True).parts[-1]
    alpha = "A" if layout == "files" else "maggie_ben.alpha"
    stored = np.dstack([part.channels[f"{prefix}{c}"].pixels for c in "RGB"])
    assert np.array_equal(part.channels[alpha].pixels, alphas[1])
    assert np.array_equal(stored[alphas[1] == 1], plate.pixels[alphas[1] == 1])


def test_a_tight_window_holds_the_same_colour(write, plate, tmp_path):
    whole = OpenEXR.File(str(write(foreground=True, scene_linear=plate.pixels)[0]), separate_channels=True)
    whole = whole.parts[0].channels["maggie_ben.R"].pixels
    tight = write(foreground=True, scene_linear=plate.pixels, data_window="tight")[0]
    part = OpenEXR.File(str(tight), separate_channels=True).parts[0]

    (left, top), (right, bottom) = (tuple(int(v) for v in corner) for corner in part.header["dataWindow"])
    assert np.array_equal(part.channels["maggie_ben.R"].pixels, whole[top : bottom + 1, left : right + 1])


def test_half_stores_the_largest_half_and_not_infinity(write, plate):
    bright = np.full_like(plate.pixels, 1e6)

    (path,) = write(foreground=True, scene_linear=bright)

    part = OpenEXR.File(str(path), separate_channels=True).parts[0]
    assert part.channels["maggie_ben.R"].pixels.max() == 65504


def test_a_foreground_needs_colour(write):
    with pytest.raises(SettingsError, match="pass scene_linear"):
        write(foreground=True)
