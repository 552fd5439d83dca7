"""What nodes give: formats, boxes and channels at once, pixels only when somebody asks.

Rows of a plane run from the top; boxes count from the bottom, as Nuke's do. numpy and OpenImageIO are
imported where a pixel is really made.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, NamedTuple, Optional

from . import _channels, _expressions, _state
from ._channels import Box, Format
from ._colour import Colorspace_Knob
from ._curves import polygons
from ._files import exr_header, file_at, frames_there, nuke_name
from ._nodes import Group, Node

Plane = Callable[[], Any]
"""Makes a (box height, box width) float32 array."""


class Picture(NamedTuple):
    format: Format
    bbox: Box
    channels: dict[str, Plane]
    metadata: dict[str, Any]

    def plane(self, name: str, box: Optional[Box] = None) -> Any:
        """The pixels of a channel in a box, 0 where there are none."""
        import numpy

        box = box or self.bbox
        out = numpy.zeros((max(box.h(), 0), max(box.w(), 0)), numpy.float32)
        if name not in self.channels or self.bbox.w() <= 0 or self.bbox.h() <= 0:
            return out
        x, y = max(box.x(), self.bbox.x()), max(box.y(), self.bbox.y())
        r, t = min(box.r(), self.bbox.r()), min(box.t(), self.bbox.t())
        if x < r and y < t:
            have = self.channels[name]()
            rows, columns = (
                slice(self.bbox.t() - t, self.bbox.t() - y),
                slice(x - self.bbox.x(), r - self.bbox.x()),
            )
            out[box.t() - t : box.t() - y, x - box.x() : r - box.x()] = have[rows, columns]
        return out

    def with_planes(self, planes: dict[str, Plane]) -> Picture:
        return self._replace(channels={**self.channels, **planes})


def once(make: Plane) -> Plane:
    kept: list[Any] = []

    def plane() -> Any:
        if not kept:
            kept.append(make())
        return kept[0]

    return plane


def proxy_scale() -> float:
    """How much smaller pictures are now than at full size."""
    knobs = _state.session().root._knobs
    if not knobs["proxy"].value():
        return 1.0
    if knobs["proxy_type"].value() == "scale":
        return float(knobs["proxy_scale"].value())
    return knobs["proxy_format"].value().width() / knobs["format"].value().width()


def _scaled(format: Format) -> Format:
    scale = proxy_scale()
    return format if scale == 1.0 else format.scaled(scale, scale)


def _whole(format: Format) -> Box:
    return Box(0, 0, format.width(), format.height())


def _empty() -> Picture:
    format = _scaled(_state.session().root._knobs["format"].value())
    return Picture(format, Box(0, 0, 0, 0), {}, {})


def info(node: Node) -> Picture:
    """What a node gives at the current frame; a missing file has its neighbours' header, or none."""
    try:
        return evaluate(node, _state.session().frame, _state.session().root._view)
    except RuntimeError:
        return _header_of_any_frame(node) or _empty()


def _header_of_any_frame(node: Node) -> Optional[Picture]:
    from ._nodes import upstream

    for read in upstream(node):
        if read._class == "Read":
            view = _state.session().root._view
            there = frames_there(read._knobs["file"]._string(0, 0), view)
            for frame in there[:1]:
                return _file_picture(file_at(read._knobs["file"]._string(0, frame), frame, view), read, view)
    return None


def frame_range(node: Node) -> tuple[int, int]:
    root = _state.session().root
    knobs = node._knobs
    if node._class == "Read":
        first, last = knobs["first"].value(), knobs["last"].value()
        text = knobs["frame"]._text
        mode = knobs["frame_mode"].value()
        if mode == "start at" and text:
            start = round(_expressions.evaluate(text, node, 0))
            return start, start + last - first
        if mode == "offset" and text:
            shift = round(_expressions.evaluate(text, node, 0)) * _state.session().read_offset_sign
            return first - shift, last - shift
        return first, last
    if node._class == "FrameRange":
        return knobs["first_frame"].value(), knobs["last_frame"].value()
    if node._class in ("Constant", "CheckerBoard2") and not knobs["last"]._is_default():
        return knobs["first"].value(), knobs["last"].value()
    if node._class == "Input":
        number = knobs["number"].value()
        outer = node._parent._input(number) if node._parent is not None else None
        return frame_range(outer) if outer is not None else (root.firstFrame(), root.lastFrame())
    if isinstance(node, Group) and node is not root and node.output() is not None:
        return frame_range(node.output())
    sources = [source for source in node._inputs if source is not None]
    if not sources:
        return root.firstFrame(), root.lastFrame()
    ranges = [frame_range(source) for source in sources]
    first, last = min(first for first, _ in ranges), max(last for _, last in ranges)
    if node._class == "TimeOffset":
        shift = knobs["time_offset"].value()
        return first + shift, last + shift
    return first, last


def error_of(node: Node) -> Optional[str]:
    """What a node's own knobs or file make impossible now; None where it is fine."""
    for knob in node._every_knob().values():
        if isinstance(knob, Colorspace_Knob) and knob._bad() and not _raw(node):
            return f"Bad value for {knob._name} : {knob.value()}"
    if node._class == "Read":
        try:
            evaluate(node, _state.session().frame, _state.session().root._view)
        except RuntimeError as wrong:
            return str(wrong)
    return None


def _raw(node: Node) -> bool:
    return "raw" in node._knobs and bool(node._knobs["raw"].value())


# ---- nodes


def evaluate(node: Optional[Node], frame: float, view: str) -> Picture:
    """What a node gives.

    Raises:
        RuntimeError: a file that is not there, a node whose picture this fake cannot make.
    """
    if node is None:
        return _empty()
    if node._disabled():
        return evaluate(node._input(0), frame, view)
    if isinstance(node, Group):
        return evaluate(node.output(), frame, view)
    kind = node._class
    if kind in ("Dot", "NoOp", "Output", "Write", "FrameRange", "Viewer", "ModifyMetaData"):
        return evaluate(node._input(0), frame, view)
    if kind not in OPERATIONS:
        raise RuntimeError(f"{node._full_name()}: this fake cannot render a {kind}")
    return OPERATIONS[kind](node, frame, view)


def _at(node: Node, name: str, frame: float) -> list[float]:
    knob = node._knobs[name]
    return [knob._number(index, frame) for index in range(knob._size)]


def _read(node: Node, frame: float, view: str) -> Picture:
    knobs = node._knobs
    proxied = proxy_scale() != 1.0 and bool(knobs["proxy"]._text)
    name = "proxy" if proxied else "file"
    number = read_frame(node, frame)
    if number is None:
        return _black(node)
    path = resolved(node, name, number, view)
    if not path:
        raise RuntimeError(f"{node._full_name()}: no file name")
    if not os.path.isfile(path):
        answer = knobs["on_error"].value()
        if answer == "error":
            raise RuntimeError(f"{node._full_name()}: {path}: No such file or directory")
        there = frames_there(filtered(node, knobs[name]._string(0, frame)), view)
        if answer == "nearestframe" and there:
            path = resolved(node, name, min(there, key=lambda other: abs(other - number)), view)
        elif answer == "checkerboard":
            return _checks(_black(node), 16, (0.1,) * 4, (0.5,) * 4)
        else:
            return _black(node)
    picture = _file_picture(path, node, view)
    scale = proxy_scale()
    return picture if proxied or scale == 1.0 else _resized(picture, _scaled(picture.format))


def resolved(node: Node, knob: str, frame: int, view: str) -> str:
    """The file a Read or Write means at a frame, filters of file names applied."""
    return file_at(filtered(node, node._knobs[knob]._string(0, frame)), frame, view)


def filtered(node: Node, text: str) -> str:
    import nuke

    from ._nodes import during

    with during(node, None):
        return nuke.filenameFilter(text)


def read_frame(node: Node, frame: float) -> Optional[int]:
    """The file's frame number for a frame of the script; None: black, outside the clip."""
    knobs = node._knobs
    first, last = knobs["first"].value(), knobs["last"].value()
    text, mode = knobs["frame"]._text, knobs["frame_mode"].value()
    number = float(frame)
    if text:
        value = _expressions.evaluate(text, node, frame)
        number = {
            "expression": value,
            "start at": frame - value + first,
            "offset": frame + value * _state.session().read_offset_sign,
        }[mode]
    at = int(number // 1)
    length = last - first + 1
    for outside, side in ((at < first, "before"), (at > last, "after")):
        if outside:
            how = knobs[side].value()
            if how == "black":
                return None
            if how == "hold":
                return first if side == "before" else last
            if how == "loop":
                return first + (at - first) % length
            away = (at - first) % max(2 * length - 2, 1)
            return first + (away if away < length else 2 * length - 2 - away)
    return at


def _black(node: Node) -> Picture:
    format = node._knobs["format"].value()
    if not node._knobs["format"].notDefault():
        known = _header_of_any_frame(node)
        format = known.format if known else format
    format = _scaled(format)
    zero = _flat(_whole(format), 0.0)
    names = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")
    return Picture(format, _whole(format), {name: zero for name in names}, {})


def _file_picture(path: str, node: Node, view: str) -> Picture:
    header = exr_header(path)
    if header is None:
        from ._pixels import other_file

        return other_file(path, node)
    views = _state.session().root._views
    chosen: dict[str, str] = {}
    for wanted in (view, ""):  # what names the view goes before what names none
        for name in header.channels:
            of, full = nuke_name(name, views)
            if of == wanted:
                chosen.setdefault(full, name)
    layers = _channels.layers_of_script()
    for full in chosen:
        layer, _, channel = full.rpartition(".")
        if full not in layers.channels():
            layers.add(layer, [channel])

    def load() -> dict[str, Any]:
        from ._pixels import read_exr

        return read_exr(path, node, chosen, header.bbox)

    pixels = once(load)
    planes: dict[str, Plane] = {full: (lambda full=full: pixels()[full]) for full in chosen}
    metadata = {**header.metadata, "input/filename": path, "input/ctime": ""}
    return Picture(header.format, header.bbox, planes, metadata)


def _generated(node: Node) -> tuple[Format, Box]:
    format = _scaled(node._knobs["format"].value())
    return format, _whole(format)


def _flat(box: Box, value: float) -> Plane:
    def make() -> Any:
        import numpy

        return numpy.full((box.h(), box.w()), value, numpy.float32)

    return once(make)


def _constant(node: Node, frame: float, view: str) -> Picture:
    format, box = _generated(node)
    colour = _at(node, "color", frame)
    names = node._knobs["channels"]._channels(_channels.layers_of_script().of("rgba"))
    return Picture(format, box, {n: _flat(box, colour[i % 4]) for i, n in enumerate(names)}, {})


def _checks(picture: Picture, size: int, dark: Any, light: Any) -> Picture:
    def make(low: float, high: float) -> Plane:
        def plane() -> Any:
            import numpy

            rows, columns = numpy.indices((picture.bbox.h(), picture.bbox.w()))
            return numpy.where((rows // size + columns // size) % 2, high, low).astype(numpy.float32)

        return once(plane)

    names = _channels.layers_of_script().of("rgba")
    return picture.with_planes({n: make(dark[i], light[i]) for i, n in enumerate(names)})


def _checkerboard(node: Node, frame: float, view: str) -> Picture:
    format, box = _generated(node)
    size = max(1, int(_at(node, "boxsize", frame)[0] * proxy_scale()))
    return _checks(Picture(format, box, {}, {}), size, _at(node, "color0", frame), _at(node, "color1", frame))


def _shape(node: Node, frame: float, view: str) -> Picture:
    """Rectangle and Radial: `color` times coverage over the input, in the channels of `output`."""
    source = evaluate(node._input(0), frame, view)
    box = source.bbox if source.channels else _whole(source.format)
    x, y, r, t = (value * proxy_scale() for value in _at(node, "area", frame))
    colour, opacity = _at(node, "color", frame), _at(node, "opacity", frame)[0]
    soft = _at(node, "softness", frame)[0] if node._class == "Radial" else 0.0

    def coverage() -> Any:
        import numpy

        rows, columns = numpy.indices((box.h(), box.w()), numpy.float32)
        across, up = columns + box.x() + 0.5, box.t() - rows - 0.5
        if node._class == "Rectangle":
            inside = (across >= x) & (across < r) & (up >= y) & (up < t)
            return inside.astype(numpy.float32) * opacity
        rx, ry = max((r - x) / 2, 1e-6), max((t - y) / 2, 1e-6)
        away = numpy.hypot((across - (x + r) / 2) / rx, (up - (y + t) / 2) / ry)
        edge = max(soft, 1 / max(rx, ry))
        return numpy.clip((1 - away) / edge, 0, 1).astype(numpy.float32) * opacity

    cover = once(coverage)
    names = node._knobs["output"]._channels(_channels.layers_of_script().of("rgba"))

    def make(name: str, value: float) -> Plane:
        return once(lambda: source.plane(name, box) * (1 - cover()) + value * cover())

    planes = {name: make(name, colour[COLOUR_AT.get(name.rpartition(".")[2], 3)]) for name in names}
    return _grown(source, box).with_planes(planes)


COLOUR_AT = {"red": 0, "green": 1, "blue": 2, "alpha": 3}


def _roto(node: Node, frame: float, view: str) -> Picture:
    """The shapes of a Roto over its background, with hard edges: a pixel whose middle is inside is 1."""
    source = evaluate(node._input(0), frame, view)
    format = source.format if source.channels else _scaled(node._knobs["format"].value())
    box = source.bbox if source.channels else _whole(format)

    def coverage() -> Any:
        import numpy

        rows, columns = numpy.indices((box.h(), box.w()), numpy.float32)
        across, up = columns + box.x() + 0.5, box.t() - rows - 0.5
        inside = numpy.zeros(across.shape, bool)
        for corners in polygons(node._knobs["curves"].rootLayer, frame):
            odd = numpy.zeros(across.shape, bool)
            for (x, y, *_), (r, t, *_) in zip(corners, [*corners[1:], corners[0]]):
                crosses = (y > up) != (t > up)
                odd ^= crosses & (across < (r - x) * (up - y) / ((t - y) or 1.0) + x)
            inside |= odd
        return inside.astype(numpy.float32)

    names = node._knobs["output"]._channels(_channels.layers_of_script().of("rgba"))
    drawn = once(coverage)
    return _grown(source._replace(format=format), box).with_planes({name: drawn for name in names})


def _grown(picture: Picture, box: Box) -> Picture:
    """The same picture over another box."""
    if box._tuple() == picture.bbox._tuple():
        return picture
    planes = {name: once(lambda name=name: picture.plane(name, box)) for name in picture.channels}
    return picture._replace(bbox=box, channels=planes)


def _union(*pictures: Picture) -> Box:
    boxes = [picture.bbox for picture in pictures if picture.bbox.w() > 0 and picture.bbox.h() > 0]
    if not boxes:
        return Box(0, 0, 0, 0)
    return Box(
        min(box.x() for box in boxes),
        min(box.y() for box in boxes),
        max(box.r() for box in boxes),
        max(box.t() for box in boxes),
    )


def _copy(node: Node, frame: float, view: str) -> Picture:
    b, a = evaluate(node._input(0), frame, view), evaluate(node._input(1), frame, view)
    box = {"union": _union(b, a), "A side": a.bbox, "B side": b.bbox}.get(
        node._knobs["bbox"].value(), _union(b, a)
    )
    pairs = []
    for i in range(4):
        source, target = node._knobs[f"from{i}"].value(), node._knobs[f"to{i}"].value()
        if "none" not in (source, target):
            pairs.append((source, target))
    pairs += [(name, name) for name in node._knobs["channels"]._channels(a.channels)]
    planes = {target: once(lambda source=source: a.plane(source, box)) for source, target in pairs}
    return _grown(b, box).with_planes(planes)


def _shuffle(node: Node, frame: float, view: str) -> Picture:
    """Shuffle and ShuffleCopy: the first input's picture with the layer `out` put together anew."""
    base = evaluate(node._input(0), frame, view)
    other = evaluate(node._input(1), frame, view) if node._class == "ShuffleCopy" else base
    box = _union(base, other)
    layers = _channels.layers_of_script()
    # ShuffleCopy's `in` is of the second input (A), its `in2` of the first (B)
    first, second = (other, base) if node._class == "ShuffleCopy" else (base, base)
    planes: dict[str, Plane] = {}
    for index, target in enumerate(layers.of(node._knobs["out"].value())[:4]):
        choice = node._knobs[("red", "green", "blue", "alpha")[index]].value()
        planes[target] = _picked(choice, node, first, second, box)
    return _grown(base, box).with_planes(planes)


def _picked(choice: str, node: Node, first: Picture, second: Picture, box: Box) -> Plane:
    if choice in ("black", "white"):
        return _flat(box, float(choice == "white"))
    picture, layer = (second, "in2") if choice.endswith("2") else (first, "in")
    names = _channels.expand(node._knobs[layer]._words)
    at = ("red", "green", "blue", "alpha").index(choice.rstrip("2"))
    if at >= len(names):
        return _flat(box, 0.0)
    return once(lambda: picture.plane(names[at], box))


def _shuffle2(node: Node, frame: float, view: str) -> Picture:
    """`mappings`: a count, then source, its input and index, target, its output and index."""
    inputs = {"B": evaluate(node._input(0), frame, view), "A": evaluate(node._input(1), frame, view)}
    base = inputs["B"]
    box = _union(*inputs.values())
    words = node._knobs["mappings"]._text.split()
    planes: dict[str, Plane] = {}
    for at in range(1, len(words) - 5, 6):
        source, number, target = words[at], int(words[at + 1]), words[at + 3]
        if number < 0:
            planes[target] = _flat(box, float(source == "white"))
        else:
            picture = inputs[node._knobs[f"fromInput{number + 1}"].value()]
            planes[target] = once(lambda picture=picture, source=source: picture.plane(source, box))
    return _grown(base, box).with_planes(planes)


def _input(node: Node, frame: float, view: str) -> Picture:
    group = node._parent
    return evaluate(group._input(int(node._knobs["number"].value())) or node._input(0), frame, view)


def _time_offset(node: Node, frame: float, view: str) -> Picture:
    return evaluate(node._input(0), frame - node._knobs["time_offset"]._number(0, frame), view)


def _frame_hold(node: Node, frame: float, view: str) -> Picture:
    first, step = _at(node, "first_frame", frame)[0], _at(node, "increment", frame)[0]
    held = first + ((frame - first) // step) * step if step else first
    return evaluate(node._input(0), held, view)


def _switch(node: Node, frame: float, view: str) -> Picture:
    which = int(node._knobs["which"]._number(0, frame))
    return evaluate(node._input(min(max(which, 0), max(node.inputs() - 1, 0))), frame, view)


def _one_view(node: Node, frame: float, view: str) -> Picture:
    return evaluate(node._input(0), frame, node._knobs["view"].value() or view)


def _join_views(node: Node, frame: float, view: str) -> Picture:
    views = _state.session().root._views
    return evaluate(node._input(views.index(view) if view in views else 0), frame, view)


def _reformat(node: Node, frame: float, view: str) -> Picture:
    source = evaluate(node._input(0), frame, view)
    knobs = node._knobs
    if knobs["type"].value() == "to format":
        return _resized(source, _scaled(knobs["format"].value()))
    if knobs["type"].value() == "scale":
        return _resized(source, source.format.scaled(*_at(node, "scale", frame), 0, 0))
    if knobs["box_fixed"].value():
        size = knobs["box_width"].value(), knobs["box_height"].value()
    else:
        scale = knobs["box_width"].value() / source.format.width()
        size = knobs["box_width"].value(), round(source.format.height() * scale)
    return _resized(source, _scaled(Format(*size, pixelAspect=knobs["box_pixel_aspect"].value())))


def _resized(source: Picture, format: Format) -> Picture:
    """Into a format by the box filter, each axis by its own scale; the bbox goes along."""
    sx, sy = format.width() / source.format.width(), format.height() / source.format.height()
    if sx == sy == 1.0:
        return source._replace(format=format)
    old = source.bbox
    box = Box(round(old.x() * sx), round(old.y() * sy), round(old.r() * sx), round(old.t() * sy))

    def make(name: str) -> Plane:
        def plane() -> Any:
            from ._pixels import resampled

            return resampled(source.plane(name), (box.h(), box.w()))

        return once(plane)

    return Picture(format, box, {name: make(name) for name in source.channels}, source.metadata)


def _crop(node: Node, frame: float, view: str) -> Picture:
    source = evaluate(node._input(0), frame, view)
    x, y, r, t = (round(value * proxy_scale()) for value in _at(node, "box", frame))
    box = Box(
        max(x, source.bbox.x()), max(y, source.bbox.y()), min(r, source.bbox.r()), min(t, source.bbox.t())
    )
    if box.w() <= 0 or box.h() <= 0:
        box = Box(x, y, x, y)
    cropped = _grown(source, box)
    if not node._knobs["reformat"].value():
        return cropped
    moved = Box(box.x() - x, box.y() - y, box.r() - x, box.t() - y)
    return cropped._replace(format=Format(r - x, t - y, pixelAspect=source.format.pixelAspect()), bbox=moved)


def _add_channels(node: Node, frame: float, view: str) -> Picture:
    source = evaluate(node._input(0), frame, view)
    colour = _at(node, "color", frame)
    box = source.bbox if source.bbox.w() > 0 else _whole(source.format)
    names = [n for k in ("channels", "channels2") for n in node._knobs[k]._channels(())]
    fresh = [name for name in names if name not in source.channels]
    planes = {name: _flat(box, colour[COLOUR_AT.get(name.rpartition(".")[2], 3)]) for name in fresh}
    return _grown(source, box).with_planes(planes)


def _remove(node: Node, frame: float, view: str) -> Picture:
    source = evaluate(node._input(0), frame, view)
    named = {n for k in ("channels", "channels2") for n in node._knobs[k]._channels(source.channels)}
    keep = node._knobs["operation"].value() == "keep"
    return source._replace(channels={n: p for n, p in source.channels.items() if (n in named) == keep})


def _arithmetic(node: Node, frame: float, view: str) -> Picture:
    """Grade (multiply, add, white, black), Multiply and Invert, over their `channels`."""
    source = evaluate(node._input(0), frame, view)
    kind = node._class
    if kind == "Grade" and any(
        not node._knobs[n]._is_default() for n in ("blackpoint", "whitepoint", "gamma")
    ):
        raise RuntimeError(f"{node._full_name()}: this fake grades by multiply, add, white and black only")
    planes: dict[str, Plane] = {}
    for name in node._knobs["channels"]._channels(source.channels):
        if name not in source.channels:
            continue
        at = COLOUR_AT.get(name.rpartition(".")[2], 3)
        if kind == "Invert":
            gain, lift = -1.0, 1.0
        elif kind == "Multiply":
            gain, lift = _at(node, "value", frame)[at], 0.0
        else:
            white, black, multiply, add = (
                _at(node, n, frame)[at] for n in ("white", "black", "multiply", "add")
            )
            gain, lift = multiply * (white - black), add + black
        planes[name] = once(lambda name=name, gain=gain, lift=lift: source.channels[name]() * gain + lift)
    return source.with_planes(
        {name: _masked(node, source, name, plane, frame, view) for name, plane in planes.items()}
    )


def _expression(node: Node, frame: float, view: str) -> Picture:
    """Sums and products of channels, numbers and comparisons; a blank field makes 0."""
    source = evaluate(node._input(0), frame, view)
    planes: dict[str, Plane] = {}
    for index in range(4):
        text = node._knobs[f"expr{index}"]._text or "0"
        plain = re.sub(r"[A-Za-z_]\w*\.[A-Za-z_]\w*|\d[\d.]*(?:e[-+]?\d+)?|[-+*() ]|==", "", text)
        if plain:
            raise RuntimeError(f"{node._full_name()}: this fake adds, multiplies and compares only: {text}")
        used = set(re.findall(r"[A-Za-z_]\w*\.[A-Za-z_]\w*", text))
        unknown = used - set(_channels.layers_of_script().channels())
        if unknown:
            raise RuntimeError(f"{node._full_name()}: nothing is named {sorted(unknown)[0]!r}")
        for name in node._knobs[f"channel{index}"]._channels(()):
            planes[name] = once(lambda text=text, used=used: _computed(text, used, source))
    return source.with_planes(planes)


def _computed(text: str, used: set[str], source: Picture) -> Any:
    """An expression over pixels, in 32-bit floats as Nuke computes."""
    import numpy

    names = {name: f"c{at}" for at, name in enumerate(sorted(used))}
    for name, short in names.items():
        text = re.sub(rf"\b{re.escape(name)}\b", short, text)
    text = re.sub(r"(?<![\w.])(\d[\d.]*(?:e[-+]?\d+)?)", r"f(\1)", text)
    planes = {short: source.plane(name) for name, short in names.items()}
    value = eval(text, {"__builtins__": {}, "f": numpy.float32, **planes})
    return numpy.broadcast_to(numpy.float32(1) * value, (source.bbox.h(), source.bbox.w())).astype("float32")


def _masked(node: Node, source: Picture, name: str, changed: Plane, frame: float, view: str) -> Plane:
    """A channel that is changed where the node's mask input is white."""
    if node._input(1) is None or node._knobs["maskChannelInput"].value() == "none":
        return changed
    mask, channel = evaluate(node._input(1), frame, view), node._knobs["maskChannelInput"].value()

    def mixed() -> Any:
        cover = mask.plane(channel, source.bbox)
        return changed() * cover + source.channels[name]() * (1 - cover)

    return once(mixed)


def _merge(node: Node, frame: float, view: str) -> Picture:
    b, a = evaluate(node._input(0), frame, view), evaluate(node._input(1), frame, view)
    if any(node._input(i) is not None for i in range(2, len(node._inputs))):
        raise RuntimeError(f"{node._full_name()}: this fake merges A and B, nothing more")
    how = node._knobs["operation"].value()
    box = _union(b, a)
    formulas: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
        "over": lambda x, y, p, q: x + y * (1 - p),
        "plus": lambda x, y, p, q: x + y,
        "multiply": lambda x, y, p, q: x * y,
        "max": lambda x, y, p, q: _numpy().maximum(x, y),
        "min": lambda x, y, p, q: _numpy().minimum(x, y),
        "screen": lambda x, y, p, q: x + y - x * y,
        "in": lambda x, y, p, q: x * q,
        "out": lambda x, y, p, q: x * (1 - q),
        "mask": lambda x, y, p, q: y * p,
        "stencil": lambda x, y, p, q: y * (1 - p),
        "copy": lambda x, y, p, q: x,
    }
    if how not in formulas:
        raise RuntimeError(f"{node._full_name()}: this fake does not merge by {how}")
    alpha = "rgba.alpha"

    def make(name: str) -> Plane:
        return once(
            lambda: formulas[how](
                a.plane(name, box), b.plane(name, box), a.plane(alpha, box), b.plane(alpha, box)
            )
        )

    names = [n for n in _channels.layers_of_script().of("rgba") if n in a.channels or n in b.channels]
    return _grown(b, box).with_planes({name: make(name) for name in names})


def _numpy() -> Any:
    import numpy

    return numpy


def _keymix(node: Node, frame: float, view: str) -> Picture:
    b, a, mask = (evaluate(node._input(i), frame, view) for i in range(3))
    box = _union(b, a)
    channel, mix = node._knobs["maskChannel"].value(), _at(node, "mix", frame)[0]
    invert = node._knobs["invertMask"].value()

    def weight() -> Any:
        cover = mask.plane(channel, box)
        return (1 - cover if invert else cover) * mix

    key = once(weight)
    names = node._knobs["channels"]._channels([*b.channels, *a.channels])

    def make(name: str) -> Plane:
        return once(lambda: a.plane(name, box) * key() + b.plane(name, box) * (1 - key()))

    return _grown(b, box).with_planes({name: make(name) for name in names})


def _premult(node: Node, frame: float, view: str) -> Picture:
    source = evaluate(node._input(0), frame, view)
    alpha = node._knobs["alpha"].value()
    names = [n for n in node._knobs["channels"]._channels(source.channels) if n in source.channels]
    return source.with_planes(
        {name: once(lambda name=name: source.channels[name]() * source.plane(alpha)) for name in names}
    )


OPERATIONS: dict[str, Callable[[Node, float, str], Picture]] = {
    "Read": _read,
    "Constant": _constant,
    "CheckerBoard2": _checkerboard,
    "Rectangle": _shape,
    "Radial": _shape,
    "Roto": _roto,
    "Copy": _copy,
    "Shuffle": _shuffle,
    "ShuffleCopy": _shuffle,
    "Shuffle2": _shuffle2,
    "Input": _input,
    "TimeOffset": _time_offset,
    "FrameHold": _frame_hold,
    "Switch": _switch,
    "OneView": _one_view,
    "JoinViews": _join_views,
    "Reformat": _reformat,
    "Crop": _crop,
    "AddChannels": _add_channels,
    "Remove": _remove,
    "Grade": _arithmetic,
    "Expression": _expression,
    "Multiply": _arithmetic,
    "Invert": _arithmetic,
    "Merge2": _merge,
    "Keymix": _keymix,
    "Premult": _premult,
}
