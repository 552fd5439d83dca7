"""Layers, channels, formats, boxes and frame ranges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Optional

from . import _state

LIMIT = 1023
"""Channels a script may have."""
BUILTIN = {
    "rgba": ("red", "green", "blue", "alpha"),
    "rgb": ("red", "green", "blue"),
    "alpha": ("alpha",),
    "depth": ("Z",),
    "motion": ("u", "v"),
    "forward": ("u", "v"),
    "backward": ("u", "v"),
    "deep": ("front", "back"),
    "disparityL": ("x", "y"),
    "disparityR": ("x", "y"),
    "mask": ("a",),
    "rotopaint_mask": ("a",),
    "mask_planartrack": ("a",),
    "mask_splinewarp": ("a",),
}
ALIASES = {"rgb": "rgba", "alpha": "rgba"}
"""Layers that are a view of another one's channels."""
COMMON = {"r": "red", "g": "green", "b": "blue", "a": "alpha"}


def full_names(layer: str, channels: Iterable[str]) -> list[str]:
    return [f"{ALIASES.get(layer, layer)}.{channel}" for channel in channels]


class Layers:
    """The layers of a script."""

    def __init__(self) -> None:
        self.made: dict[str, list[str]] = {name: list(channels) for name, channels in BUILTIN.items()}

    def channels(self) -> list[str]:
        names = (full for layer, parts in self.made.items() for full in full_names(layer, parts))
        return list(dict.fromkeys(names))

    def of(self, layer: str) -> list[str]:
        return full_names(layer, self.made[layer]) if layer in self.made else []

    def add(self, layer: str, channels: Iterable[str]) -> None:
        """Make a layer, or give an existing one more channels."""
        parts = []
        for channel in channels:
            stem, dot, last = channel.rpartition(".")
            if dot and stem != layer:
                raise ValueError(f"{channel}: not a channel of layer {layer}")
            parts.append(last)
        for word in [layer, *parts]:
            if not re.fullmatch(r"[A-Za-z_]\w*", word):
                raise ValueError(f"{word!r} is not a name for a layer or channel")
        if len(layer) < 2:
            raise ValueError(f"{layer!r}: a layer is never named by a single letter")
        if layer in BUILTIN and not set(parts) <= set(BUILTIN[layer]):
            raise ValueError(f"{layer} is reserved")
        have = self.made.get(layer, [])
        wanted = have + [part for part in parts if part not in have]
        if len(wanted) > 4:
            raise ValueError(f"{layer}: a layer has at most 4 channels")
        if len(self.channels()) + len(wanted) - len(have) > LIMIT:
            raise RuntimeError(f"{layer}: more than {LIMIT} channels")
        self.made[layer] = wanted


def layers_of_script() -> Layers:
    return _state.session().root._layers


def expand(names: Iterable[str], available: Optional[Iterable[str]] = None) -> list[str]:
    """Channels that words of a channel knob mean; `all` needs what is there."""
    out: list[str] = []
    for word in names:
        if word == "all":
            out += list(layers_of_script().channels() if available is None else available)
        elif word in ("none", "false", "", "-"):
            continue
        elif "." in word:
            out.append(word)
        else:
            out += layers_of_script().of(word)
    return list(dict.fromkeys(out))


def checked(words: Iterable[str]) -> list[str]:
    """The words of a channel knob, all of them known to the script.

    Raises:
        ValueError: a layer or channel that no nuke.Layer, add_layer or file has made.
    """
    layers = layers_of_script()
    known = set(layers.channels())
    out = []
    for word in words:
        stem, dot, last = word.rpartition(".")
        if dot and stem in layers.made:
            word = f"{ALIASES.get(stem, stem)}.{COMMON.get(last, last) if stem in ('rgb', 'rgba') else last}"
        if word not in known and word not in layers.made and word not in ("all", "none", "false", "-"):
            raise ValueError(f"{word}: no such layer or channel; make it with nuke.Layer")
        out.append(word)
    return out


class Layer:
    def __init__(self, name: str, channels: Iterable[str] = ()) -> None:
        _state.session().must_be_main("nuke.Layer")
        if not isinstance(name, str):
            raise TypeError(f"a layer's name is a str, not {type(name).__name__}")
        if isinstance(channels, str):
            raise TypeError("a layer's channels are a list")
        layers_of_script().add(name, channels)
        self._name = name

    def name(self) -> str:
        return self._name

    def setName(self, newName: str) -> None:
        made = layers_of_script().made
        if newName in made:
            raise ValueError(f"{newName}: a layer of that name is there")
        made[newName] = made.pop(self._name)
        self._name = newName

    def channels(self) -> list[str]:
        return layers_of_script().of(self._name)

    def visible(self) -> bool:
        return True


class Format:
    """Width, height, the image area in it, and the pixel's shape."""

    def __init__(
        self,
        width: int = 640,
        height: int = 480,
        x: int = 0,
        y: int = 0,
        r: int = 0,
        t: int = 0,
        pixelAspect: float = 1.0,
    ) -> None:
        self._width, self._height = int(width), int(height)
        self._x, self._y, self._r, self._t = int(x), int(y), int(r) or int(width), int(t) or int(height)
        self._aspect = float(pixelAspect)
        self._name: Optional[str] = None

    def name(self) -> Optional[str]:
        return self._name

    def setName(self, name: str) -> None:
        self._name = name

    def add(self, name: str) -> None:
        self._name = name
        _state.session().root._formats[name] = self

    def width(self) -> int:
        return self._width

    def height(self) -> int:
        return self._height

    def x(self) -> int:
        return self._x

    def y(self) -> int:
        return self._y

    def r(self) -> int:
        return self._r

    def t(self) -> int:
        return self._t

    def pixelAspect(self) -> float:
        return self._aspect

    def setPixelAspect(self, aspectRatio: float) -> None:
        self._aspect = float(aspectRatio)

    def setWidth(self, newWidth: int) -> None:
        self._width = int(newWidth)

    def setHeight(self, newHeight: int) -> None:
        self._height = int(newHeight)

    def scaled(self, sx: float, sy: float, tx: float = 0.0, ty: float = 0.0) -> Format:
        size = max(1, round(self._width * sx)), max(1, round(self._height * sy))
        return Format(*size, pixelAspect=self._aspect * sy / sx)

    def _text(self) -> str:
        box = f"{self._width} {self._height} {self._x} {self._y} {self._r} {self._t}"
        return f"{box} {self._aspect:g} {self._name or ''}".strip()

    def _same(self, other: Format) -> bool:
        return self._text().split()[:7] == other._text().split()[:7]


def format_from(text: str) -> Format:
    """`W H [x y r t] [pixel aspect] [name]`, or the name of a format of the script."""
    formats = _state.session().root._formats
    if text in formats:
        return formats[text]
    words = text.split()
    numbers = []
    for word in words:
        if not re.fullmatch(r"[-+]?\d*\.?\d+", word):
            break
        numbers.append(float(word))
    name = " ".join(words[len(numbers) :])
    if len(numbers) not in (2, 3, 6, 7):
        raise RuntimeError(f"{text!r} is not a format: it is W H [x y r t] [pixel aspect] [name]")
    aspect = numbers[-1] if len(numbers) in (3, 7) else 1.0
    window = [int(number) for number in numbers[2:6]] if len(numbers) > 3 else [0, 0, 0, 0]
    if numbers[0] < 1 or numbers[1] < 1:
        raise RuntimeError(f"{text!r} is not a format: it has no pixels")
    made = Format(int(numbers[0]), int(numbers[1]), *window, aspect)
    for known in formats.values():
        if not name and known._same(made):
            return known
    if name:
        made.add(name)
    return made


class Box:
    """Pixels from (x, y) up to but not including (r, t), counted from the lower left."""

    def __init__(self, x: int = 0, y: int = 0, r: int = 1, t: int = 1) -> None:
        self.set(x, y, r, t)

    def set(self, x: int, y: int, r: int, t: int) -> None:
        self._x, self._y, self._r, self._t = int(x), int(y), int(r), int(t)

    def x(self) -> int:
        return self._x

    def y(self) -> int:
        return self._y

    def r(self) -> int:
        return self._r

    def t(self) -> int:
        return self._t

    def w(self) -> int:
        return self._r - self._x

    def h(self) -> int:
        return self._t - self._y

    def _tuple(self) -> tuple[int, int, int, int]:
        return self._x, self._y, self._r, self._t


class Info:
    """What Node.bbox() gives: a box by x, y, w, h."""

    def __init__(self, x: float = 0, y: float = 0, w: float = 0, h: float = 0) -> None:
        self._box = (x, y, w, h)

    def x(self) -> float:
        return self._box[0]

    def y(self) -> float:
        return self._box[1]

    def w(self) -> float:
        return self._box[2]

    def h(self) -> float:
        return self._box[3]


class FrameRange:
    def __init__(self, *args: Any) -> None:
        if len(args) == 1 and isinstance(args[0], str):
            match = re.fullmatch(r"\s*(-?\d+)(?:-(-?\d+)(?:x(-?\d+))?)?\s*", args[0])
            if not match:
                raise RuntimeError(f"{args[0]!r} is not a frame range")
            first, last, step = match.groups()
            args = (int(first), int(last or first), int(step or 1))
        if not 2 <= len(args) <= 3 or not all(isinstance(arg, int) for arg in args):
            raise TypeError("FrameRange(first, last, increment) or FrameRange('1-10x2')")
        self._first, self._last, self._step = args[0], args[1], (args[2] if len(args) == 3 else 1)
        if not self._step:
            raise RuntimeError("a frame range's increment is not 0")

    def first(self) -> int:
        return self._first

    def last(self) -> int:
        return self._last

    def increment(self) -> int:
        return self._step

    def minFrame(self) -> int:
        return min(self._first, self._last)

    def maxFrame(self) -> int:
        return max(self._first, self._last)

    def frames(self) -> int:
        return len(list(self))

    def isInRange(self, n: int) -> bool:
        return n in list(self)

    def setFirst(self, n: int) -> None:
        self._first = n

    def setLast(self, n: int) -> None:
        self._last = n

    def setIncrement(self, n: int) -> None:
        self._step = n

    def __iter__(self) -> Iterator[int]:
        end = 1 if self._step > 0 else -1
        return iter(range(self._first, self._last + end, self._step))

    def __str__(self) -> str:
        step = f"x{self._step}" if self._step != 1 else ""
        return f"{self._first}-{self._last}{step}" if self._first != self._last else f"{self._first}"


class FrameRanges:
    def __init__(self, *args: Any) -> None:
        self._ranges: list[FrameRange] = []
        for arg in args:
            if isinstance(arg, str):
                self._ranges += [FrameRange(part) for part in arg.replace(",", " ").split()]
            elif isinstance(arg, FrameRange):
                self._ranges.append(arg)
            elif isinstance(arg, (list, tuple)) and all(isinstance(frame, int) for frame in arg):
                self._ranges += [FrameRange(frame, frame) for frame in arg]
            else:
                raise TypeError(f"frame ranges are made of text, frames or FrameRange, not {arg!r}")

    def add(self, r: FrameRange) -> None:
        self._ranges.append(r)

    def clear(self) -> None:
        self._ranges = []

    def size(self) -> int:
        return len(self._ranges)

    def minFrame(self) -> int:
        return min(r.minFrame() for r in self._ranges)

    def maxFrame(self) -> int:
        return max(r.maxFrame() for r in self._ranges)

    def toFrameList(self) -> list[int]:
        return sorted({frame for r in self._ranges for frame in r})

    def __iter__(self) -> Iterator[FrameRange]:
        return iter(self._ranges)

    def __str__(self) -> str:
        return " ".join(str(r) for r in self._ranges)
