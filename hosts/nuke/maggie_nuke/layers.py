"""Layers and channels: which hold masks, how layers of mattes are called, how many a script takes.

No Nuke in here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from maggie_api.errors import HostError
from maggie_api.layer_names import LAYER_PREFIX, slugs

MOST_INSTANCES = 64
"""Most instances of one node, so that its mattes leave room for the script's other channels."""
MOST_CHANNELS = 1023
"""Channels of one script, Nuke's own limit."""
_NO_MASKS = frozenset(
    "rgb rgba alpha depth motion forward backward deep disparityl disparityr mask rotopaint_mask"
    " mask_planartrack mask_splinewarp normal normals position uv n p".split()
)
"""Layers of Nuke and of renderers that hold no masks, in lower case."""
_COLOURS = frozenset("red green blue r g b x y z u v w".split())
"""Channels that hold no masks, in lower case."""
_ALPHA = frozenset(("alpha", "a"))


def matte_layers(names: Iterable[str]) -> list[str]:
    """The layer of each instance's alpha, in order.

    Raises:
        HostError: a name is empty or given twice, or there are too many.
    """
    found = list(names)
    twice = sorted({name for name in found if found.count(name) > 1})
    if not all(name.strip() for name in found):
        raise HostError("an instance has no name: name it, or take it out")
    if twice:
        raise HostError(f"two instances are called {twice[0]!r}: give each a name of its own")
    if len(found) > MOST_INSTANCES:
        raise HostError(
            f"there are {len(found)} instances: the node takes {MOST_INSTANCES}, use a second one"
        )
    return [LAYER_PREFIX + slug for slug in slugs(found)]


def check_room(layers: Sequence[str], channels: Iterable[str]) -> None:
    """Check that the script's channels and those of new layers stay within Nuke's limit.

    Raises:
        HostError: there would be too many.
    """
    there = set(channels)
    more = {f"{layer}.alpha" for layer in layers} - there
    if more and len(there) + len(more) > MOST_CHANNELS:
        raise HostError(
            f"the script has {len(there)} channels and Nuke takes {MOST_CHANNELS}: {len(more)} more for the "
            "mattes do not fit; remove layers that are not used, or matte fewer instances"
        )


def masks_in(channels: Iterable[str]) -> list[tuple[str, str]]:
    """(name, layer or channel) of every mask in an image of many layers; none for a plain RGBA image.

    Args:
        channels: full names of the image's channels, such as `hero.alpha`.
    """
    layers: dict[str, list[str]] = {}
    for channel in channels:
        layer, _, short = channel.rpartition(".")
        layers.setdefault(layer, []).append(short)
    found: list[tuple[str, str]] = []
    for layer, members in layers.items():
        if layer.lower() in _NO_MASKS or not layer or _is_rank(layer):
            continue
        if len(members) == 1:
            found.append((layer, layer))
        elif any(member.lower() in _ALPHA for member in members):
            found.append((layer, next(f"{layer}.{m}" for m in members if m.lower() in _ALPHA)))
        else:
            found += [(m, f"{layer}.{m}") for m in members if m.lower() not in _COLOURS]
    return [(name[len(LAYER_PREFIX) :] if name.startswith(LAYER_PREFIX) else name, at) for name, at in found]


def _is_rank(layer: str) -> bool:
    """Whether a layer looks like one of a Cryptomatte, such as `CryptoObject00`."""
    return layer.lower().startswith("crypto")
