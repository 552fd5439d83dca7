"""The files of a delivered shot: which frames are there, how often, and how they were made."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from maggie_api.errors import FrameError, InputError
from maggie_api.sequences import as_sequence, expected_frames, frame_of_file, parse_pattern
from maggie_core.image.window import Window
from maggie_core.io.frames import FrameSource
from maggie_core.mattes.layout import sibling, without_slug
from maggie_core.mattes.provenance import explain, stored_files

RECIPE = (
    "version",
    "model",
    "weights_sha256",
    "device",
    "precision",
    "ocio",
    "colorspace",
    "layout",
    "settings",
    "per_person",
)
"""What the headers of one shot's frames have in common."""
AGAIN = "run the job again"
"""What a sentence ends with."""
_MARK = 987654321
"""A frame number that stands for any in a name."""


class MatteFiles:
    """The mattes of a shot by frame number, in any of our layouts."""

    def __init__(
        self, pattern: str | Path, *, frame: int | None = None, plate: FrameSource | None = None
    ) -> None:
        """
        Args:
            pattern: a sequence as `matte.####.exr`, or one file.
            frame: which frame the one file is. None takes the frame of a `plate` that has one alone, else the
                frame that the file's header names, else the number in its name, else 1.
            plate: what the mattes are laid beside, if it was named.

        Raises:
            FrameError: the folder is not there, or it is all that was named.
            SettingsError: more than one frame token in the name.
        """
        self.pattern = str(pattern)
        path = Path(pattern)
        if path.is_dir():
            raise FrameError(f"{path} is a folder: name the files in it, such as {path / 'matte.####.exr'}")
        if not path.parent.is_dir():
            what = "is a file, and no folder" if path.parent.exists() else "does not exist"
            raise FrameError(f"{path.parent} {what}: name the mattes, such as out/matte.####.exr")
        self._parsed = None if path.is_file() else parse_pattern(path)
        if frame is None and plate is not None and len(plate.frames) == 1:
            frame = plate.frames[0]
        self._frame = frame

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames of which any file is there, ascending."""
        return tuple(sorted({*self._whole, *self._parts}))

    @property
    def expected(self) -> tuple[int, ...]:
        """The range in the name, else from the first to the last without a gap (or in equal steps)."""
        if self._parsed is not None and self._parsed.frames is not None:
            return self._parsed.frames
        return tuple(expected_frames(self.frames, name=self.pattern)) if self.frames else ()

    @property
    def is_numbered(self) -> bool:
        """Whether the names of the files tell their frames."""
        return self._parsed is not None or frame_of_file(self.pattern) is not None

    def path(self, frame: int) -> Path:
        """The frame's file, there or not; in the layout `files` the name it would have without a slug."""
        whole = self._whole.get(frame)
        return whole[0] if whole else self._named(frame)

    def parts(self, frame: int) -> tuple[Path, ...]:
        """Its files in the layout `files`, one for each instance; none in the other layouts."""
        return self._parts.get(frame, ())

    def copies(self, frame: int) -> int:
        """How often the frame is there; 1 is as it should be."""
        jobs = {_slugs(part) for part in self.parts(frame)}  # a job writes all people, and its files say whom
        return len(self._whole.get(frame, ())) + len(jobs)

    def _named(self, frame: int) -> Path:
        return Path(self.pattern) if self._parsed is None else self._parsed.path(frame)

    @cached_property
    def _only(self) -> int:
        """Which frame the one file is."""
        named = frame_of_file(self.pattern)
        known = (self._frame, _frame_of_still(Path(self.pattern)), named, 1)
        return next(frame for frame in known if frame is not None)

    @cached_property
    def _whole(self) -> dict[int, tuple[Path, ...]]:
        """Files that hold all of a frame, the one of the asked name first."""
        if self._parsed is None:
            path = Path(self.pattern)
            return {self._only: (path,)} if path.is_file() else {}
        found: dict[int, list[Path]] = {}
        name = re.escape(self._parsed.prefix) + r"(-?\d+)" + re.escape(self._parsed.suffix)
        for entry, match in self._matching(name):
            found.setdefault(int(match[1]), []).append(entry)
        return {f: tuple(sorted(paths, key=lambda p: p != self._named(f))) for f, paths in found.items()}

    @cached_property
    def _parts(self) -> dict[int, tuple[Path, ...]]:
        """Files that hold one instance of a frame, by their own word: another shot's may be called alike."""
        found: dict[int, list[Path]] = {}
        mark = sibling(self._named(_MARK), "SLUG").name
        name = re.escape(mark).replace("SLUG", r"[a-z][a-z0-9_]*").replace(str(_MARK), r"(-?\d+)")
        for entry, match in self._matching(name):
            frame = int(match[1]) if match.groups() else self._only
            if entry in {sibling(self._named(frame), slug) for slug in _slugs(entry)}:
                found.setdefault(frame, []).append(entry)
        return {frame: tuple(paths) for frame, paths in found.items()}

    def _matching(self, name: str) -> list[tuple[Path, re.Match[str]]]:
        folder = Path(self.pattern).parent
        wanted = None if self._parsed is None or self._parsed.frames is None else set(self._parsed.frames)
        matches = ((entry, re.fullmatch(name, entry.name)) for entry in sorted(folder.iterdir()))
        return [
            (entry, match)
            for entry, match in matches
            if match is not None and (wanted is None or int(match[1]) in wanted)
        ]


def _slugs(path: Path) -> tuple[str, ...]:
    """Whose files lie beside this one, by its header."""
    try:
        return tuple(explain(path).get("slugs") or ())
    except FrameError:
        return ()


def _frame_of_still(path: Path) -> int | None:
    """The frame of the plate that a still is of, by its header; None where that names none."""
    try:
        return int(explain(next(iter(stored_files(path)), path))["plate_frame"])
    except (FrameError, KeyError, ValueError):
        return None


def sequences_in(folder: Path) -> dict[str, str]:
    """The sequences of mattes in a folder, as `matte.####.exr`, and what to call them; one file without a
    number is one, too.

    Raises:
        OSError: the folder cannot be listed.
    """
    found: dict[str, str] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() != ".exr" or file.name.startswith("."):
            continue
        try:
            slugs = explain(file).get("slugs") or ()
        except FrameError:
            continue  # of others, or damaged: where its name is one of a sequence, that tells of it
        names = {name for slug in slugs if (name := without_slug(file, slug)) is not None}
        whole = str(min(names, key=lambda name: len(name.name), default=file) if slugs else file)
        found[whole] = as_sequence(whole)[0]
    return by_sequence(found)


def by_sequence(patterns: Mapping[str, str]) -> dict[str, str]:
    """The patterns of the sequences, each once, and what to call them: a file that is alone by its own name.

    Frames of one name that are padded in two ways are one sequence, by the way of most.

    Args:
        patterns: the sequence that each file may be one of, by the file's name.
    """
    found: dict[str, list[str]] = {}
    for name, pattern in patterns.items():
        found.setdefault(re.sub("#+", "#", pattern), []).append(name)
    called: dict[str, str] = {}
    for names in found.values():
        pattern = Counter(patterns[name] for name in names).most_common(1)[0][0]
        called[pattern] = pattern if len(names) > 1 else names[0]
    return called


def recipe_of(header: Mapping[str, Any]) -> dict[str, str]:
    """How a file was made, flat: `settings.working_px`, `weights_sha256`, ...; empty for others' files."""
    flat: dict[str, str] = {}
    for key in RECIPE:
        value = header.get(key)
        if isinstance(value, Mapping):
            flat |= {f"{key}.{name}": json.dumps(each) for name, each in value.items()}
        elif value is not None:
            flat[key] = str(value)
    return flat


def plate_window_of(header: Mapping[str, Any]) -> Window | None:
    """The data window of the plate that a file was made from; None where its header does not say."""
    said = header.get("plate_window")
    if isinstance(said, list):
        with suppress(TypeError, ValueError, InputError):
            return Window(*(int(each) for each in said))
    return None


def differences(recipe: Mapping[str, str], common: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the fields in which a recipe differs from the common one."""
    return tuple(key for key in {**common, **recipe} if recipe.get(key) != common.get(key))


def odd_recipes(recipes: Mapping[int, Mapping[str, str]]) -> dict[int, tuple[str, ...]]:
    """Names of the fields in which each frame's recipe differs from the most common one."""
    if not recipes:
        return {}
    kinds = Counter(tuple(sorted(recipe.items())) for recipe in recipes.values())
    common = dict(kinds.most_common(1)[0][0])
    return {frame: differences(recipe, common) for frame, recipe in recipes.items()}


def other_frame(header: Mapping[str, Any], frame: int) -> str:
    """What is wrong with a file whose name says that it is of `frame`; "" where its header says so, too."""
    said = header.get("frame", frame)
    return "" if str(said) == str(frame) else f"its header says that it is frame {said}: {AGAIN}"


def other_inputs(headers: Mapping[int, Mapping[str, Any]]) -> tuple[int, ...]:
    """Frames made from another plate, or from other masks, than those around them, as the headers tell.

    A matte is made from several frames, its neighbours from most of the same: what they say of one of those
    must agree. Named are the frames that disagree with most others, until the rest agrees.
    """
    said: dict[tuple[str, str], dict[str, set[int]]] = {}
    for frame, header in headers.items():
        inputs = header.get("inputs")
        for kind, digests in inputs.items() if isinstance(inputs, Mapping) else ():
            for each, digest in digests.items() if isinstance(digests, Mapping) else ():
                said.setdefault((str(kind), str(each)), {}).setdefault(str(digest), set()).add(frame)
    against: dict[int, set[int]] = {}
    for versions in said.values():
        everybody = set[int]().union(*versions.values()) if len(versions) > 1 else set[int]()
        for frames in versions.values():
            for frame in frames if everybody else ():
                against.setdefault(frame, set()).update(everybody - frames)
    odd: set[int] = set()
    while most := max(map(len, against.values()), default=0):
        worst = {frame for frame, others in against.items() if len(others) == most}
        odd |= worst
        against = {frame: others - worst for frame, others in against.items() if frame not in worst}
    return tuple(sorted(odd))
