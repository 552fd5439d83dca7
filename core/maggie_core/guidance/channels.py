"""Finds the channels of a file that are masks, and the instance each belongs to.

A channel is named `layer.channel`, or only `channel` in the unnamed layer; the last dot parts the two.
"""

from __future__ import annotations

from collections.abc import Sequence

from maggie_api.errors import GuidanceError
from maggie_core.guidance.names import alike, listing, near

ALPHA = frozenset(("a", "alpha"))
_RED, _GREEN, _BLUE = frozenset(("r", "red")), frozenset(("g", "green")), frozenset(("b", "blue"))
_DEPTH = frozenset(("z", "zback", "znear"))
_IMAGE = _RED | _GREEN | _BLUE | _DEPTH | frozenset(("x", "y", "u", "v", "w", "ry", "by"))
"""Channel names of images and vectors; several of them in one layer are no instances."""
_BEAUTY = frozenset(("", "rgb", "rgba", "beauty", "combined", "main", "color", "image"))
_IDS = frozenset(
    ("indexob", "objectid", "object_id", "vrayobjectid", "renderid", "instanceid", "instance_id")
)
"""Layers with the numbers of objects, as Blender, V-Ray, Arnold and Houdini call them."""
_UTILITY = frozenset(
    (
        "depth",
        "mist",
        "normal",
        "normals",
        "position",
        "vector",
        "uv",
        "indexob",
        "indexma",
        "ao",
        "shadow",
        "n",
        "p",
    )
)


def split(channel: str) -> tuple[str, str]:
    """(layer, channel) of a full channel name."""
    layer, _, short = channel.rpartition(".")
    return layer, short


def by_layer(channels: Sequence[str]) -> dict[str, list[str]]:
    """Full channel names grouped by layer, in file order."""
    layers: dict[str, list[str]] = {}
    for channel in channels:
        layers.setdefault(split(channel)[0], []).append(channel)
    return layers


def find_rgba(channels: Sequence[str]) -> dict[str, str]:
    """`{"R": full name, ...}` of those of R, G, B, A that are among `channels`, however they are spelt."""
    found: dict[str, str] = {}
    for channel in channels:
        short = split(channel)[1].lower()
        for letter, spellings in (("R", _RED), ("G", _GREEN), ("B", _BLUE), ("A", ALPHA)):
            if short in spellings:
                found.setdefault(letter, channel)
    return found


def named_channels(channels: Sequence[str], wanted: str) -> tuple[str, ...]:
    """The channels an artist means by `wanted`: a full channel name, a layer, or a channel of any layer.

    Raises:
        GuidanceError: there is no such channel, or several; near names are listed.
    """
    full = [c for c in channels if c == wanted] or [c for c in channels if alike(c) == alike(wanted)]
    if full:
        return (full[0],)
    layers = by_layer(channels)
    for layer, members in layers.items():
        if layer and alike(layer) == alike(wanted):
            return tuple(members)
    short = [c for c in channels if _spelling(split(c)[1]) == _spelling(wanted)]
    unlayered = [c for c in short if not split(c)[0]]
    if len(unlayered or short) == 1:
        return tuple(unlayered or short)
    if short:
        raise GuidanceError(f"channel {wanted!r} is in several layers: name one of {listing(short)}")
    raise GuidanceError(
        f"channel {wanted!r} is not in the mask: it has {listing(near(wanted, channels))}; name one of them"
    )


def _spelling(short: str) -> str:
    """One spelling for `A`, `a` and `alpha`, and so on."""
    for spellings in (_RED, _GREEN, _BLUE, ALPHA):
        if short.lower() in spellings:
            return min(spellings)
    return short.lower()


def mask_channels(channels: Sequence[str]) -> tuple[str, ...]:
    """Channels that may hold the mask when none was named: a lone one, else the first RGBA image's."""
    if len(channels) == 1:
        return tuple(channels)
    layers = by_layer(channels)
    for layer in sorted(layers, key=lambda name: name.lower() not in _BEAUTY):
        members = layers[layer]
        rgba = find_rgba(members)
        if rgba:
            return tuple(rgba.values())
        if len(members) == 1 or {split(m)[1].lower() for m in members} <= {"y", "a", "alpha"}:
            return tuple(members)
    raise GuidanceError(
        f"the mask has the channels {listing(channels)}: say which one, as NAME=SEQUENCE:CHANNEL"
    )


def id_channel(channels: Sequence[str]) -> str | None:
    """The channel that a renderer's numbers of objects are in, where a file has other layers, too."""
    found = [c for c in channels if {part.lower() for part in c.split(".")} & _IDS]
    return found[0] if len(found) == 1 else None


def alpha_index(channels: Sequence[str]) -> int | None:
    """Place of the alpha among `channels`, or None."""
    return next((i for i, c in enumerate(channels) if split(c)[1].lower() in ALPHA), None)


def instance_channels(channels: Sequence[str], *, ignore: Sequence[str] = ()) -> dict[str, str]:
    """Instances of a layered file: `{instance name: full channel name}`, in file order.

    A layer with an alpha, or with one channel of any name, is one instance. In a layer of several
    channels that are not R, G, B, X, Y, Z and the like, every channel is one; so is a channel without
    a layer. The beauty, depth, vectors and the layers in `ignore` are nobody. The instance is called by
    the last part of its layer's name (`ViewLayer.anna.V` is anna), unless two would be called the same.
    """
    found: list[tuple[str, str, str]] = []  # short name, long name, channel
    for layer, members in by_layer(channels).items():
        last = layer.rpartition(".")[2]
        alpha = next((m for m in members if split(m)[1].lower() in ALPHA), None)
        lone = members[0] if len(members) == 1 and split(members[0])[1].lower() not in _DEPTH else None
        if layer in ignore or last.lower() in _UTILITY:
            continue
        if last.lower() not in _BEAUTY and (alpha or lone):
            found.append((last, layer, alpha or members[0]))
        else:
            found += [(split(m)[1], m, m) for m in members if split(m)[1].lower() not in _IMAGE | ALPHA]
    shorts = [short for short, _, _ in found]
    return {short if shorts.count(short) == 1 else long: channel for short, long, channel in found}
