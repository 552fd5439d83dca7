"""What the viewer shows, as values; and the pictures that it asks for."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Optional

from maggie_api.job import Guidance
from maggie_api.serialization import to_data

from .document import Document
from .people import Person, color_of, shown

Mode = Literal["plate", "guidance", "alpha", "over", "difference"]
Ground = Literal["checker", "colour", "picture"]
MODES: tuple[Mode, ...] = ("plate", "guidance", "alpha", "over", "difference")
MODE_TITLES: dict[Mode, str] = {
    "plate": "Plate",
    "guidance": "Guidance",
    "alpha": "Alpha",
    "over": "Over",
    "difference": "Change",
}
MAX_ZOOM = 32.0
"""Screen pixels for a plate pixel."""


@dataclass(frozen=True)
class View:
    """What is looked at, and how."""

    mode: Mode = "guidance"
    ground: Ground = "checker"
    ground_color: tuple[int, int, int] = (30, 90, 40)
    ground_picture: str = ""
    """A sequence or a file that people are shown over."""
    exposure_ev: float = 0.0
    """Stops, for the eye alone."""
    display: str = ""
    """Display of the OCIO configuration; empty shows the plate as previews do."""
    transform: str = ""
    """View of that display."""
    wipe: bool = False
    wipe_at: float = 0.5
    """Where the wipe is, in the width of the viewer: A is left of it."""
    zoom: float = 0.0
    """Screen pixels for a plate pixel; 0 fits the picture into the viewer."""
    center: tuple[float, float] = (0.5, 0.5)
    """Place of the plate in the middle of the viewer, in its width and height."""


@dataclass(frozen=True)
class PictureRequest:
    """A picture of one frame, complete: equal requests are equal pictures while no file changes."""

    frame: int
    plate: str
    size: tuple[int, int]
    """Pixels wanted, width and height at most."""
    mode: Mode
    region: Optional[tuple[int, int, int, int]] = None
    """x, y, width and height in plate pixels, from the corner of the display window; None = all of it."""
    plate_layer: Optional[str] = None
    ocio: Optional[str] = None
    colorspace: Optional[str] = None
    exposure_ev: float = 0.0
    display: str = ""
    transform: str = ""
    mattes: str = ""
    guidance: tuple[Any, ...] = ()
    """Guidance as plain data; empty where the mode does not need it."""
    people: tuple[tuple[str, tuple[int, int, int]], ...] = ()
    """Name and colour of everybody who is shown."""
    ground: Ground = "checker"
    ground_color: tuple[int, int, int] = (0, 0, 0)
    ground_picture: str = ""
    overlap: str = "first"
    edition: int = 0
    """Raised where key masks have changed."""

    def at(self, frame: int) -> PictureRequest:
        """The same of another frame."""
        other = dataclasses.replace(self, frame=frame)
        other.__dict__["key"] = self.key  # which is asked for often, and the same
        return other

    @functools.cached_property
    def key(self) -> str:
        """Text that is equal for requests that differ in their frame alone."""
        return json.dumps({**dataclasses.asdict(self), "frame": 0}, sort_keys=True)

    def as_data(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Sight:
    """What is in front of the viewer."""

    frame: int
    size: tuple[int, int]
    """The viewer's, in screen pixels."""
    mattes: str = ""
    """Where the mattes to show are; a sequence or one file."""
    edition: int = 0
    plate_size: tuple[int, int] = (0, 0)
    pixel_aspect: float = 1.0
    followed: Mapping[str, Guidance] = field(default_factory=dict)
    """Masks that were made of keys, by the person's name; shown where the person has no key."""


def request_of(document: Document, view: View, sight: Sight) -> PictureRequest:
    """The picture that a view needs. It names only what changes its pixels, so that more is found again."""
    region, size = framed(view, sight.plate_size, sight.size, sight.pixel_aspect)
    has_people = view.mode != "plate"
    names = shown(document.people)
    people = tuple(
        (person.name, color_of(person, place))
        for place, person in enumerate(document.people)
        if person.name and person.name in names
    )
    over = view.mode == "over"
    return PictureRequest(
        sight.frame,
        document.plate,
        size,
        view.mode,
        region,
        document.option("plate_layer"),
        document.option("ocio"),
        document.option("colorspace"),
        view.exposure_ev,
        view.display,
        view.transform,
        sight.mattes if view.mode in ("alpha", "over", "difference") else "",
        _guidance(document, sight) if view.mode == "guidance" else (),
        people if has_people else (),
        view.ground if over else "checker",
        view.ground_color if over and view.ground == "colour" else (0, 0, 0),
        view.ground_picture if over and view.ground == "picture" else "",
        document.option("overlap"),
        sight.edition if view.mode == "guidance" else 0,
    )


def _guidance(document: Document, sight: Sight) -> tuple[Any, ...]:
    def source(person: Person) -> Guidance:
        followed = sight.followed.get(person.name)
        return person.source if followed is None or sight.frame in person.keys else followed

    return tuple(to_data(source(person)) for person in document.people if person.name)


def framed(
    view: View, plate: tuple[int, int], viewer: tuple[int, int], aspect: float = 1.0
) -> tuple[Optional[tuple[int, int, int, int]], tuple[int, int]]:
    """The part of the plate that a view shows, and the pixels it is drawn with.

    Above one screen pixel for a plate pixel the picture has the plate's own pixels, and the screen shows
    each as a square.

    Args:
        aspect: width of a plate pixel over its height.

    Returns:
        (x, y, width, height) in plate pixels, None for all of it; and width and height of the picture.
    """
    if view.zoom <= 0 or not all(plate):
        return None, viewer
    width = min(plate[0], max(1, round(viewer[0] / view.zoom / aspect)))
    height = min(plate[1], max(1, round(viewer[1] / view.zoom)))
    x = round(min(max(view.center[0] * plate[0] - width / 2, 0), plate[0] - width))
    y = round(min(max(view.center[1] * plate[1] - height / 2, 0), plate[1] - height))
    scale = min(1.0, view.zoom)
    return (x, y, width, height), (max(1, round(width * aspect * scale)), max(1, round(height * scale)))


def fitting(plate: tuple[int, int], viewer: tuple[int, int], aspect: float = 1.0) -> float:
    """Screen pixels for the height of a plate pixel where the whole plate fits into the viewer."""
    return min(viewer[0] / max(1, plate[0]) / aspect, viewer[1] / max(1, plate[1]))


def zoomed(view: View, factor: float, *, at: tuple[float, float], whole: float) -> View:
    """The view enlarged by a factor.

    Args:
        at: the place that stays where it is, in widths and heights of the plate.
        whole: the zoom at which the whole plate is seen.
    """
    before = view.zoom or whole
    after = min(MAX_ZOOM, before * factor)
    if after <= whole:
        return dataclasses.replace(view, zoom=0.0, center=(0.5, 0.5))
    center = view.center if view.zoom else (0.5, 0.5)
    kept = tuple(a + (c - a) * before / after for a, c in zip(at, center))
    return dataclasses.replace(view, zoom=after, center=(kept[0], kept[1]))
