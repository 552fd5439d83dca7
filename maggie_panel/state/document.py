"""The shot that is open: what a job needs, as one value that never changes, and its history."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Optional

from maggie_api.errors import JobError, SettingsError
from maggie_api.job import (
    EVERYBODY,
    Guidance,
    Hold,
    KeyGuidance,
    MaskGuidance,
    MatteJob,
    PersonOption,
    PictureOutput,
    Pin,
)
from maggie_api.layer_names import slugs
from maggie_api.sequences import matte_path
from maggie_api.settings import (
    EdgeSettings,
    MatteFile,
    MatteSettings,
    PictureFile,
    RunSettings,
    options_of,
)

from .keys import KeyMask, Stroke
from .people import Person, resolved, rows_of, sources_of

SETTINGS = (RunSettings, PictureFile, MatteFile, EdgeSettings, MatteSettings)
DEFAULTS = {f.name: f.default for each in SETTINGS for f in dataclasses.fields(each)}
"""Every option of a job, with its default."""
EDGES = tuple(options_of(EdgeSettings))


@dataclass(frozen=True)
class Document:
    """A shot and how to matte it, as the panel edits it. Anything may be missing while it is being set up."""

    plate: str = ""
    output: str = ""
    people: tuple[Person, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()
    """Options of a job that are not at their defaults, by name, sorted."""
    pins: tuple[Pin, ...] = ()
    core: tuple[Hold, ...] = ()
    garbage: tuple[Hold, ...] = ()
    per_person: tuple[PersonOption, ...] = ()
    pictures: tuple[PictureOutput, ...] = ()
    preview: Optional[str] = None

    def option(self, name: str) -> Any:
        """Value of an option of a job."""
        return dict(self.options).get(name, DEFAULTS[name])

    def with_option(self, name: str, value: Any) -> Document:
        """The same with one option changed.

        Raises:
            SettingsError: the value is out of its range.
        """
        options = {**dict(self.options), name: value}
        for settings in SETTINGS:
            known = {f.name for f in dataclasses.fields(settings)}
            if name in known:
                settings(**{each: options[each] for each in known & set(options)})
        kept = {each: value for each, value in options.items() if value != DEFAULTS[each]}
        return dataclasses.replace(self, options=tuple(sorted(kept.items())))

    def edge_of(self, person: str, name: str) -> Any:
        """Value of an edge option for one person, or for everybody where `person` is empty."""
        own = {each.option: each.value for each in self.per_person if each.name == person}
        return own.get(name, self.option(name))

    def with_edge(self, person: str, name: str, value: Any) -> Document:
        """The same with an edge option changed for one person, or for everybody where `person` is empty.

        Raises:
            SettingsError: the value is out of its range.
        """
        if not person:
            return self.with_option(name, value)
        others = tuple(each for each in self.per_person if (each.name, each.option) != (person, name))
        changed = dataclasses.replace(self, per_person=others)
        if value == self.option(name):
            return changed
        own = {each: changed.edge_of(person, each) for each in EDGES}
        EdgeSettings(**{**own, name: value})
        return dataclasses.replace(changed, per_person=(*others, PersonOption(person, name, value)))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the people who are known, in their order."""
        return tuple(person.name for person in self.people if person.name)

    def place_of(self, name: str) -> int:
        """Row of a person.

        Raises:
            KeyError: nobody has this name.
        """
        for place, person in enumerate(self.people):
            if person.name == name:
                return place
        raise KeyError(name)

    def with_people(self, people: Iterable[Person]) -> Document:
        """The same with other rows."""
        return dataclasses.replace(self, people=tuple(people))

    def with_guidance(self, sources: Iterable[Guidance]) -> Document:
        """The same with further people at the end; those whose name is taken get another one."""
        taken = set(self.names)
        added = []
        for row in rows_of(sources):
            source = row.source
            if isinstance(source, (MaskGuidance, KeyGuidance)) and source.name in taken:
                source = dataclasses.replace(source, name=free_name(source.name, taken))
            taken.add(Person(source).name)
            added.append(dataclasses.replace(row, source=source))
        return self.with_people((*self.people, *added))

    def with_found(self, asked: Guidance, found: Iterable[Guidance]) -> Document:
        """The same where the row of `asked` is replaced by the people who were found in its files.

        Those whose name another row has are left out: a job takes every name once.
        """
        taken = {row.name for row in self.people if row.source != asked}
        found = tuple(each for each in found if Person(each).name not in taken)
        rows = [
            each for row in self.people for each in (resolved(row, found) if row.source == asked else (row,))
        ]
        return self.with_people(rows)

    def with_person(self, name: str, **changes: Any) -> Document:
        """The same with a row changed."""
        place = self.place_of(name)
        rows = list(self.people)
        rows[place] = dataclasses.replace(rows[place], **changes)
        return self.with_people(rows)

    def without_person(self, name: str) -> Document:
        """The same without a person, and without what is set for this person alone."""
        people = [person for person in self.people if person.name != name]
        return dataclasses.replace(
            self,
            people=tuple(people),
            pins=tuple(each for each in self.pins if each.name != name),
            core=tuple(each for each in self.core if each.name != name),
            garbage=tuple(each for each in self.garbage if each.name != name),
            per_person=tuple(each for each in self.per_person if each.name != name),
            pictures=tuple(each for each in self.pictures if each.instance != name),
        )

    def renamed(self, old: str, new: str) -> Document:
        """The same with another name for a person whose masks are files of their own.

        Raises:
            SettingsError: the name is empty or taken, or stands in the person's own files.
        """
        person = self.people[self.place_of(old)]
        if not new.strip() or (new != old and new in self.names):
            raise SettingsError(f"the name {new!r} is empty or taken: give every person a name of their own")
        if not isinstance(person.source, (MaskGuidance, KeyGuidance)):
            raise SettingsError(f"{old} is named in the files: take masks, or keys, to call them otherwise")
        rest = {
            field: tuple(
                dataclasses.replace(each, name=new) if each.name == old else each
                for each in getattr(self, field)
            )
            for field in ("pins", "core", "garbage", "per_person")
        }
        pictures = tuple(
            dataclasses.replace(each, instance=new) if each.instance == old else each
            for each in self.pictures
        )
        masks = person.masks
        if isinstance(masks, MaskGuidance):
            masks = dataclasses.replace(masks, name=new)
        changed = self.with_person(old, source=dataclasses.replace(person.source, name=new), masks=masks)
        return dataclasses.replace(changed, pictures=pictures, **rest)

    def moved(self, name: str, to: int) -> Document:
        """The same with a person at another place; where masks overlap, the order decides."""
        rows = list(self.people)
        row = rows.pop(self.place_of(name))
        rows.insert(max(0, min(to, len(rows))), row)
        return self.with_people(rows)

    def with_hold(self, kind: str, sequence: str, name: str = EVERYBODY) -> Document:
        """The same with a core or a garbage matte more; of one person, or of everybody."""
        return dataclasses.replace(self, **{kind: (*getattr(self, kind), Hold(sequence, name))})

    def job(self, **changes: Any) -> MatteJob:
        """The job document.

        Args:
            changes: fields of the job that are otherwise for once.

        Raises:
            JobError: something is missing or out of range; one sentence.
        """
        if not self.plate:
            raise JobError("there is no plate: drop one into the window")
        if not self.people:
            raise JobError("there are no masks: drop some, or draw a key")
        for person in self.people:
            if person.draws and not person.drawn:
                raise JobError(f"{person.name} has no key: add one, or remove {person.name}")
        shared = {
            name: getattr(self, name)
            for name in ("output", "pins", "core", "garbage", "per_person", "pictures", "preview")
        }
        fields = {**dict(self.options), **shared, **changes}
        return MatteJob(plate=self.plate, guidance=sources_of(self.people), **fields)

    @classmethod
    def of_job(cls, job: MatteJob) -> Document:
        """The document of a job, with absolute paths."""
        options = {name: getattr(job, name) for name in DEFAULTS}
        kept = {name: value for name, value in options.items() if value != DEFAULTS[name]}
        return cls(
            job.plate,
            job.output,
            rows_of(job.guidance),
            tuple(sorted(kept.items())),
            job.pins,
            job.core,
            job.garbage,
            job.per_person,
            job.pictures,
            job.preview,
        )

    # Drawn keys.

    def with_new_person(
        self, folder: str, wanted: str = "person", *, taken: Iterable[str] = ()
    ) -> tuple[Document, str]:
        """The same with somebody whose masks will be drawn; and the name.

        Args:
            taken: sequences in `folder` that exist.
        """
        name = free_name(wanted, set(self.names))
        source = KeyGuidance(name, key_sequence(folder, name, taken=(*self._sequences(), *taken)))
        return self.with_people((*self.people, Person(source, draws=True))), name

    def with_key(
        self,
        name: str,
        frame: int,
        folder: str,
        *,
        had: Iterable[int] = (),
        followed: Optional[Guidance] = None,
        taken: Iterable[str] = (),
    ) -> Document:
        """The same with a key of a person at `frame`, which begins as the mask that the person has there.

        Somebody whose masks are files keeps them untouched: their keys are drawn on copies in `folder`.

        Args:
            had: frames of the key files that the person has, where the keys are files.
            followed: masks that were made of the keys, for a key between them to begin with.
            taken: sequences in `folder` that exist.
        """
        person = self.people[self.place_of(name)]
        if person.draws:
            if frame in person.keys:
                return self
            key = KeyMask(base=followed or person.masks)
            return self._with_keys(name, {**dict(person.drawn), frame: key})
        old = person.source
        source = KeyGuidance(name, key_sequence(folder, name, taken=(*self._sequences(), *taken)))
        if isinstance(old, KeyGuidance):
            masks = None
            keys = {frame: KeyMask(base=followed)}
            keys |= {each: KeyMask(base=_file_of(old, each)) for each in had}
        else:
            masks = old
            keys = {frame: KeyMask(base=old)}
        return self.with_person(name, source=source, draws=True, masks=masks)._with_keys(name, keys)

    def without_key(self, name: str, frame: int) -> Document:
        """The same without one drawn key; whose last key goes has the masks from before again."""
        person = self.people[self.place_of(name)]
        kept = {f: key for f, key in person.drawn if f != frame}
        if not kept and person.masks is not None and Person(person.masks).name == name:
            return self.with_person(name, source=person.masks, draws=False, drawn=(), masks=None)
        return self._with_keys(name, kept)

    def with_stroke(self, name: str, frame: int, stroke: Stroke) -> Document:
        """The same with a stroke more on a drawn key."""
        keys = dict(self.people[self.place_of(name)].drawn)
        keys[frame] = dataclasses.replace(keys[frame], strokes=(*keys[frame].strokes, stroke))
        return self._with_keys(name, keys)

    def _with_keys(self, name: str, keys: dict[int, KeyMask]) -> Document:
        return self.with_person(name, drawn=tuple(sorted(keys.items())))

    def drawn_keys(self) -> Iterator[tuple[str, int, KeyMask]]:
        """Every drawn key: the file that it is written to, its frame, the mask."""
        for person in self.people:
            for frame, key in person.drawn:
                yield str(matte_path(person.source.sequence, frame)), frame, key

    def key_files(self) -> dict[str, KeyMask]:
        """Every drawn key by the file that it is written to."""
        return {file: key for file, _, key in self.drawn_keys()}

    def _sequences(self) -> set[str]:
        return {person.source.sequence for person in self.people}


KEYS_FOLDER = ".maggie_keys"
"""Folder of drawn keys, beside the mattes."""


def key_sequence(folder: str, name: str, *, taken: Iterable[str] = ()) -> str:
    """Files for the keys of a person, in `folder`."""
    (slug,) = slugs([name])
    taken = set(taken)
    for number in range(1, len(taken) + 2):
        stem = slug if number == 1 else f"{slug}_{number}"
        path = os.path.join(folder, KEYS_FOLDER, f"{stem}.####.png")
        if path not in taken:
            return path
    raise AssertionError("one more name than there are files")


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """`wanted`, or with the first number behind it that is free."""
    taken = set(taken)
    if wanted not in taken:
        return wanted
    return next(f"{wanted} {n}" for n in range(2, len(taken) + 3) if f"{wanted} {n}" not in taken)


def _file_of(source: KeyGuidance, frame: int) -> MaskGuidance:
    """One key file of a person as a mask."""
    file = str(matte_path(source.sequence, frame + source.offset))
    return MaskGuidance(source.name, file, source.channel)


@dataclass
class History:
    """Undo and redo. A change that goes on, as a slider's, is one step."""

    document: Document = field(default_factory=Document)
    _before: list[tuple[str, Document]] = field(default_factory=list)
    _after: list[tuple[str, Document]] = field(default_factory=list)
    _going_on: str = ""

    LIMIT = 200
    """Steps that are kept."""

    def do(self, document: Document, what: str, *, going_on: str = "") -> bool:
        """Make a change; returns whether there was any.

        Args:
            what: the change in a word or two, for the menu.
            going_on: changes in a row with the same text here are one step.
        """
        if document == self.document:
            return False
        if not (going_on and going_on == self._going_on):
            self._before = [*self._before[-self.LIMIT + 1 :], (what, self.document)]
        self.document, self._after, self._going_on = document, [], going_on
        return True

    def settle(self) -> None:
        """A change that went on has ended: the next one is a step of its own."""
        self._going_on = ""

    def undo(self) -> str:
        """Take the last step back; returns what it was, or "" where there is none."""
        return self._step(self._before, self._after)

    def redo(self) -> str:
        """Take the last step that was undone again; returns what it was, or ""."""
        return self._step(self._after, self._before)

    def _step(self, source: list[tuple[str, Document]], other: list[tuple[str, Document]]) -> str:
        if not source:
            return ""
        what, document = source.pop()
        other.append((what, self.document))
        self.document = document
        self.settle()
        return what

    @property
    def undoable(self) -> str:
        """What an undo would take back; "" for nothing."""
        return self._before[-1][0] if self._before else ""

    @property
    def redoable(self) -> str:
        return self._after[-1][0] if self._after else ""

    def reset(self, document: Document) -> None:
        """Begin anew, with another shot."""
        self.document, self._before, self._after, self._going_on = document, [], [], ""
