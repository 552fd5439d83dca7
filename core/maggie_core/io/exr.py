"""Write EXR files whole and byte-stable; reading is `maggie_core.io.image`, offered here too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813

from maggie_api.errors import InputError, SettingsError
from maggie_api.text import plain_text
from maggie_core.image.window import Window
from maggie_core.io.atomic import atomic_file, cannot_write, reason_for, system_reason
from maggie_core.io.image import HeaderTuple, PartInfo, list_parts, read_image
from maggie_core.io.library import reason_of, utf8_path

__all__ = ["COMPRESSIONS", "Part", "PartInfo", "carried_metadata", "list_parts", "read_image", "write_exr"]

COMPRESSIONS = ("none", "rle", "zips", "zip", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab")
"""What may be asked for; `zip`, `zips`, `dwaa` and `dwab` also take a level, as in `dwaa:45`."""

_OF_THE_FILE = re.compile(
    r"(oiio|openexr|maggie|cryptomatte|exif|gps|iptc|tiff|png|jpeg|jfif|icc_?profile|photoshop|thumbnail)\b.*"
    r"|compression|name|view|multiview|type|version|chunkcount|tiles|preview|datetime|orientation|planarconfig"
    r"|resolutionunit|[xy]resolution|colorinteropid|textureformat|wrapmodes|averagecolor|constantcolor"
    r"|sha-?1|hash|hostcomputer|icc.*|pixelaspectratio|channels|datawindow|displaywindow|lineorder",
    re.IGNORECASE,
)
"""Attributes that describe the file they were read from and would be false in another."""


@dataclass(frozen=True)
class Part:
    """One part of an EXR to be written."""

    name: str | None
    """Name of the part; None in a file of a single part."""
    channels: tuple[str, ...]
    pixels: np.ndarray
    """(H, W, C) float32 over `data`, planes in the order of `channels`."""
    data: Window
    display: Window
    pixel_aspect: float = 1.0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Header attributes: str, int, float, Fraction, or a tuple of numbers. `FramesPerSecond` is a pair."""
    types: str | tuple[str, ...] = "half"
    """`half` or `float`, for all channels or one for each."""
    compression: str = "zips"
    colorspace: str | None = "Raw"
    """Colour space in the header; "Raw" is data (alpha). None leaves the attribute out."""


def carried_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of a plate that also holds for a file made from it: timecode, rate, camera, ...

    Left behind is what describes the plate's own file: compression, parts, hashes, Cryptomatte manifests, the
    time it was written.
    """
    return {name: value for name, value in metadata.items() if not _OF_THE_FILE.fullmatch(name)}


def write_exr(path: str | Path, parts: Sequence[Part]) -> Path:
    """Write one EXR of one or several scan-line parts.

    The file appears under its name only when it is complete and on the disk. The same input gives the same
    bytes: no date is written unless `metadata` has one.

    Args:
        path: where; the folder is created.
        parts: at least one. Channels are stored in alphabetical order, as the format wants it.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
        SettingsError: unknown compression or channel type.
        InputError: pixels, channels and window do not agree.
    """
    path = Path(path)
    if not parts:
        raise InputError(f"nothing to write to {path}: at least one part is needed")
    specs = tuple(_spec(part) for part in parts)
    with atomic_file(path) as temporary:
        _write(temporary, path, parts, specs)
        _check_compression(temporary, parts)
    return path


def _write(temporary: Path, path: Path, parts: Sequence[Part], specs: tuple[Any, ...]) -> None:
    output: Any = oiio.ImageOutput.create("exr")
    opened = False
    try:
        with utf8_path(temporary) as name:
            opened = output.open(name, specs[0] if len(specs) == 1 else specs)
            written = opened
            for index, part in enumerate(parts):
                if index and written:
                    written = output.open(name, specs[index], "AppendSubimage")
                pixels = np.ascontiguousarray(part.pixels, dtype=np.float32)
                written = written and output.write_image(pixels)
        reason = reason_of(output)
    finally:
        # Also after an interruption: the library holds the file open until it is closed.
        closed = output.close() if opened else True
    if not (written and closed):
        size_bytes = sum(part.pixels.nbytes for part in parts)
        raise cannot_write(path, system_reason(temporary, size_bytes) or reason_for(temporary, reason))


def _spec(part: Part) -> Any:
    height, width, count = part.pixels.shape
    if (height, width, count) != (part.data.height, part.data.width, len(part.channels)):
        raise InputError(
            f"pixels are {width}x{height} with {count} channels, the part is "
            f"{part.data.width}x{part.data.height} with {len(part.channels)}: they must agree"
        )
    if len(set(part.channels)) != count:
        raise InputError(f"channel names repeat in {', '.join(part.channels)}: each must be unique")
    types = (part.types,) * count if isinstance(part.types, str) else tuple(part.types)
    if len(types) != count or not set(types) <= {"half", "float"}:
        raise SettingsError(
            f"channel types are {part.types}: one of half, float for each of {count} channels"
        )
    codec = part.compression.partition(":")[0]
    if codec not in COMPRESSIONS:
        raise SettingsError(f"compression is '{part.compression}': it is one of {', '.join(COMPRESSIONS)}")
    spec = oiio.ImageSpec(width, height, count, "half" if set(types) == {"half"} else "float")
    spec.channelnames = part.channels
    if len(set(types)) > 1:
        spec.channelformats = tuple(oiio.TypeDesc(each) for each in types)
    spec.x, spec.y = part.data.x, part.data.y
    spec.full_x, spec.full_y = part.display.x, part.display.y
    spec.full_width, spec.full_height = part.display.width, part.display.height
    spec.attribute("DateTime", "")  # or the library writes the time of day
    for name in sorted(part.metadata):
        _set_attribute(spec, name, part.metadata[name])
    spec.attribute("compression", part.compression)
    spec.attribute("PixelAspectRatio", float(part.pixel_aspect))
    if part.colorspace is not None:
        spec.attribute("oiio:ColorSpace", part.colorspace)
    if part.name is not None:
        spec.attribute("oiio:subimagename", part.name)
        spec.attribute("name", part.name)
    return spec


def _set_attribute(spec: Any, name: str, value: Any) -> None:
    if isinstance(value, Fraction):
        value = (value.numerator, value.denominator)
    if name == "FramesPerSecond":
        pair = (
            value if isinstance(value, tuple) else Fraction(value).limit_denominator(1001).as_integer_ratio()
        )
        # By OpenImageIO's own name it would not become OpenEXR's standard attribute.
        spec.attribute("framesPerSecond", oiio.TypeDesc("rational"), pair)
    elif name == "smpte:TimeCode":  # as a string it would be dropped without a word
        spec.attribute(name, oiio.TypeTimeCode, tuple(value))
    elif name == "smpte:KeyCode":
        spec.attribute(name, oiio.TypeKeyCode, tuple(value))
    elif isinstance(value, bool):
        spec.attribute(name, int(value))
    elif isinstance(value, str):
        spec.attribute(name, plain_text(value))
    elif isinstance(value, int | float):
        spec.attribute(name, value)
    elif isinstance(value, tuple) and value:
        kind = _tuple_type(value)
        spec.attribute(name, oiio.TypeDesc(kind), value) if kind else spec.attribute(name, _listed(value))
    else:
        raise InputError(f"header attribute {name} is {type(value).__name__}: it must be text or numbers")


_WRITTEN_AS = {"vector2i": "int[2]", "vector3i": "int[3]", "vector2i[2]": "box2i", "float2[2]": "box2"}
"""Types that OpenImageIO reads by one name and writes by another only."""


def _tuple_type(value: tuple[Any, ...]) -> str:
    """The type a tuple is written as; empty where the format has none: EXR has no list of integers."""
    count = len(value)
    if isinstance(value, HeaderTuple) and not re.fullmatch(r"u?int\d*(\[\d+\])?", value.kind):
        return _WRITTEN_AS.get(value.kind, value.kind)
    if all(isinstance(each, str) for each in value):
        return f"string[{count}]"
    if all(isinstance(each, int) for each in value):
        return f"int[{count}]" if count in (2, 3) else ""
    return {2: "float2", 3: "vector", 16: "matrix"}.get(count, f"float[{count}]")


def _listed(value: tuple[Any, ...]) -> str:
    return ", ".join(map(str, value))


def _check_compression(temporary: Path, parts: Sequence[Part]) -> None:
    """The library takes another codec in silence when it does not know the one asked for: look."""
    for part, stored in zip(parts, list_parts(temporary), strict=True):
        asked = part.compression.partition(":")[0]
        if stored.compression != asked:
            raise SettingsError(
                f"compression '{asked}' became '{stored.compression}': this OpenImageIO cannot write it, "
                "choose another"
            )
