"""Movies and pictures that are written: read back, compared, and whole or not there."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from maggie_api.errors import OutputError, SettingsError
from maggie_core.io.frames import open_source
from maggie_core.io.image import list_parts, read_image
from maggie_core.io.movie_writer import MovieHeader, movie_comment, movie_writer
from maggie_core.io.picture import picture_comment, write_picture
from maggie_core.io.timecode import timecode_text

COUNT = 5
RATE = Fraction(24000, 1001)
HEADER = MovieHeader(RATE, 2.0, "01:00:00:22", (9, 1), comment='{"recipe": "abc"}')
ALPHA_ERROR = {"a.mov": 0.75 / 1023, "a.webm": 5 / 255}
"""ProRes stores an alpha without loss in 10 bits; VP9 has it as a picture of 8 bits at a constant quality."""
COLOUR_ERROR = {"a.mov": 0.004, "a.webm": 0.03, "a.mp4": 0.03}


def picture(index: int, size: tuple[int, int] = (64, 96)) -> np.ndarray:
    """(H, W, 4) a ramp of colours, and a soft disk that moves."""
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
    alpha = np.clip((20 - np.hypot(columns - 30 - 4 * index, rows - 32)) / 8, 0, 1)
    colours = [columns / size[1], np.full(size, 0.4), rows / size[0], alpha]
    return np.stack(colours, axis=-1).astype(np.float32)


def write_movie(path: Path, header: MovieHeader = HEADER, size: tuple[int, int] = (64, 96)) -> Path:
    with movie_writer(path, header) as write:
        for index in range(COUNT):
            write(picture(index, size))
    return path


def over_black(index: int) -> np.ndarray:
    return picture(index)[..., :3] * picture(index)[..., 3:]


@pytest.mark.parametrize("size", [(64, 96), (65, 97)])
@pytest.mark.parametrize("name", ["a.mov", "a.webm"])
def test_colour_and_alpha_come_back_within_the_error_of_the_codec_also_at_odd_sizes(tmp_path, name, size):
    source = open_source(write_movie(tmp_path / name, MovieHeader(RATE), size))

    assert source.frames == (1, 2, 3, 4, 5)
    for frame in (1, 5, 3):
        read = source.read(frame)
        error = np.abs(read.pixels - picture(frame - 1, size))
        assert read.channels == ("R", "G", "B", "A")
        assert error[..., :3].max() < COLOUR_ERROR[name]
        assert error[..., 3].max() < ALPHA_ERROR[name]
    source.close()


def test_opaque_is_one_and_clear_is_zero_in_prores(tmp_path):
    alpha = open_source(write_movie(tmp_path / "a.mov")).read(1).pixels[..., 3]

    assert alpha.max() == 1.0
    assert alpha.min() == 0.0


@pytest.mark.parametrize("name", ["a.mov", "a.webm", "a.mp4"])
def test_rate_timecode_pixel_aspect_tags_and_comment_are_in_the_file(tmp_path, name):
    source = open_source(write_movie(tmp_path / name))
    last = source.read(5)

    assert source.rate == RATE
    assert source.tags == (9, 1)
    assert timecode_text(last.metadata["smpte:TimeCode"]) == "01:00:01:02"
    assert last.display.width * last.pixel_aspect == pytest.approx(2 * 96)  # WebM has square pixels
    assert movie_comment(tmp_path / name) == HEADER.comment
    source.close()


def test_h264_of_an_odd_size_gets_one_more_row_and_column(tmp_path):
    read = open_source(write_movie(tmp_path / "a.mp4", size=(65, 97))).read(2)

    assert read.pixels.shape == (66, 98, 3)
    assert np.abs(read.pixels[:65, :97] - picture(1, (65, 97))[..., :3]).max() < COLOUR_ERROR["a.mp4"]


def test_a_gif_lasts_as_long_as_the_plate(tmp_path):
    with movie_writer(tmp_path / "a.gif", HEADER) as write:
        for index in range(COUNT):
            write(over_black(index))

    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == COUNT
        durations = []
        for index in range(COUNT):
            image.seek(index)
            durations.append(image.info["duration"])
    assert sum(durations) == pytest.approx(1000 * COUNT / RATE, abs=5)
    assert movie_comment(tmp_path / "a.gif") == HEADER.comment


@pytest.mark.parametrize("name", ["a.mov", "a.webm", "a.mp4", "a.gif"])
def test_a_movie_that_is_not_finished_leaves_nothing_and_keeps_the_old_one(tmp_path, name):
    write_movie(tmp_path / name)
    before = (tmp_path / name).read_bytes()

    with pytest.raises(RuntimeError, match="the shot broke"), movie_writer(tmp_path / name, HEADER) as write:
        write(picture(0))
        raise RuntimeError("the shot broke")

    assert list(tmp_path.iterdir()) == [tmp_path / name]
    assert (tmp_path / name).read_bytes() == before


def test_a_size_that_changes_on_the_way_is_no_movie(tmp_path):
    with (
        pytest.raises(OutputError, match="32x32 after 96x64"),
        movie_writer(tmp_path / "a.mov", HEADER) as write,
    ):
        write(picture(0))
        write(picture(1, (32, 32)))

    assert list(tmp_path.iterdir()) == []


def test_an_unknown_kind_of_movie_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(SettingsError, match=r"\.mov, \.webm, \.mp4, \.gif"):
        write_movie(tmp_path / "a.avi")


def test_alpha_that_ffmpeg_reads_is_ours(tmp_path):
    """Read by PyAV alone, not by our own reader."""
    with av.open(str(write_movie(tmp_path / "a.mov"))) as container:
        images = list(container.decode(video=0))

    assert len(images) == COUNT
    assert "a" in images[0].format.name.removeprefix("yuv")


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("premultiplied", [False, True])
def test_a_picture_holds_its_numbers_in_16_bits(tmp_path, name, premultiplied):
    write_picture(
        tmp_path / name, picture(0), comment='{"a": 1}', pixel_aspect=2.0, premultiplied=premultiplied
    )

    read, part = read_image(tmp_path / name), list_parts(tmp_path / name)[0]
    assert np.abs(read.pixels - picture(0)).max() <= 0.5001 / 65535
    assert set(part.types) == {"uint16"}
    assert part.pixel_aspect == pytest.approx(2.0)
    assert picture_comment(tmp_path / name) == '{"a": 1}'


def test_a_grey_picture_is_data_of_one_channel(tmp_path):
    write_picture(tmp_path / "a.png", picture(0)[..., 3:])

    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "I;16"
        assert "srgb" not in image.info
    assert np.abs(read_image(tmp_path / "a.png").pixels[..., 0] - picture(0)[..., 3]).max() <= 0.5001 / 65535
