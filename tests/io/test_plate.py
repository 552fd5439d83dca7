from __future__ import annotations

import numpy as np
import OpenEXR
import pytest

from maggie_api.errors import FrameError
from maggie_core.io.frames import open_source
from maggie_core.io.plate import read_plate, rgb_channels


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("A", "B", "G", "R"), ("R", "G", "B")),
        (("hero.A", "beauty.B", "beauty.G", "beauty.R"), ("beauty.R", "beauty.G", "beauty.B")),
        (
            ("diffuse.R", "diffuse.G", "diffuse.B", "rgba.R", "rgba.G", "rgba.B"),
            ("rgba.R", "rgba.G", "rgba.B"),
        ),
        (("ViewLayer.Combined.R", "ViewLayer.Combined.G", "ViewLayer.Combined.B", "Z.V"), None),
        (("plate.red", "plate.green", "plate.blue"), ("plate.red", "plate.green", "plate.blue")),
        (("Y",), ("Y",)),
        (("Y", "A"), ("Y",)),
        (("depth",), ("depth",)),
    ],
)
def test_the_image_is_found_whatever_its_layer_and_order(names, found):
    assert rgb_channels(names) == (found or tuple(f"ViewLayer.Combined.{c}" for c in "RGB"))


def test_a_named_layer_is_taken_whatever_its_case():
    names = ("R", "G", "B", "Graded.R", "Graded.G", "Graded.B", "depth.Z")

    assert rgb_channels(names, layer="graded") == ("Graded.R", "Graded.G", "Graded.B")
    assert rgb_channels(names, layer="depth") == ("depth.Z",)
    with pytest.raises(FrameError, match="no picture in layer 'left': its layers are B, G, Graded, R, depth"):
        rgb_channels(names, layer="left")


def test_a_file_without_a_image_says_what_it_has():
    with pytest.raises(FrameError, match="has no R, G, B: it has N.x, N.y; name the layer by --plate-layer"):
        rgb_channels(("N.x", "N.y"))


def test_only_the_image_is_read_and_grey_becomes_rgb(tmp_path):
    header = {"compression": OpenEXR.ZIPS_COMPRESSION, "type": OpenEXR.scanlineimage}
    planes = {name: np.full((3, 4), k, np.float16) for k, name in enumerate(("R", "G", "B", "hero.A"))}
    OpenEXR.File(header, planes).write(str(tmp_path / "a.0001.exr"))
    OpenEXR.File(header, {"Y": planes["B"]}).write(str(tmp_path / "grey.0001.exr"))

    image = read_plate(open_source(tmp_path / "a.####.exr"), 1)
    grey = read_plate(open_source(tmp_path / "grey.####.exr"), 1)

    assert image.channels == ("R", "G", "B")
    assert image.pixels[0, 0].tolist() == [0, 1, 2]
    assert grey.pixels[0, 0].tolist() == [2, 2, 2]
