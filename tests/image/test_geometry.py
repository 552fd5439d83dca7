from __future__ import annotations

import numpy as np
import pytest
import torch

from maggie_api.errors import GuidanceError, InputError, SettingsError
from maggie_core.image.frame import Frame
from maggie_core.image.geometry import Geometry, geometry_for
from maggie_core.image.window import Window, reframe

HD = Window(0, 0, 1920, 1080)
SMALL = Window(0, 0, 400, 300)


def plate_of(display: Window, *, region: Window | None = None, **more) -> Geometry:
    return Geometry(display, region or display, **more)


def edge_column(planes: np.ndarray) -> np.ndarray:
    """Where a mask that is 1 on the left ends, to a fraction of a pixel, for each row."""
    return planes.sum(axis=-1)


@pytest.mark.parametrize(
    ("display", "pixel_aspect", "size"),
    [
        (HD, 1.0, (1024, 576)),
        (Window(0, 0, 4096, 2160), 1.0, (1092, 576)),
        (Window(0, 0, 1080, 1920), 1.0, (576, 1024)),
        (Window(-5, 7, 400, 300), 1.0, (400, 300)),
        (Window(0, 0, 1828, 1556), 2.0, (1353, 576)),
        (Window(0, 0, 1, 1), 1.0, (1, 1)),
    ],
)
def test_the_working_grid_has_square_pixels_and_never_enlarges(display, pixel_aspect, size):
    geometry = plate_of(display, pixel_aspect=pixel_aspect)

    assert geometry.working_size == size


def test_working_px_limits_the_short_side():
    assert plate_of(HD, working_px=288).working_size == (512, 288)


def test_shrinking_averages_whole_pixels():
    pixels = np.random.default_rng(0).random((1080, 1920, 3), dtype=np.float32)

    working = plate_of(HD, working_px=540).to_working(pixels, HD)

    np.testing.assert_allclose(working, pixels.reshape(540, 2, 960, 2, 3).mean((1, 3)), atol=1e-6)


def test_a_plate_at_working_size_is_not_resampled():
    pixels = np.random.default_rng(0).random((300, 400, 3), dtype=np.float32)

    assert np.array_equal(plate_of(SMALL).to_working(pixels, SMALL), pixels)


@pytest.mark.parametrize(
    "data",
    [Window(-20, -10, 450, 340), Window(50, 40, 100, 80), Window(-30, 200, 100, 150), Window(400, 0, 10, 10)],
    ids=["overscan", "inside", "across two borders", "beside"],
)
def test_plate_pixels_go_where_their_data_window_says(data):
    pixels = np.ones((data.height, data.width, 3), dtype=np.float32)

    working = plate_of(SMALL).to_working(pixels, data, fill=0.25)

    rows, columns = np.mgrid[0:300, 0:400]
    inside = (rows >= data.y) & (rows < data.bottom) & (columns >= data.x) & (columns < data.right)
    assert np.array_equal(working[..., 0], np.where(inside, 1.0, 0.25).astype(np.float32))


def test_the_region_may_lie_anywhere():
    display = Window(100, -50, 400, 300)
    pixels = np.arange(300 * 400, dtype=np.float32).reshape(300, 400)

    assert np.array_equal(plate_of(display).to_working(pixels, display), pixels)


@pytest.mark.parametrize("width", [1920, 2048, 3840, 1919, 613])
@pytest.mark.parametrize("edge", [0.3, 0.5001, 0.77])
def test_a_round_trip_moves_no_edge_by_a_tenth_of_a_pixel(width, edge):
    display = Window(3, -2, width, 1081)
    geometry = plate_of(display)
    last = int(width * edge)
    mask = np.zeros((display.height, display.width), dtype=np.float32)
    mask[:, :last] = 1.0

    there_and_back = geometry.from_working(geometry.place(mask, display, display)[None])[0]

    assert np.abs(edge_column(there_and_back) - last).max() < 0.1
    assert there_and_back.shape == mask.shape and there_and_back.dtype == np.float32


@pytest.mark.parametrize("edge", [10.0, 10.3, 10.75])
def test_a_cubic_keeps_an_edge_where_it_is_and_is_steeper_than_a_line(edge):
    plate = np.clip(np.arange(20, dtype=np.float32) + 1 - edge, 0, 1)[None].repeat(20, 0)
    display = Window(0, 0, 20, 20)
    geometry = Geometry(display, display, scale=4.0)

    linear, cubic = (geometry.to_working(plate, display, growing=how) for how in ("linear", "cubic"))
    mask = geometry.place(plate, display, display)

    for large in (linear, np.clip(cubic, 0, 1), mask):
        assert abs((1 - large[40]).sum() / 4 - edge) < 0.06
    assert np.abs(np.diff(cubic[40])).max() > np.abs(np.diff(linear[40])).max()
    assert 0 <= mask.min() and mask.max() <= 1


def test_an_alpha_comes_back_from_an_enlarged_grid_as_what_a_pixel_holds_of_it():
    display = Window(0, 0, 6, 5)
    cells = np.random.default_rng(1).random((2, 20, 24)).astype(np.float32)

    plate = Geometry(display, display, scale=4.0).from_working(cells)

    np.testing.assert_allclose(plate, cells.reshape(2, 5, 4, 6, 4).mean((2, 4)), atol=1e-6)


def test_an_anamorphic_round_trip_moves_no_edge_either():
    display = Window(0, 0, 320, 300)
    geometry = plate_of(display, pixel_aspect=2.0)
    mask = np.zeros((300, 320), dtype=np.float32)
    mask[:, :111] = 1.0

    there_and_back = geometry.from_working(geometry.place(mask, display, display)[None])[0]

    assert geometry.working_size == (640, 300)
    assert np.abs(edge_column(there_and_back) - 111).max() < 0.1


def test_alpha_returns_to_the_device_and_kind_it_came_as():
    geometry = plate_of(HD)

    tensor = geometry.from_working(torch.rand(2, 576, 1024))
    nobody = geometry.from_working(torch.rand(0, 576, 1024))

    assert isinstance(tensor, torch.Tensor) and tensor.shape == (2, 1080, 1920)
    assert nobody.shape == (0, 1080, 1920)


def test_planes_of_another_grid_are_refused():
    with pytest.raises(InputError, match=r"working grid is 576x1024"):
        plate_of(HD).from_working(np.zeros((1, 570, 1024), np.float32))


def test_a_mask_is_placed_by_its_own_data_window():
    display = Window(-10, 5, 400, 300)
    cropped = Window(60, 55, 30, 20)

    placed = plate_of(display).place_full(np.ones((20, 30), np.float32), cropped, display)

    rows, columns = np.nonzero(placed)
    assert (columns.min() + display.x, columns.max() + display.x) == (60, 89)
    assert (rows.min() + display.y, rows.max() + display.y) == (55, 74)


def test_a_full_mask_on_the_region_is_bit_exact():
    mask = np.random.default_rng(1).random((300, 400), dtype=np.float32)

    assert np.array_equal(plate_of(SMALL).place_full(mask, SMALL, SMALL), mask)


def test_overscan_is_matted_only_where_the_mask_knows_it():
    geometry = plate_of(SMALL, region=Window(-16, -8, 432, 316))

    placed = geometry.place_full(np.ones((300, 400), np.float32), SMALL, SMALL)

    assert placed[8:308, 16:416].all()
    assert placed.sum() == 300 * 400


@pytest.mark.parametrize("factor", [0.25, 0.5, 2.0])
def test_a_proxy_mask_lands_on_the_same_pixels(factor):
    display = Window(0, 0, int(1920 * factor), int(1080 * factor))
    mask = np.zeros((display.height, display.width), dtype=np.float32)
    mask[:, : display.width // 4] = 1.0
    geometry = plate_of(HD)

    full = geometry.place_full(mask, display, display)
    working = geometry.place(mask, display, display)

    assert np.abs(edge_column(full) - 480).max() < 0.1
    assert np.abs(edge_column(working) - 256).max() < 0.1
    assert working[:, 0].min() == 1.0  # nothing fades at the image's own border


def test_a_png_of_an_offset_display_window_is_laid_over_the_image():
    plate = plate_of(Window(1, 1, 400, 300))
    mask = np.random.default_rng(1).random((300, 400), dtype=np.float32)

    assert np.array_equal(plate.place_full(mask, SMALL, SMALL), mask)


@pytest.mark.parametrize(
    ("width", "height", "pixel_aspect"),
    [(3656, 1556, 1.0), (914, 778, 1.0), (914, 778, 2.0)],
    ids=["desqueezed", "squeezed, aspect lost", "squeezed"],
)
def test_anamorphic_plates_take_squeezed_and_desqueezed_masks(width, height, pixel_aspect):
    plate = plate_of(Window(0, 0, 1828, 1556), pixel_aspect=2.0)
    display = Window(0, 0, width, height)

    placed = plate.place(np.ones((height, width), np.float32), display, display, pixel_aspect=pixel_aspect)

    assert placed.shape == (576, 1353)
    np.testing.assert_allclose(placed, 1.0, atol=1e-6)


def test_a_mask_of_another_image_is_refused_in_one_line():
    square = Window(0, 0, 640, 480)

    with pytest.raises(GuidanceError) as refused:
        plate_of(HD).place(np.ones((480, 640), np.float32), square, square, name="hero")

    assert "\n" not in str(refused.value)
    assert "hero is 640x480 but the plate is 1920x1080: reformat" in str(refused.value)


OVERSCAN = Window(-70, -40, 2060, 1160)
"""Data window of a plate that stores more than HD, beside other sizes."""


def test_a_mask_of_the_overscans_size_lies_on_the_overscan():
    plate = Geometry(HD, HD, data=OVERSCAN)
    mask = np.random.default_rng(3).random((1160, 2060), dtype=np.float32)
    size = Window(0, 0, 2060, 1160)

    assert np.array_equal(plate.place_full(mask, size, size), mask[40:1120, 70:1990])
    assert np.array_equal(Geometry(HD, OVERSCAN, data=OVERSCAN).place_full(mask, size, size), mask)


def test_a_mask_of_the_display_windows_size_lies_on_it_whatever_the_plate_stores():
    mask = np.random.default_rng(3).random((1080, 1920), dtype=np.float32)

    placed = Geometry(HD, OVERSCAN, data=OVERSCAN).place_full(mask, HD, HD)

    assert np.array_equal(placed[40:1120, 70:1990], mask)
    assert placed.sum(dtype=np.float64) == pytest.approx(mask.sum(dtype=np.float64))


@pytest.mark.parametrize("size", [(1920, 1088), (1920, 1072), (2048, 1080), (1921, 1080)])
def test_a_mask_with_one_side_of_the_plate_is_never_scaled(size):
    window = Window(0, 0, *size)

    with pytest.raises(
        GuidanceError, match="padded or cropped; crop or pad the mask to 1920x1080"
    ) as refused:
        plate_of(HD).place(np.ones(size[::-1], np.float32), window, window, name="hero")

    assert f"hero is {size[0]}x{size[1]} but the plate is 1920x1080" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "size", [(1921, 1081), (1919, 1079), (1936, 1096), (2060, 1160), (960, 544), (1910, 1080)]
)
def test_a_mask_of_nearly_the_plates_aspect_is_not_guessed_at(size):
    window = Window(0, 0, *size)

    with pytest.raises(GuidanceError, match="hero is .* but the plate is 1920x1080"):
        plate_of(HD).place(np.ones(size[::-1], np.float32), window, window, name="hero")


@pytest.mark.parametrize("plate_size", [(1921, 1081), (2047, 857), (4096, 2160)])
@pytest.mark.parametrize("factor", [0.25, 1 / 3, 0.5, 1.5, 2.0])
def test_a_proxy_of_any_size_rounded_to_whole_pixels_is_scaled(plate_size, factor):
    plate = plate_of(Window(0, 0, *plate_size))
    for rounded in (np.floor, np.ceil):
        width, height = (int(rounded(side * factor)) for side in plate_size)
        window = Window(0, 0, width, height)

        placed = plate.place(np.ones((height, width), np.float32), window, window)

        np.testing.assert_allclose(placed, 1.0, atol=1e-6)


def test_coverage_stays_between_zero_and_one():
    mask = np.random.default_rng(2).integers(0, 2, (541, 961)).astype(np.float32)
    display = Window(0, 0, 961, 541)

    placed = plate_of(HD, working_px=100).place(mask, display, display)

    assert placed.min() >= 0.0 and placed.max() <= 1.0


def test_the_region_follows_the_display_window_unless_overscan_is_asked_for():
    frame = Frame(
        np.zeros((340, 450, 3), np.float32), ("R", "G", "B"), Window(-20, -10, 450, 340), SMALL, 2.0
    )

    assert geometry_for(frame).region == SMALL
    assert geometry_for(frame, data_window="tight").region == SMALL
    assert geometry_for(frame, data_window="plate").region == Window(-20, -10, 450, 340)
    later = [Window(-60, 0, 430, 300), Window(0, 0, 400, 333)]
    everything = geometry_for(frame, data_window="plate", data_windows=later)
    assert everything.region == Window(-60, -10, 490, 343)
    assert geometry_for(frame, data_windows=later).region == SMALL
    assert geometry_for(frame).data is None  # each frame has its own
    assert geometry_for(frame, working_px=128).working_px == 128
    assert geometry_for(frame).pixel_aspect == 2.0
    with pytest.raises(SettingsError, match="display, tight or plate"):
        geometry_for(frame, data_window="all")  # pyright: ignore[reportArgumentType]


def test_an_empty_window_is_refused():
    with pytest.raises(InputError, match="at least 1x1"):
        Window(0, 0, 0, 5)


def test_reframing_needs_pixels_that_fill_their_window():
    with pytest.raises(InputError, match="4x4, their window 5x4"):
        reframe(np.zeros((4, 4)), Window(0, 0, 5, 4), SMALL)


def test_windows_that_do_not_touch_share_nothing():
    assert Window(0, 0, 10, 10).intersection(Window(10, 0, 5, 5)) is None
    assert Window(0, 0, 10, 10).union(Window(-5, 12, 2, 2)) == Window(-5, 0, 15, 14)
