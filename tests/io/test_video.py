from __future__ import annotations

import re
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from maggie_api.errors import FrameError
from maggie_core.color import ColorSettings, PlateView
from maggie_core.io.frames import missing_frames, open_source
from maggie_core.io.video import MovieSource

COUNT = 60
RATE = Fraction(24000, 1001)


def code(frame: int) -> int:
    """Grey value of a movie's frame: each its own."""
    return frame * 4 % 251


def write_movie(
    path, codec: str, pix_fmt: str, *, source: str = "rgb24", count: int = COUNT, **options
) -> None:
    container = av.open(str(path), "w")
    stream = container.add_stream(codec, rate=RATE, options=options)
    stream.width, stream.height, stream.pix_fmt = 96, 64, pix_fmt
    depth = 4 if source == "rgba" else 3
    for frame in range(1, count + 1):
        pixels = np.full((64, 96, depth), code(frame), np.uint8)
        pixels[:, 48:, 3:] = 255 - code(frame)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, source)))
    container.mux(stream.encode())
    container.close()


def value_at(source, frame: int) -> float:
    return float(source.read(frame).pixels[32, 20, :3].mean() * 255)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "options"),
    [
        ("a.mp4", "libx264", "yuv420p", {"g": "12", "bf": "3"}),
        ("a.mkv", "ffv1", "bgr0", {}),
        ("a.mov", "prores_ks", "yuv422p10le", {}),
        ("a.avi", "mpeg4", "yuv420p", {"g": "12", "bf": "2", "b": "8000000"}),
        ("b.mov", "png", "rgb24", {}),
    ],
)
def test_any_frame_is_the_right_frame_in_any_order(tmp_path, name, codec, pix_fmt, options):
    write_movie(tmp_path / name, codec, pix_fmt, **options)
    source = open_source(tmp_path / name)

    order = [1, 2, 3, 60, 59, 30, 5, 31, 32, 33, 60, 1, 13, 12, 11]

    assert source.frames == tuple(range(1, COUNT + 1))
    for frame in order:
        assert value_at(source, frame) == pytest.approx(code(frame), abs=2.0), frame
    source.close()


def test_a_frame_is_bit_identical_however_it_was_reached(tmp_path):
    write_movie(tmp_path / "a.mp4", "libx264", "yuv420p", g="12", bf="3")
    forward, scrubbed = open_source(tmp_path / "a.mp4"), open_source(tmp_path / "a.mp4")

    in_order = {frame: forward.read(frame).pixels for frame in forward.frames}

    for frame in (47, 3, 60, 24, 25, 1):
        assert np.array_equal(scrubbed.read(frame).pixels, in_order[frame])
    forward.close()
    scrubbed.close()


def test_eight_bit_rgb_is_lossless_and_ten_bit_yuv_keeps_its_steps(tmp_path):
    write_movie(tmp_path / "a.mkv", "ffv1", "bgr0")
    write_movie(tmp_path / "a.mov", "prores_ks", "yuv444p10le")

    exact = open_source(tmp_path / "a.mkv").read(7)
    fine = open_source(tmp_path / "a.mov").read(7)

    assert np.array_equal(np.rint(exact.pixels * 255), np.full((64, 96, 3), code(7)))
    assert (exact.code_max, fine.code_max) == (255, 65535)


def test_a_movies_alpha_is_a_channel(tmp_path):
    write_movie(tmp_path / "a.mov", "qtrle", "argb", source="rgba")
    source = open_source(tmp_path / "a.mov")

    alpha = source.read(9, channels=("A",))

    assert source.channels(9) == ("R", "G", "B", "A")
    assert alpha.channels == ("A",)
    assert np.rint(alpha.pixels[32, [20, 70], 0] * 255).tolist() == [code(9), 255 - code(9)]


def test_rate_windows_and_digest_describe_the_movie(tmp_path):
    write_movie(tmp_path / "a.mkv", "ffv1", "bgr0", count=3)
    source = open_source(tmp_path / "a.mkv")

    frame = source.read(2)

    assert source.rate == RATE
    assert frame.metadata["FramesPerSecond"] == (24000, 1001)
    assert (frame.data, frame.display) == (frame.display, frame.data)
    assert (frame.data.width, frame.data.height) == (96, 64)
    assert len({source.digest(k) for k in source.frames}) == 3
    assert source.path(2) == tmp_path / "a.mkv"


def test_frames_and_channels_a_movie_lacks_are_frame_errors(tmp_path):
    write_movie(tmp_path / "a.mkv", "ffv1", "bgr0", count=3)
    source = open_source(tmp_path / "a.mkv")

    assert missing_frames(source, (0, 1, 3, 4)) == (0, 4)
    with pytest.raises(FrameError, match="has no frame 0: it has 1-3, counted from 1"):
        source.read(0)
    with pytest.raises(FrameError, match="has no channel 'hero.A': it has R, G, B"):
        source.read(1, channels=("hero.A",))


@pytest.mark.parametrize("content", [b"", b"no movie at all" * 100])
def test_a_file_that_is_no_movie_is_one_line(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)

    with pytest.raises(FrameError, match=r"a\.mp4 cannot be decoded") as refused:
        open_source(tmp_path / "a.mp4")

    assert "\n" not in str(refused.value)


def test_a_codec_that_nobody_knows_is_one_line(tmp_path):
    write_movie(tmp_path / "a.avi", "mpeg4", "yuv420p", count=2)
    content = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "a.avi").write_bytes(content.replace(b"FMP4", b"?!?!"))

    with pytest.raises(FrameError, match="a codec that FFmpeg does not know: convert it to ProRes"):
        open_source(tmp_path / "a.avi")


def test_sound_alone_is_no_plate(tmp_path):
    container = av.open(str(tmp_path / "a.mov"), "w")
    stream = container.add_stream("pcm_s16le", rate=48000)
    sound = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), format="s16", layout="mono")
    sound.sample_rate = 48000
    container.mux(stream.encode(sound))
    container.mux(stream.encode())
    container.close()

    with pytest.raises(FrameError, match="has no video stream"):
        open_source(tmp_path / "a.mov")


def test_a_truncated_movie_says_so_and_gives_what_it_has(tmp_path):
    write_movie(tmp_path / "a.mkv", "ffv1", "bgr0")
    whole = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "a.mkv").write_bytes(whole[: len(whole) // 2])

    source = open_source(tmp_path / "a.mkv")

    assert 1 < len(source.frames) < COUNT
    assert value_at(source, 5) == pytest.approx(code(5), abs=1)


def test_every_frame_of_a_movie_has_the_movies_window(tmp_path):
    write_movie(tmp_path / "a.mkv", "ffv1", "bgr0", count=3)
    source = open_source(tmp_path / "a.mkv")

    assert source.header(3, ("R", "G", "B")).data == source.read(1).data
    with pytest.raises(FrameError, match="no frame 4"):
        source.header(4, ("R", "G", "B"))
    source.close()


def test_a_movie_that_was_replaced_is_read_as_it_is_now(tmp_path):
    """Digest and pixels are of one file, also where an open one was renamed over."""
    path, other = tmp_path / "a.mov", tmp_path / "b.mov"
    write_movie(path, "prores_ks", "yuv422p10le", count=4)
    source = open_source(path)
    assert value_at(source, 2) == pytest.approx(code(2), abs=3)

    write_movie(other, "prores_ks", "yuv422p10le", count=40)
    other.replace(path)
    fresh = open_source(path)

    assert source.digest(3) == fresh.digest(3)
    assert np.array_equal(source.read(3).pixels, fresh.read(3).pixels)
    assert source.frames == fresh.frames


TURNED = {  # the display matrix (a, b, c, d) of a picture that is stored so that it is seen upright
    (1, 0, 0, 1): lambda upright: upright,
    (-1, 0, 0, -1): lambda upright: upright[::-1, ::-1],
    (0, 1, -1, 0): lambda upright: np.rot90(upright, 1),
    (0, -1, 1, 0): lambda upright: np.rot90(upright, -1),
    (1, 0, 0, -1): lambda upright: upright[::-1],
    (-1, 0, 0, 1): lambda upright: upright[:, ::-1],
    (0, 1, 1, 0): lambda upright: upright.swapaxes(0, 1),
}


@pytest.mark.parametrize("matrix", TURNED)
def test_a_movie_is_turned_and_mirrored_as_its_display_matrix_says(tmp_path, matrix):
    """QuickTime file format, matrix of the track header: x' = a x + c y, y' = b x + d y."""
    path = tmp_path / "phone.mov"
    upright = np.zeros((64, 96, 3), np.uint8)
    upright[:32, :32] = 255
    stored = np.ascontiguousarray(TURNED[matrix](upright))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=RATE)
        stream.height, stream.width, stream.pix_fmt = *stored.shape[:2], "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(stored, "rgb24")))
        container.mux(stream.encode())
    content = bytearray(path.read_bytes())
    a, b, c, d = (each << 16 for each in matrix)
    at = content.index(b"tkhd") + 4 + 40
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)

    frame = MovieSource(path).read(1)

    assert np.array_equal(frame.pixels, upright / np.float32(255))


def with_user_data_first(movie: bytes) -> bytes:
    """An MP4 whose header has its user data, with the cover, before its tracks, as some programs write it."""
    start = movie.index(b"moov") + 4
    end = start - 8 + int.from_bytes(movie[start - 8 : start - 4], "big")
    boxes, at = [], start
    while at < end:
        size = int.from_bytes(movie[at : at + 4], "big")
        boxes.append(movie[at : at + size])
        at += size
    boxes.sort(key=lambda box: box[4:8] == b"trak")
    return movie[:start] + b"".join(boxes) + movie[end:]


def test_a_cover_that_comes_first_is_not_the_movie(tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        cover, video = container.add_stream("png", rate=1), container.add_stream("mpeg4", rate=RATE)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "rgb24"
        cover.disposition = Disposition.attached_pic
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        container.mux(cover.encode(av.VideoFrame(32, 32, "rgb24")))
        for _ in range(3):
            container.mux(video.encode(av.VideoFrame(96, 64, "yuv420p")))
        container.mux([*cover.encode(), *video.encode()])
    path.write_bytes(with_user_data_first(path.read_bytes()))
    with av.open(str(path)) as container:
        assert container.streams.video[0].width == 32

    movie = MovieSource(path)

    assert len(movie.frames) == 3
    assert movie.read(1).pixels.shape == (64, 96, 3)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.y4m", "wrapped_avframe"), ("a.wmv", "wmv2"), ("a.3gp", "mpeg4")]
)
def test_movies_of_other_programs_are_movies(tmp_path, name, codec):
    write_movie(tmp_path / name, codec, "yuv420p")

    source = open_source(tmp_path / name)

    assert isinstance(source, MovieSource)
    assert len(source.frames) == COUNT
    assert value_at(source, 2) == pytest.approx(code(2), abs=6)


def write_marked(
    path,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    count: int = 4,
    steps: tuple[int, ...] = (),
    tags: tuple[int, int] = (2, 2),
    **options,
):
    """A movie of noise with the marks that a camera's or a broadcaster's file has."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pix_fmt
        stream.codec_context.color_primaries, stream.codec_context.color_trc = tags
        shown = 0
        for k in range(count):
            picture = np.random.default_rng(k).integers(0, 255, (64, 96, 3), np.uint8)
            image = av.VideoFrame.from_ndarray(picture, "rgb24")
            image.pts, image.time_base = shown, Fraction(1, 24)
            shown += steps[k % len(steps)] if steps else 1
            container.mux(stream.encode(image))
        container.mux(stream.encode())


def read_all(path) -> MovieSource:
    source = MovieSource(path)
    for frame in source.frames:
        source.read(frame)
    return source


def test_a_plain_movie_has_nothing_to_note(tmp_path):
    write_marked(tmp_path / "a.mp4", bf="2")

    assert read_all(tmp_path / "a.mp4").notes == ()


def test_interlaced_pictures_are_noted(tmp_path):
    write_marked(tmp_path / "a.mp4", **{"x264-params": "tff=1"})

    (note,) = read_all(tmp_path / "a.mp4").notes
    assert "interlaced" in note


def test_a_variable_frame_rate_is_noted(tmp_path):
    write_marked(tmp_path / "a.mkv", count=6, steps=(1, 3))

    source = read_all(tmp_path / "a.mkv")

    assert len(source.frames) == 6
    assert "variable frame rate" in source.notes[0]


def test_frames_that_the_decoder_has_filled_up_are_noted(tmp_path):
    write_marked(tmp_path / "a.mov", codec="prores_ks", pix_fmt="yuv422p10le", count=8)
    content = bytearray((tmp_path / "a.mov").read_bytes())
    at = content.index(b"icpf", len(content) // 2) + 400  # in a picture of the middle, behind its header
    content[at : at + 60] = np.random.default_rng(3).integers(0, 256, 60, np.uint8).tobytes()
    (tmp_path / "a.mov").write_bytes(content)

    (note,) = read_all(tmp_path / "a.mov").notes

    assert re.search(r"damaged in frames 6,", note), note


def test_of_two_streams_the_first_is_read_and_it_is_noted(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("ffv1", rate=24) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr0"
        for _ in range(3):
            pictures = [np.full((64, 96, 3), grey, np.uint8) for grey in (50, 200)]
            packets = [
                packet
                for stream, picture in zip(streams, pictures, strict=True)
                for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24"))
            ]
            container.mux(packets)
        container.mux([packet for stream in streams for packet in stream.encode()])

    source = read_all(path)

    assert value_at(source, 2) == pytest.approx(50, abs=1)
    assert "2 video streams" in source.notes[0]


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_an_hdr_movie_is_told_to_be_taken_for_srgb(tmp_path, transfer, name):
    write_marked(tmp_path / "a.mp4", tags=(9, transfer))
    tags = MovieSource(tmp_path / "a.mp4").tags

    told, asked = (
        PlateView(ColorSettings(colorspace=space), example_path=tmp_path / "a.mp4", tags=tags).assumption
        for space in (None, "lin_rec709")
    )

    assert name in told
    assert "--colorspace" in told
    assert asked == ""


def test_titles_that_are_no_utf8_are_no_reason_to_fail(tmp_path):
    write_movie(tmp_path / "a.mkv", "ffv1", "bgr0", count=2)
    content = (tmp_path / "a.mkv").read_bytes()
    assert b"Lavf" in content
    (tmp_path / "a.mkv").write_bytes(content.replace(b"Lavf", b"L\xe4vf"))

    assert len(MovieSource(tmp_path / "a.mkv").frames) == 2
