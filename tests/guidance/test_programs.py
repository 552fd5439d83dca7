"""Masks in files laid out as Nuke, Houdini, V-Ray, Blender and annotation tools write them."""

from __future__ import annotations

import numpy as np
import OpenEXR
import pytest
from support.guidance_files import square, write_image

from maggie_api.errors import GuidanceError
from maggie_core.guidance import CryptomatteSequence, IdMapSequence, LayerSequence, MaskSequence
from maggie_core.guidance.channels import instance_channels

ANNA, BEN = square(4, 4), square(16, 24)
PLAIN = np.full((32, 48), 0.5, np.float32)
HEADER = {"compression": OpenEXR.ZIPS_COMPRESSION, "type": OpenEXR.scanlineimage}


def write_parts(path, *parts: tuple[str, str, dict[str, np.ndarray]]):
    """`(part's name, its view, {channel: pixels})` each."""
    made = []
    for name, view, planes in parts:
        header = HEADER | {"name": name} | ({"view": view} if view else {})
        made.append(OpenEXR.Part(header, planes, name))
    OpenEXR.File(made).write(str(path))
    return path


def same(source, *expected: np.ndarray) -> bool:
    masks = source.read(1)
    return len(masks) == len(expected) and all(
        np.array_equal(mask.pixels, plane) for mask, plane in zip(masks, expected, strict=True)
    )


def test_nuke_writes_a_part_for_each_layer_and_adds_the_view(tmp_path):
    rgba = dict.fromkeys("RGBA", PLAIN)
    path = write_parts(
        tmp_path / "nuke.exr",
        ("rgba.main", "main", rgba),
        ("anna.main", "main", {"A": ANNA}),
        ("depth.main", "main", {"Z": PLAIN}),
        ("ben.main", "main", {"alpha": BEN}),
    )

    source = LayerSequence(path)

    assert source.names == ("anna", "ben")
    assert same(source, ANNA, BEN)


def test_of_a_stereo_file_of_nuke_s_the_first_view_is_read_and_the_other_by_its_name(tmp_path):
    path = write_parts(
        tmp_path / "stereo.exr",
        ("rgba.left", "left", dict.fromkeys("RGBA", PLAIN)),
        ("anna.left", "left", {"A": ANNA}),
        ("rgba.right", "right", dict.fromkeys("RGBA", PLAIN)),
        ("anna.right", "right", {"A": BEN}),
    )

    assert LayerSequence(path).names == ("anna",)
    assert same(LayerSequence(path), ANNA)
    assert same(MaskSequence("anna", path, channel="right.anna.A"), BEN)


def test_houdini_s_planes_of_one_channel_are_masks_and_c_is_the_picture(tmp_path):
    planes = {f"C.{c}": PLAIN for c in ("r", "g", "b", "a")} | {"anna": ANNA, "ben": BEN, "Pz": PLAIN}
    OpenEXR.File(HEADER, planes).write(str(tmp_path / "karma.exr"))

    assert same(LayerSequence(tmp_path / "karma.exr", instances=["anna", "ben"]), ANNA, BEN)


def test_v_ray_s_multi_matte_has_a_mask_in_each_of_r_g_and_b(tmp_path):
    planes = dict.fromkeys("RGBA", PLAIN)
    planes |= {f"MultiMatteElement.{c}": p for c, p in zip("RGB", (ANNA, BEN, 0 * ANNA), strict=True)}
    OpenEXR.File(HEADER, planes).write(str(tmp_path / "vray.exr"))

    assert same(MaskSequence("anna", tmp_path / "vray.exr", channel="MultiMatteElement.R"), ANNA)
    assert same(MaskSequence("ben", tmp_path / "vray.exr", channel="MultiMatteElement.G"), BEN)
    with pytest.raises(GuidanceError, match="only .*MultiMatteElement.*NAME=SEQUENCE:CHANNEL"):
        _ = LayerSequence(tmp_path / "vray.exr").names


def test_blender_s_object_index_is_an_id_map_among_its_passes(tmp_path):
    planes = {f"ViewLayer.Combined.{c}": PLAIN for c in "RGBA"}
    planes |= {"ViewLayer.Depth.Z": PLAIN, "ViewLayer.IndexOB.X": ANNA + 2 * BEN}
    OpenEXR.File(HEADER, planes).write(str(tmp_path / "blender.exr"))

    assert same(IdMapSequence(tmp_path / "blender.exr"), ANNA, BEN)
    assert instance_channels(tuple(planes)) == {}


def test_blender_5_writes_a_part_for_each_pass(tmp_path):
    combined = {f"ViewLayer.Combined.{c}": PLAIN for c in "RGBA"}
    path = write_parts(
        tmp_path / "blender.exr",
        ("ViewLayer.Combined", "", combined),
        ("ViewLayer.IndexOB", "", {"ViewLayer.IndexOB.X": ANNA}),
        ("ViewLayer.anna", "", {"ViewLayer.anna.V": ANNA}),
    )

    assert LayerSequence(path).names == ("anna",)
    assert same(IdMapSequence(path), ANNA)


def test_a_segmentation_in_the_colours_of_a_tool_gives_each_colour_an_instance(tmp_path):
    colours = np.zeros((32, 48, 3), np.uint8)
    colours[ANNA > 0], colours[BEN > 0] = (220, 20, 60), (0, 0, 142)
    write_image(tmp_path / "seg.png", colours)

    source = IdMapSequence(tmp_path / "seg.png")

    assert len(source.names) == 2
    assert {mask.pixels.tobytes() for mask in source.read(1)} == {ANNA.tobytes(), BEN.tobytes()}


def test_what_maps_to_nobody_says_what_is_there(tmp_path):
    write_image(tmp_path / "zero.png", np.zeros((8, 8), np.uint8))
    ranks = [f"Crypto00.{c}" for c in "RGBA"]
    manifest = {"cryptomatte/abc1234/name": "Crypto", "cryptomatte/abc1234/manifest": '{"anna":"1234abcd"}'}
    write_image(tmp_path / "c.exr", np.zeros((8, 8, 4), np.float32), channels=ranks, metadata=manifest)

    with pytest.raises(GuidanceError, match="is 0 everywhere"):
        _ = IdMapSequence(tmp_path / "zero.png").names
    with pytest.raises(GuidanceError, match="its manifest has anna"):
        _ = CryptomatteSequence(tmp_path / "c.exr").names
