"""EXRs of luminance and chroma, compared with what OpenEXR 3.1.5's own `RgbaInputFile` reads of them.

The golden files were written by OpenEXR's `RgbaOutputFile` (WRITE_YC and WRITE_YCA) from noisy bars with
saturated dots, and read by its `RgbaInputFile`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from maggie_api.errors import FrameError
from maggie_core.image.window import Window
from maggie_core.io.image import list_parts, read_header, read_image
from maggie_core.io.luminance_chroma import luminance_weights
from maggie_core.io.plate import rgb_channels

GOLDEN = Path(__file__).parent.parent / "golden" / "luminance_chroma.npz"
HALF_STEP = 2**-10
"""OpenEXR rounds to half at every step; relative, for values up to 4."""


@pytest.mark.parametrize("name", ["with_alpha", "acescg_window", "tiny"])
def test_pixels_are_those_that_openexr_reads(tmp_path, name):
    golden = np.load(GOLDEN)
    path = tmp_path / "yc.exr"
    path.write_bytes(golden[f"{name}_file"].tobytes())
    expected = golden[f"{name}_rgba"].astype(np.float32)

    frame = read_image(path)

    assert frame.channels == (("R", "G", "B", "A") if name == "with_alpha" else ("R", "G", "B"))
    assert frame.pixels.shape[:2] == expected.shape[:2]
    assert np.allclose(frame.pixels, expected[..., : len(frame.channels)], atol=HALF_STEP, rtol=HALF_STEP)
    assert frame.header.data == read_header(path, ("R",)).data


def test_windows_and_chromaticities_are_those_of_the_file(tmp_path):
    path = tmp_path / "yc.exr"
    path.write_bytes(np.load(GOLDEN)["acescg_window_file"].tobytes())

    (part,) = list_parts(path)
    green = read_image(path, channels=("g",))

    assert (part.data, part.display) == (Window(2, 4, 24, 16), Window(2, 4, 24, 16))
    assert part.metadata["chromaticities"][:2] == pytest.approx((0.713, 0.293))
    assert rgb_channels(part.channels) == ("R", "G", "B")
    assert (green.channels, green.pixels.shape) == (("G",), (16, 24, 1))


def test_weights_of_rec709_are_those_of_its_standard():
    weights = luminance_weights((0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290))

    assert weights == pytest.approx((0.2126, 0.7152, 0.0722), abs=1e-4)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_damaged_file_is_one_line(tmp_path, kept):
    content = np.load(GOLDEN)["with_alpha_file"].tobytes()
    (tmp_path / "yc.exr").write_bytes(content[: int(len(content) * kept)])

    with pytest.raises(FrameError, match=r"yc\.exr cannot be read") as refused:
        read_image(tmp_path / "yc.exr")

    assert "\n" not in str(refused.value)


def test_other_channels_of_a_lower_resolution_are_refused_by_name(tmp_path):
    content = np.load(GOLDEN)["tiny_file"].tobytes().replace(b"BY\0", b"BX\0").replace(b"RY\0", b"RX\0")
    (tmp_path / "yc.exr").write_bytes(content)

    with pytest.raises(FrameError, match=r"no luminance and chroma \(BX, RX, Y\)"):
        read_image(tmp_path / "yc.exr")


def test_a_whole_file_of_ours_is_not_changed_by_it(tmp_path):
    plane = np.full((4, 6), 0.25, np.float32)
    header = {"compression": OpenEXR.ZIPS_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"Y": plane, "RY": plane, "BY": plane}).write(str(tmp_path / "full.exr"))

    assert set(read_image(tmp_path / "full.exr").channels) == {"BY", "RY", "Y"}
