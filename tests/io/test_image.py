from __future__ import annotations

import os

import numpy as np
import OpenEXR
import OpenImageIO as oiio  # noqa: N813
import pytest
from PIL import Image
from support.guidance_files import write_grey_png

from maggie_api.errors import FrameError
from maggie_core.image.window import Window
from maggie_core.io.digest import file_digest
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.image import list_parts, read_header, read_image

WINDOW = Window(0, 0, 8, 6)


def plane(value: float, *, window: Window = WINDOW, dtype=np.float16) -> np.ndarray:
    return np.full((window.height, window.width), value, dtype=dtype)


def foreign_exr(path, channels: dict[str, np.ndarray]) -> None:
    """An EXR by the OpenEXR package, channels of any type."""
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, channels).write(str(path))


def oiio_file(path, pixels: np.ndarray, kind: str, **attributes) -> None:
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec) and output.write_image(pixels) and output.close()


def test_channels_are_found_by_name_in_any_order(tmp_path):
    names = ("zulu.R", "B", "alpha.A", "R", "G")
    foreign_exr(tmp_path / "a.exr", {name: plane(k) for k, name in enumerate(names)})

    frame = read_image(tmp_path / "a.exr", channels=("R", "zulu.R", "B"))

    assert frame.channels == ("R", "zulu.R", "B")
    assert frame.pixels[0, 0].tolist() == [3, 0, 1]
    assert frame.pixels.dtype == np.float32 and frame.pixels.shape == (6, 8, 3)


def test_many_layers_between_two_wanted_ones_change_nothing(tmp_path):
    foreign_exr(tmp_path / "a.exr", {f"layer{k:02d}.alpha": plane(k) for k in range(40)})

    frame = read_image(tmp_path / "a.exr", channels=("layer31.alpha", "layer02.alpha", "layer03.alpha"))

    assert frame.pixels[2, 3].tolist() == [31, 2, 3]


def test_a_channel_that_differs_in_case_only_is_taken(tmp_path):
    foreign_exr(tmp_path / "a.exr", {"Hero.A": plane(1), "R": plane(2), "r": plane(3)})

    assert read_image(tmp_path / "a.exr", channels=("hero.a",)).channels == ("Hero.A",)
    assert read_image(tmp_path / "a.exr", channels=("r",)).pixels[0, 0, 0] == 3


def test_an_unknown_channel_is_answered_with_those_there_are(tmp_path):
    foreign_exr(tmp_path / "a.exr", {"R": plane(1), "hero.A": plane(1)})

    with pytest.raises(FrameError, match=r"a\.exr has no channel 'villain\.A': it has R, hero\.A"):
        read_image(tmp_path / "a.exr", channels=("villain.A",))


def test_half_float_and_whole_numbers_are_read_without_loss(tmp_path):
    half = np.linspace(-2, 2, 48, dtype=np.float16).reshape(6, 8)
    full = np.linspace(-2, 2, 48, dtype=np.float32).reshape(6, 8)
    whole = np.arange(48, dtype=np.uint32).reshape(6, 8) * 1000
    foreign_exr(tmp_path / "a.exr", {"half": half, "full": full, "id": whole})

    frame = read_image(tmp_path / "a.exr", channels=("id", "half", "full"))

    assert np.array_equal(frame.pixels[..., 0], whole)
    assert np.array_equal(frame.pixels[..., 1], half)
    assert np.array_equal(frame.pixels[..., 2], full)
    assert frame.code_max is None


def test_nan_and_inf_are_given_as_stored(tmp_path):
    stored = plane(1)
    stored[0, :3] = np.nan, np.inf, -np.inf
    foreign_exr(tmp_path / "a.exr", {"R": stored})

    np.testing.assert_array_equal(read_image(tmp_path / "a.exr").pixels[..., 0], stored)


@pytest.mark.parametrize(
    "data",
    [Window(-3, -2, 14, 10), Window(2, 1, 4, 3), Window(20, 20, 2, 2)],
    ids=["overscan", "crop", "beside"],
)
def test_windows_pixel_aspect_and_metadata_are_read(tmp_path, data):
    pixels = np.ones((data.height, data.width, 1), np.float32)
    metadata = {"smpte:TimeCode": (0x01020304, 0)}
    write_exr(tmp_path / "a.exr", [Part(None, ("A",), pixels, data, WINDOW, 1.5, metadata)])

    frame = read_image(tmp_path / "a.exr")

    assert (frame.data, frame.display, frame.pixel_aspect) == (data, WINDOW, 1.5)
    assert frame.metadata["smpte:TimeCode"] == (0x01020304, 0)


def test_a_tiled_mip_map_is_read_at_its_full_size(tmp_path):
    pixels = np.random.default_rng(0).random((100, 130, 3), dtype=np.float32)
    config = oiio.ImageSpec()
    config.set_format("float")
    image = oiio.ImageBuf(pixels)
    assert oiio.ImageBufAlgo.make_texture(oiio.MakeTxTexture, image, str(tmp_path / "a.exr"), config)

    frame = read_image(tmp_path / "a.exr")

    assert list_parts(tmp_path / "a.exr")[0].tiled
    np.testing.assert_array_equal(frame.pixels, pixels)


def several_parts(path) -> None:
    small = Window(2, 1, 3, 2)
    write_exr(
        path,
        [
            Part("rgba", ("R", "G", "B", "A"), np.full((6, 8, 4), 0.5, np.float32), WINDOW, WINDOW),
            Part("hero", ("A",), np.ones((2, 3, 1), np.float32), small, WINDOW),
            Part("maggie_b", ("maggie_b.V",), np.ones((6, 8, 1), np.float32), WINDOW, WINDOW),
            Part("right", ("maggie_b.V",), np.zeros((6, 8, 1), np.float32), WINDOW, WINDOW),
        ],
    )


def test_the_parts_of_a_file_are_one_set_of_channels(tmp_path):
    several_parts(tmp_path / "a.exr")

    frame = read_image(tmp_path / "a.exr")

    assert frame.channels == ("R", "G", "B", "A", "hero.A", "maggie_b.V", "right.maggie_b.V")
    assert frame.data == WINDOW
    hero = frame.pixels[..., 4]
    assert hero.sum() == 6 and hero[1:3, 2:5].all()


def test_one_part_can_be_read_alone_by_name_or_index(tmp_path):
    several_parts(tmp_path / "a.exr")

    assert read_image(tmp_path / "a.exr", part="hero").data == Window(2, 1, 3, 2)
    assert read_image(tmp_path / "a.exr", part=2).channels == ("maggie_b.V",)
    assert read_image(tmp_path / "a.exr", channels=("hero.A",)).data == Window(2, 1, 3, 2)
    with pytest.raises(FrameError, match="no part 'villain': it has rgba, hero, maggie_b, right"):
        read_image(tmp_path / "a.exr", part="villain")


def test_a_single_part_keeps_its_bare_channels_whatever_its_name(tmp_path):
    write_exr(tmp_path / "a.exr", [Part("hero", ("A",), np.ones((6, 8, 1), np.float32), WINDOW, WINDOW)])

    assert read_image(tmp_path / "a.exr").channels == ("A",)


def test_deep_files_are_refused_with_the_way_out(tmp_path):
    spec = oiio.ImageSpec(4, 4, 2, "float")
    spec.channelnames = ("A", "Z")
    spec.deep = True
    deep = oiio.DeepData()
    deep.init(16, 2, [oiio.TypeFloat, oiio.TypeFloat], ["A", "Z"])
    output = oiio.ImageOutput.create("exr")
    assert output.open(str(tmp_path / "a.exr"), spec)
    output.write_deep_image(deep)
    output.close()

    with pytest.raises(FrameError, match="deep data: flatten it"):
        read_image(tmp_path / "a.exr")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe with a name")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.exr")

    with pytest.raises(FrameError, match="is no file with a picture, but a pipe"):
        list_parts(tmp_path / "a.exr")
    with pytest.raises(FrameError, match="is no file"):
        file_digest(tmp_path / "a.exr")


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation_is_no_picture(tmp_path, suffix):
    pictures = [Image.new("RGB", (16, 8), (40 * k, 0, 0)) for k in range(3)]
    pictures[0].save(tmp_path / f"still{suffix}")
    pictures[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=pictures[1:])

    assert read_image(tmp_path / f"still{suffix}").pixels.shape[:2] == (8, 16)
    with pytest.raises(FrameError, match="is an animation: give its pictures as a sequence"):
        read_image(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", [".exr", ".png", ".jpg", ".tif", ".dpx"])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5])
def test_a_damaged_file_is_one_line(tmp_path, suffix, kept):
    path = tmp_path / f"a{suffix}"
    pixels = np.random.default_rng(0).random((64, 64, 3), dtype=np.float32)
    oiio_file(path, pixels, "half" if suffix == ".exr" else "uint8")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])

    try:
        read_image(path)
    except FrameError as error:
        assert "\n" not in str(error)
        assert f"{path} cannot be read (" in str(error)
    else:
        assert suffix == ".jpg" and kept == 0.5  # the JPEG library fills up what is missing


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("missing.exr", "does not exist: check the path"), ("", "is a folder"), ("text.exr", "cannot be read")],
)
def test_what_is_no_image_is_said_in_one_line(tmp_path, name, sentence):
    (tmp_path / "text.exr").write_text("hello\n" * 100)

    with pytest.raises(FrameError, match=sentence) as refused:
        read_image(tmp_path / name)

    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_colour_is_never_multiplied_by_alpha(tmp_path, suffix):
    pixels = np.tile(np.array([200, 100, 50, 0], np.uint8), (4, 4, 1))
    oiio_file(tmp_path / f"a{suffix}", pixels, "uint8", oiio__UnassociatedAlpha=1)

    frame = read_image(tmp_path / f"a{suffix}")

    assert np.rint(frame.pixels[0, 0] * frame.code_max).tolist() == [200, 100, 50, 0]


@pytest.mark.parametrize(
    ("suffix", "kind", "code_max"),
    [(".png", "uint8", 255), (".png", "uint16", 65535), (".tif", "uint16", 65535), (".dpx", "uint16", 65535)],
)
def test_every_code_value_comes_back(tmp_path, suffix, kind, code_max):
    codes = np.linspace(0, code_max, 48).astype(kind).reshape(6, 8, 1).repeat(3, axis=2)
    oiio_file(tmp_path / f"a{suffix}", codes, kind)

    frame = read_image(tmp_path / f"a{suffix}")

    assert frame.code_max == code_max
    assert np.array_equal(np.rint(frame.pixels * frame.code_max), codes)
    assert (frame.data, frame.display) == (WINDOW, WINDOW)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_every_code_of_few_bits_comes_back(tmp_path, bits):
    codes = np.arange(48).reshape(6, 8) % 2**bits
    write_grey_png(tmp_path / "a.png", codes, bits=bits)

    frame = read_image(tmp_path / "a.png")

    assert frame.code_max == 2**bits - 1
    assert np.array_equal(np.rint(frame.pixels[..., 0] * frame.code_max), codes)
    assert (frame.pixels.min(), frame.pixels.max()) == (0, 1)


def test_ten_bit_dpx_is_read_to_its_last_step(tmp_path):
    codes = np.linspace(0, 1023, 48).astype(np.uint16).reshape(6, 8, 1).repeat(3, axis=2)
    oiio_file(tmp_path / "a.dpx", codes.astype(np.float32) / 1023, "uint16", oiio__BitsPerSample=10)

    assert np.array_equal(np.rint(read_image(tmp_path / "a.dpx").pixels * 1023), codes)


def test_float_tiff_and_jpeg_are_read(tmp_path):
    pixels = np.full((6, 8, 3), 2.5, np.float32)
    oiio_file(tmp_path / "a.tif", pixels, "float")
    oiio_file(tmp_path / "a.jpg", pixels / 5, "uint8")

    assert np.array_equal(read_image(tmp_path / "a.tif").pixels, pixels)
    assert abs(read_image(tmp_path / "a.jpg").pixels.mean() - 0.5) < 0.01


def test_a_senseless_pixel_aspect_counts_as_square(tmp_path):
    oiio_file(tmp_path / "a.exr", np.ones((4, 4, 3), np.float32), "half", PixelAspectRatio=1000.0)

    assert read_image(tmp_path / "a.exr").pixel_aspect == 1.0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_as_its_exif_says(tmp_path, orientation):
    """The eight ways to store one upright picture, from the table of Exif 2.32, tag 0x0112."""
    upright = np.zeros((16, 32, 3), np.float32)
    upright[:8, :8] = 1.0  # the corner at the top left
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),  # the 0th row is the right-hand side
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    path = tmp_path / "photo.jpg"
    oiio_file(path, np.ascontiguousarray(stored), "uint8", Orientation=orientation)

    image = read_image(path, channels=("R", "G", "B"))

    assert image.data == list_parts(path)[0].data == read_header(path, ("R",)).data == Window(0, 0, 32, 16)
    np.testing.assert_allclose(image.pixels, upright, atol=0.05)
    np.testing.assert_allclose(read_image(path, channels=("G",)).pixels[..., 0], upright[..., 1], atol=0.05)


def test_text_that_is_no_utf8_is_read_as_latin1(tmp_path):
    oiio_file(tmp_path / "plain.exr", np.zeros((2, 2, 1), np.float32), "half", artist="XXAEXX")
    path = tmp_path / os.fsdecode(b"pl\xe4te.exr")
    path.write_bytes((tmp_path / "plain.exr").read_bytes().replace(b"XXAEXX", b"J\xf6rg A"))

    assert read_image(path).metadata["artist"] == "Jörg A"
    copy = write_exr(tmp_path / os.fsdecode(b"c\xf6py") / "a.exr", [matte_of(list_parts(path)[0].metadata)])
    assert list_parts(copy)[0].metadata["artist"] == "Jörg A"


def matte_of(metadata) -> Part:
    return Part(None, ("A",), np.zeros((2, 2, 1), np.float32), *[Window(0, 0, 2, 2)] * 2, metadata=metadata)


def test_a_damaged_header_whose_message_is_no_utf8_is_one_line(tmp_path):
    path = tmp_path / "bad.exr"
    oiio_file(path, np.zeros((2, 2, 1), np.float32), "half")
    path.write_bytes(path.read_bytes().replace(b"chlist\0", b"chl\xfe\xfet\0"))

    with pytest.raises(FrameError, match=r"bad\.exr cannot be read .*\\xfe") as refused:
        list_parts(path)

    assert "\n" not in str(refused.value)


def test_a_part_is_called_without_the_view_that_nuke_appends(tmp_path):
    header = {"compression": OpenEXR.ZIPS_COMPRESSION, "type": OpenEXR.scanlineimage}
    parts = [
        OpenEXR.Part(header | {"name": f"{name}.{view}", "view": view}, {"A": plane(value)}, f"{name}.{view}")
        for value, (name, view) in enumerate([("rgba", "left"), ("hero", "left"), ("hero", "right")])
    ]
    OpenEXR.File(parts).write(str(tmp_path / "stereo.exr"))

    found = [part.channels for part in list_parts(tmp_path / "stereo.exr")]

    assert found == [("A",), ("hero.A",), ("right.hero.A",)]
