"""Frames of a movie file, any of them at any time, one in memory."""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.sidedata.sidedata import Type as SideData
from av.stream import Disposition
from av.video.reformatter import Interpolation

from maggie_api.errors import FrameError
from maggie_api.sequences import compact_frames
from maggie_core.image.frame import Frame
from maggie_core.image.window import Window
from maggie_core.io.digest import file_digest
from maggie_core.io.patience import UnreadableError, patiently
from maggie_core.io.timecode import later_timecode, packed_timecode

_UNKNOWN, _BT709, _BT601 = 2, 1, 6
"""Codes of ITU-T H.273: the same for primaries, transfer and YUV matrix."""
_LIMITED, _FULL = 1, 2
"""Luma range codes as FFmpeg counts them."""
_COVER = Disposition.attached_pic
_UNEVEN = 0.1
"""Share of a frame's time by which times may differ: containers round them to ticks."""
_AHEAD = 48
"""Frames decoded and thrown away to reach a later one before a seek to its key frame is worth while."""


class MovieSource:
    """The frames of a movie's first video stream, numbered from 1 in the order they are shown.

    Frame n is the n-th image whatever is read before it. Opening reads the file's packets once, without
    decoding, to learn when each image is shown. Safe to use from several threads; they take turns.
    """

    def __init__(self, path: str | Path) -> None:
        """
        Raises:
            FrameError: the file is missing, or is no movie with a video stream that can be decoded.
        """
        self._path = Path(path)
        self._lock = threading.Lock()
        self._container: Any = None
        self._decoder: Iterator[Any] | None = None
        self._next = 0
        self._header: Frame | None = None
        self._scanned: tuple[int, ...] = ()
        self._corrupt: set[int] = set()
        self._is_interlaced = False
        if not self._path.is_file():
            raise FrameError(f"{self._path} does not exist: check the path of the movie")
        try:
            self._times, self._is_timed = patiently(self._path, self._scan)
        finally:
            self.close()
        if not self._times:
            raise FrameError(f"{self._path} holds no pictures: give a movie with a video stream")

    @property
    def frames(self) -> tuple[int, ...]:
        return tuple(range(1, len(self._times) + 1))

    @property
    def expected(self) -> tuple[int, ...]:
        return self.frames

    @property
    def rate(self) -> Fraction | None:
        return self._rate

    @property
    def tags(self) -> tuple[int, int]:
        primaries, transfer = self._tags
        return (primaries if primaries != _UNKNOWN else _BT709, transfer if transfer != _UNKNOWN else _BT709)

    @property
    def colorspace_hint(self) -> str:
        return str(self._path)

    @property
    def notes(self) -> tuple[str, ...]:
        notes = []
        if self._streams > 1:
            notes.append(f"{self._path} has {self._streams} video streams: the first is read")
        if self._is_uneven:
            notes.append(
                f"{self._path} has a variable frame rate: frame N is the Nth picture, which programs that "
                "count by time may number otherwise; convert it to a constant rate where that matters"
            )
        if self._is_interlaced:
            notes.append(
                f"{self._path} is interlaced and its two fields are matted as one picture: deinterlace it "
                "first where people move"
            )
        if self._corrupt:
            notes.append(
                f"{self._path} is damaged in frames {compact_frames(self._corrupt)}, which the decoder has "
                "filled up, and frames after them may show it: copy or convert the movie again"
            )
        return tuple(notes)

    def path(self, frame: int) -> Path:
        self._position(frame)
        return self._path

    def channels(self, frame: int) -> tuple[str, ...]:
        self._position(frame)
        return self._channels

    def header(self, frame: int, channels: Sequence[str]) -> Frame:
        """All frames of a movie share one size, which is looked up once."""
        self._position(frame)
        if self._header is None:
            self._header = self.read(frame, channels=channels).header
        return self._header

    def damage(self, frame: int) -> FrameError | None:
        return None

    def digest(self, frame: int) -> str:
        self._position(frame)
        text = f"{file_digest(self._path)} frame {frame}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def read(self, frame: int, *, channels: Sequence[str] | None = None) -> Frame:
        """Decode one frame to R, G, B (and A where the movie has it), in [0, 1], full range.

        Raises:
            FrameError: no such frame or channel, or the stream is damaged there.
        """
        with self._lock:
            position, image = patiently(self._path, lambda: self._picture(frame))
        return self._as_frame(image, position, channels)

    def _picture(self, frame: int) -> tuple[int, Any]:
        """Place and picture of a frame of the movie that is there now."""
        try:
            if self._identity() != self._scanned:  # another movie under this name
                self._close()
                self._header = None
                self._corrupt.clear()
                self._times, self._is_timed = self._scan()
            position = self._position(frame)
            return position, self._decode(position)
        except FFmpegError as error:
            self._close()
            raise self._unreadable(error, f" at frame {frame}") from error

    def close(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        self._decoder = None
        if self._container is not None:
            self._container.close()
            self._container = None

    def _identity(self) -> tuple[int, ...]:
        """Changes with the file under the movie's name, also when it is written in place."""
        try:
            found = self._path.stat()
        except OSError as error:
            raise UnreadableError(
                f"{self._path} cannot be read ({error.strerror}): check the movie"
            ) from error
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _position(self, frame: int) -> int:
        if not 1 <= frame <= len(self._times):
            raise FrameError(
                f"{self._path} has no frame {frame}: it has 1-{len(self._times)}, counted from 1"
            )
        return frame - 1

    def _unreadable(self, error: FFmpegError, where: str = "") -> UnreadableError:
        reason = (error.strerror or str(error)).lower()
        return UnreadableError(
            f"{self._path} cannot be decoded{where} ({reason}): convert it to ProRes, H.264 or EXR"
        )

    def _stream(self) -> Any:
        if self._container is None:
            # Titles and comments need not be UTF-8.
            self._container = av.open(str(self._path), metadata_errors="backslashreplace")
            for stream in self._container.streams.video:
                stream.thread_type = "AUTO"  # before the first packet; the decoder opens with it
        # A cover is a picture of its own, and may come first.
        streams = [each for each in self._container.streams.video if not each.disposition & _COVER]
        if not streams:
            raise FrameError(f"{self._path} has no video stream: give a movie with pictures")
        if streams[0].codec_context is None:
            raise FrameError(
                f"{self._path} is of a codec that FFmpeg does not know: convert it to ProRes, H.264 or EXR"
            )
        self._streams = len(streams)
        return streams[0]

    def _scan(self) -> tuple[list[int], bool]:
        """When each image is shown, in the stream's time base, and whether the file says so at all."""
        self._close()
        self._scanned = self._identity()
        try:
            return self._scan_packets()
        except FFmpegError as error:
            self._close()
            raise self._unreadable(error) from error

    def _scan_packets(self) -> tuple[list[int], bool]:
        stream = self._stream()
        self._rate = Fraction(stream.average_rate) if stream.average_rate else None
        self._tags = (int(stream.codec_context.color_primaries), int(stream.codec_context.color_trc))
        self._timecode = self._first_timecode()
        aspect = stream.sample_aspect_ratio
        self._pixel_aspect = float(aspect) if aspect and aspect > 0 else 1.0
        has_alpha = any(part.is_alpha for part in stream.format.components) if stream.format else False
        has_alpha = has_alpha or _decoder_with_alpha(stream) is not None
        self._channels = ("R", "G", "B", "A") if has_alpha else ("R", "G", "B")
        times = [
            packet.pts for packet in self._container.demux(stream) if packet.size and not packet.is_discard
        ]
        self._close()
        self._is_uneven = False
        if None in times or len(set(times)) != len(times):
            return list(range(len(times))), False
        times.sort()
        steps = sorted(later - earlier for earlier, later in pairwise(times))
        if steps:
            self._is_uneven = steps[-1] - steps[0] > max(1, _UNEVEN * steps[len(steps) // 2])
        return times, True

    def _first_timecode(self) -> str | None:
        """Timecode of the first picture, of the file or of any of its streams."""
        said = [self._container.metadata, *(stream.metadata for stream in self._container.streams)]
        texts = [text for entries in said for key, text in entries.items() if key.lower() == "timecode"]
        return next((text for text in texts if packed_timecode(text)), None)

    def _decode(self, position: int) -> Any:
        ahead = position - self._next
        if self._decoder is None or ahead < 0 or ahead > _AHEAD:
            self._seek(position)
        image = self._advance(position)
        if image is None and self._is_timed:
            # Some containers land after the key frame they were asked for: begin at the beginning.
            self._close()
            self._seek(0)
            image = self._advance(position)
        if image is None:
            raise FrameError(
                f"{self._path} has no picture for frame {position + 1}: the movie is damaged there"
            )
        return image

    def _seek(self, position: int) -> None:
        stream = self._stream()
        if position and self._is_timed:
            self._container.seek(self._times[position], stream=stream, backward=True, any_frame=False)
        elif self._next or self._decoder is not None:
            self._close()
            stream = self._stream()
        self._decoder = self._pictures(stream)
        self._next = 0

    def _pictures(self, stream: Any) -> Iterator[Any]:
        name = _decoder_with_alpha(stream)
        if name is None:
            yield from self._container.decode(stream)
            return
        decoder: Any = av.CodecContext.create(name, "r")
        for packet in self._container.demux(stream):
            yield from decoder.decode(packet if packet.size else None)

    def _advance(self, position: int) -> Any:
        """Decode up to the wanted image; None when the stream goes past it or ends."""
        assert self._decoder is not None
        for image in self._decoder:
            shown = self._shown(image)
            self._next = shown + 1
            if shown == position:
                return image
            if shown > position:
                return None
        self._decoder = None
        return None

    def _shown(self, image: Any) -> int:
        if not self._is_timed or image.pts is None:
            return self._next
        return bisect_left(self._times, image.pts)

    def _as_frame(self, image: Any, position: int, channels: Sequence[str] | None) -> Frame:
        if image.is_corrupt:
            self._corrupt.add(position + 1)
        self._is_interlaced = self._is_interlaced or image.interlaced_frame
        pixels = _rgb(image, len(self._channels) == 4)
        pixels, is_turned = _upright(pixels, image)
        aspect = 1 / self._pixel_aspect if is_turned else self._pixel_aspect
        names = self._channels if channels is None else self._named(channels)
        if names != self._channels:
            pixels = np.ascontiguousarray(pixels[:, :, [self._channels.index(name) for name in names]])
        window = Window(0, 0, pixels.shape[1], pixels.shape[0])
        metadata: dict[str, Any] = {}
        if self._rate is not None:
            metadata["FramesPerSecond"] = (self._rate.numerator, self._rate.denominator)
            if self._timecode is not None:
                later = later_timecode(self._timecode, position, self._rate)
                metadata["smpte:TimeCode"] = packed_timecode(later)
        return Frame(pixels, names, window, window, aspect, metadata, code_max=_code_max(image))

    def _named(self, channels: Sequence[str]) -> tuple[str, ...]:
        names = tuple(name.upper() for name in channels)
        for asked, name in zip(channels, names, strict=True):
            if name not in self._channels:
                raise FrameError(f"{self._path} has no channel '{asked}': it has {', '.join(self._channels)}")
        return names


def _decoder_with_alpha(stream: Any) -> str | None:
    """The decoder that a stream's alpha needs; None where FFmpeg's own choice will do.

    In WebM the alpha of VP8 and VP9 is a second stream inside, which libvpx alone decodes.
    """
    tagged = any(key.lower() == "alpha_mode" and text == "1" for key, text in stream.metadata.items())
    name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(stream.codec_context.name)
    return name if tagged and name in av.codecs_available else None


def _upright(pixels: np.ndarray, image: Any) -> tuple[np.ndarray, bool]:
    """The picture as its display matrix shows it, and whether width and height were swapped for that.

    A pixel at (x, y) is shown at (a x + c y, b x + d y), shifted into view; turns and mirrors are of this
    kind. Angles between are not: FFmpeg's players show such a picture as it is stored.
    """
    sides = [side for side in image.side_data if side.type == SideData.DISPLAYMATRIX]
    if not sides:
        return pixels, False
    a, b, _, c, d = np.frombuffer(bytes(sides[0]), np.int32)[:5].tolist()
    if a and d and not b and not c:
        shown, across, down = pixels, a, d
    elif b and c and not a and not d:
        shown, across, down = pixels.swapaxes(0, 1), c, b
    else:
        return pixels, False
    shown = shown[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
    return np.ascontiguousarray(shown), bool(b)


def _code_max(image: Any) -> float:
    return 255.0 if _bits(image) <= 8 else 65535.0


def _bits(image: Any) -> int:
    return max(part.bits for part in image.format.components)


def _rgb(image: Any, with_alpha: bool) -> np.ndarray:
    """(H, W, 3 or 4) float32 in [0, 1]. YUV becomes RGB in 16 bits, so that no step is lost on the way."""
    if image.format.is_rgb and _bits(image) <= 8:
        target, top = ("rgba" if with_alpha else "rgb24"), 255.0
    else:
        target, top = ("rgba64le" if with_alpha else "rgb48le"), 65535.0
    if not image.format.is_rgb:
        # A stream that does not say so is read as every player does: HD is BT.709, smaller is BT.601.
        if image.colorspace == _UNKNOWN:
            image.colorspace = _BT709 if max(image.width, 16 * image.height // 9) >= 1280 else _BT601
        if image.color_range not in (_LIMITED, _FULL):
            image.color_range = _FULL if image.format.name.startswith("yuvj") else _LIMITED
    exact = (
        Interpolation.BICUBIC
        | Interpolation.ACCURATE_RND
        | Interpolation.FULL_CHR_H_INT
        | Interpolation.BITEXACT
    )
    converted = image.reformat(format=target, interpolation=exact, dst_color_range=_FULL)
    codes = converted.to_ndarray()
    pixels = codes.astype(np.float32) / np.float32(top)
    if with_alpha and top > 255:
        # FFmpeg shifts an alpha of fewer bits up without filling the low ones: opaque would be below 1.
        bits = min(part.bits for part in image.format.components if part.is_alpha)
        pixels[..., 3] = codes[..., 3] / np.float32((2**bits - 1) << (16 - bits))
    return pixels
