"""One sequence of masks per instance."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from support.guidance_files import square, write_image

from maggie_api.errors import GuidanceError
from maggie_core.guidance import MaskSequence
from maggie_core.guidance.holds import HoldSource
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.io.movie_writer import MovieHeader, movie_writer


def as_bytes(plane: np.ndarray) -> np.ndarray:
    return (plane * 255).astype(np.uint8)


def only(source: MaskSequence, frame: int = 1) -> np.ndarray:
    (mask,) = source.read(frame)
    assert mask.pixels.dtype == np.float32
    return mask.pixels


def test_a_soft_8_bit_mask_keeps_its_values(tmp_path):
    ramp = np.arange(48, dtype=np.uint8)[None].repeat(32, 0) * 5
    write_image(tmp_path / "anna.png", ramp)

    pixels = only(MaskSequence("anna", tmp_path / "anna.png"))

    assert np.abs(pixels - ramp / 255).max() < 1e-6


def test_a_binary_mask_stored_as_zeros_and_ones_is_full_coverage(tmp_path):
    empty, someone = np.zeros((8, 8), np.uint8), np.eye(8, dtype=np.uint8)
    for frame, pixels in enumerate([empty, empty, empty, someone], 1):
        write_image(tmp_path / f"anna.{frame:04d}.png", pixels)

    source = MaskSequence("anna", tmp_path / "anna.####.png")

    assert np.array_equal(only(source, 4), np.eye(8))
    assert only(source, 1).max() == 0


def test_the_faint_tail_of_a_soft_mask_is_not_taken_for_full_coverage(tmp_path):
    write_image(tmp_path / "anna.0001.png", np.eye(8, dtype=np.uint8))
    write_image(tmp_path / "anna.0002.png", np.eye(8, dtype=np.uint8) * 200)

    source = MaskSequence("anna", tmp_path / "anna.####.png")

    assert only(source, 1).max() == pytest.approx(1 / 255)


def test_the_alpha_is_the_mask_when_it_says_anything(tmp_path):
    mask = square(4, 4)
    image = np.dstack([as_bytes(np.ones_like(mask) * c) for c in (0.9, 0.2, 0.4)] + [as_bytes(mask)])
    write_image(tmp_path / "anna.png", image, channels="RGBA")

    assert np.array_equal(only(MaskSequence("anna", tmp_path / "anna.png")), mask)


def test_a_full_alpha_gives_way_to_the_colour_and_any_colour_is_white(tmp_path):
    mask = square(4, 4)
    blue = np.dstack([mask * 0, mask * 0, mask, np.ones_like(mask)])
    write_image(tmp_path / "anna.png", as_bytes(blue), channels="RGBA")

    assert np.array_equal(only(MaskSequence("anna", tmp_path / "anna.png")), mask)


def test_what_holds_the_mask_does_not_change_from_frame_to_frame(tmp_path):
    # In frame 2 the person fills the image: the alpha is 1 everywhere, the colour an image's.
    mask = square(4, 4)
    for frame, alpha in ((1, mask), (2, np.ones_like(mask)), (3, mask)):
        image = np.dstack([np.full_like(mask, 0.2)] * 3 + [alpha])
        write_image(tmp_path / f"anna.{frame}.png", as_bytes(image), channels="RGBA")

    assert only(MaskSequence("anna", tmp_path / "anna.#.png"), 2).min() == 1


@pytest.mark.parametrize("wanted", ["anna.A", "anna", "ANNA.A"])
def test_a_channel_is_found_by_its_name_or_its_layer(tmp_path, wanted):
    planes = np.dstack([square(0, 0), square(8, 8), square(16, 16)])
    write_image(tmp_path / "masks.exr", planes, channels=("A", "anna.A", "ben.A"))

    pixels = only(MaskSequence("anna", tmp_path / "masks.exr", channel=wanted))

    assert np.array_equal(pixels, square(8, 8))


def test_an_unknown_channel_lists_the_near_ones(tmp_path):
    write_image(tmp_path / "masks.exr", np.dstack([square(0, 0)] * 2), channels=("anna.A", "ben.A"))

    with pytest.raises(GuidanceError, match=r"'ana' is not in the mask: it has anna\.A, ben\.A"):
        only(MaskSequence("anna", tmp_path / "masks.exr", channel="ana"))


def test_nan_and_infinity_are_nobody_and_everybody(tmp_path):
    plane = np.array([[np.nan, np.inf, -np.inf, 2.0, -1.0, 0.25]], np.float32)
    write_image(tmp_path / "mask.exr", plane, channels=("Y",))

    assert only(MaskSequence("anna", tmp_path / "mask.exr")).tolist() == [[0, 1, 0, 1, 0, 0.25]]


def test_one_image_serves_every_frame_and_a_sequence_only_its_own(tmp_path):
    write_image(tmp_path / "still.1001.png", as_bytes(square(0, 0)))

    still = MaskSequence("anna", tmp_path / "still.1001.png")
    sequence = MaskSequence("anna", tmp_path / "still.####.png")

    assert still.frames is None and still.read(7)[0].pixels.any()
    assert sequence.frames == (1001,)


def test_windows_and_pixel_aspect_travel_with_the_mask(tmp_path):
    write_image(
        tmp_path / "mask.exr",
        square(0, 0, size=(20, 30)),
        channels=("A",),
        data=(-5, 7),
        display=(0, 0, 64, 36),
        metadata={"PixelAspectRatio": 2.0},
    )

    (mask,) = MaskSequence("anna", tmp_path / "mask.exr").read(1)

    assert (mask.data.x, mask.data.y, mask.data.width, mask.data.height) == (-5, 7, 30, 20)
    assert (mask.display.width, mask.display.height, mask.pixel_aspect) == (64, 36, 2.0)


def test_the_digest_follows_the_file(tmp_path):
    path = write_image(tmp_path / "anna.png", as_bytes(square(0, 0)))
    before = MaskSequence("anna", path).digest(1)
    write_image(path, as_bytes(square(1, 3, side=9)))

    assert MaskSequence("anna", path).digest(1) != before


def test_a_missing_or_broken_file_is_said_in_one_line(tmp_path):
    broken = tmp_path / "broken.exr"
    broken.write_bytes(b"not an image")

    with pytest.raises(GuidanceError, match=r"gone\.png does not exist: check the path") as missing:
        MaskSequence("anna", tmp_path / "gone.png")
    with pytest.raises(GuidanceError, match=r"broken\.exr cannot be read") as unreadable:
        MaskSequence("anna", broken).read(1)

    assert "\n" not in str(missing.value) + str(unreadable.value)


def test_a_movie_is_a_core(tmp_path):
    header = MovieHeader(Fraction(24))
    with movie_writer(tmp_path / "core.mov", header) as write:
        for value in (0.0, 1.0):
            write(np.full((16, 24, 4), value, np.float32))
    window = Window(0, 0, 24, 16)

    core = HoldSource("core", "ana", str(tmp_path / "core.mov"))

    planes = [core.plane(frame, Geometry(window, window)) for frame in (1, 2)]
    assert [None if plane is None else round(float(plane.mean()), 2) for plane in planes] == [0, 1]
