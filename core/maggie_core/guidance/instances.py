"""Instances: the people and objects of a shot, with names that are valid in every host."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable
from dataclasses import dataclass

from maggie_api.errors import GuidanceError
from maggie_api.layer_names import LAYER_PREFIX, cryptomatte_id, slugs
from maggie_core.guidance.crypto_ids import hex_of


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
    names = list(names)
    for index, name in enumerate(names):
        if not name.strip():
            raise GuidanceError("an instance has an empty name: give every mask a name, as NAME=SEQUENCE")
        if name in names[:index]:
            raise GuidanceError(f"instance {name!r} is given twice: give each mask its own name")
    if not names:
        raise GuidanceError(
            "no instance was found: give at least one mask, id map, layer or Cryptomatte object"
        )
    return tuple(
        Instance(name, slug, cryptomatte_id(name), _color(name))
        for name, slug in zip(names, slugs(names), strict=True)
    )


def _color(name: str) -> tuple[float, float, float]:
    # Consecutive hashes times the golden ratio spread evenly over the hue circle.
    identity = cryptomatte_id(name)
    hue = (identity * 0.6180339887498949) % 1.0
    value = 0.75 + 0.25 * ((identity >> 8) % 3) / 2
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.65, value)
    return round(red, 4), round(green, 4), round(blue, 4)
