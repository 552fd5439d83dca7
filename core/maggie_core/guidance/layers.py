"""Guidance as a layered file: one layer or channel per instance.

Also reads what this package writes, and what Blender and Nuke write of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from maggie_api.errors import GuidanceError
from maggie_api.layer_names import EXTRA_LAYERS, LAYER_PREFIX
from maggie_core.guidance.channels import instance_channels
from maggie_core.guidance.crypto_layers import rank_layers
from maggie_core.guidance.files import GuidanceFiles
from maggie_core.guidance.names import found_among, listing, near
from maggie_core.guidance.source import Mask, mask_of

INSTANCE_TABLE = "maggie/instances"
"""Header attribute with the instance table, JSON."""


def layered_instances(channels: Sequence[str], metadata: Mapping[str, Any]) -> dict[str, str]:
    """`{instance name: channel}` of a layered file, by the artist's names where the header has them."""
    ignored = [*rank_layers(channels, metadata), *(LAYER_PREFIX + extra for extra in EXTRA_LAYERS)]
    stored = _of_first_view(channels, metadata)
    artists = _artists_names(metadata)
    found = instance_channels(tuple(stored), ignore=ignored)
    return {artists.get(name, name): stored[channel] for name, channel in found.items()}


def _of_first_view(channels: Sequence[str], metadata: Mapping[str, Any]) -> dict[str, str]:
    """`{name without its view: channel}` of the first view of a stereo file, which a mono plate is too."""
    views = metadata.get("multiView") or ("",)
    first, *others = (views,) if isinstance(views, str) else views
    names = {}
    for channel in channels:
        parts = channel.split(".")
        if not set(parts[:-1]) & set(others):
            names[".".join(part for part in parts[:-1] if part != first) + "." + parts[-1]] = channel
    return {name.removeprefix("."): channel for name, channel in names.items()}


def _artists_names(metadata: Mapping[str, Any]) -> dict[str, str]:
    """`{layer: artist's name}` of a file of ours."""
    try:
        table = json.loads(str(metadata.get(INSTANCE_TABLE, "[]")))
        return {LAYER_PREFIX + row["slug"]: row["name"] for row in table}
    except (ValueError, KeyError, TypeError):  # somebody edited the header: the layers' own names will do
        return {}


class LayerSequence:
    """Every layer of a sequence as an instance, or those asked for.

    A layer's mask is its alpha, or its only channel of whatever name; the beauty, depth, vectors and
    Cryptomattes are nobody. Instances are the union over the files, so that a person whose layer is
    missing in some of them is absent there, not unknown.
    """

    def __init__(
        self,
        pattern: str | Path,
        *,
        instances: Iterable[str] | None = None,
        frames: Iterable[int] | None = None,
    ) -> None:
        """
        Args:
            instances: names of those wanted; None takes all.
            frames: the shot's frames, to look for layers in; None looks in every file there is.

        Raises:
            GuidanceError: there is no such file, no layer in it, or no layer of a wanted name.
        """
        self._files = GuidanceFiles(pattern)
        self._wanted = None if instances is None else tuple(instances)
        self._shot = None if frames is None else frozenset(frames)
        self._called: dict[str, str] = {}
        """The wanted name of a layer that another program spells differently."""

    @property
    def names(self) -> tuple[str, ...]:
        return self._names

    @cached_property
    def _names(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        there: dict[str, None] = {}
        for _, header in self._files.learn(self._files.among(self._shot), self._files.header):
            found |= dict.fromkeys(layered_instances(*header))
            there |= dict.fromkeys(header[0])
        if not found:
            raise GuidanceError(
                f"{self._files.pattern} has no layer that could be a mask, only {listing(tuple(there))}: "
                "write one layer per instance, or name a channel of it, as NAME=SEQUENCE:CHANNEL"
            )
        if self._wanted is None:
            return tuple(found)
        self._called = {self._layer_of(name, found): name for name in self._wanted}
        return self._wanted

    def _layer_of(self, name: str, layers: Iterable[str]) -> str:
        found = found_among(name, layers)
        if found is None:
            raise GuidanceError(
                f"no layer of {self._files.pattern} is called {name!r}: "
                f"it has {listing(near(name, layers))}; name one of them"
            )
        return found

    @property
    def frames(self) -> tuple[int, ...] | None:
        return self._files.frames

    @property
    def notes(self) -> tuple[str, ...]:
        return self._files.notes

    def read(self, frame: int) -> list[Mask]:
        names = self.names
        found = layered_instances(*self._files.header(frame))
        channels = {self._called.get(layer, layer): channel for layer, channel in found.items()}
        here = {name: channels[name] for name in names if name in channels}
        if not here:
            return []
        image = self._files.read(frame, channels=tuple(here.values()))
        place = {channel: i for i, channel in enumerate(image.channels)}
        return [mask_of(name, image.pixels[..., place[channel]], image) for name, channel in here.items()]

    def digest(self, frame: int) -> str:
        return f"layers:{','.join(self.names)}:{self._files.digest(frame)}"
