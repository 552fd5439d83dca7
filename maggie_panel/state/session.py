"""One open shot and everything that goes on about it. Widgets call what is here and draw what it says.

Nothing here waits: pictures come from the picture process, mattes from the worker, folders are listed in a
thread. `poll` takes what has come; a timer of the window calls it.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from maggie_api.job import (
    EVERYBODY,
    CryptomatteGuidance,
    Guidance,
    KeyGuidance,
    MatteJob,
    guidance_from,
    read_job,
    write_job,
)
from maggie_api.serialization import to_data
from maggie_api.settings import Option

from ..picture_client import Answer
from .command_line import command_text
from .companions import Found, matte_name, understood
from .document import Document
from .mattes import Mattes
from .matting import Take
from .option_texts import value_of
from .own_folder import OwnFolder
from .people import Person
from .playback import FPS, Playback
from .recent import recent_jobs, remember_job
from .session_base import Plate
from .timeline import frames_on_disk

LEAVE_S = 30.0
"""Longest time for jobs to end after they were cancelled: that of a frame of a large plate without a GPU."""


class Session(Mattes):
    """The panel without its window."""

    def _begin(self) -> None:
        super()._begin()
        self.job_file = ""

    def _changed(self, before: Document) -> None:
        super()._changed(before)
        after = self.document
        inputs = ("plate_layer", "ocio", "colorspace")
        if before.plate != after.plate or any(before.option(each) != after.option(each) for each in inputs):
            self._ask_plate()
        if (before.output, before.pins) != (after.output, after.pins):
            self._look_at_files()
        had = {person.source for person in before.people}
        self._look_at_people(person for person in after.people if person.source not in had)

    # What is open.

    def drop(self, paths: Iterable[str], *, anew: bool = False) -> None:
        """Take files, folders and movies: a plate with its masks, further masks, or a job.

        Args:
            anew: another shot is opened, also where nothing in a name says that it is a plate.
        """
        paths, plate = list(paths), "" if anew else self.document.plate
        self._say("looking at what was dropped")
        self._in_thread(lambda: understood(paths, plate=plate), self._dropped)

    def _dropped(self, found: Found) -> None:
        if found.job:
            self.open_job(found.job)
        elif found.plate:
            self.open_shot(found.plate, found.guidance)
        elif found.guidance and self.document.plate:
            self.add_guidance(found.guidance)
            names = ", ".join(os.path.basename(each.sequence) for each in found.guidance)
            followed = [each.name for each in found.guidance if isinstance(each, KeyGuidance)]
            keys = (
                f"; of {', '.join(followed)} they are key masks, Follow shows those between"
                if followed
                else ""
            )
            self._say(f"masks: {names}{keys}")
        else:
            self._say("nothing that was dropped is a plate: drop images, a movie, or a job document")

    def open_shot(self, plate: str, guidance: Iterable[Guidance] = ()) -> None:
        """Open a plate with masks."""
        output = os.path.join(os.path.dirname(plate), "maggie", matte_name(plate))
        self._open(Document(plate, output).with_guidance(guidance))

    def open_job(self, path: str) -> None:
        """Open a job document; what cannot be read is told."""

        def opened(job: MatteJob) -> None:
            self._open(Document.of_job(job))
            self.job_file = path
            remember_job(path)

        self._in_thread(lambda: read_job(Path(path)), opened)

    def save_job(self, path: str) -> None:
        """Write the job document."""
        with self._told():
            write_job(self.document.job(), Path(path))
            self.job_file = path
            remember_job(path)
            self._say(f"saved {path}")

    @property
    def recent(self) -> list[str]:
        """Job documents that were open, the last one first."""
        return recent_jobs()

    def command_line(self) -> str:
        """The command that makes the same mattes; "" with a message where there is none."""
        with self._told():
            return command_text(self.document.job())
        return ""

    def _open(self, document: Document) -> None:
        self.cancel_all()
        self._begin()
        self.queue.clear()
        self.history.reset(document)
        self._key_files = dict(document.key_files())
        self._say(f"opening {document.plate}")
        self._ask_plate()

    def _ask_plate(self) -> None:
        options = {name: self.document.option(name) for name in ("plate_layer", "ocio", "colorspace")}
        self._ask("open", self._plate_opened, plate=self.document.plate, **options)

    def _plate_opened(self, answer: Answer) -> None:
        if answer.error:
            self._say(answer.error)
            return
        found = answer.result
        self.plate = Plate(
            tuple(found["frames"]),
            (found["size"][0], found["size"][1]),
            found["pixel_aspect"],
            found["colorspace"],
            found["assumption"],
            found["ocio"],
            tuple((name, tuple(views)) for name, views in found["displays"].items()),
        )
        first, last = self.plate.frames[0], self.plate.frames[-1]
        was = self.playback.frame
        self.playback = Playback(first, first, last, fps=found["fps"] or FPS).at(was)
        self._with_facts(plate=self.plate.frames)
        count, (width, height) = len(self.plate.frames), self.plate.size
        said = found["assumption"] or f"{count} frame{'s' if count != 1 else ''}, {width}x{height}"
        self._say(said if self.document.people else f"{said}: drop masks here, or draw somebody")
        self._look_at_people(self.document.people)
        self._look_at_files()

    def _look_at_people(self, people: Iterable[Person]) -> None:
        """Ask who is in the files of these rows, and which frames the files have."""
        for person in people:
            if person.draws:
                continue
            self._ask(
                "people",
                lambda answer, source=person.source: self._people_found(source, answer),
                source=to_data(person.source),
                frames=list(self.plate.frames),
            )

    def _people_found(self, asked: Guidance, answer: Answer) -> None:
        if answer.error:
            self._say(answer.error)
            return
        found = tuple(guidance_from(each) for each in answer.result["found"])
        rows = [row for row in self.document.people if row.source == asked]
        names = [Person(each).name for each in found]
        if rows and not rows[0].name:
            twice = [name for name in names if name in self.document.names]
            self.history.document = self.document.with_found(asked, found)  # no step: nobody did anything
            if twice:
                file = os.path.basename(asked.sequence)
                self._say(f"{', '.join(twice)} of {file}: already there, left out")
            names = [name for name in names if name not in twice]
        frames = tuple(answer.result["frames"])
        self._with_facts(guidance={**self.facts.guidance, **{name: frames for name in names}})

    def _look_at_files(self) -> None:
        """List the files of mattes and pins."""
        document = self.document

        def look() -> tuple[frozenset[int], frozenset[int]]:
            mattes = frozenset(frames_on_disk(document.output)) if document.output else frozenset[int]()
            pinned = frozenset(f for pin in document.pins for f in frames_on_disk(pin.sequence))
            return mattes, pinned

        def seen(found: tuple[frozenset[int], frozenset[int]]) -> None:
            plate = frozenset(self.plate.frames)
            self._with_facts(mattes=found[0] & plate, pinned=found[1] & plate)

        self._in_thread(look, seen)

    # Changes.

    def add_guidance(self, sources: Iterable[Guidance]) -> None:
        """Add people."""
        self.change(self.document.with_guidance(sources), "add people")

    def add_hold(self, kind: str, paths: Iterable[str]) -> None:
        """Add cores or garbage mattes from files; for the selected person, or for everybody."""
        who = self.selected or EVERYBODY
        document = self.document
        for source in understood(paths, plate=document.plate or "/").guidance:
            document = document.with_hold(kind, source.sequence, who)
        self.change(document, kind)
        self._live_matte(going_on=False)

    def clear_holds(self, kind: str) -> None:
        """Remove the cores or garbage mattes of the selected person, or those of everybody."""
        who = self.selected or EVERYBODY
        kept = tuple(each for each in getattr(self.document, kind) if each.name != who)
        self.change(dataclasses.replace(self.document, **{kind: kept}), f"remove {kind}")
        self._live_matte(going_on=False)

    def set_option(self, name: str, value: Any) -> None:
        """Change an option of the job; a value out of its range is told and changes nothing."""
        with self._told():
            self.change(self.document.with_option(name, value), name.replace("_", " "))

    def type_option(self, option: Option, text: str) -> None:
        """Change an option to what was typed; an empty text is the default."""
        with self._told():
            self.set_option(option.name, value_of(option, text))

    def set_edge(self, name: str, value: Any, *, dragging: bool = False) -> None:
        """Change an edge option of the selected person, or of everybody where nobody is selected.

        The matte of the current frame follows at once, in preview quality while dragging.
        """
        with self._told():
            going_on = f"{name} of {self.selected}"
            document = self.document.with_edge(self.selected, name, value)
            self.change(document, name.replace("_px", "").replace("_", " "), going_on=going_on)
            if not dragging:
                self.history.settle()
            self._live_matte(going_on=dragging)

    def set_output(self, output: str) -> None:
        self.change(dataclasses.replace(self.document, output=output), "output")

    def select_place(self, number: int) -> None:
        """Choose the person in a row, counted from 1; again chooses nobody."""
        names = self.document.names
        if 1 <= number <= len(names):
            name = names[number - 1]
            self.select("" if name == self.selected else name)

    def set_person(self, name: str, **changes: Any) -> None:
        """Change colour, solo or mute of a person."""
        self.change(self.document.with_person(name, **changes), " and ".join(changes))

    def rename(self, old: str, new: str) -> None:
        with self._told():
            was_selected = self.selected == old
            self.change(self.document.renamed(old, new), "rename")
            if was_selected:
                self.select(new)
        self._touch()

    def move(self, name: str, by: int) -> None:
        """Move a person up or down the list."""
        self.change(self.document.moved(name, self.document.place_of(name) + by), "order")

    def remove(self, name: str) -> None:
        self.change(self.document.without_person(name), f"remove {name}")

    def pick(self, place: tuple[float, float]) -> None:
        """Add the object of the shot's Cryptomatte at a place of the picture, in widths and heights of it."""
        sources = [p.source for p in self.document.people if isinstance(p.source, CryptomatteGuidance)]
        if not sources:
            self._say("there is no Cryptomatte: drop one first")
            return
        source = dataclasses.replace(sources[0], instances=())

        def picked(answer: Answer) -> None:
            name = answer.result.get("name") if not answer.error else None
            if name is None:
                self._say(answer.error or "there is no object here")
            elif name in self.document.names:
                self.remove(name)
                self._say(f"{name} is left out")
            else:
                self.add_guidance((dataclasses.replace(source, instances=(name,)),))
                self._say(f"{name} is matted")

        self._ask(
            "pick",
            picked,
            sequence=source.sequence,
            layer=source.layer,
            frame=self.playback.frame + source.offset,
            place=list(place),
        )

    # What comes.

    def notify_by(self, notify: Callable[[], None]) -> None:
        """Call this, in whatever thread, when `poll` would find something before the window's timer does."""
        self._pictures.notify_by(notify)

    def poll(self) -> bool:
        """Take whatever has come since; returns whether something that is shown has changed."""
        before = self.changes
        self._poll_threads()
        for answer in self._pictures.poll():
            self._take(answer)
        self._poll_frame()
        self._poll_range()
        self._poll_command()
        self._tick()
        self._ask_pictures()
        return self.changes != before

    def close(self) -> None:
        """End everything; never waits. A folder of its own goes in a thread, once no job writes there."""
        self.cancel_all()
        self._pictures.close()
        if self._own_folder is not None:
            runs = [run for run in (self._frame_run, self._range_run) if run is not None]
            self._threads.submit(self._remove_folder, self._own_folder, runs)
        else:
            self._worker.close()
        self._threads.shutdown(wait=False)

    def _remove_folder(self, folder: OwnFolder, runs: Iterable[Take]) -> None:
        end = time.monotonic() + LEAVE_S
        for take in runs:
            while not take.over and time.monotonic() < end:
                take.poll()
                time.sleep(0.02)
        self._worker.close()
        folder.remove()
