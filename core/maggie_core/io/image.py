"""Read one image file: EXR in all its shapes, DPX, PNG, JPEG, TIFF.

An EXR is seen as one set of named channels, whatever parts they lie in. In a file of several parts a bare
channel (`A`) of a part that is not the main one takes the part's name as its layer (`hero.A`); a channel two
parts share takes it too. Channels of the first view of a stereo file are called as those of a file without
views, those of another begin with its name (`right.R`, `right.hero.A`), as OpenEXR calls them in one part.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813

from maggie_api.errors import FrameError
from maggie_api.text import phrase, plain_text
from maggie_core.image.frame import Frame
from maggie_core.image.window import Window, reframe
from maggie_core.io.library import no_library_lines, reason_of, utf8_path
from maggie_core.io.luminance_chroma import (
    CHANNELS,
    header_of,
    primaries_of,
    read_luminance_chroma,
)
from maggie_core.io.patience import UnreadableError, patiently
from maggie_core.io.timecode import packed_timecode
from maggie_core.runtime.memory import machine_memory

MAIN_PARTS = frozenset({"", "rgba", "rgb", "main", "default"})
"""Part names (lower case) that mean the unnamed layer, as Nuke writes them."""
READ_ACROSS = 4
"""Unwanted channels read along between two wanted ones: cheaper than decompressing the file once more."""


STANDARD_NAMES = {
    "framesPerSecond": "FramesPerSecond",
    "pixelAspectRatio": "PixelAspectRatio",
}
"""Attributes that files spell as OpenEXR does, and we as OpenImageIO does."""


class HeaderTuple(tuple[Any, ...]):
    """A header attribute of several values, which keeps its type: a rational is not just two integers."""

    kind: str
    """Type as OpenImageIO spells it: `rational`, `vector2i[2]` (a box of integers), `float[5]`, ..."""

    def __new__(cls, values: Iterable[Any], *, kind: str) -> HeaderTuple:
        made = super().__new__(cls, values)
        made.kind = kind
        return made


@dataclass(frozen=True)
class PartInfo:
    """The header of one part, or of a plain image."""

    index: int
    name: str
    """The part's own name; empty where the file gives none."""
    channels: tuple[str, ...]
    """Names as `read_image` takes and returns them."""
    types: tuple[str, ...]
    """Stored type of each channel: half, float, uint32, uint8, uint16 ..."""
    data: Window
    display: Window
    pixel_aspect: float
    compression: str
    metadata: dict[str, Any]
    code_max: float | None
    tiled: bool
    own_channels: tuple[str, ...] = ()
    """Names as the part itself spells them, in the order it stores them."""
    orientation: int = 1
    """How stored rows and columns lie in the image, as Exif counts it; 1 is upright. Windows are those of the
    upright image."""


def list_parts(path: str | Path) -> tuple[PartInfo, ...]:
    """Read the headers of a file, no pixels.

    Raises:
        FrameError: the file is missing, unreadable, of no known format, or deep.
    """
    path = Path(path)
    with no_library_lines():
        return patiently(path, lambda: _list_parts(path))


def _list_parts(path: Path) -> tuple[PartInfo, ...]:
    try:
        image = _open(path)
    except _SubsampledError:
        with _openexr(path) as name:
            return (_part_of_luminance_chroma(header_of(name), path),)
    try:
        return _parts(image, path)
    finally:
        image.close()


def read_image(
    path: str | Path, *, channels: Sequence[str] | None = None, part: str | int | None = None
) -> Frame:
    """Read the pixels of one file as they are stored, unconverted; mip level 0 of a mip map.

    Colour is not premultiplied by alpha (nor divided): numbers of the file, integers scaled to [0, 1].

    Args:
        path: the file.
        channels: names to read, in the order wanted (`R`, `hero.A`); None reads all. Where no channel has
            exactly that name, one that differs in case only is taken.
        part: name or index of the part to read; None sees all parts of the file as one.

    Returns:
        The frame. Where parts have different data windows the union is returned, filled up with 0.

    Raises:
        FrameError: the file is missing, unreadable, deep or damaged, or has no such channel or part.
    """
    path = Path(path)
    with no_library_lines():
        return patiently(path, lambda: _read_image(path, channels, part))


def _read_image(path: Path, channels: Sequence[str] | None, part: str | int | None) -> Frame:
    try:
        image = _open(path)
    except _SubsampledError:
        return _read_luminance_chroma(path, channels, part)
    try:
        parts = _chosen_parts(_parts(image, path), part, path)
        wanted = _chosen_channels(parts, channels, path)
        _check_room(parts, wanted, path)
        planes = _read_planes(image, parts, wanted, path)
    finally:
        image.close()
        _settle_fpu()
    return _assemble(parts, wanted, planes)


def read_header(path: str | Path, channels: Sequence[str]) -> Frame:
    """What `read_image` would give for these channels, without the pixels (H, W, 0).

    Raises:
        FrameError: the file is missing, unreadable or deep, or has no such channel.
    """
    parts = list_parts(path)
    wanted = set(_chosen_channels(parts, channels, Path(path)))
    used = [part for part in parts if wanted & set(part.channels)]
    data = _window_of(used)
    return _framed(parts, used, np.zeros((data.height, data.width, 0), np.float32), ())


def _open(path: Path) -> Any:
    if path.is_dir():
        raise FrameError(f"{path} is a folder: give a file, or a sequence such as plate.####.exr")
    if not path.is_file():
        what = "is no file with a picture, but a pipe or device" if path.exists() else "does not exist"
        raise FrameError(f"{path} {what}: check the path and the frame number")
    keep_stored_colour = oiio.ImageSpec()
    keep_stored_colour.attribute("oiio:UnassociatedAlpha", 1)
    with utf8_path(path) as name:
        image = oiio.ImageInput.open(name, keep_stored_colour)
    if image is None:
        reason = reason_of(oiio).replace(name, "the file")
        raise _SubsampledError(reason) if "subsampl" in reason.lower() else _unreadable(path, reason)
    return image


class _SubsampledError(Exception):
    """Channels have different resolutions, which OpenImageIO does not read."""


def _part_of_luminance_chroma(header: Mapping[str, Any], path: Path) -> PartInfo:
    """The header of an EXR of luminance and chroma, as that of the RGB it becomes."""
    stored = header["channels"]
    if not {"Y", "RY", "BY"} <= set(stored) <= CHANNELS:
        raise FrameError(
            f"{path} has channels of a lower resolution that are no luminance and chroma "
            f"({', '.join(sorted(map(plain_text, stored)))}): convert it to RGB"
        )
    data, display = (_window_of_box(header[name]) for name in ("dataWindow", "displayWindow"))
    channels = ("R", "G", "B", "A") if "A" in stored else ("R", "G", "B")
    aspect = float(header.get("pixelAspectRatio", 1.0))
    metadata = {
        STANDARD_NAMES.get(name, plain_text(name)): value
        for name, each in header.items()
        if (value := _value_of_openexr(each)) is not None
    }
    if "timeCode" in header:
        code = header["timeCode"]
        text = f"{code.hours:02}:{code.minutes:02}:{code.seconds:02}"
        drop = ";" if code.dropFrame else ":"
        metadata["smpte:TimeCode"] = packed_timecode(f"{text}{drop}{code.frame:02}")
    primaries = primaries_of(header)
    if primaries is not None:
        metadata["chromaticities"] = HeaderTuple(primaries, kind="float[8]")
    return PartInfo(
        index=0,
        name="",
        channels=channels,
        types=("half",) * len(channels),
        data=data,
        display=display,
        pixel_aspect=aspect if 0.1 <= aspect <= 10 else 1.0,
        compression=str(header.get("compression", "")).partition("_")[0].lower(),
        metadata=metadata,
        code_max=None,
        tiled="tiles" in header,
        own_channels=tuple(stored),
    )


def _window_of_box(box: Any) -> Window:
    return Window(box.min.x, box.min.y, box.max.x - box.min.x + 1, box.max.y - box.min.y + 1)


def _value_of_openexr(value: Any) -> Any:
    """A header attribute that is worth to be carried on, as OpenImageIO would give it; else None."""
    if isinstance(value, bytes):
        return plain_text(os.fsdecode(value))
    if isinstance(value, str | int | float):
        return _as_text(value)
    if hasattr(value, "n") and hasattr(value, "d"):
        return HeaderTuple((value.n, value.d), kind="rational")
    return None


@contextmanager
def _openexr(path: Path) -> Iterator[str]:
    """The file's name as OpenEXR takes it; its errors are those of a file that cannot be read."""
    try:
        with utf8_path(path) as name:
            yield name
    except (OSError, RuntimeError, ValueError) as error:
        raise _unreadable(path, str(error)) from error


def _read_luminance_chroma(path: Path, channels: Sequence[str] | None, part: str | int | None) -> Frame:
    with _openexr(path) as name:
        parts = _chosen_parts((_part_of_luminance_chroma(header_of(name), path),), part, path)
        wanted = _chosen_channels(parts, channels, path)
        pixels = read_luminance_chroma(name)
    _settle_fpu()
    if wanted != parts[0].channels:
        pixels = np.ascontiguousarray(pixels[..., [parts[0].channels.index(name) for name in wanted]])
    return _framed(parts, parts, pixels, wanted)


def _unreadable(path: Path, reason: str) -> UnreadableError:
    reason = phrase(reason.replace(str(path), "the file")) or "unknown reason"
    if "limits:imagesize_MB" in reason:  # OpenImageIO's own limit is the machine's memory
        claimed = re.search(r"claimed to be (\d+x\d+)", reason)
        pixels = f"{claimed[1]} pixels" if claimed else "more pixels than there can be"
        return UnreadableError(
            f"{path} claims {pixels}, more than this machine holds: render or copy it again"
        )
    return UnreadableError(f"{path} cannot be read ({reason}): render or copy it again")


def _settle_fpu() -> None:
    # Decompressing an EXR leaves the processor's vector registers in a state in which every later SSE
    # routine of this thread (OCIO above all) runs 2 to 7 times slower; one AVX operation by numpy ends it.
    np.abs(np.ones(4096, dtype=np.float32) * 2 + 1)


_ANIMATED = ("gif", "webp")
"""Formats in which several pictures are the frames of one."""


def _parts(image: Any, path: Path) -> tuple[PartInfo, ...]:
    specs = []
    while image.seek_subimage(len(specs), 0):
        specs.append(image.spec().copy())
        if image.format_name() != "openexr":
            break  # pages and thumbnails of other formats are other images
    if image.format_name() in _ANIMATED and image.seek_subimage(1, 0):
        raise FrameError(f"{path} is an animation: give its pictures as a sequence, or as a movie")
    reason_of(image)  # the question for the part after the last one leaves a message
    if not specs:
        raise _unreadable(path, "it holds no image")
    if any(spec.deep for spec in specs):
        raise FrameError(f"{path} holds deep data: flatten it (Nuke: DeepToImage) and pass the flat EXR")
    kind = image.format_name()
    if any("cube" in spec.get_string_attribute("textureformat").lower() for spec in specs):
        raise FrameError(f"{path} is a cube map, six pictures in one: give a flat picture")
    few_bits = _few_bits(specs[0], kind, path)
    parts: list[PartInfo] = []
    taken: set[str] = set()
    views = tuple(
        dict.fromkeys(filter(None, (plain_text(spec.get_string_attribute("view")) for spec in specs)))
    )
    for index, spec in enumerate(specs):
        name = plain_text(spec.get_string_attribute("oiio:subimagename") or spec.get_string_attribute("name"))
        view = plain_text(spec.get_string_attribute("view"))
        # Nuke appends the view to the part's name.
        layer = name.removesuffix(f".{view}") if len(specs) > 1 and view else name if len(specs) > 1 else ""
        names = _full_names(spec.channelnames, layer, name, taken, view="" if view in views[:1] else view)
        taken.update(names)
        part = _part_info(index, name, names, spec, few_bits, _orientation(spec, kind))
        if len(views) > 1:
            part.metadata["multiView"] = views
        parts.append(part)
    return tuple(parts)


def _full_names(
    own: Sequence[str], layer: str, part: str, taken: set[str], *, view: str = ""
) -> tuple[str, ...]:
    names = []
    for channel in map(plain_text, own):
        name = channel
        if layer and "." not in channel and layer.lower() not in MAIN_PARTS:
            name = f"{layer}.{channel}"
        if view and not name.startswith(f"{view}."):
            name = f"{view}.{name}"
        if layer and name in taken:
            name = f"{part}.{channel}"
        names.append(name)
    return tuple(names)


def _few_bits(spec: Any, kind: str, path: Path) -> int | None:
    """Bits of a code in a grey file whose codes have fewer than 8, else None.

    The library stretches such codes over 8 bits: 2 of 4 bits reads as 34 of 255.
    """
    if spec.nchannels > 2 or str(spec.format) != "uint8":
        return None
    if kind == "png":  # the library does not tell; the header does (PNG specification, 11.2.1)
        with path.open("rb") as file:
            bits = file.read(25)[24:]
        return bits[0] if bits and bits[0] < 8 else None
    bits = spec.get_int_attribute("oiio:BitsPerSample", 8)
    return bits if 0 < bits < 8 else None


def _part_info(
    index: int, name: str, names: tuple[str, ...], spec: Any, few_bits: int | None, orientation: int
) -> PartInfo:
    data = Window(spec.x, spec.y, spec.width, spec.height)
    display = data
    if spec.full_width > 0 and spec.full_height > 0:
        display = Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height)
    pixel_aspect = _pixel_aspect(spec)
    if orientation in _ON_ITS_SIDE:
        data, display = (
            Window(window.y, window.x, window.height, window.width) for window in (data, display)
        )
        pixel_aspect = 1 / pixel_aspect
    types = tuple(str(each) for each in spec.channelformats) or (str(spec.format),) * spec.nchannels
    return PartInfo(
        index=index,
        name=name,
        channels=names,
        types=types,
        data=data,
        display=display,
        pixel_aspect=pixel_aspect,
        compression=spec.get_string_attribute("compression"),
        metadata={
            STANDARD_NAMES.get(str(each.name), plain_text(str(each.name))): _header_value(each)
            for each in spec.extra_attribs
            if _is_plain(each.value)
        },
        code_max=2.0**few_bits - 1 if few_bits else {"uint8": 255.0, "uint16": 65535.0}.get(str(spec.format)),
        tiled=spec.tile_width > 0,
        own_channels=tuple(spec.channelnames),
        orientation=orientation,
    )


_TURNED = ("jpeg", "tiff", "png", "webp")
"""Formats of cameras and phones, whose files say how they were held. Headers of DPX are often rubbish."""
_ON_ITS_SIDE = range(5, 9)
"""Orientations that swap width and height."""


def _orientation(spec: Any, kind: str) -> int:
    said = spec.get_int_attribute("Orientation", 1) if kind in _TURNED else 1
    return said if 1 <= said <= 8 else 1


def _upright(block: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, C) pixels as they are to be seen, contiguous.

    Source: Exif 2.32, table 8, tag 0x0112.
    """
    if orientation == 1:
        return block
    if orientation in _ON_ITS_SIDE:
        block = block.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        block = block[::-1]
    if orientation in (2, 3, 6, 7):
        block = block[:, ::-1]
    return np.ascontiguousarray(block)


def _pixel_aspect(spec: Any) -> float:
    aspect = spec.get_float_attribute("PixelAspectRatio", 1.0)
    # DPX and TIFF headers are often filled with rubbish here; no lens squeezes ten times.
    return aspect if math.isfinite(aspect) and 0.1 <= aspect <= 10 else 1.0


def _header_value(attribute: Any) -> Any:
    """The value of a header attribute; its text as UTF-8 can hold it."""
    value = attribute.value
    if isinstance(value, tuple):
        return HeaderTuple(map(_as_text, value), kind=str(attribute.type))
    return _as_text(value)


def _as_text(value: Any) -> Any:
    return plain_text(value) if isinstance(value, str) else value


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(each, str | int | float) for each in value)
    return isinstance(value, str | int | float)


def _chosen_parts(parts: tuple[PartInfo, ...], part: str | int | None, path: Path) -> tuple[PartInfo, ...]:
    if part is None:
        return parts
    chosen = tuple(each for each in parts if part in (each.index, each.name))
    if not chosen:
        names = ", ".join(each.name or str(each.index) for each in parts)
        raise FrameError(f"{path} has no part '{part}': it has {names}")
    return chosen[:1]


def _chosen_channels(
    parts: tuple[PartInfo, ...], channels: Sequence[str] | None, path: Path
) -> tuple[str, ...]:
    stored = tuple(name for part in parts for name in part.channels)
    if channels is None:
        return stored
    by_case = {name.lower(): name for name in reversed(stored)}
    wanted = tuple(name if name in stored else by_case.get(name.lower(), "") for name in channels)
    if "" in wanted:
        shown = ", ".join(stored[:12]) + (f" and {len(stored) - 12} more" if len(stored) > 12 else "")
        raise FrameError(f"{path} has no channel '{channels[wanted.index('')]}': it has {shown}")
    return wanted


def _check_room(parts: tuple[PartInfo, ...], wanted: tuple[str, ...], path: Path) -> None:
    """See that the machine can hold what a header claims, before memory is taken for it.

    Raises:
        FrameError: it has less memory.
    """
    used = [part for part in parts if set(wanted) & set(part.channels)] or parts[:1]
    window, there = _window_of(used), machine_memory()
    needed = window.width * window.height * len(wanted) * 4
    if there and needed > there:
        raise FrameError(
            f"{path} claims {window.width}x{window.height} pixels, more than this machine holds: "
            "render or copy it again"
        )


def _read_planes(
    image: Any, parts: tuple[PartInfo, ...], wanted: tuple[str, ...], path: Path
) -> dict[str, tuple[PartInfo, np.ndarray]]:
    planes: dict[str, tuple[PartInfo, np.ndarray]] = {}
    for part in parts:
        places = sorted({part.channels.index(name) for name in wanted if name in part.channels})
        for run in _runs(places, part.types):
            # Integers of 32 bits are ids: asked for as they are, or they would be divided by 2^32 - 1.
            stored = part.types[run[0]]
            kind = stored if stored in ("uint32", "int32", "uint", "int") else "float"
            block = image.read_image(part.index, 0, run[0], run[-1] + 1, kind)
            if block is None:
                raise _unreadable(path, reason_of(image))
            height, width = part.data.height, part.data.width
            if part.orientation in _ON_ITS_SIDE:
                height, width = width, height
            block = _upright(block.reshape(height, width, -1), part.orientation)
            for place in run:
                planes[part.channels[place]] = (part, block[:, :, place - run[0]])
    return planes


def _runs(places: list[int], types: tuple[str, ...]) -> list[list[int]]:
    """Group channel positions into stretches worth one read each; ids apart from colour."""

    def is_integer(place: int) -> bool:
        return types[place] in ("uint32", "int32", "uint", "int")

    runs: list[list[int]] = []
    for place in places:
        last = runs[-1][-1] if runs else None
        if (
            last is not None
            and place - last <= READ_ACROSS
            and not any(is_integer(each) for each in range(last, place + 1))
        ):
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _assemble(
    parts: tuple[PartInfo, ...],
    wanted: tuple[str, ...],
    planes: dict[str, tuple[PartInfo, np.ndarray]],
) -> Frame:
    used = [part for part in parts if any(planes[name][0] is part for name in wanted)] or [parts[0]]
    data = _window_of(used)
    pixels = _as_read(used[0], wanted, planes) if len(used) == 1 else None
    if pixels is None:
        pixels = np.empty((data.height, data.width, len(wanted)), dtype=np.float32)
        for place, name in enumerate(wanted):
            part, plane = planes[name]
            pixels[:, :, place] = reframe(plane, part.data, data)
    return _framed(parts, used, pixels, wanted)


def _window_of(parts: Sequence[PartInfo]) -> Window:
    data = parts[0].data
    for part in parts[1:]:
        data = data.union(part.data)
    return data


def _framed(
    parts: tuple[PartInfo, ...], used: Sequence[PartInfo], pixels: np.ndarray, channels: tuple[str, ...]
) -> Frame:
    """A frame of a file of `parts`, whose pixels are of those that are `used`."""
    metadata: dict[str, Any] = {}
    for part in parts:
        metadata = {**part.metadata, **metadata}
    return Frame(
        pixels=pixels,
        channels=channels,
        data=_window_of(used),
        display=used[0].display,
        pixel_aspect=used[0].pixel_aspect,
        metadata=metadata,
        code_max=used[0].code_max,
    )


def _as_read(
    part: PartInfo, wanted: tuple[str, ...], planes: dict[str, tuple[PartInfo, np.ndarray]]
) -> np.ndarray | None:
    """The block that the wanted planes are views of, where it holds them alone and in their order."""
    if not wanted:
        return None
    blocks = [planes[name][1].base for name in wanted]
    block, first = blocks[0], part.channels.index(wanted[0])
    in_order = part.channels[first : first + len(wanted)] == wanted
    shape = (part.data.height, part.data.width, len(wanted))
    if not in_order or block is None or any(other is not block for other in blocks):
        return None
    return block.reshape(shape) if (block.size, block.dtype) == (np.prod(shape), np.float32) else None
