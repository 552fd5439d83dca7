"""All sources of a shot together."""

from __future__ import annotations

import numpy as np
import pytest
from support.guidance_files import square, write_image

from maggie_api.errors import GuidanceError
from maggie_core.guidance import IdMapSequence, MaskSequence, combine
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window

GEOMETRY = Geometry(Window(0, 0, 48, 32), Window(0, 0, 48, 32))


def as_bytes(plane: np.ndarray) -> np.ndarray:
    return (plane * 255).astype(np.uint8)


@pytest.fixture
def anna(tmp_path):
    for frame in (1001, 1003):
        write_image(tmp_path / f"anna.{frame}.png", as_bytes(square(0, frame - 1001)))
    return tmp_path / "anna.####.png"


def test_every_instance_has_its_plane_in_the_order_of_the_sources(tmp_path, anna):
    ids = np.zeros((32, 48), np.uint8)
    ids[20:24] = 3
    write_image(tmp_path / "ids.png", ids)

    guidance = combine([IdMapSequence(tmp_path / "ids.png"), MaskSequence("anna", anna)])
    coverage = guidance.read(1001, GEOMETRY)

    assert [i.name for i in guidance.instances] == ["id_3", "anna"]
    assert coverage.dtype == np.float32 and coverage.shape == (2, 32, 48)
    assert np.array_equal(coverage[0], ids == 3) and np.array_equal(coverage[1], square(0, 0))


def test_twenty_people_are_no_problem(tmp_path):
    ids = np.repeat(np.arange(1, 21, dtype=np.uint8), 4)[None].repeat(32, 0)
    write_image(tmp_path / "ids.png", ids)
    geometry = Geometry(Window(0, 0, 80, 32), Window(0, 0, 80, 32))

    coverage = combine([IdMapSequence(tmp_path / "ids.png")]).read(1, geometry)

    assert coverage.shape == (20, 32, 80) and (coverage.sum(axis=0) == 1).all()


def test_a_mask_of_half_the_plates_size_lands_on_the_same_image(tmp_path):
    write_image(tmp_path / "anna.png", as_bytes(square(4, 8, side=4, size=(16, 24))))

    coverage = combine([MaskSequence("anna", tmp_path / "anna.png")]).read(1, GEOMETRY)

    assert np.array_equal(coverage[0] >= 0.5, square(8, 16) == 1)


def test_a_mask_of_another_image_names_the_instance(tmp_path):
    write_image(tmp_path / "anna.png", as_bytes(square(0, 0, size=(32, 32))))

    with pytest.raises(GuidanceError, match="the mask of anna is 32x32 but the plate is 48x32"):
        combine([MaskSequence("anna", tmp_path / "anna.png")]).read(1, GEOMETRY)


def test_missing_files_are_listed_before_anything_is_read(anna):
    guidance = combine([MaskSequence("anna", anna)])

    assert guidance.missing(range(1001, 1006)) == (1002, 1004, 1005)
    with pytest.raises(GuidanceError, match="of anna has no file for frame 1002,1004-1005: "):
        guidance.check(range(1001, 1006))
    with pytest.raises(GuidanceError, match="1002"):
        guidance.read(1002, GEOMETRY)


def test_an_offset_is_advised_by_the_whole_plate_and_only_where_there_is_one(anna):
    guidance = combine([MaskSequence("anna", anna)])

    with pytest.raises(GuidanceError, match="the plate 1-2: .* give --guidance-offset 1000 after it"):
        guidance.check([2], plate=(1, 2))
    with pytest.raises(GuidanceError, match="has no file for frame 2: "):
        guidance.check([2])  # approved alphas and holds know no offset


def test_a_missing_file_may_mean_that_nobody_is_there(anna):
    guidance = combine([MaskSequence("anna", anna)], missing="empty")

    guidance.check([1002])
    assert not guidance.read(1002, GEOMETRY).any()
    assert guidance.digest(1002) != guidance.digest(1001)


@pytest.mark.parametrize(("frame", "held"), [(1002, 1001), (1007, 1003), (990, 1001)])
def test_a_missing_file_may_hold_the_mask_before_it(anna, frame, held):
    guidance = combine([MaskSequence("anna", anna)], missing="hold")

    assert np.array_equal(guidance.read(frame, GEOMETRY), guidance.read(held, GEOMETRY))
    assert guidance.digest(frame) == guidance.digest(held) != guidance.digest(1001 + 1003 - held)


def test_one_name_in_two_sources_is_refused(anna):
    with pytest.raises(GuidanceError, match="'anna' is given twice"):
        combine([MaskSequence("anna", anna), MaskSequence("anna", anna)])


def test_no_guidance_at_all_is_refused():
    with pytest.raises(GuidanceError, match="give at least one mask"):
        combine([])
