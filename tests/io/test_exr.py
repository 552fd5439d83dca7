from __future__ import annotations

import os
import resource
from fractions import Fraction

import numpy as np
import OpenEXR
import OpenImageIO as oiio  # noqa: N813
import pytest

from maggie_api.errors import InputError, OutputError, SettingsError
from maggie_api.settings import COMPRESSIONS
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, carried_metadata, list_parts, read_image, write_exr

DISPLAY = Window(0, 0, 40, 30)
TIMECODE = (0x01020304, 0)
"""01:02:03:04 as SMPTE 12M packs it."""


def noise(data: Window, count: int) -> np.ndarray:
    pixels = np.random.default_rng(7).random((data.height, data.width, count), dtype=np.float32)
    return pixels.astype(np.float16).astype(np.float32)


def independent(path, part: int = 0):
    """The part as the OpenEXR package reads it: header, and channels by name."""
    stored = OpenEXR.File(str(path), separate_channels=True).parts[part]
    return stored.header, {name: channel.pixels for name, channel in stored.channels.items()}


def matte(data: Window = DISPLAY, **more) -> Part:
    return Part(None, ("maggie_b.alpha", "maggie_a.alpha"), noise(data, 2), data, DISPLAY, **more)


@pytest.mark.parametrize(
    "data",
    [DISPLAY, Window(5, 4, 20, 10), Window(-7, -3, 60, 50), Window(-9, 40, 3, 2)],
    ids=["whole", "crop", "overscan", "outside"],
)
def test_another_reader_finds_the_names_windows_and_values_written(tmp_path, data):
    part = matte(data, pixel_aspect=2.0)

    write_exr(tmp_path / "m.exr", [part])

    header, channels = independent(tmp_path / "m.exr")
    assert sorted(channels) == ["maggie_a.alpha", "maggie_b.alpha"]
    assert [list(corner) for corner in header["dataWindow"]] == [
        [data.x, data.y],
        [data.right - 1, data.bottom - 1],
    ]
    assert [list(corner) for corner in header["displayWindow"]] == [[0, 0], [39, 29]]
    assert header["pixelAspectRatio"] == 2.0
    assert channels["maggie_b.alpha"].dtype == np.float16
    np.testing.assert_array_equal(channels["maggie_b.alpha"], part.pixels[..., 0])
    np.testing.assert_array_equal(channels["maggie_a.alpha"], part.pixels[..., 1])


def test_timecode_and_rate_are_written_as_such(tmp_path):
    metadata = {"smpte:TimeCode": TIMECODE, "FramesPerSecond": (24000, 1001), "maggie/version": "1"}

    write_exr(tmp_path / "m.exr", [matte(metadata=metadata)])

    header, _ = independent(tmp_path / "m.exr")
    timecode = header["timeCode"]
    assert (timecode.hours, timecode.minutes, timecode.seconds, timecode.frame) == (1, 2, 3, 4)
    assert header["framesPerSecond"] == Fraction(24000, 1001)
    assert header["maggie/version"] == "1"


def test_header_attributes_survive_a_round_trip(tmp_path):
    metadata = {
        "smpte:TimeCode": TIMECODE,
        "FramesPerSecond": (25, 1),
        "worldToCamera": tuple(float(each) for each in range(16)),
        "lens": 35.5,
        "take": 3,
        "sensor": (36.0, 24.0),
        "chromaticities": (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329),
        "artist": 'Zoë "Z" {1}\nline two',
    }

    write_exr(tmp_path / "m.exr", [matte(metadata=metadata)])

    stored = read_image(tmp_path / "m.exr").metadata
    for name, value in metadata.items():
        assert stored[name] == (pytest.approx(value) if not isinstance(value, str) else value), name


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), (24000, 1001), 24000 / 1001])
def test_a_rate_may_be_given_as_fraction_pair_or_number(tmp_path, rate):
    write_exr(tmp_path / "m.exr", [matte(metadata={"FramesPerSecond": rate})])

    assert independent(tmp_path / "m.exr")[0]["framesPerSecond"] == Fraction(24000, 1001)


def test_each_channel_may_have_its_own_type(tmp_path):
    pixels = np.random.default_rng(1).random((30, 40, 3), dtype=np.float32)
    part = Part(
        None, ("id", "R", "maggie_a.alpha"), pixels, DISPLAY, DISPLAY, types=("float", "half", "half")
    )

    write_exr(tmp_path / "m.exr", [part])

    _, stored = independent(tmp_path / "m.exr")
    assert {name: str(plane.dtype) for name, plane in stored.items()} == {
        "id": "float32",
        "R": "float16",
        "maggie_a.alpha": "float16",
    }
    np.testing.assert_array_equal(stored["id"], pixels[..., 0])


def test_float_files_keep_every_bit_and_values_beyond_one(tmp_path):
    pixels = np.array([[[2.5, -0.25, 1e-20, 3e30]]], dtype=np.float32)
    window = Window(0, 0, 1, 1)

    write_exr(tmp_path / "m.exr", [Part(None, ("R", "G", "B", "A"), pixels, window, window, types="float")])

    assert np.array_equal(read_image(tmp_path / "m.exr", channels="RGBA").pixels, pixels)


def test_several_parts_keep_their_names_and_windows(tmp_path):
    small = Window(3, 4, 5, 6)
    parts = [
        Part("rgba", ("R", "G", "B"), noise(DISPLAY, 3), DISPLAY, DISPLAY),
        Part("maggie_a", ("maggie_a.alpha",), noise(small, 1), small, DISPLAY),
    ]

    write_exr(tmp_path / "m.exr", parts)

    header, channels = independent(tmp_path / "m.exr", part=1)
    assert header["name"] == "maggie_a"
    assert [list(corner) for corner in header["dataWindow"]] == [[3, 4], [7, 9]]
    np.testing.assert_array_equal(channels["maggie_a.alpha"], parts[1].pixels[..., 0])
    assert [part.name for part in list_parts(tmp_path / "m.exr")] == ["rgba", "maggie_a"]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_compression_offered_is_the_one_stored(tmp_path, compression):
    write_exr(tmp_path / "m.exr", [matte(compression=compression)])

    assert list_parts(tmp_path / "m.exr")[0].compression == compression


def test_a_compression_level_is_taken(tmp_path):
    write_exr(tmp_path / "m.exr", [matte(compression="dwaa:80")])

    part = list_parts(tmp_path / "m.exr")[0]
    assert (part.compression, part.metadata["openexr:dwaCompressionLevel"]) == ("dwaa", 80.0)


def test_a_compression_the_library_swaps_in_silence_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("maggie_core.io.exr.COMPRESSIONS", (*COMPRESSIONS, "bogus"))

    with pytest.raises(SettingsError, match="compression 'bogus' became"):
        write_exr(tmp_path / "m.exr", [matte(compression="bogus")])

    assert os.listdir(tmp_path) == []


def test_the_same_input_gives_the_same_bytes_and_no_date(tmp_path):
    metadata = {"FramesPerSecond": (25, 1), "b": "2", "a": "1"}

    write_exr(tmp_path / "1.exr", [matte(metadata=metadata)])
    write_exr(tmp_path / "2.exr", [matte(metadata=dict(reversed(metadata.items())))])

    assert (tmp_path / "1.exr").read_bytes() == (tmp_path / "2.exr").read_bytes()
    assert "capDate" not in independent(tmp_path / "1.exr")[0]


def test_alpha_is_marked_as_data(tmp_path):
    write_exr(tmp_path / "m.exr", [matte()])

    assert independent(tmp_path / "m.exr")[0]["colorInteropID"] == "data"


def test_a_plates_metadata_is_carried_except_what_describes_its_file(tmp_path):
    plate = {"smpte:TimeCode": TIMECODE, "FramesPerSecond": (24, 1), "camera": "A", "nuke/node": "x"}
    of_the_file = {
        "compression": "piz",
        "oiio:subimagename": "rgba",
        "name": "rgba",
        "cryptomatte/1234567/manifest": "{}",
        "maggie/recipe": "old",
        "DateTime": "2020:01:01 00:00:00",
        "openexr:lineOrder": "increasingY",
        "PixelAspectRatio": 2.0,
        "multiView": ("left", "right"),
        "colorInteropID": "lin_rec709_scene",
    }

    assert carried_metadata(plate | of_the_file) == plate


def test_a_full_disk_leaves_nothing_and_says_so(tmp_path):
    big = Window(0, 0, 400, 300)
    pixels = np.random.default_rng(0).random((300, 400, 2), dtype=np.float32)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OutputError, match="cannot write .*free some space") as full:
            write_exr(tmp_path / "m.exr", [Part(None, ("a.alpha", "b.alpha"), pixels, big, big)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert "\n" not in str(full.value) and ".tmp" not in str(full.value)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(OutputError, match="cannot write"):
        write_exr(tmp_path / "file" / "m.exr", [matte()])


def test_parts_that_contradict_themselves_are_refused_before_anything_is_written(tmp_path):
    wrong_size = Part(None, ("A",), noise(DISPLAY, 1), Window(0, 0, 4, 4), DISPLAY)
    twice = Part(None, ("A", "A"), noise(DISPLAY, 2), DISPLAY, DISPLAY)

    with pytest.raises(InputError, match="40x30 with 1 channels, the part is 4x4"):
        write_exr(tmp_path / "m.exr", [wrong_size])
    with pytest.raises(InputError, match="names repeat"):
        write_exr(tmp_path / "m.exr", [twice])
    with pytest.raises(InputError, match="at least one part"):
        write_exr(tmp_path / "m.exr", [])
    with pytest.raises(SettingsError, match="compression is 'htj3k': it is one of"):
        write_exr(tmp_path / "m.exr", [matte(compression="htj3k")])
    with pytest.raises(SettingsError, match="one of half, float"):
        write_exr(tmp_path / "m.exr", [matte(types="uint8")])
    with pytest.raises(InputError, match="header attribute when is"):
        write_exr(tmp_path / "m.exr", [matte(metadata={"when": None})])
    assert os.listdir(tmp_path) == []


def test_every_type_of_header_attribute_is_carried(tmp_path):
    kinds = {
        "lensRate": ("rational", (24, 1)),
        "crop": ("box2i", (0, 1, 2, 3)),
        "gate": ("box2", (0.0, 1.0, 2.0, 3.0)),
        "pair": ("int[2]", (1, 2)),
        "curve": ("float[5]", (1.0, 2.0, 3.0, 4.0, 5.0)),
        "film": ("keycode", (1, 2, 3, 4, 5, 6, 7)),
    }
    spec = oiio.ImageSpec(2, 2, 1, "half")
    for name, (kind, value) in kinds.items():
        spec.attribute(name, oiio.TypeDesc(kind), value)
    output = oiio.ImageOutput.create("exr")
    assert output.open(str(tmp_path / "plate.exr"), spec)
    output.write_image(np.zeros((2, 2, 1), np.float32))
    output.close()
    plate = list_parts(tmp_path / "plate.exr")[0].metadata

    window = Window(0, 0, 2, 2)
    part = matte(window, metadata=carried_metadata(plate) | {"codes": (1, 2, 3, 4)})
    copy = list_parts(write_exr(tmp_path / "copy.exr", [part]))[0].metadata

    for name, (_, value) in kinds.items():
        assert (tuple(copy[name]), copy[name].kind) == (value, plate[name].kind), name
    assert copy["codes"] == "1, 2, 3, 4"  # EXR has no list of integers
