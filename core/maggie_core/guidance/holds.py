"""Holds: mattes of the artist's that keep alphas at 1 inside a core and at 0 outside a garbage matte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from maggie_api.errors import GuidanceError
from maggie_api.job import EVERYBODY
from maggie_api.settings import Overlap
from maggie_core.guidance.channels import named_channels
from maggie_core.guidance.combine import Guidance, GuidanceMissing
from maggie_core.guidance.crypto_layers import crypto_layers
from maggie_core.guidance.cryptomatte import CryptomatteSequence
from maggie_core.guidance.files import GuidanceFiles
from maggie_core.guidance.idmaps import IdMapSequence
from maggie_core.guidance.instances import Instance
from maggie_core.guidance.masks import MaskSequence
from maggie_core.guidance.names import listing
from maggie_core.guidance.observed import ObservedMasks
from maggie_core.guidance.source import GuidanceSource, Mask
from maggie_core.image.geometry import Geometry

HoldKind = Literal["core", "garbage"]


@dataclass(frozen=True, eq=False)
class HeldPlanes:
    """The holds of one frame: (H, W) float32 in [0, 1] over the region, by the place of the instance."""

    core: dict[int, np.ndarray]
    """Least alpha. Together they are no more than 1 anywhere."""
    garbage: dict[int, np.ndarray]
    """Most alpha."""


NOTHING = HeldPlanes({}, {})


class HoldSource:
    """One core or garbage matte.

    Args:
        name: of the instance that it holds, or `*`.
        sequence, part: as in `maggie_api.job.Hold`.
        missing: what a frame without a file is: an error, held nowhere (`empty`), or as in the frame before.

    Raises:
        GuidanceError: there is no such file, or nothing in it that `part` names.
    """

    def __init__(
        self,
        kind: HoldKind,
        name: str,
        sequence: str,
        *,
        part: str | None = None,
        missing: GuidanceMissing = "error",
    ) -> None:
        self.kind, self.name = kind, name
        whose = "everybody" if name == EVERYBODY else name
        label = f"{'core' if kind == 'core' else 'garbage matte'} of {whose}"
        self._masks = Guidance([_source(label, name, sequence, part)], missing=missing)

    def check(self, frames: Iterable[int]) -> None:
        """See that there is a file for every frame.

        Raises:
            GuidanceError: files are missing and the policy is `error`.
        """
        self._masks.check(frames)

    def missing(self, frames: Iterable[int]) -> tuple[int, ...]:
        """Frames without a file, under any policy."""
        return self._masks.missing(frames)

    def damage(self, frame: int) -> GuidanceError | None:
        """Why the file of `frame` was found to be replaced by another, or by none."""
        return self._masks.damage(frame)

    @property
    def observed(self) -> ObservedMasks:
        """What was seen of the masks that were read."""
        return self._masks.observed

    def digest(self, frame: int) -> str:
        """Text that changes whenever the plane of `frame` may change."""
        return f"{self.kind}:{self.name}:{self._masks.digest(frame)}"

    def plane(self, frame: int, geometry: Geometry) -> np.ndarray | None:
        """(H, W) float32 in [0, 1] over the region; None where the frame has no file and is not held.

        Raises:
            GuidanceError: a file is missing or cannot be used, or has another picture's shape.
        """
        found = None
        for mask in self._masks.masks(frame):
            plane = geometry.place_full(
                mask.pixels,
                mask.data,
                mask.display,
                pixel_aspect=mask.pixel_aspect,
                name=f"the {self._masks.instances[0].name}",
            )
            found = plane if found is None else np.maximum(found, plane)
        return found


class Holds:
    """The cores and garbage mattes of a shot.

    Args:
        overlap: who keeps a pixel that several cores claim, as for masks.

    Raises:
        GuidanceError: one is of nobody in the shot, or a core is of everybody where there are several.
    """

    def __init__(
        self, sources: Sequence[HoldSource], instances: Sequence[Instance], *, overlap: Overlap = "first"
    ) -> None:
        self._overlap: Overlap = overlap
        self._count = len(instances)
        places = {instance.name: k for k, instance in enumerate(instances)}
        self._sources: list[tuple[HoldSource, tuple[int, ...]]] = []
        for source in sources:
            if source.name == EVERYBODY and source.kind == "core" and self._count > 1:
                raise GuidanceError(
                    f"a core is of everybody and the shot has {listing(list(places))}: only one of them can "
                    f"be solid in a pixel, so say whose it is, as --core {next(iter(places))}=SEQUENCE"
                )
            if source.name != EVERYBODY and source.name not in places:
                raise GuidanceError(
                    f"a {source.kind} is of {source.name} and the shot has {listing(list(places))}: use the "
                    "shot's names"
                )
            whom = tuple(places.values()) if source.name == EVERYBODY else (places[source.name],)
            self._sources.append((source, whom))

    @property
    def has_garbage(self) -> bool:
        """Whether anybody has a garbage matte."""
        return any(source.kind == "garbage" for source, _ in self._sources)

    def check(self, frames: Sequence[int]) -> None:
        """See that there are files for every frame; as `HoldSource.check`."""
        for source, _ in self._sources:
            source.check(frames)

    def missing(self, frames: Sequence[int]) -> tuple[int, ...]:
        """Frames for which some source has no file, ascending."""
        return tuple(sorted({frame for source, _ in self._sources for frame in source.missing(frames)}))

    def damage(self, frame: int) -> GuidanceError | None:
        """Why a file of `frame` was found to be replaced by another, or by none; None where none was."""
        return next((found for source, _ in self._sources if (found := source.damage(frame))), None)

    def notes(self) -> Iterator[str]:
        """What the user should know of the files that were read: a sentence each."""
        for source, _ in self._sources:
            yield from source.observed.of_nan("the {}")

    def digest(self, frame: int) -> str:
        """Text that changes whenever `planes` of the frame may change."""
        text = ";".join(source.digest(frame) for source, _ in self._sources)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def planes(self, frame: int, geometry: Geometry) -> HeldPlanes:
        """What is held in a frame.

        Raises:
            GuidanceError: a file is missing or cannot be used.
        """
        core: dict[int, np.ndarray] = {}
        garbage: dict[int, np.ndarray] = {}
        for source, whom in self._sources:
            plane = source.plane(frame, geometry)
            if plane is None:
                continue
            planes, both = (core, np.maximum) if source.kind == "core" else (garbage, np.minimum)
            for place in whom:
                planes[place] = plane if place not in planes else both(planes[place], plane)
        for place in core.keys() & garbage.keys():
            core[place] = np.minimum(core[place], garbage[place])
        return HeldPlanes(_apart(core, self._overlap), garbage)


def _apart(core: dict[int, np.ndarray], overlap: Overlap) -> dict[int, np.ndarray]:
    """Cores that together are no more than 1: who comes first keeps theirs, the next what is left."""
    if len(core) < 2:
        return core
    order = sorted(core, reverse=overlap == "last")
    if overlap == "shared":
        total = np.maximum(np.sum([core[place] for place in order], axis=0, dtype=np.float32), np.float32(1))
        return {place: core[place] / total for place in order}
    left = np.ones_like(core[order[0]])
    found = {}
    for place in order:
        found[place] = np.minimum(core[place], left)
        left = np.maximum(left - found[place], np.float32(0))
    return found


def _source(label: str, name: str, sequence: str, part: str | None) -> GuidanceSource:
    """What `part` means in the files of `sequence`, as a source of one mask called `label`."""
    files = GuidanceFiles(sequence)
    channels, metadata = files.header(files.stored[0])
    objects = crypto_layers(channels, metadata)
    if part is None:
        if not objects or name == EVERYBODY:
            return MaskSequence(label, sequence)
        return _Renamed(label, CryptomatteSequence(sequence, instances=(name,)))
    try:
        named_channels(channels, part)
    except GuidanceError:
        if objects:
            return _Renamed(label, CryptomatteSequence(sequence, instances=(part,)))
        if part.isdecimal():
            return IdMapSequence(sequence, names={int(part): label})
        raise
    return MaskSequence(label, sequence, channel=part)


class _Renamed:
    """A source of one mask under another name."""

    def __init__(self, name: str, source: CryptomatteSequence) -> None:
        self._name, self._source = name, source

    @property
    def names(self) -> tuple[str, ...]:
        _ = self._source.names  # finds out whether there is such an object
        return (self._name,)

    @property
    def notes(self) -> tuple[str, ...]:
        return self._source.notes

    @property
    def frames(self) -> tuple[int, ...] | None:
        return self._source.frames

    def read(self, frame: int) -> list[Mask]:
        return [replace(mask, name=self._name) for mask in self._source.read(frame)]

    def digest(self, frame: int) -> str:
        return self._source.digest(frame)
