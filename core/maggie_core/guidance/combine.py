"""All guidance of a shot together: one list of instances, and coverage planes for each frame."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from maggie_api.errors import GuidanceError
from maggie_api.sequences import compact_frames
from maggie_core.guidance.files import UnreadableMaskError
from maggie_core.guidance.instances import Instance, make_instances
from maggie_core.guidance.keys import KeyMasks
from maggie_core.guidance.names import listing
from maggie_core.guidance.observed import ObservedMasks
from maggie_core.guidance.offset import OffsetSource
from maggie_core.guidance.source import GuidanceSource, Mask
from maggie_core.image.geometry import Geometry
from maggie_core.io.stand_ins import StandIns

GuidanceMissing = Literal["error", "empty", "hold"]


class Guidance:
    """The instances of a shot and their masks at any frame.

    Instances come in the order of the sources and, in each, in its own order: they, their slugs and
    their order are the same whatever frame is read.
    """

    def __init__(self, sources: Sequence[GuidanceSource], *, missing: GuidanceMissing = "error") -> None:
        names = [name for source in sources for name in source.names]
        self.sources = tuple(sources)
        self.missing_policy: GuidanceMissing = missing
        self._files = [
            StandIns(source, hold=missing == "hold", damage=UnreadableMaskError) for source in self.sources
        ]
        self.instances: tuple[Instance, ...] = make_instances(names)
        self.names = tuple(instance.name for instance in self.instances)
        self.observed = ObservedMasks()
        keyed = [source for source in self.sources if isinstance(source, KeyMasks)]
        self.keyed = frozenset(name for source in keyed for name in source.names)
        """Who has key masks."""
        self.keys = tuple(sorted({frame for source in keyed for frame in source.keys}))
        """Frames at which somebody has a key mask (`KeyMasks`); empty where everybody has a mask in every
        frame."""

    def missing(self, frames: Iterable[int]) -> tuple[int, ...]:
        """Frames among `frames` for which a source has no file, under any policy for missing files."""
        return tuple(f for f in frames if any(not _has(source, f) for source in self.sources))

    def check(self, frames: Iterable[int], *, why: str = "", plate: Sequence[int] | None = None) -> None:
        """See that every one of `frames` can be read, before the first is.

        Args:
            why: what missing frames are needed for, where nobody asked for them.
            plate: all frames of the plate; None where files cannot be numbered otherwise than it.

        Raises:
            GuidanceError: files are missing and the policy is `error`.
        """
        wanted = tuple(frames)
        for source in self.sources:
            absent = [f for f in wanted if not _has(source, f)]
            if absent and self.missing_policy == "error":
                raise _misnumbered(source, plate or ()) or _absence(source, absent, why=why)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the files, as far as they were read: a sentence each."""
        return tuple(dict.fromkeys(note for source in self.sources for note in source.notes))

    def masks(self, frame: int) -> list[Mask]:
        """Masks of `frame` as their files have them; instances that are absent may have none."""
        found: list[Mask] = []
        for source, files in zip(self.sources, self._files, strict=True):
            answered = files.answer(frame, source.read)
            if answered is not None:
                found += answered[1]
            elif source.frames is None or self.missing_policy != "empty":
                raise files.damage_of(frame) or _absence(source, [frame])
        self.observed.note(frame, found)
        return found

    def look_at(self, frame: int) -> None:
        """See that `observed` knows the masks that are given for `frame`.

        Raises:
            GuidanceError: as for `read`.
        """
        if frame not in self.observed:
            Guidance.masks(self, frame)

    def damage(self, frame: int) -> GuidanceError | None:
        """Why a mask of `frame` that has a file was found to be held or empty; None where none is."""
        reasons = (files.damage_of(frame) for files in self._files if self.missing_policy != "error")
        return next((GuidanceError(str(reason)) for reason in reasons if reason is not None), None)

    def read(self, frame: int, geometry: Geometry) -> np.ndarray:
        """Coverage at `frame` on the working grid: (N, h, w) float32 in [0, 1], zeros where absent.

        Raises:
            GuidanceError: a file is missing or unreadable, or is of another picture's shape.
        """
        return self.placed(self.masks(frame), geometry)

    def placed(
        self, masks: Iterable[Mask], geometry: Geometry, *, only: Sequence[int] | None = None
    ) -> np.ndarray:
        """Masks of one frame as coverage on the working grid; as `read`.

        Args:
            only: instances that are asked for, and so the planes of the result; None means all.
        """
        width, height = geometry.working_size
        asked = range(len(self.instances)) if only is None else only
        planes = {self.instances[instance].name: plane for plane, instance in enumerate(asked)}
        coverage = np.zeros((len(planes), height, width), np.float32)
        for mask in masks:
            if mask.name not in planes:
                continue
            placed = geometry.place(
                mask.pixels,
                mask.data,
                mask.display,
                pixel_aspect=mask.pixel_aspect,
                name=f"the mask of {mask.name}",
            )
            plane = coverage[planes[mask.name]]
            np.maximum(plane, placed, out=plane)
        return coverage

    def digest(self, frame: int) -> str:
        """Text that changes whenever the result of `read(frame, ...)` may change."""
        state = hashlib.blake2b(digest_size=16)
        for source, files in zip(self.sources, self._files, strict=True):
            _, stored = files.digest(frame)
            if not stored and self.missing_policy != "empty":
                raise _absence(source, [frame])
            part = stored or "empty"
            state.update(f"{len(source.names)}:{chr(0).join(source.names)}:{part};".encode())
        return state.hexdigest()


def combine(sources: Sequence[GuidanceSource], *, missing: GuidanceMissing = "error") -> Guidance:
    """One guidance out of several sources.

    `missing` says what a frame is whose file is missing or cannot be read: an error, a frame with nobody in
    it (`empty`), or the last image before it, else the first after it (`hold`).

    Raises:
        GuidanceError: nobody is in any of them, or two sources name the same instance.
    """
    return Guidance(sources, missing=missing)


def _has(source: GuidanceSource, frame: int) -> bool:
    return source.frames is None or frame in source.frames


def _misnumbered(source: GuidanceSource, plate: Sequence[int]) -> GuidanceError | None:
    """Files for as many frames as the plate has, none of them one of its own: perhaps numbered otherwise."""
    stored = source.frames
    if not stored or not plate or len(stored) < len(plate) or set(stored) & set(plate):
        return None
    found = f"the guidance of {listing(source.names)} has the frames {compact_frames(stored)} and the plate "
    if len(plate) == 1:
        return GuidanceError(
            f"{found}is one picture, frame {plate[0]}: name the one mask file of that picture instead of a "
            "sequence, or name all pictures of the plate, such as plate.####.exr"
        )
    given = source.offset if isinstance(source, OffsetSource) else 0
    return GuidanceError(
        f"{found}{compact_frames(plate)}: where they are the same pictures, give --guidance-offset "
        f"{stored[0] - plate[0] + given} after it"
    )


def _absence(source: GuidanceSource, frames: Sequence[int], *, why: str = "") -> GuidanceError:
    return GuidanceError(
        f"the guidance of {listing(source.names)} has no file for frame {compact_frames(frames)}{why}: "
        "render the masks for it, shorten --frames, or choose --guidance-missing hold or empty"
    )
