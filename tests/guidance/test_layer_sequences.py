"""A layer or channel per instance, as several programs write them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.guidance_files import square, write_image, write_multipart

from maggie_api.errors import GuidanceError
from maggie_core.guidance import LayerSequence
from maggie_core.guidance.layers import layered_instances


def write_channels(path, *channels, metadata=None):
    planes = [square(2 * i, 3 * i) for i in range(len(channels))]
    return write_image(path, np.dstack(planes), channels=channels, metadata=metadata)


@pytest.mark.parametrize(
    ("channels", "instances"),
    [
        (("R", "G", "B", "A", "Z", "anna.A", "ben.alpha"), ["anna", "ben"]),
        (("anna.V", "ben.Y", "cat.X", "Depth.Z"), ["anna", "ben", "cat"]),
        (("ViewLayer.Combined.R", "ViewLayer.anna.V", "ViewLayer.Mist.Z", "ViewLayer.IndexOB.X"), ["anna"]),
        (("masks.anna", "masks.ben", "masks.A"), ["masks"]),
        (("masks.anna", "masks.ben"), ["anna", "ben"]),
        (("R", "G", "B", "anna", "ben"), ["anna", "ben"]),
        (("one.anna.A", "two.anna.A"), ["one.anna", "two.anna"]),
        (("anna.R", "anna.G", "anna.B", "anna.A", "diffuse.R", "diffuse.G", "diffuse.B"), ["anna"]),
        (("normals.X", "normals.Y", "normals.Z", "anna.alpha", "maggie_residual.alpha"), ["anna"]),
    ],
)
def test_layers_and_lone_channels_are_people_and_images_are_not(channels, instances):
    assert list(layered_instances(channels, {})) == instances


def test_a_stereo_file_is_read_for_its_first_view():
    channels = ("R", "G", "left.R", "left.A", "anna.left.mask", "anna.right.mask")

    assert layered_instances(channels, {"multiView": ("right", "left")}) == {"anna": "anna.right.mask"}


def test_a_cryptomatte_in_the_file_is_nobody():
    channels = ("anna.A", *(f"Crypto{rank}.{c}" for rank in ("", "00", "01") for c in "RGBA"))

    assert list(layered_instances(channels, {"cryptomatte/abc1234/name": "Crypto"})) == ["anna"]


def test_our_own_files_give_the_artists_names_back(tmp_path):
    table = json.dumps([{"slug": "anna_maria", "name": "Anna Maria"}])
    write_channels(tmp_path / "m.exr", "maggie_anna_maria.alpha", metadata={"maggie/instances": table})

    source = LayerSequence(tmp_path / "m.exr")

    assert source.names == ("Anna Maria",)
    assert np.array_equal(source.read(1)[0].pixels, square(0, 0))


def test_parts_are_layers_where_channels_have_none(tmp_path):
    parts = {"rgba": ("Z", square(0, 0)), "anna": ("V", square(4, 4)), "ben": ("ben.V", square(8, 8))}
    write_multipart(tmp_path / "m.exr", parts)

    source = LayerSequence(tmp_path / "m.exr")

    assert source.names == ("anna", "ben")
    assert [
        np.array_equal(m.pixels, s) for m, s in zip(source.read(1), (square(4, 4), square(8, 8)), strict=True)
    ]


def test_a_layer_that_only_some_frames_have_is_absent_in_the_others(tmp_path):
    write_channels(tmp_path / "m.0001.exr", "anna.A")
    write_channels(tmp_path / "m.0002.exr", "anna.A", "ben.A")

    source = LayerSequence(tmp_path / "m.####.exr")

    assert source.names == ("anna", "ben")
    assert [m.name for m in source.read(1)] == ["anna"]


def test_chosen_layers_come_in_the_order_asked_for(tmp_path):
    write_channels(tmp_path / "m.exr", "anna.A", "ben.A", "cleo.A")

    source = LayerSequence(tmp_path / "m.exr", instances=["cleo", "anna"])

    assert [m.name for m in source.read(1)] == ["cleo", "anna"]


def test_an_unknown_layer_lists_near_names(tmp_path):
    write_channels(tmp_path / "m.exr", "ben.A", "anna.A")

    with pytest.raises(GuidanceError, match="is called 'Anne': it has anna, ben; name one of them"):
        _ = LayerSequence(tmp_path / "m.exr", instances=["Anne"]).names


def test_a_plain_image_has_no_layers(tmp_path):
    write_channels(tmp_path / "m.exr", "R", "G", "B", "A")

    with pytest.raises(GuidanceError, match="has no layer that could be a mask"):
        _ = LayerSequence(tmp_path / "m.exr").names
