"""What is on disk, as an independent reader sees it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from maggie_api.errors import OutputError, SettingsError
from maggie_api.layer_names import cryptomatte_id
from maggie_core.guidance import make_instances
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.mattes import MatteFile, read_mattes, sum_to_one, write_mattes
from maggie_core.mattes.layout import sibling


def parts(path) -> list[OpenEXR.Part]:
    return OpenEXR.File(str(path), separate_channels=True).parts


def test_one_part_with_one_layer_per_instance_and_nothing_else(write, alphas):
    (path,) = write()

    (part,) = parts(path)
    assert sorted(part.channels) == ["maggie_anna_maria.alpha", "maggie_ben.alpha"]
    assert part.header["compression"] == OpenEXR.ZIPS_COMPRESSION
    for channel, alpha in zip(("maggie_anna_maria.alpha", "maggie_ben.alpha"), alphas, strict=True):
        stored = part.channels[channel].pixels
        assert stored.dtype == np.float16
        assert np.array_equal(stored, alpha.astype(np.float16))


def test_float_keeps_every_bit(write, alphas):
    (path,) = write(depth="float", compression="zip")

    (part,) = parts(path)
    assert part.header["compression"] == OpenEXR.ZIP_COMPRESSION
    assert np.array_equal(part.channels["maggie_ben.alpha"].pixels, alphas[1])


def test_the_plates_window_aspect_timecode_and_rate_are_carried_and_its_storage_is_not(write):
    (path,) = write()

    header = parts(path)[0].header
    assert [tuple(int(v) for v in corner) for corner in header["displayWindow"]] == [(0, 0), (47, 31)]
    assert [tuple(int(v) for v in corner) for corner in header["dataWindow"]] == [(0, 0), (47, 31)]
    assert header["pixelAspectRatio"] == 2.0
    assert header["timeCode"].hours == 1 and header["timeCode"].frame == 4
    rate = next(value for name, value in header.items() if name.lower() == "framespersecond")
    assert rate == Fraction(24000, 1001)
    assert header["camera:lens"] == "32 mm"
    assert not [name for name in header if name.startswith("cryptomatte")]


def test_the_rate_is_written_as_the_standard_spells_it(write, plate):
    plate.metadata["FramesPerSecond"] = (25, 1)

    header = parts(write()[0])[0].header

    assert [(name, value) for name, value in header.items() if name.lower() == "framespersecond"] == [
        ("framesPerSecond", Fraction(25))
    ]


def test_the_header_says_who_is_where_and_how_it_was_made(write):
    (path,) = write()

    header = parts(path)[0].header
    table = json.loads(header["maggie/instances"])
    assert [(row["name"], row["slug"], row["channel"]) for row in table] == [
        ("Anna Maria", "anna_maria", "maggie_anna_maria.alpha"),
        ("ben", "ben", "maggie_ben.alpha"),
    ]
    assert int(table[1]["id"], 16) == cryptomatte_id("ben") and len(table[1]["colour"]) == 3
    assert json.loads(header["maggie/settings"]) == {"working_px": 576}
    assert (header["maggie/version"], header["maggie/recipe"]) == ("0.1.0", "abc123")


def test_one_file_per_instance_holds_a_plain_alpha(write, alphas, tmp_path):
    paths = write(layout="files")

    assert paths == (tmp_path / "out_anna_maria.1001.exr", tmp_path / "out_ben.1001.exr")
    for path, alpha in zip(paths, alphas, strict=True):
        (part,) = parts(path)
        assert list(part.channels) == ["A"]
        assert np.array_equal(part.channels["A"].pixels, alpha.astype(np.float16))


@pytest.mark.parametrize(
    ("name", "of_anna"),
    [
        ("out.1001.exr", "out_anna.1001.exr"),
        ("sh010_0007.exr", "sh010_anna_0007.exr"),
        ("out.-5.exr", "out_anna.-5.exr"),
        ("1001.exr", "anna.1001.exr"),
        ("shot01.exr", "shot01_anna.exr"),
        ("sc.v02.1001.exr", "sc.v02_anna.1001.exr"),
    ],
)
def test_the_frame_number_stays_at_the_end_of_the_name(name, of_anna):
    assert sibling(Path("folder") / name, "anna") == Path("folder") / of_anna


def test_a_part_per_instance_is_named_like_its_layer(write, alphas):
    (path,) = write(layout="multipart")

    stored = parts(path)
    assert [part.name() for part in stored] == ["maggie_anna_maria", "maggie_ben"]
    assert [list(part.channels) for part in stored] == [["maggie_anna_maria.alpha"], ["maggie_ben.alpha"]]
    assert np.array_equal(stored[1].channels["maggie_ben.alpha"].pixels, alphas[1].astype(np.float16))


def test_a_cryptomatte_holds_ids_by_their_bits_and_sorted_exact_coverage(write, alphas):
    (path,) = write(layout="cryptomatte")

    (part,) = parts(path)
    planes = {name: channel.pixels for name, channel in part.channels.items()}
    assert sorted(planes) == [f"CryptoMaggie00.{c}" for c in "ABGR"]
    assert all(plane.dtype == np.float32 for plane in planes.values())
    assert (planes["CryptoMaggie00.G"] >= planes["CryptoMaggie00.A"]).all()
    for name, alpha in zip(("Anna Maria", "ben"), alphas, strict=True):
        coverage = np.zeros_like(alpha)
        for identity, amount in (("R", "G"), ("B", "A")):
            here = planes[f"CryptoMaggie00.{identity}"].view(np.uint32) == cryptomatte_id(name)
            coverage[here] += planes[f"CryptoMaggie00.{amount}"][here]
        assert np.array_equal(coverage, alpha)


def test_a_cryptomattes_header_follows_the_specification(write):
    (path,) = write(layout="cryptomatte")

    header = parts(path)[0].header
    key = f"cryptomatte/{cryptomatte_id('CryptoMaggie'):08x}"[:19]
    assert header[f"{key}/name"] == "CryptoMaggie"
    assert header[f"{key}/hash"] == "MurmurHash3_32"
    assert header[f"{key}/conversion"] == "uint32_to_float32"
    manifest = json.loads(header[f"{key}/manifest"])
    assert manifest == {name: f"{cryptomatte_id(name):08x}" for name in ("Anna Maria", "ben")}


def test_a_tight_window_is_the_union_of_the_mattes(write, alphas):
    (path,) = write(data_window="tight", depth="float")

    (part,) = parts(path)
    rows, columns = np.nonzero(alphas.max(axis=0))
    low, high = (tuple(int(v) for v in corner) for corner in part.header["dataWindow"])
    assert (low, high) == ((columns.min(), rows.min()), (columns.max(), rows.max()))
    crop = np.s_[low[1] : high[1] + 1, low[0] : high[0] + 1]
    assert np.array_equal(part.channels["maggie_ben.alpha"].pixels, alphas[1][crop])
    assert [tuple(int(v) for v in c) for c in part.header["displayWindow"]] == [(0, 0), (47, 31)]


def test_a_tight_window_around_nobody_is_one_pixel_that_names_everybody(write, alphas):
    (path,) = write(data_window="tight", planes=np.zeros_like(alphas))

    (part,) = parts(path)
    assert [c.pixels.tolist() for c in part.channels.values()] == [[[0.0]], [[0.0]]]


def test_an_overscan_region_is_cut_to_the_display_window_or_kept(write, alphas):
    display = Window(10, 5, 20, 20)

    (cut,) = write(display=display, depth="float")
    stored = parts(cut)[0].channels["maggie_ben.alpha"].pixels
    assert np.array_equal(stored, alphas[1][5:25, 10:30])

    (kept,) = write(display=display, data_window="plate", depth="float")
    stored = parts(kept)[0].channels["maggie_ben.alpha"].pixels
    assert np.array_equal(stored, alphas[1])


@pytest.mark.parametrize("layout", ["layers", "files", "multipart", "cryptomatte"])
def test_every_layout_reads_back_by_the_artists_names(write, alphas, tmp_path, layout):
    scaled, extra = sum_to_one(alphas)
    write(layout=layout, depth="float", planes=scaled, extra=extra)

    read, header = read_mattes(tmp_path / "out.1001.exr")

    assert list(read) == ["Anna Maria", "ben", "residual", "contested"]
    wanted = [*scaled, extra["residual"], extra["contested"]]
    assert all(np.array_equal(a, b) for a, b in zip(read.values(), wanted, strict=True))
    assert header["layout"] == layout and header["settings"] == {"working_px": 576}


def test_a_crop_reads_back_where_it_was(write, alphas, tmp_path):
    write(data_window="tight", depth="float")

    read, _ = read_mattes(tmp_path / "out.1001.exr")

    assert np.array_equal(read["ben"], alphas[1])


def test_many_instances_need_more_ranks_and_still_come_back(tmp_path, plate):
    names = [f"person {n}" for n in range(13)]
    planes = np.random.default_rng(3).random((13, 32, 48), np.float32)
    window = Window(0, 0, 48, 32)
    write_mattes(
        tmp_path / "c.exr",
        planes,
        instances=make_instances(names),
        geometry=Geometry(window, window),
        plate=plate,
        provenance={},
        settings=MatteFile(layout="cryptomatte"),
    )

    read, _ = read_mattes(tmp_path / "c.exr")

    assert list(read) == names
    assert max(np.abs(read[name] - plane).max() for name, plane in zip(names, planes, strict=True)) == 0


def test_the_same_mattes_are_the_same_bytes(write):
    first = write()[0].read_bytes()

    assert write()[0].read_bytes() == first


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"layout": "layered"}, "layout is 'layered': choose layers or files or multipart or cryptomatte"),
        ({"depth": "double"}, "depth is 'double'"),
        ({"layout": "cryptomatte", "compression": "dwaa"}, "dwaa would change Cryptomatte ids"),
        ({"layout": "cryptomatte", "foreground": True}, "no room for colour"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(wrong, message):
    with pytest.raises(SettingsError, match=message):
        MatteFile(**wrong)


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(write, tmp_path):
    (tmp_path / "out.1001.exr").mkdir()

    with pytest.raises(OutputError, match="a folder of that name"):
        write()

    assert [file.name for file in tmp_path.iterdir()] == ["out.1001.exr"]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.nan, "the matte of ben has 1 values that are NaN or infinite and out.1001.exr was not written"),
        (np.inf, "the matte of ben has 1 values that are NaN or infinite"),
        (1.5, r"the matte of ben has values from 0 to 1.5 .* an alpha lies in 0..1"),
        (-0.25, r"the matte of ben has values from -0.25 to 1 "),
    ],
)
@pytest.mark.parametrize("layout", ["layers", "files", "multipart", "cryptomatte"])
def test_nothing_but_finite_alphas_between_0_and_1_is_written(
    write, alphas, tmp_path, layout, value, sentence
):
    alphas[1, 3, 5] = value

    with pytest.raises(OutputError, match=sentence) as refused:
        write(planes=alphas, layout=layout)

    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_an_extra_plane_that_is_not_finite_is_not_written_either(write, tmp_path):
    extra = {"residual": np.full((32, 48), np.nan, np.float32)}

    with pytest.raises(OutputError, match="the matte of residual has 1536 values that are NaN"):
        write(extra=extra)

    assert not list(tmp_path.iterdir())
