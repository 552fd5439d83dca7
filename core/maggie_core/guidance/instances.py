"""Who is in the shot: one instance per person or object, with names that survive every host."""

from __future__ import annotations

import colorsys
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from maggie_core.errors import GuidanceError
from maggie_core.guidance.crypto_ids import hex_of, id_of

LAYER_PREFIX = "maggie_"
LAYER_BYTES = 63
"""Blender cuts longer layer names."""
EXTRA_LAYERS = ("residual", "contested")
"""Layers of ours that are not instances."""
_RESERVED: frozenset[str] = frozenset(
    (
        *EXTRA_LAYERS,
        # View names: Nuke takes a part of a channel name that equals a view out of the layer name.
        *("left", "right", "main", "default"),
        # Nuke's own layers, and words its channel knobs use.
        *("rgb", "rgba", "red", "green", "blue", "alpha", "depth", "forward", "backward", "deep", "motion"),
        *("disparityl", "disparityr", "mask", "rotopaint_mask", "mask_planartrack", "mask_splinewarp"),
        *("all", "none", "other", "ci"),
    )
)


@dataclass(frozen=True)
class Instance:
    """One person or object of the shot."""

    name: str
    """As the artist wrote it."""
    slug: str
    """`[a-z][a-z0-9_]*`, unique in the shot: the only form that reads the same in Nuke and Blender."""
    id: int
    """Cryptomatte uint32 id of `name`."""
    color: tuple[float, float, float]
    """Display colour, sRGB-encoded in [0, 1]; depends on the name alone."""

    @property
    def layer(self) -> str:
        """Name of its layer in our files."""
        return LAYER_PREFIX + self.slug

    def record(self, channel: str) -> dict[str, object]:
        """Its row of the instance table in a file's header; `channel` is where its alpha is."""
        return {
            "name": self.name,
            "id": hex_of(self.id),
            "slug": self.slug,
            "channel": channel,
            "colour": list(self.color),
        }


def make_instances(names: Iterable[str]) -> tuple[Instance, ...]:
    """One instance per name, in the given order.

    A slug that is taken or reserved gets `_2`, `_3`, ... in that order, so slugs depend on the order of
    the names; ids and colours do not.

    Raises:
        GuidanceError: no name, an empty name, or the same name twice.
    """
    instances: list[Instance] = []
    taken: set[str] = set(_RESERVED)
    for name in names:
        if not name.strip():
            raise GuidanceError("an instance has an empty name: give every mask a name, as NAME=SEQUENCE")
        if any(name == other.name for other in instances):
            raise GuidanceError(f"instance {name!r} is given twice: give each mask its own name")
        slug = _unique(_slug(name), taken)
        taken.add(slug)
        instances.append(Instance(name, slug, id_of(name), _color(name)))
    if not instances:
        raise GuidanceError(
            "no instance was found: give at least one mask, id map, layer or Cryptomatte object"
        )
    return tuple(instances)


def _slug(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "_", ascii_only).strip("_")
    if not words:  # nothing of it is ASCII: the id is the shortest stable stand-in
        words = f"instance_{hex_of(id_of(name))}"
    if not words[0].isalpha():  # Nuke drops leading digits
        words = f"n{words}"
    return words[: LAYER_BYTES - len(LAYER_PREFIX)]


def _unique(slug: str, taken: set[str]) -> str:
    candidate, count = slug, 1
    while candidate in taken:
        count += 1
        suffix = f"_{count}"
        candidate = slug[: LAYER_BYTES - len(LAYER_PREFIX) - len(suffix)] + suffix
    return candidate


def _color(name: str) -> tuple[float, float, float]:
    # Consecutive hashes times the golden ratio spread evenly over the hue circle.
    identity = id_of(name)
    hue = (identity * 0.6180339887498949) % 1.0
    value = 0.75 + 0.25 * ((identity >> 8) % 3) / 2
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.65, value)
    return round(red, 4), round(green, 4), round(blue, 4)
