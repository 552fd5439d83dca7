"""Pins: alphas the artist approved. They are delivered as they are; neighbouring frames start from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maggie_api.errors import GuidanceError
from maggie_api.sequences import compact_frames
from maggie_core.guidance.instances import Instance
from maggie_core.guidance.masks import MaskSequence
from maggie_core.guidance.names import listing
from maggie_core.guidance.source import Mask
from maggie_core.image.geometry import Geometry


class Pins:
    """Alphas of some instances in some frames: those that a sequence has a file for.

    Args:
        sources: one for each pinned instance, by its name; a lone file pins the frame its name ends in.

    Raises:
        GuidanceError: a source is of nobody in the shot, of somebody pinned already, or of no frame of it.
    """

    def __init__(
        self, sources: Sequence[MaskSequence], instances: Sequence[Instance], shot_frames: Sequence[int]
    ) -> None:
        places = {instance.name: k for k, instance in enumerate(instances)}
        self._sources: dict[int, MaskSequence] = {}
        for source in sources:
            (name,) = source.names
            if name not in places:
                raise GuidanceError(
                    f"a pin is of {name} and the shot has {listing(list(places))}: use the shot's names"
                )
            if places[name] in self._sources:
                raise GuidanceError(f"{name} is pinned twice: give one sequence for each instance")
            if not set(source.stored) & set(shot_frames):
                raise GuidanceError(
                    f"the pin of {name} has frames {compact_frames(source.stored)} and the shot "
                    f"{compact_frames(shot_frames)}: number its files as the plate's"
                )
            self._sources[places[name]] = source

    def working(self, frame: int, geometry: Geometry, count: int) -> np.ndarray | None:
        """(N, h, w) float32 alphas on the working grid, NaN for instances without one; None without pins."""
        found = self._read(frame, geometry)
        if not found:
            return None
        width, height = geometry.working_size
        planes = np.full((count, height, width), np.nan, np.float32)
        for place, pin in found.items():
            planes[place] = geometry.place(
                pin.pixels,
                pin.data,
                pin.display,
                pixel_aspect=pin.pixel_aspect,
                name=f"the pin of {pin.name}",
            )
        return planes

    def exact(self, frame: int, geometry: Geometry) -> dict[int, np.ndarray]:
        """By place in the order of instances: (H, W) float32 over the region, the values of the file."""
        return {
            place: geometry.place_full(
                pin.pixels,
                pin.data,
                pin.display,
                pixel_aspect=pin.pixel_aspect,
                name=f"the pin of {pin.name}",
            )
            for place, pin in self._read(frame, geometry).items()
        }

    def names(self, frame: int) -> list[str]:
        """Names of the instances pinned in `frame`."""
        return [source.names[0] for source in self._sources.values() if frame in source.stored]

    def digest(self, frame: int) -> str:
        """Text that changes whenever a pin of `frame` may change; empty where nothing is pinned."""
        return ";".join(
            f"{place}:{source.digest(frame)}"
            for place, source in self._sources.items()
            if frame in source.stored
        )

    def _read(self, frame: int, geometry: Geometry) -> dict[int, Mask]:
        found = {}
        for place, source in self._sources.items():
            if frame not in source.stored:
                continue
            (pin,) = source.read(frame)
            size, wanted = pin.display, geometry.display
            if (size.width, size.height) != (wanted.width, wanted.height):
                raise GuidanceError(
                    f"the pin of {pin.name} at frame {frame} is {size.width}x{size.height} and the plate "
                    f"{wanted.width}x{wanted.height}: a pin is delivered as it is, give it the plate's size"
                )
            found[place] = pin
        return found
