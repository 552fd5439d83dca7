"""What is checked, and what was measured of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from maggie_api.errors import FrameError
from maggie_api.settings import Overlap
from maggie_core.color import ColorSettings, PlateView
from maggie_core.guidance import Guidance, Holds
from maggie_core.guidance.mistaken import Mistake
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.io.frames import FrameSource
from maggie_core.io.plate import read_plate
from maggie_core.qc.change import Plane
from maggie_core.qc.delivery import MatteFiles
from maggie_core.qc.seams import Seams

WHOLE_FRAME = ""
"""Stands where an instance's name would, for values that belong to the frame and to no single instance."""


@dataclass(frozen=True)
class PlateImages:
    """The plate as a display shows it, frame by frame."""

    source: FrameSource
    view: PlateView
    layer: str | None = None

    @classmethod
    def of(cls, source: FrameSource, colour: ColorSettings, *, layer: str | None = None) -> PlateImages:
        """The images of `source`, with the view that `colour` gives.

        Raises:
            ColorError: the configuration or the colour space is not there.
        """
        sample = tuple(dict.fromkeys(source.frames[i] for i in (0, len(source.frames) // 2, -1)))
        view = PlateView(
            colour,
            example_path=source.colorspace_hint,
            auto_frames=lambda: _readable(source, sample, layer),
        )
        return cls(source, view, layer)

    def read(self, frame: int, geometry: Geometry) -> Plane:
        """(3, h, w) sRGB-encoded in [0, 1], on the working grid.

        Raises:
            FrameError: the frame is missing, cannot be read, or has another format than the mattes.
        """
        plate = read_plate(self.source, frame, layer=self.layer)
        if plate.display != geometry.display:
            size = f"{plate.display.width}x{plate.display.height}"
            raise FrameError(
                f"{self.source.path(frame)} is {size} and its mattes are {size_text(geometry)}: "
                "give the plate they were made from"
            )
        image, _ = self.view.to_model(
            plate.pixels, geometry=geometry, data=plate.data, code_max=plate.code_max
        )
        return np.ascontiguousarray(image.transpose(2, 0, 1))


@dataclass(frozen=True)
class Subject:
    """What is checked, and what it is checked against."""

    mattes: MatteFiles
    frames: tuple[int, ...]
    """Frames that should be there, ascending."""
    shot_frames: tuple[int, ...]
    """Frames of the whole shot; `frames` may be a part of them. Neighbours and segments count in these."""
    segment_frames: int | Literal["header", "whole"] = "header"
    """Frames that share one chain of temporal state; `header`: as the mattes' headers say; `whole`: all."""
    plate: PlateImages | None = None
    guidance: Guidance | None = None
    holds: Holds | None = None
    """The artist's cores and garbage mattes: what they add to a mask, and cut off it, is as it should be."""
    held: frozenset[int] = frozenset()
    """Frames in which another frame's plate or masks stand in, as the job asks."""
    notes: tuple[str, ...] = ()
    """What is not compared, and why, as known before."""
    overlap: Overlap = "first"
    """Which instance owns a pixel that several masks claim."""
    working_px: int = 576
    """Short side of the grid on which alphas are compared with plate, guidance and each other."""

    @property
    def guided(self) -> tuple[str, ...]:
        """Whose alphas are compared with masks: key masks are no guidance of the frames between them."""
        guidance = self.guidance
        return () if guidance is None else tuple(n for n in guidance.names if n not in guidance.keyed)


Key = tuple[str, str, int]
"""Measure, instance and frame of a value."""


@dataclass
class Numbers:
    """Every value that was measured: by measure, instance and frame."""

    values: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)
    remarks: dict[Key, str] = field(default_factory=dict)
    """Remarks on values."""
    places: dict[Key, Window] = field(default_factory=dict)
    """Where in the plate, for values that belong to a place: around the largest piece."""

    def add(
        self,
        measure: str,
        frame: int,
        value: float | None,
        who: str = WHOLE_FRAME,
        *,
        place: Window | None = None,
    ) -> None:
        if value is None:
            return
        self.values.setdefault(measure, {}).setdefault(who, {})[frame] = float(value)
        if place is not None and value:
            self.places[measure, who, frame] = place

    def of(self, measure: str, who: str = WHOLE_FRAME) -> Mapping[int, float]:
        return self.values.get(measure, {}).get(who, {})


@dataclass(frozen=True)
class Checked:
    """A shot, measured."""

    subject: Subject
    instances: tuple[str, ...]
    """Every instance of any frame or of the guidance, by the artists' names."""
    numbers: Numbers
    segment_frames: int | None
    """Frames in a segment; None where the shot has one chain, or its length is unknown."""
    seams: Seams | None
    """None where there is no seam, or too few frames to judge one."""
    notes: tuple[str, ...]
    """What could not be measured, and why."""
    header: Mapping[str, Any]
    """Header of the first frame that can be read."""
    geometry: Geometry | None
    """None when no frame can be read."""
    plate_windows: Mapping[int, Window]
    """Data window of each frame's plate, as far as they are known: masks of their size lie on them."""
    held: frozenset[int] = frozenset()
    """Frames in which another frame's plate or masks stand in."""
    pinned: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """By frame: whose alpha the artist gave."""
    mistakes: tuple[Mistake, ...] = ()
    """Masks that look like a mistake."""

    def spoilers(self, who: str, frame: int, *, beside: bool = False) -> tuple[str, ...]:
        """Whose mistaken masks, of a frame or of the keys around it, spoil the alpha of `who`.

        Args:
            beside: the frames beside it count, too.
        """
        guidance, near = self.subject.guidance, {frame}
        for frames in (guidance.keys if guidance else (), self.subject.shot_frames if beside else ()):
            near.update(frames[max(0, bisect_left(frames, frame) - 1) : bisect_right(frames, frame) + 1])
        return tuple(mistake.name for mistake in self.mistakes if mistake.explains(who, near))


def _readable(source: FrameSource, frames: Iterable[int], layer: str | None) -> Iterator[np.ndarray]:
    """Pixels (H, W, 3) of those of `frames` that can be read."""
    for frame in frames:
        with suppress(FrameError):
            yield read_plate(source, frame, layer=layer).pixels


def size_text(geometry: Geometry) -> str:
    """`1920x1080`: of the images that a geometry is of."""
    return f"{geometry.display.width}x{geometry.display.height}"
