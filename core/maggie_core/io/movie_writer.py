"""Write movies whole or not at all: ProRes 4444 and VP9 with alpha, H.264 and GIF without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from PIL import Image

from maggie_api.errors import OutputError, SettingsError
from maggie_core.io.atomic import atomic_file, cannot_write

SRGB_TAGS = (1, 13)
"""Primaries and transfer of sRGB in the codes of ITU-T H.273: those of BT.709, and IEC 61966-2-1."""
_BT709_MATRIX = 1
Write = Callable[[np.ndarray], None]
"""Takes the next picture, (H, W, 3 or 4) float32 in [0, 1]; its numbers are stored as they are."""


GIF_TRAILER = b";"
"""The last byte of every GIF (its specification, 27)."""


@dataclass(frozen=True)
class MovieHeader:
    """What a movie says about its pictures."""

    rate: Fraction
    """Frames per second."""
    pixel_aspect: float = 1.0
    timecode: str | None = None
    """Of the first picture, `HH:MM:SS:FF`."""
    tags: tuple[int, int] = SRGB_TAGS
    """Primaries and transfer of R, G, B, in the codes of ITU-T H.273."""
    comment: str = ""


@dataclass(frozen=True)
class _Codec:
    container: str
    encoder: str
    pixels: str
    alpha_bits: int
    """0 where the codec has no alpha."""
    even: bool = False
    """Whether both sides have to be even."""
    square: bool = False
    """Whether pictures are stretched to square pixels, because the pixel aspect cannot be written."""
    options: dict[str, str] = field(default_factory=dict)


_CODECS = {
    ".mov": _Codec("mov", "prores_ks", "yuva444p10le", 10, options={"profile": "4444", "vendor": "apl0"}),
    # A constant quality whose alpha is right to some 4 codes of 255; alternate reference frames and alpha
    # exclude each other.
    ".webm": _Codec(
        "webm",
        "libvpx-vp9",
        "yuva420p",
        8,
        square=True,
        options={"crf": "18", "b": "0", "auto-alt-ref": "0", "row-mt": "1", "cpu-used": "4"},
    ),
    ".mp4": _Codec("mp4", "libx264", "yuv420p", 0, even=True, options={"crf": "18", "preset": "fast"}),
}
ALPHA_SUFFIXES = tuple(suffix for suffix, codec in _CODECS.items() if codec.alpha_bits)
"""Movies that can be written with an alpha."""
OPAQUE_SUFFIXES = (".mp4", ".gif")
"""Movies that can be written, and have no alpha."""
_EXACT = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
)


def movie_size(path: str | Path, width: int, height: int, *, pixel_aspect: float) -> tuple[int, int]:
    """Width and height that pictures have in a movie of this name."""
    codec = _CODECS.get(Path(path).suffix.lower())
    if codec and codec.even:
        width, height = width + width % 2, height + height % 2
    if codec and codec.square:
        width = max(1, round(width * pixel_aspect))
    return width, height


@contextmanager
def movie_writer(path: str | Path, header: MovieHeader) -> Iterator[Write]:
    """Write a movie that appears under `path` when the body ends well, and not at all when it does not.

    All pictures have one size. Where a codec needs even sides, the last column or row is repeated.

    Raises:
        OutputError: the movie cannot be written.
        SettingsError: no such kind of movie.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in (*ALPHA_SUFFIXES, *OPAQUE_SUFFIXES):
        known = ", ".join((*ALPHA_SUFFIXES, *OPAQUE_SUFFIXES))
        raise SettingsError(f"{path} is no movie that can be written: name it {known}")
    with atomic_file(path) as temporary:
        if kind == ".gif":
            with _gif_writer(temporary, header) as write:
                yield write
            return
        try:
            with _encoder(temporary, path, header) as encode:

                def write(pixels: np.ndarray, /) -> None:
                    try:
                        encode(pixels)
                    except FFmpegError as error:
                        raise _failed(path, error) from error

                yield write
        except FFmpegError as error:
            raise _failed(path, error) from error


def _failed(path: Path, error: FFmpegError) -> OutputError:
    return cannot_write(path, (error.strerror or str(error)).lower())


@contextmanager
def _encoder(temporary: Path, path: Path, header: MovieHeader) -> Iterator[Write]:
    codec = _CODECS[path.suffix.lower()]
    if codec.encoder not in av.codecs_available:
        raise OutputError(f"this PyAV has no encoder {codec.encoder}: install PyAV from PyPI, by pip")
    options = {"movflags": "faststart"} if codec.container in ("mov", "mp4") else {}
    with av.open(str(temporary), "w", format=codec.container, options=options) as container:
        container.metadata["comment"] = header.comment
        stream: Any = container.add_stream(codec.encoder, rate=header.rate, options=dict(codec.options))
        stream.pix_fmt = codec.pixels
        if header.timecode:
            stream.metadata["timecode"] = header.timecode
        if codec.container == "webm" and codec.alpha_bits:
            stream.metadata["alpha_mode"] = "1"
        context = stream.codec_context
        context.color_primaries, context.color_trc = header.tags
        context.colorspace, context.color_range = _BT709_MATRIX, int(ColorRange.MPEG)
        count = 0

        def write(pixels: np.ndarray) -> None:
            nonlocal count
            height, width = pixels.shape[:2]
            size = movie_size(path, width, height, pixel_aspect=header.pixel_aspect)
            image = _video_frame(pixels, codec, size)
            if not count:
                stream.width, stream.height = image.width, image.height
                if not codec.square:
                    context.sample_aspect_ratio = Fraction(header.pixel_aspect).limit_denominator(1000)
            if (image.width, image.height) != (stream.width, stream.height):
                sizes = f"{image.width}x{image.height} after {stream.width}x{stream.height}"
                raise OutputError(f"the pictures are {sizes}: a movie has one size, write single files")
            image.pts, image.time_base = count, 1 / header.rate
            count += 1
            container.mux(stream.encode(image))

        yield write
        if count:
            container.mux(stream.encode())


def _video_frame(pixels: np.ndarray, codec: _Codec, size: tuple[int, int]) -> av.VideoFrame:
    if codec.even:
        height, width = pixels.shape[:2]
        pixels = np.pad(pixels, ((0, size[1] - height), (0, size[0] - width), (0, 0)), mode="edge")
    codes = np.full((*pixels.shape[:2], 4), 65535, np.uint16)
    codes[..., :3] = _codes(pixels[..., :3], 16)
    if pixels.shape[-1] == 4 and codec.alpha_bits:
        # FFmpeg cuts an alpha's low bits off: it is rounded here, to as many as the codec keeps.
        codes[..., 3] = _codes(pixels[..., 3], codec.alpha_bits) << (16 - codec.alpha_bits)
    image = av.VideoFrame.from_ndarray(codes, "rgba64le")
    return image.reformat(
        width=size[0],
        format=codec.pixels,
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=_EXACT,
    )


def _codes(values: np.ndarray, bits: int) -> np.ndarray:
    top = np.float32(2**bits - 1)
    return np.rint(np.clip(values, 0.0, 1.0) * top).astype(np.uint16)


@contextmanager
def _gif_writer(temporary: Path, header: MovieHeader) -> Iterator[Write]:
    """A GIF counts hundredths of a second: pictures last so long that the sum follows the rate."""
    images: list[Image.Image] = []

    def write(pixels: np.ndarray) -> None:
        image = Image.fromarray(_codes(pixels[..., :3], 8).astype(np.uint8))
        images.append(image.quantize(255, dither=Image.Dither.FLOYDSTEINBERG))

    yield write
    if not images:
        return
    ends = [round(100 * count / header.rate) for count in range(len(images) + 1)]
    durations = [10 * max(2, after - before) for before, after in zip(ends, ends[1:], strict=False)]
    images[0].save(
        temporary,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=durations,
        loop=0,
        comment=header.comment.encode(),
    )


def movie_comment(path: str | Path) -> str:
    """The comment in a movie's header; empty where there is none, or no movie that can be read."""
    try:
        if Path(path).suffix.lower() == ".gif":
            with Image.open(path) as image:
                said = image.info.get("comment", b"")
                return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        with av.open(str(path), metadata_errors="backslashreplace") as container:
            return next((text for key, text in container.metadata.items() if key.lower() == "comment"), "")
    except (FFmpegError, OSError):
        return ""


def is_whole_movie(path: str | Path, frames: int) -> bool:
    """Whether a movie can be read to its end and has at least `frames` frames; nothing is decoded."""
    path = Path(path)
    try:
        if path.suffix.lower() == ".gif":
            return path.read_bytes()[-1:] == GIF_TRAILER
        with av.open(str(path), metadata_errors="backslashreplace") as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
    except (FFmpegError, OSError, IndexError):
        return False
    return len(packets) >= frames and not any(packet.is_corrupt for packet in packets)
