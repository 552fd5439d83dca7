from __future__ import annotations

import numpy as np
import OpenEXR
import pytest
from support.guidance_files import write_image

from maggie_api.errors import FrameError
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.frames import open_source
from maggie_core.io.plate import plate_windows, read_plate, rgb_channels


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


def test_a_file_without_an_image_says_what_it_has():
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


def test_the_windows_of_a_shot_come_from_headers_and_broken_frames_have_none(tmp_path):
    for frame, (x, y, width, height) in {1: (0, 0, 8, 6), 2: (-3, -1, 14, 8), 4: (0, -2, 8, 6)}.items():
        colour = np.zeros((height, width, 3), np.float32)
        write_image(tmp_path / f"a.{frame}.exr", colour, channels="RGB", data=(x, y), display=(0, 0, 8, 6))
    (tmp_path / "a.3.exr").write_bytes(b"no image")
    cut = (tmp_path / "a.2.exr").read_bytes()
    (tmp_path / "a.2.exr").write_bytes(cut[: len(cut) - 20])  # its pixels are gone, its header is not

    windows = plate_windows(open_source(tmp_path / "a.#.exr"), range(1, 6))

    assert list(windows) == [Window(0, 0, 8, 6), Window(-3, -1, 14, 8), Window(0, -2, 8, 6)]


def test_only_the_images_part_says_where_it_is(tmp_path):
    parts = [
        Part(
            "rgba", ("R", "G", "B"), np.zeros((4, 4, 3), np.float32), Window(1, 1, 4, 4), Window(0, 0, 9, 9)
        ),
        Part("depth", ("Z",), np.zeros((9, 9, 1), np.float32), Window(0, 0, 9, 9), Window(0, 0, 9, 9)),
    ]
    write_exr(tmp_path / "a.1.exr", parts)
    source = open_source(tmp_path / "a.#.exr")

    assert list(plate_windows(source, [1])) == [read_plate(source, 1).data] == [Window(1, 1, 4, 4)]
