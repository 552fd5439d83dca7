"""The plate's image among the channels of its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from maggie_api.errors import FrameError
from maggie_core.image.frame import Frame
from maggie_core.image.window import Window
from maggie_core.io.frames import FrameSource

_COLOURS = {"r": 0, "red": 0, "g": 1, "green": 1, "b": 2, "blue": 2}
_GREYS = ("y", "l", "luminance", "grey", "gray", "i")
_BEAUTY = ("", "rgba", "rgb", "beauty", "combined", "main", "color", "colour")
"""Layers the image is looked for in first, in this order; renderers agree on no single name."""


def rgb_channels(
    names: Sequence[str], *, layer: str | None = None, path: str | Path = "the plate"
) -> tuple[str, ...]:
    """Find red, green and blue among a file's channels, in any order and spelling.

    Args:
        names: the file's channels.
        layer: layer (or single channel) to take; None finds the unnamed layer, else the beauty pass, else the
            first layer that has all three.
        path: for the message.

    Returns:
        Three names, or one where the image is grey.

    Raises:
        FrameError: no such layer, or no image at all.
    """
    layers: dict[str, dict[int, str]] = {}
    for name in names:
        head, _, tail = name.rpartition(".")
        place = _COLOURS.get(tail.lower())
        if place is not None:
            layers.setdefault(head, {}).setdefault(place, name)
    triples = {head: tuple(found[k] for k in range(3)) for head, found in layers.items() if len(found) == 3}
    if layer is not None:
        return _of_layer(names, triples, layer, path)
    by_case = {head.lower(): triple for head, triple in reversed(triples.items())}
    for wanted in _BEAUTY:
        for head, triple in by_case.items():
            if head == wanted or (wanted and head.endswith(f".{wanted}")):
                return triple
    greys = [name for name in names if name.lower() in _GREYS]
    if triples:
        return (greys[0],) if greys else next(iter(triples.values()))
    if greys or len(names) == 1:
        return (greys[0] if greys else names[0],)
    raise FrameError(f"{path} has no R, G, B: it has {_some(names)}; name the layer by --plate-layer")


def _of_layer(
    names: Sequence[str], triples: dict[str, tuple[str, ...]], layer: str, path: str | Path
) -> tuple[str, ...]:
    for head, triple in triples.items():
        if head.lower() == layer.lower():
            return triple
    members = [
        name
        for name in names
        if name.lower() == layer.lower() or name.rpartition(".")[0].lower() == layer.lower()
    ]
    if len(members) == 1:
        return (members[0],)
    there = _some(sorted({name.rpartition(".")[0] or name for name in names}))
    raise FrameError(f"{path} has no picture in layer '{layer}': its layers are {there}")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"


def read_plate(source: FrameSource, frame: int, *, layer: str | None = None) -> Frame:
    """Read the image of one frame: (H, W, 3) as stored, a grey one three times over.

    Only the channels needed are read. `layer` is as in `rgb_channels`.

    Raises:
        FrameError: no such frame or layer, or the file cannot be read.
    """
    names = rgb_channels(source.channels(frame), layer=layer, path=source.path(frame))
    image = source.read(frame, channels=names)
    if len(names) == 3:
        return image
    return replace(image, pixels=np.repeat(image.pixels, 3, axis=2), channels=image.channels * 3)


def plate_header(source: FrameSource, frame: int, *, layer: str | None = None) -> Frame:
    """What `read_plate` would give, without pixels (H, W, 0), from the file's header alone.

    Raises:
        FrameError: no such frame or layer, or the header cannot be read.
    """
    names = rgb_channels(source.channels(frame), layer=layer, path=source.path(frame))
    return source.header(frame, names)


def plate_windows(
    source: FrameSource, frames: Iterable[int], *, layer: str | None = None
) -> Iterator[Window]:
    """Data windows of a plate's image over a shot, in the order of `frames`.

    One header is read for each frame and no pixels. Frames that are missing or cannot be read are left out:
    they are reported where they are matted.

    Args:
        layer: as in `rgb_channels`.
    """
    names: tuple[str, ...] = ()
    for frame in frames:
        try:
            names = names or rgb_channels(source.channels(frame), layer=layer, path=source.path(frame))
            yield source.header(frame, names).data
        except FrameError:
            continue
