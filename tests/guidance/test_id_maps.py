"""One image whose values say who is there."""

from __future__ import annotations

import numpy as np
import pytest
from support.guidance_files import square, write_grey_png, write_image

from maggie_api.errors import GuidanceError
from maggie_core.guidance import IdMapSequence


def ids_at(*where: tuple[int, int, int], size=(32, 48), dtype=np.uint8) -> np.ndarray:
    """An id map with one square per (id, top, left)."""
    image = np.zeros(size, dtype)
    for identity, top, left in where:
        image[top : top + 8, left : left + 8] = identity
    return image


@pytest.mark.parametrize(
    ("suffix", "dtype", "ids"),
    [("png", np.uint8, (1, 255)), ("png", np.uint16, (3, 1000)), ("exr", np.float32, (2, 70000))],
)
def test_every_value_above_zero_is_an_instance(tmp_path, suffix, dtype, ids):
    write_image(tmp_path / f"ids.{suffix}", ids_at((ids[0], 0, 0), (ids[1], 16, 20), dtype=dtype))

    source = IdMapSequence(tmp_path / f"ids.{suffix}")

    assert source.names == tuple(f"id_{n}" for n in ids)
    assert [
        np.array_equal(m.pixels, s)
        for m, s in zip(source.read(1), (square(0, 0), square(16, 20)), strict=True)
    ]


@pytest.mark.parametrize(("bits", "ids"), [(1, (1,)), (2, (1, 3)), (4, (1, 2, 15)), (8, (1, 2, 15))])
def test_a_grey_png_of_few_bits_has_the_ids_it_stores(tmp_path, bits, ids):
    places = [(n, 10 * k, 12 * k) for k, n in enumerate(ids)]
    write_grey_png(tmp_path / "ids.png", ids_at(*places), bits=bits)

    source = IdMapSequence(tmp_path / "ids.png")

    assert source.names == tuple(f"id_{n}" for n in ids)
    for mask, (_, top, left) in zip(source.read(1), places, strict=True):
        assert np.array_equal(mask.pixels, square(top, left))


def test_people_who_come_later_are_known_from_the_first_frame(tmp_path):
    write_image(tmp_path / "ids.1001.png", ids_at((2, 0, 0)))
    write_image(tmp_path / "ids.1002.png", ids_at((1, 0, 0), (7, 16, 16)))

    source = IdMapSequence(tmp_path / "ids.####.png")

    assert source.names == ("id_1", "id_2", "id_7")
    assert [m.name for m in source.read(1001)] == ["id_2"]


def test_only_the_shots_frames_say_who_is_in_it(tmp_path):
    write_image(tmp_path / "ids.1001.png", ids_at((2, 0, 0)))
    write_image(tmp_path / "ids.1002.png", ids_at((9, 0, 0)))

    assert IdMapSequence(tmp_path / "ids.####.png", frames=[1001]).names == ("id_2",)


def test_names_choose_and_call_the_instances(tmp_path):
    write_image(tmp_path / "ids.png", ids_at((1, 0, 0), (2, 16, 16)))

    source = IdMapSequence(tmp_path / "ids.png", names={2: "anna"})

    assert source.names == ("anna",)
    assert [(m.name, np.array_equal(m.pixels, square(16, 16))) for m in source.read(1)] == [("anna", True)]


def test_an_id_that_is_not_in_the_map_is_refused_with_those_that_are(tmp_path):
    write_image(tmp_path / "ids.png", ids_at((1, 0, 0), (2, 16, 16)))

    with pytest.raises(GuidanceError, match=r"ids\.png has no id 5, 7: it has 1, 2; name one of them"):
        _ = IdMapSequence(tmp_path / "ids.png", names={2: "anna", 5: "ben", 7: "cyd"}).names


def test_a_palette_as_annotation_tools_write_it_gives_the_indices(tmp_path):
    # The first entries and the ninth of the palette in the PASCAL VOC development kit.
    voc = {1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 8: (64, 0, 0)}
    image = np.zeros((32, 48, 3), np.uint8)
    for row, colour in enumerate(voc.values()):
        image[row * 8 : row * 8 + 8, :8] = colour
    write_image(tmp_path / "ids.png", image)

    source = IdMapSequence(tmp_path / "ids.png")

    assert source.names == ("id_1", "id_2", "id_3", "id_8")
    assert np.array_equal(source.read(1)[3].pixels, square(24, 0))


def test_grey_stored_as_rgb_is_not_a_palette(tmp_path):
    write_image(tmp_path / "ids.png", np.dstack([ids_at((4, 0, 0))] * 3))

    assert IdMapSequence(tmp_path / "ids.png").names == ("id_4",)


def test_nobody_and_minus_one_are_background(tmp_path):
    image = ids_at((3, 0, 0), dtype=np.float32)
    image[20:, :] = -1
    image[0, 40] = np.nan
    write_image(tmp_path / "ids.exr", image, channels=("ViewLayer.IndexOB.X",))

    assert IdMapSequence(tmp_path / "ids.exr").names == ("id_3",)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (ids_at((1, 0, 0), dtype=np.float32) * 0.5, "between whole numbers.*without filtering"),
        (np.arange(32 * 48, dtype=np.float32).reshape(32, 48), "over 256 different values"),
        (ids_at(dtype=np.float32), "nobody is in the id map"),
    ],
)
def test_what_is_no_id_map_is_refused_in_one_line(tmp_path, image, message):
    write_image(tmp_path / "ids.exr", image, channels=("Y",))

    with pytest.raises(GuidanceError, match=message) as refused:
        _ = IdMapSequence(tmp_path / "ids.exr").names

    assert "\n" not in str(refused.value)


def test_a_jpeg_is_refused_because_it_changes_ids(tmp_path):
    with pytest.raises(GuidanceError, match="JPEG, which changes ids: write the id map as PNG or EXR"):
        IdMapSequence(tmp_path / "ids.jpg")
