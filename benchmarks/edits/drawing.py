"""What is drawn: edits of a shot's files, and values of every option that a job has."""

from __future__ import annotations

import os
import random
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.edits.shot import FRAMES, NUMBERED, Edit, EditedShot, replaced
from maggie_api.errors import JobError
from maggie_api.job import Hold, MaskGuidance, MatteJob, PersonOption, PictureOutput, Pin
from maggie_api.settings import (
    EdgeSettings,
    MatteFile,
    MatteSettings,
    Option,
    PictureFile,
    RunSettings,
    options_of,
)

OPTIONS = options_of(RunSettings, MatteSettings, EdgeSettings, MatteFile, PictureFile)
MOST_LOST = 2
"""Files damaged or deleted at a time; with more the shot would have hardly a frame left to compare."""
OFTEN = {"plate": 4, "mask": 4, "pin": 2, "core": 2, "LUT": 3}
"""How often files of a kind are drawn, where it is not once."""
PICTURES = ((), ("p.####.png",), ("p.####.png", "p.mov"))
"""Pictures that jobs make beside mattes."""
IN_WORK = 3
"""Frames after the one that was reported last that are read already and not yet written, about."""
SHARED = ("LUT", "colour configuration", "weights", "model description", "garbage matte", "movie")
"""Files that all frames need."""
V = TypeVar("V")
MORE_FRAMES = range(FRAMES.stop, FRAMES.stop + 2)
"""Frames that may be appended to the shot."""


def values_of(option: Option, shot: EditedShot) -> tuple[Any, ...]:
    """Values to draw from for an option, its default first; a new option gets its own by its kind.

    Raises:
        LookupError: it takes text, and nobody has said which.
    """
    texts: dict[str, tuple[Any, ...]] = {
        "frames": (None, "2-6", "2,5-7", "3", "1-7x2"),
        "shot_frames": (None, "1-8", "2-8", "1-7"),
        "model": (str(shot.folder / "video"), str(shot.folder / "image")),
        "device": ("cpu", "auto"),
        "cache": (None, str(shot.folder / "cache")),
        "colorspace": ("srgb_tx", "acescct", "lin_rec709", None),
        "ocio": (str(shot.config), None),
        "plate_layer": (None, "other"),
        "tracker": ("builtin", "sam2:tiny"),  # nobody has key masks here, so neither is loaded
        "compression": ("none", "zips", "piz", "dwaa:45"),
    }
    numbers: dict[str, tuple[Any, ...]] = {
        "working_px": (64, 72, 576),
        "segment_frames": (3, 1, 4, 48, "whole"),
        "warmup_frames": (1, 0, 4),
        "cache_gb": (20.0, 0.0003),
        "exposure_ev": (0.0, -1.5, "auto"),
        "trust": ("auto", 0.9, 0.1),
        "grow_px": (0.0, 1.5, -0.5),
        "black_point": (0.0, 0.2),
        "white_point": (1.0, 0.7),
        "fps": (None, 12.0),
    }
    if option.kind == "choice":
        return option.choices
    if option.kind == "flag":
        return (False, True)
    if option.name in numbers:
        return numbers[option.name]
    if option.kind in ("number", "whole number"):
        word = () if option.word is None else (option.word,)
        return (option.default, 1 if not option.default else 2 * option.default, *word)
    if option.name in texts:
        return texts[option.name]
    raise LookupError(f"option {option.name} takes text: say in `values_of` which texts are drawn")


@dataclass
class JobState:
    """What is asked for: forms of the inputs, and the options that differ from the usual ones."""

    shot: EditedShot
    options: dict[str, Any] = field(default_factory=dict)
    movie: bool = False
    pinned: bool = False
    people: tuple[str, ...] = ("ana", "ben")
    held: tuple[str, ...] = ()
    """`core`, `garbage`, both or none."""
    apart: tuple[PersonOption, ...] = ()
    """Edge options of one person."""
    pictures: tuple[str, ...] = ()
    """Names of pictures made from the mattes."""

    def job(self, output: Path) -> MatteJob:
        """The job that writes to `output`.

        Raises:
            JobError: options contradict each other.
        """
        shot = self.shot
        usual = {
            name: values_of(OPTIONS[name], shot)[0]
            for name in ("model", "device", "colorspace", "ocio", "working_px", "segment_frames")
        }
        pins = (Pin("ana", str(shot.folder / "pins" / "ana.####.exr")),) if self.pinned else ()
        return MatteJob(
            plate=str(shot.movie) if self.movie else shot.plate,
            output=str(output / "m.####.exr"),
            guidance=tuple(MaskGuidance(name, shot.mask(name)) for name in self.people),
            pins=pins,
            core=(Hold(shot.core, "ana"),) if "core" in self.held else (),
            garbage=(Hold(str(shot.garbage)),) if "garbage" in self.held else (),
            per_person=self.apart,
            pictures=tuple(PictureOutput(str(output / name)) for name in self.pictures),
            **(usual | {"warmup_frames": 1, "compression": "none"} | self.options),
        )

    def files(self) -> dict[str, list[Path]]:
        """Files that the job reads, by what they are; those that are deleted, too."""
        shot, frames = self.shot, (*FRAMES, *MORE_FRAMES)
        model = Path(self.options.get("model", shot.folder / "video"))
        found = {
            "mask": [shot.numbered(name, frame) for name in self.people for frame in frames],
            "weights": [model / f"{model.name}.safetensors"],
            "model description": [model / "config.json"],
        }
        if self.movie:
            found["movie"] = [shot.movie]
        else:
            found["plate"] = [shot.numbered("plate", frame) for frame in frames]
        if self.pinned:
            found["pin"] = shot.pins()
        if "core" in self.held:
            found["core"] = [shot.numbered("core", frame) for frame in frames]
        if "garbage" in self.held:
            found["garbage matte"] = [shot.garbage]
        if self.options.get("ocio", "") is not None:
            found |= {"LUT": [shot.folder / "luts" / "camera.cube"], "colour configuration": [shot.config]}
        return found

    def draw_value(self, name: str, chance: random.Random) -> None:
        """Draw a value of an option; options that contradict it go back to the usual."""
        values = values_of(OPTIONS[name], self.shot)
        for others in (self.options, {}):
            possible = [value for value in values if self._is_job(others | {name: value})]
            if possible:
                self.options = others | {name: chance.choice(possible)}
                return

    def draw_back(self, chance: random.Random) -> str:
        """Put one option back to the usual; returns its name. There is one that is not."""
        name = chance.choice(list(self.options))
        self.options = {each: value for each, value in self.options.items() if each != name}
        if not self._is_job(self.options):
            self.options = {}
        return name

    def _is_job(self, options: dict[str, Any]) -> bool:
        try:
            replace(self, options=options).job(Path())
        except JobError:
            return False
        return True

    def draw_form(self, chance: random.Random) -> str:
        """Change what the inputs and outputs are: movie or sequence, pins, holds, people and their order,
        edges of one person, pictures."""
        form = chance.choice(("movie", "pins", "pins", "people", "holds", "holds", "edges", "pictures"))
        if form == "movie":
            self.movie = not self.movie
        elif form == "pins":
            self.pinned = not self.pinned
        elif form == "holds":
            self.held = _another(chance, self.held, ((), ("core",), ("core", "garbage"), ("garbage",)))
        elif form == "edges":
            edges = ((), (PersonOption("ana", "grow_px", -1.5),), (PersonOption("ana", "trust", 0.8),))
            self.apart = _another(chance, self.apart, edges)
        elif form == "pictures":
            self.pictures = _another(chance, self.pictures, PICTURES)
        else:
            self.people = _another(chance, self.people, (("ana", "ben"), ("ben", "ana"), ("ana",)))
        return form


def _another(chance: random.Random, now: V, forms: Collection[V]) -> V:
    return chance.choice([each for each in forms if each != now])


def draw_edit(state: JobState, chance: random.Random) -> Edit:
    """Draw an edit of a file that the job reads."""
    shot = state.shot
    groups = state.files()
    there = {name: [path for path in paths if path.exists()] for name, paths in groups.items()}
    names = [name for name, paths in there.items() if paths for _ in range(OFTEN.get(name, 1))]
    kinds = ["repaint"] * 12 + ["touch", "exchange", "append"]
    if len(shot.lost) < MOST_LOST:
        kinds += ["truncate", "truncate", "delete", "delete a frame"]
    kinds += ["restore"] * (4 * len(shot.lost))
    while True:
        kind = chance.choice(kinds)
        name = chance.choice(names)
        path = chance.choice(there[name])
        if kind == "restore":
            path = chance.choice(list(shot.lost))
            return restored(shot, path, chance)
        if kind == "append":
            frame = next((f for f in MORE_FRAMES if not shot.numbered("plate", f).exists()), None)
            if frame is None or state.movie:
                continue
            return Edit("append a frame", "new files", f"frame {frame}", partial(_append, shot, frame))
        if path in shot.lost:
            continue
        if kind == "repaint":
            return _repainted(shot, path, name, chance)
        if kind == "touch":
            return Edit("touch", "new time", path.name, partial(os.utime, path))
        if kind == "exchange":
            other = chance.choice(there[name])
            if other in shot.lost or other == path or other.suffix != path.suffix:
                continue
            if path.name[:3] != other.name[:3]:
                continue
            return Edit(
                f"exchange two of {name}",
                "by rename",
                f"{path.name} and {other.name}",
                partial(_exchange, path, other),
            )
        if kind == "delete a frame":
            if name not in ("plate", "mask") or state.movie or len(shot.lost):
                continue
            frame = int(path.name.split(".")[1])
            paths = [shot.numbered(each, frame) for each in NUMBERED]
            if frame in MORE_FRAMES or not all(each.exists() for each in paths):
                continue
            return Edit(kind, "unlinked", f"frame {frame}", partial(_lose, shot, paths))
        if kind == "truncate":
            share = chance.uniform(0.1, 0.9)
            return Edit(f"truncate {name}", "in place", path.name, partial(_truncate, shot, path, share))
        return Edit(f"delete {name}", "unlinked", path.name, partial(_lose, shot, [path]))


def draw_edit_in_work(state: JobState, chance: random.Random, last: int | None) -> Edit:
    """Draw an edit of a file that a run uses just now.

    Args:
        last: frame that the run has reported last; None before the first.
    """
    shot = state.shot
    start = FRAMES.start if last is None else last + 1
    near = {f"{frame:04d}" for frame in range(start, start + IN_WORK)}
    found = [
        (name, path)
        for name, paths in state.files().items()
        for path in paths
        if path.exists() and path not in shot.lost and (name in SHARED or path.name.split(".")[1] in near)
        for _ in range(OFTEN.get(name, 1))
    ]
    if not found:
        return draw_edit(state, chance)
    name, path = chance.choice(found)
    return _repainted(shot, path, name, chance)


def _repainted(shot: EditedShot, path: Path, name: str, chance: random.Random) -> Edit:
    place = chance.choice(("in place", "by rename"))
    time = chance.choice(("time kept", "new time"))
    content = shot.content(path)
    apply = partial(_write, shot, path, content, place, time)
    return Edit(f"repaint {name}", f"{place}, {time}", path.name, apply)


def restored(shot: EditedShot, path: Path, chance: random.Random) -> Edit:
    """An edit that puts a file back that is damaged or gone."""
    place = chance.choice(("in place", "by rename"))
    time = chance.choice(("time kept", "new time"))
    apply = partial(_write, shot, path, None, place, time)
    return Edit("restore a file", f"{place}, {time}", path.name, apply)


def _write(shot: EditedShot, path: Path, content: bytes | None, place: Any, time: Any) -> None:
    before = shot.lost.pop(path, None)
    content = before if content is None else content
    if content is not None:
        replaced(path, content, place=place, time=time)


def _truncate(shot: EditedShot, path: Path, share: float) -> None:
    shot.lost[path] = path.read_bytes()
    os.truncate(path, int(len(shot.lost[path]) * share))


def _lose(shot: EditedShot, paths: list[Path]) -> None:
    for path in paths:
        shot.lost.setdefault(path, path.read_bytes())
        path.unlink()


def _append(shot: EditedShot, frame: int) -> None:
    for kind in reversed(NUMBERED):  # the plate last: it says which frames the shot has
        path = shot.numbered(kind, frame)
        path.write_bytes(shot.content(path))


def _exchange(one: Path, other: Path) -> None:
    aside = one.with_name(f".new{one.suffix}")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)
