"""Files to arrays and back, by OpenImageIO."""

from __future__ import annotations

import os
import zlib
from typing import Any

import numpy
import OpenImageIO as oiio

from . import _state
from ._channels import Box, Format
from ._colour import config_path, plain
from ._files import exr_name
from ._nodes import Node


def _planes(path: str) -> dict[str, Any]:
    """Every channel of a file, by the name that exr_header gives it; (rows from the top)."""
    source = oiio.ImageInput.open(path)
    if source is None:
        raise RuntimeError(f"{path}: {oiio.geterror()}")
    planes: dict[str, Any] = {}
    part = 0
    while source.seek_subimage(part, 0):
        spec = source.spec()
        pixels = source.read_image(part, 0, 0, spec.nchannels, "float")
        if pixels is None:
            raise RuntimeError(f"{path}: {source.geterror()}")
        pixels = numpy.asarray(pixels, numpy.float32).reshape(spec.height, spec.width, spec.nchannels)
        stem = spec.getattribute("oiio:subimagename") or ""
        for index, name in enumerate(spec.channelnames):
            key = f"{stem}.{name}" if stem and "." not in name and name not in "RGBA" else name
            planes.setdefault(key, pixels[..., index])
            planes.setdefault(name, pixels[..., index])
            if stem:
                planes.setdefault(f"{stem}.{name}", pixels[..., index])
        part += 1
    source.close()
    return planes


def read_exr(path: str, node: Node, chosen: dict[str, str], box: Box) -> dict[str, Any]:
    """{Nuke name: plane} of the channels wanted, colour as the Read asks for it."""
    try:
        found = _planes(path)
    except RuntimeError as wrong:
        raise RuntimeError(f"{node._full_name()}: {wrong}") from wrong
    planes = {full: found[name] for full, name in chosen.items()}
    for full, plane in planes.items():
        if plane.shape != (box.h(), box.w()):
            raise RuntimeError(f"{node._full_name()}: {path}: {full} has another size than the file")
    if not node._knobs["raw"].value():
        _convert(planes, _space(node), _working())
    return planes


def other_file(path: str, node: Node) -> Any:
    """A file that is no EXR: its colour, converted from the Read's colour space."""
    from ._graph import Picture

    found = _planes(path)
    names = {"R": "rgba.red", "G": "rgba.green", "B": "rgba.blue", "A": "rgba.alpha", "Y": "rgba.red"}
    planes = {names[name]: plane for name, plane in found.items() if name in names}
    if not planes:
        raise RuntimeError(f"{node._full_name()}: {path}: no colour in it")
    height, width = next(iter(planes.values())).shape
    if not node._knobs["raw"].value():
        space = plain(node._knobs["colorspace"].value())
        automatic = node._knobs["colorspace"]._is_default()
        _convert(planes, "sRGB" if automatic else space, _working())
    format = Format(width, height)
    return Picture(
        format,
        Box(0, 0, width, height),
        {name: (lambda plane=plane: plane) for name, plane in planes.items()},
        {"input/filename": path},
    )


def _space(node: Node) -> str:
    return plain(node._knobs["colorspace"].value())


def _working() -> str:
    return _state.session().root._knobs["workingSpaceLUT"].value()


def _convert(planes: dict[str, Any], source: str, target: str) -> None:
    """rgba's colour from one space to another, in place; every other channel is data."""
    names = ["rgba.red", "rgba.green", "rgba.blue"]
    if source == target or "raw" in (source, target) or not all(name in planes for name in names):
        return
    path = config_path()
    if path:
        import PyOpenColorIO as ocio

        config = ocio.Config.CreateFromFile(path)
        try:
            processor = config.getProcessor(source, target).getDefaultCPUProcessor()
        except ocio.Exception as wrong:
            raise RuntimeError(str(wrong)) from wrong
        pixels = numpy.ascontiguousarray(numpy.stack([planes[name] for name in names], -1), numpy.float32)
        processor.applyRGB(pixels)
    else:
        pixels = numpy.stack([planes[name] for name in names], -1)
        for space, inverse in ((source, True), (target, False)):
            if space == "sRGB":
                pixels = _srgb(pixels, inverse=inverse)
            elif space not in ("linear", "scene_linear"):
                raise RuntimeError(f"this fake converts linear and sRGB, not {space}")
    for index, name in enumerate(names):
        planes[name] = pixels[..., index].astype(numpy.float32)


def _srgb(pixels: Any, *, inverse: bool) -> Any:
    if inverse:
        return numpy.where(
            pixels <= 0.04045, pixels / 12.92, ((numpy.maximum(pixels, 0) + 0.055) / 1.055) ** 2.4
        )
    bright = 1.055 * numpy.maximum(pixels, 0) ** (1 / 2.4) - 0.055
    return numpy.where(pixels <= 0.0031308, pixels * 12.92, bright)


def resampled(plane: Any, size: tuple[int, int]) -> Any:
    """Each pixel the mean of what it covers (shrunk) or the nearest (grown)."""
    for axis, count in enumerate(size):
        have = plane.shape[axis]
        if have == count or not have or not count:
            continue
        if have % count == 0:
            shape = list(plane.shape)
            shape[axis : axis + 1] = [count, have // count]
            plane = plane.reshape(shape).mean(axis + 1)
        else:
            at = numpy.minimum(((numpy.arange(count) + 0.5) * have / count).astype(int), have - 1)
            plane = numpy.take(plane, at, axis)
    return plane.astype(numpy.float32)


CODECS = {
    "none": "none",
    "Zip (1 scanline)": "zips",
    "Zip (16 scanlines)": "zip",
    "PIZ Wavelet (32 scanlines)": "piz",
    "RLE": "rle",
    "B44": "b44",
    "B44A": "b44a",
    "DWAA": "dwaa",
    "DWAB": "dwab",
}


def write_exr(path: str, node: Node, picture: Any) -> None:
    """One picture as an EXR, complete or not there.

    Raises:
        RuntimeError: nothing to write, or the file system's refusal.
    """
    knobs = {**node._knobs, **node.__dict__.get("_exr", {})}
    names = node._knobs["channels"]._channels(picture.channels)
    if not names:
        raise RuntimeError(f"{node._full_name()}: no channels to write")
    box = picture.bbox
    planes = {name: picture.plane(name, box) for name in names}
    if not node._knobs["raw"].value():
        space = _working() if node._knobs["colorspace"]._is_default() else _space(node)
        _convert(planes, _working(), space)
    if box.w() <= 0 or box.h() <= 0:
        box = Box(0, 0, 1, 1)
        planes = {name: numpy.zeros((1, 1), numpy.float32) for name in names}
    if _option(knobs, "autocrop", False):
        box, planes = _cropped(box, planes)
    kind = {"16 bit half": "half", "32 bit float": "float"}[_option(knobs, "datatype", "16 bit half")]
    parts = _parts(names, knobs)
    specs = []
    for part, members in parts:
        spec = oiio.ImageSpec(box.w(), box.h(), len(members), kind)
        spec.channelnames = tuple(label for label, _ in members)
        spec.x, spec.y = box.x(), picture.format.height() - box.t()
        spec.full_x, spec.full_y = 0, 0
        spec.full_width, spec.full_height = picture.format.width(), picture.format.height()
        spec.attribute("PixelAspectRatio", picture.format.pixelAspect())
        spec.attribute("compression", CODECS[_option(knobs, "compression", "Zip (1 scanline)")])
        spec.attribute("framesPerSecond", float(_state.session().root.realFps()))
        spec.attribute("nuke/node_hash", f"{zlib.crc32(node._full_name().encode()):x}")
        spec.attribute("nuke/version", "{}.{}v{}".format(*_state.session().version))
        if part:
            spec.attribute("oiio:subimagename", part)
        specs.append(spec)
    temporary = f"{path}.tmp.exr"
    out = oiio.ImageOutput.create(temporary)
    opened = out.open(temporary, tuple(specs)) if len(specs) > 1 else out.open(temporary, specs[0])
    if not opened:
        raise RuntimeError(f"{node._full_name()}: {path}: {out.geterror()}")
    for index, (spec, (_, members)) in enumerate(zip(specs, parts)):
        if index:
            out.open(temporary, spec, "AppendSubimage")
        pixels = numpy.ascontiguousarray(
            numpy.stack([planes[name] for _, name in members], -1), numpy.float32
        )
        if not out.write_image(pixels):
            raise RuntimeError(f"{node._full_name()}: {path}: {out.geterror()}")
    out.close()
    os.replace(temporary, path)


def _option(knobs: Any, name: str, default: Any) -> Any:
    return knobs[name].value() if name in knobs else default


def _parts(names: list[str], knobs: Any) -> list[tuple[str, list[tuple[str, str]]]]:
    """(part name, [(name in the file, channel)]): one part, or one a layer by `interleave`."""
    if _option(knobs, "interleave", "") != "channels":
        return [("", [(exr_name(name), name) for name in names])]
    full = _option(knobs, "write_full_layer_names", False)
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
    parts = []
    for layer in layers:
        members = [name for name in names if name.rpartition(".")[0] == layer]
        bare = [exr_name(name) if full else exr_name("rgba." + name.rpartition(".")[2]) for name in members]
        parts.append((layer, list(zip(bare, members))))
    return parts


def _cropped(box: Box, planes: dict[str, Any]) -> tuple[Box, dict[str, Any]]:
    used = numpy.any(numpy.stack([plane != 0 for plane in planes.values()]), axis=0)
    rows, columns = numpy.flatnonzero(used.any(1)), numpy.flatnonzero(used.any(0))
    if not len(rows):
        return Box(box.x(), box.t() - 1, box.x() + 1, box.t()), {n: p[:1, :1] for n, p in planes.items()}
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    smaller = Box(box.x() + left, box.t() - bottom, box.x() + right, box.t() - top)
    return smaller, {name: plane[top:bottom, left:right] for name, plane in planes.items()}
