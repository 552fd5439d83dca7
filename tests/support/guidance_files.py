"""Small mask files for tests, written by OpenImageIO itself rather than by the code under test."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813


def square(top: int, left: int, side: int = 8, *, size: tuple[int, int] = (32, 48)) -> np.ndarray:
    """(H, W) float32 mask that is 1 in one square."""
    plane = np.zeros(size, np.float32)
    plane[top : top + side, left : left + side] = 1.0
    return plane


def soft_disc(x: float, y: float, radius: float, *, size: tuple[int, int] = (32, 48)) -> np.ndarray:
    """(H, W) float32 coverage of a disc with an edge of four pixels."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    distance = np.hypot(columns + 0.5 - x, rows + 0.5 - y)
    return np.clip((radius - distance) / 4 + 0.5, 0, 1).astype(np.float32)


def write_image(
    path: Path,
    pixels: np.ndarray,
    *,
    channels: Sequence[str] = (),
    kind: str | Sequence[str] = "",
    data: tuple[int, int] = (0, 0),
    display: tuple[int, int, int, int] | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Path:
    """Write (H, W) or (H, W, C) pixels as they are; the format follows the suffix, the type the array."""
    spec = _spec(pixels, channels, kind, data, display, metadata or {})
    output = oiio.ImageOutput.create(str(path))
    assert output and output.open(str(path), spec), oiio.geterror()
    assert output.write_image(pixels.reshape(spec.height, spec.width, spec.nchannels)), output.geterror()
    output.close()
    return path


def write_grey_png(path: Path, codes: np.ndarray, *, bits: int) -> Path:
    """Write (H, W) codes as a grey PNG of so many bits, by the PNG specification, clauses 5 and 11."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    planes = np.unpackbits(codes.astype(np.uint8)[..., None], axis=-1)[..., 8 - bits :]
    lines = np.packbits(planes.reshape(len(codes), -1), axis=-1)
    header = struct.pack(">IIBBBBB", codes.shape[1], codes.shape[0], bits, 0, 0, 0, 0)
    image = zlib.compress(b"".join(b"\0" + line.tobytes() for line in lines))
    chunks = chunk(b"IHDR", header), chunk(b"IDAT", image), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def write_multipart(path: Path, parts: Mapping[str, tuple[str, np.ndarray]]) -> Path:
    """Write `{part name: (channel name, (H, W) pixels)}`, one part each."""
    specs = []
    for name, (channel, pixels) in parts.items():
        spec = _spec(pixels, (channel,), "", (0, 0), None, {"oiio:subimagename": name})
        specs.append(spec)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), tuple(specs)), output.geterror()
    for index, (_, pixels) in enumerate(parts.values()):
        assert index == 0 or output.open(str(path), specs[index], "AppendSubimage")
        assert output.write_image(pixels[..., None])
    output.close()
    return path


def _spec(
    pixels: np.ndarray,
    channels: Sequence[str],
    kind: str | Sequence[str],
    data: tuple[int, int],
    display: tuple[int, int, int, int] | None,
    metadata: Mapping[str, object],
) -> oiio.ImageSpec:
    height, width = pixels.shape[:2]
    count = 1 if pixels.ndim == 2 else pixels.shape[2]
    base = {"uint8": "uint8", "uint16": "uint16", "float32": "float"}[str(pixels.dtype)]
    spec = oiio.ImageSpec(width, height, count, kind if isinstance(kind, str) and kind else base)
    if channels:
        spec.channelnames = tuple(channels)
    if not isinstance(kind, str):
        spec.channelformats = tuple(oiio.TypeDesc(each) for each in kind)
    spec.x, spec.y = data
    if display is not None:
        spec.full_x, spec.full_y, spec.full_width, spec.full_height = display
    for name, value in metadata.items():
        spec.attribute(name, value)
    return spec
