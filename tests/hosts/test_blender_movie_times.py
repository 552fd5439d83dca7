"""Which movies Blender shows picture by picture: by their times, read without Blender."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
from support.blenders import extension_part

# Rendered in Blender 4.5 and 5.0: uneven times, and times rounded to milliseconds in a file of a finer unit,
# are shown a frame late; even ones, and times rounded to the file's own unit, each in its frame.
TIMES = {
    "even": [Fraction(n, 24) for n in range(12)],
    "uneven": [Fraction(n, 24) for n in (0, 1, 2, 5, 6, 7, 8, 11)],
    "jumps at the end": [Fraction(n, 24) for n in (*range(11), 13)],
    "rounded": [Fraction(round(Fraction(1000 * n, 24)), 1000) for n in range(12)],
}


@pytest.fixture(scope="module")
def movie_times(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The extension's module, which knows no Blender."""
    return extension_part(tmp_path_factory.mktemp("extension"), "movie_times")


@pytest.mark.parametrize(
    ("suffix", "codec", "shown"),
    [
        (".mp4", "mpeg4", {"even"}),
        (".mov", "mpeg4", {"even"}),
        (".mkv", "mpeg4", {"even", "rounded"}),
        (".webm", "libvpx-vp9", {"even", "rounded"}),
    ],
)
def test_a_movie_that_blender_does_not_show_picture_by_picture_is_known(
    movie_times: ModuleType, tmp_path: Path, suffix: str, codec: str, shown: set[str]
):
    unit = Fraction(1, 24000)
    for name, times in TIMES.items():
        with av.open(str(tmp_path / (name + suffix)), "w") as container:
            sound = container.add_stream("libopus" if suffix in (".webm", ".mkv") else "aac", rate=48000)
            stream = container.add_stream(codec, rate=24)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            stream.codec_context.time_base = unit
            for number, time in enumerate(times):
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                silence.sample_rate, silence.pts = 48000, 1024 * number
                container.mux(sound.encode(silence))
                picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
                picture.pts, picture.time_base = int(time / unit), unit
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
            container.mux(sound.encode())

    known = {name for name in TIMES if movie_times.has_uneven_times(str(tmp_path / (name + suffix)))}
    assert known == set(TIMES) - shown


@pytest.mark.parametrize(
    "content", [b"\0\0\0\1moov", b"\x1a\x45\xdf\xa3", b"\x1a\x45\xdf\xa3\x80\xa3\xff\x81", b""]
)
def test_what_is_no_movie_has_no_times(movie_times: ModuleType, tmp_path: Path, content: bytes):
    (tmp_path / "no.mp4").write_bytes(content)

    assert not movie_times.has_uneven_times(str(tmp_path / "no.mp4"))
