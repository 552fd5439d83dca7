"""File names with frames and views in them, and the headers of EXR files, without any library."""

from __future__ import annotations

import os
import re
import struct
from typing import Any, NamedTuple, Optional

from ._channels import Box, Format

FRAME = re.compile(r"%(0?\d*)d|(#+)")


def file_at(text: str, frame: int, view: str = "main") -> str:
    """The file of a frame and view: %04d, ####, %V (view) and %v (its first letter)."""

    def number(found: re.Match) -> str:
        width = int(found.group(1) or 0) if found.group(2) is None else len(found.group(2))
        return f"{frame:0{width}d}" if width else str(frame)

    return FRAME.sub(number, text.replace("%V", view).replace("%v", view[:1]))


def frames_there(text: str, view: str = "main") -> list[int]:
    """Frames of a sequence that have a file."""
    text = text.replace("%V", view).replace("%v", view[:1])
    found = FRAME.search(text)
    if not found:
        return [0] if os.path.exists(text) else []
    folder = os.path.dirname(text)
    name = os.path.basename(text)
    start = FRAME.search(name)
    if start is None or not os.path.isdir(folder or "."):
        return []
    pattern = re.compile(re.escape(name[: start.start()]) + r"(-?\d+)" + re.escape(name[start.end() :]))
    frames = []
    for entry in os.listdir(folder or "."):
        match = pattern.fullmatch(entry)
        if match and file_at(text, int(match.group(1))) == os.path.join(folder, entry):
            frames.append(int(match.group(1)))
    return sorted(frames)


class Header(NamedTuple):
    """What Nuke shows of an EXR before it reads a pixel. Rows count from the bottom, as in Nuke."""

    format: Format
    bbox: Box
    channels: tuple[str, ...]
    """The names in the file, in the file's order."""
    metadata: dict[str, Any]


def _string(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode("utf-8"), end + 1


def _attributes(data: bytes, at: int) -> tuple[dict[str, tuple[str, bytes]], int]:
    found: dict[str, tuple[str, bytes]] = {}
    while data[at]:
        name, at = _string(data, at)
        kind, at = _string(data, at)
        (size,) = struct.unpack_from("<i", data, at)
        found[name] = (kind, data[at + 4 : at + 4 + size])
        at += 4 + size
    return found, at + 1


BITS = ("32-bit unsigned", "16-bit half float", "32-bit float")


def _channel_names(data: bytes) -> dict[str, str]:
    """{name: what its pixels are}, in the file's order."""
    names, at = {}, 0
    while data[at]:
        name, at = _string(data, at)
        (kind,) = struct.unpack_from("<i", data, at)
        names[name] = BITS[kind]
        at += 16
    return names


def _value(kind: str, data: bytes) -> Any:
    if kind == "string":
        return data.decode("utf-8", errors="replace")
    shapes = {"int": "<i", "float": "<f", "double": "<d", "box2i": "<4i", "v2f": "<2f", "v2i": "<2i"}
    if kind in shapes:
        values = struct.unpack(shapes[kind], data)
        return values[0] if len(values) == 1 else list(values)
    if kind == "rational":
        top, bottom = struct.unpack("<iI", data)
        return top / bottom if bottom else 0.0
    return None


def exr_header(path: str) -> Optional[Header]:
    """The header of an EXR file; None for another kind of file.

    Raises:
        OSError: no such file.
    """
    with open(path, "rb") as file:
        data = file.read(1 << 20)
    if data[:4] != b"\x76\x2f\x31\x01":
        return None
    multipart = data[5] & 0x10
    at = 8
    first: dict[str, tuple[str, bytes]] = {}
    names: list[str] = []
    metadata: dict[str, Any] = {"input/filereader": "exr"}
    while data[at]:
        found, at = _attributes(data, at)
        part = found["name"][1].decode("utf-8") if "name" in found else ""
        for name, bits in _channel_names(found["channels"][1]).items():
            metadata.setdefault("input/bitsperchannel", bits)
            names.append(f"{part}.{name}" if multipart and part and "." not in name else name)
        first = first or found
        if not multipart:
            break
    x0, y0, x1, y1 = struct.unpack("<4i", first["displayWindow"][1])
    dx0, dy0, dx1, dy1 = struct.unpack("<4i", first["dataWindow"][1])
    (aspect,) = struct.unpack("<f", first["pixelAspectRatio"][1])
    width, height = x1 - x0 + 1, y1 - y0 + 1
    metadata.update({"input/width": width, "input/height": height})
    for name, (kind, raw) in first.items():
        value = _value(kind, raw)
        if value is not None:
            metadata[f"exr/{name}"] = value
    if "exr/framesPerSecond" in metadata:
        metadata["input/frame_rate"] = metadata["exr/framesPerSecond"]
    bbox = Box(dx0 - x0, height - (dy1 - y0 + 1), dx1 - x0 + 1, height - (dy0 - y0))
    return Header(Format(width, height, pixelAspect=aspect), bbox, tuple(names), metadata)


COLOURS = {
    spelling: name
    for name in ("red", "green", "blue", "alpha")
    for spelling in (name, name.title(), name.upper(), name[0], name[0].upper())
}


def nuke_name(name: str, views: list[str]) -> tuple[str, str]:
    """(view, layer.channel) that Nuke makes of an EXR channel name.

    Split at the first two dots, leading digits of each part off, empty parts out, what is no letter or
    digit becomes `_`; a part that is a view's name is the view; the last part is the channel.
    """
    parts = [re.sub(r"\W", "_", part.lstrip("0123456789"), flags=re.ASCII) for part in name.split(".", 2)]
    parts = [part for part in parts if part]
    view = next((part for part in parts[:-1] if part in views), "")
    if view:
        parts.remove(view)
    channel = COLOURS.get(parts[-1], parts[-1]) if parts else "unnamed"
    layer = "_".join(parts[:-1])
    if layer not in ("", "main", "Ci", "rgb", "rgba"):
        return view, f"{layer}.{channel}"
    if channel in ("Z", "z"):
        return view, "depth.Z"
    return view, f"{'rgba' if channel in COLOURS else 'other'}.{channel}"


def exr_name(name: str) -> str:
    """The name a channel gets in a file: rgba's become R, G, B, A; depth.Z becomes depth.Z."""
    layer, _, channel = name.rpartition(".")
    if layer == "rgba":
        return {"red": "R", "green": "G", "blue": "B", "alpha": "A"}.get(channel, channel)
    return name
