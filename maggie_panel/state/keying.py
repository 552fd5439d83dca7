"""Key masks: drawn, written, followed."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable
from typing import Any, Optional

from maggie_api.job import KeyGuidance, MaskGuidance, write_job
from maggie_api.layer_names import slugs
from maggie_api.sequences import as_sequence
from maggie_api.serialization import to_data

from ..picture_client import Answer
from . import commands
from .document import KEYS_FOLDER, Document
from .keys import KeyMask, Stroke, Tool, bigger, changed_files, smaller
from .looking import Looking
from .matting import cache_of
from .people import Person
from .timeline import next_of


class Keying(Looking):
    """What the brush does. The files of keys follow the document, also when something is undone."""

    def _begin(self) -> None:
        super()._begin()
        self.tool: Optional[Tool] = None
        self.brush_px = 20.0
        self._key_files: dict[str, KeyMask] = {}
        """Keys as they are on disk or on their way there, by file."""
        self._keys_under_way: set[int] = set()
        self._waiting_for_keys: list[Callable[[], None]] = []

    def _changed(self, before: Document) -> None:
        super()._changed(before)
        self._write_keys()

    def new_person(self) -> None:
        """Add somebody whose masks are drawn here."""
        if not self.plate.frames:
            self._say("there is no plate: drop one into the window")
            return
        document, name = self.document.with_new_person(self._keys_folder(), taken=self._old_keys())
        self.change(document.with_key(name, self.playback.frame, self._keys_folder()), "draw a person")
        self.select(name)

    def add_key(self) -> None:
        """Make the current frame a key of the selected person."""
        if self._has_selected():
            self.change(self._with_key(), "add key")

    def delete_key(self) -> None:
        """Remove the key of the selected person at the current frame."""
        if not self._has_selected():
            return
        person = self._person()
        if self.playback.frame not in person.keys:
            self._say(f"{person.name} has no key drawn here")
            return
        self.change(self.document.without_key(person.name, self.playback.frame), "delete key")

    def stroke(self, points: Iterable[tuple[float, float]]) -> None:
        """Draw with the tool in hand on the selected person's key; a frame without one becomes a key."""
        points = tuple(points)
        if self.tool is None or not points or not self._has_selected():
            return
        stroke = Stroke(self.tool, points, self.brush_px)
        document = self._with_key().with_stroke(self.selected, self.playback.frame, stroke)
        self.change(document, self.tool)

    def brush(self, by: int) -> None:
        """A larger brush, or a smaller one."""
        self.take_brush(bigger(self.brush_px) if by > 0 else smaller(self.brush_px))

    def take_brush(self, radius_px: float) -> None:
        """Take a brush of this radius, in plate pixels."""
        self.brush_px = radius_px
        self._touch()

    def take_tool(self, tool: Optional[Tool]) -> None:
        """Take paint, erase or fill in hand; the same again, or None, puts it away."""
        self.tool = None if tool == self.tool else tool
        if self.tool is not None and self.view.mode != "guidance":
            self.look(mode="guidance")
        self._touch()

    def jump_key(self, step: int) -> None:
        """Go to the next key, of the selected person or of anybody; or to the one before."""
        people = [p for p in self.document.people if not self.selected or p.name == self.selected]
        keys = {frame for p in people for frame in (*p.keys, *self._file_keys(p))}
        self.go(next_of(keys, self.playback.frame, step))

    def propagate(self) -> None:
        """Follow everybody from the keys through the shot, to look at the masks; the lost are told."""
        if not any(isinstance(person.source, KeyGuidance) for person in self.document.people):
            self._say("nobody has keys: draw one first")
            return
        self._after_keys(self._propagate)

    def _propagate(self) -> None:
        document = self.document
        with self._told():
            job = document.job(frames=None, **cache_of(document, str(self.folder)))
            target = self.folder / f"followed_{self._edition}" / "mask.####.png"
            names = document.names
            files = {
                name: MaskGuidance(name, str(target.with_name(f"mask_{slug}.####.png")))
                for name, slug in zip(names, slugs(names))
            }

            def ended(result: commands.Ended) -> None:
                if result.code:
                    self._say(result.said or "following was cancelled")
                    return
                keyed = [p.name for p in document.people if isinstance(p.source, KeyGuidance)]
                self.followed = {name: files[name] for name in keyed}
                self._followed_of = document.key_files()
                lost = commands.lost_of(result.output)
                self._edition += 1
                self._with_facts(warnings=lost)
                self._say(lost[0].text if lost else "everybody is followed through the shot")

            path = self.folder / "propagate.json"
            write_job(job, path)
            self._run("following people", ["propagate", str(path), "-o", str(target), "--json"], ended)

    def _file_keys(self, person: Person) -> tuple[int, ...]:
        is_keyed = isinstance(person.source, KeyGuidance) and not person.draws
        return self.facts.guidance.get(person.name, ()) if is_keyed else ()

    def _with_key(self) -> Document:
        person, frame = self._person(), self.playback.frame
        followed = self.followed.get(person.name) if not self.is_followed_old else None
        had = self._file_keys(person)
        folder, taken = self._keys_folder(), self._old_keys()
        return self.document.with_key(person.name, frame, folder, had=had, followed=followed, taken=taken)

    def _old_keys(self) -> list[str]:
        """Sequences of keys that were drawn before, which nothing writes over."""
        folder = os.path.join(self._keys_folder(), KEYS_FOLDER)
        with contextlib.suppress(OSError):
            return [as_sequence(os.path.join(folder, name))[0] for name in os.listdir(folder)]
        return []

    def _keys_folder(self) -> str:
        """Folder for drawn keys: beside the mattes, so that they stay with the shot."""
        return os.path.dirname(self.document.output) or str(self.folder)

    def _person(self) -> Person:
        return self.document.people[self.document.place_of(self.selected)]

    def _has_selected(self) -> bool:
        if self.selected:
            return True
        names = self.document.names
        if len(names) == 1:
            self.select(names[0])
            return True
        self._say("choose a person first, by a click in the list or by 1 to 9")
        return False

    def _write_keys(self) -> None:
        """Bring the files of drawn keys to what the document says."""
        frames = {file: frame for file, frame, _ in self.document.drawn_keys()}
        written, removed = changed_files(self._key_files, self.document.key_files())
        for file in removed:
            del self._key_files[file]
            self._ask_key("remove_key", file)
        for file, key in written.items():
            self._key_files[file] = key
            self._ask_key(
                "write_key",
                file,
                plate=self.document.plate,
                plate_layer=self.document.option("plate_layer"),
                frame=frames[file],
                strokes=[dataclasses.asdict(stroke) for stroke in key.strokes],
                base=None if key.base is None else to_data(key.base),
            )
        if written or removed:
            drawn = set(frames.values())
            self._live = {frame: path for frame, path in self._live.items() if frame not in drawn}

    @property
    def are_keys_under_way(self) -> bool:
        """Whether what was drawn is not on disk yet."""
        return bool(self._keys_under_way)

    def _ask_key(self, do: str, file: str, **given: Any) -> None:
        def written(answer: Answer) -> None:
            self._key_written(file, answer)

        self._keys_under_way.add(self._ask(do, written, path=file, **given))

    def _key_written(self, file: str, answer: Answer) -> None:
        self._keys_under_way.discard(answer.number)
        if answer.error:
            self._key_files.pop(file, None)
            self._say(answer.error)
        if self._keys_under_way:
            return
        self._edition += 1
        waiting, self._waiting_for_keys = self._waiting_for_keys, []
        if self._key_files == self.document.key_files():
            for work in waiting:
                work()

    def _after_keys(self, work: Callable[[], None]) -> None:
        """Do something once every key is on disk; those that could not be written are tried once more."""
        self._write_keys()
        if self._keys_under_way:
            self._waiting_for_keys.append(work)
        else:
            work()
