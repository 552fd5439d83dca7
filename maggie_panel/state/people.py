"""The rows of the people list: whom a job's guidance holds, one row for each person."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from maggie_api.colors import person_color
from maggie_api.job import (
    CryptomatteGuidance,
    Guidance,
    IdMapGuidance,
    IdName,
    KeyGuidance,
    LayersGuidance,
    MaskGuidance,
    people_of,
)

from .keys import KeyMask

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Person:
    """One row. `source` holds this person alone, or the people whose names are not known yet."""

    source: Guidance
    color: Optional[Color] = None
    """sRGB, 0 to 255 each; None takes the colour of the place in the list."""
    solo: bool = False
    mute: bool = False
    draws: bool = False
    """Whether the keys are drawn in the panel; `source` then names the files that they are written to."""
    drawn: tuple[tuple[int, KeyMask], ...] = ()
    """Keys that are drawn, by frame, ascending."""
    masks: Optional[Guidance] = None
    """The masks that somebody who draws had before; keys begin with them where nothing was followed."""

    @property
    def name(self) -> str:
        """Empty where the source holds several people, or who is in it is not known yet."""
        names = names_of(self.source)
        return names[0] if len(names) == 1 else ""

    @property
    def keys(self) -> tuple[int, ...]:
        """Frames of the drawn keys."""
        return tuple(frame for frame, _ in self.drawn)


def names_of(source: Guidance) -> tuple[str, ...]:
    """Whom a source names; empty where it takes everybody in its files."""
    if isinstance(source, (MaskGuidance, KeyGuidance)):
        return (source.name,)
    if isinstance(source, IdMapGuidance):
        return tuple(named.name for named in source.names)
    return source.instances


def with_names(source: Guidance, names: Iterable[str]) -> Guidance:
    """A layered file or Cryptomatte that takes these people alone; other sources as they are."""
    if isinstance(source, (LayersGuidance, CryptomatteGuidance)):
        return dataclasses.replace(source, instances=tuple(names))
    return source


def rows_of(sources: Iterable[Guidance]) -> tuple[Person, ...]:
    """A row for each person of a job; a source that names nobody is one row until its people are known."""
    return tuple(Person(each) for source in sources for each in people_of(source))


def resolved(row: Person, found: Sequence[Guidance]) -> tuple[Person, ...]:
    """The rows of the people who were found in a row's files, `found` naming one person each."""
    return tuple(dataclasses.replace(row, source=source, color=None) for source in found)


def sources_of(people: Iterable[Person]) -> tuple[Guidance, ...]:
    """The guidance of a job, in the order of the rows; neighbours from one file are read together."""
    merged: list[Guidance] = []
    for person in people:
        together = _together(merged[-1], person.source) if merged else None
        if together is None:
            merged.append(person.source)
        else:
            merged[-1] = together
    return tuple(merged)


def color_of(person: Person, place: int) -> Color:
    """The colour a person is shown in: the chosen one, else that of the place, as previews have it."""
    if person.color is not None:
        return person.color
    red, green, blue = person_color(place)
    return round(255 * red), round(255 * green), round(255 * blue)


def shown(people: Sequence[Person]) -> tuple[str, ...]:
    """Names of the people who are shown: those set solo, else all that are not mute."""
    solo = [person.name for person in people if person.solo and not person.mute]
    return tuple(solo or [person.name for person in people if not person.mute])


def _together(one: Guidance, other: Guidance) -> Optional[Guidance]:
    """Both as one source where they take people from the same files; None elsewhere."""
    names = names_of(one), names_of(other)
    if not all(names) or type(one) is not type(other):
        return None
    if isinstance(one, IdMapGuidance) and isinstance(other, IdMapGuidance):
        both: tuple[IdName, ...] = (*one.names, *other.names)
        same = dataclasses.replace(one, names=()) == dataclasses.replace(other, names=())
        return dataclasses.replace(one, names=both) if same else None
    if isinstance(one, (LayersGuidance, CryptomatteGuidance)) and with_names(one, ()) == with_names(
        other, ()
    ):
        return with_names(one, (*names[0], *names[1]))
    return None
