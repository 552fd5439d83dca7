"""The timeline: which frames are there, of what, and what was found about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from maggie_api.errors import SettingsError
from maggie_api.job import KeyGuidance
from maggie_api.sequences import compact_frames, expected_frames, frame_runs, parse_pattern

from .document import Document

Kind = Literal["plate", "guidance", "keys", "pinned", "matte", "cached", "warnings", "findings"]
TITLES: dict[Kind, str] = {
    "plate": "plate",
    "guidance": "guidance",
    "keys": "keys",
    "pinned": "pinned",
    "matte": "matte",
    "cached": "cached",
    "warnings": "warnings",
    "findings": "QC",
}


@dataclass(frozen=True)
class Note:
    """Something that was said about frames: by a job, or by the check of its mattes."""

    frames: tuple[int, ...]
    """Empty where it is about the whole shot."""
    text: str


@dataclass(frozen=True)
class Lane:
    """One line of the timeline."""

    kind: Kind
    runs: tuple[tuple[int, int], ...]
    """(first, last) of each unbroken run of frames, ascending."""


@dataclass(frozen=True)
class Facts:
    """What is known of the files of a shot beside its document."""

    plate: tuple[int, ...] = ()
    """Frames of the plate that are on disk, ascending."""
    guidance: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Frames of the files of each person who has files."""
    pinned: frozenset[int] = frozenset()
    mattes: frozenset[int] = frozenset()
    cached: frozenset[int] = frozenset()
    """Frames that the viewer can show at once."""
    warnings: tuple[Note, ...] = ()
    findings: tuple[Note, ...] = ()


def lanes(document: Document, facts: Facts) -> tuple[Lane, ...]:
    """The lines of the timeline, from the plate down."""
    return tuple(Lane(kind, tuple(frame_runs(_frames(kind, document, facts)))) for kind in TITLES)


def notes_at(frame: int, facts: Facts) -> tuple[Note, ...]:
    """What was said about a frame."""
    return tuple(each for each in (*facts.warnings, *facts.findings) if frame in each.frames)


def next_of(frames: Iterable[int], current: int, step: int) -> int:
    """The next of some frames after `current`, or before it for a negative step; `current` without one."""
    if step > 0:
        return min((frame for frame in frames if frame > current), default=current)
    return max((frame for frame in frames if frame < current), default=current)


def noted_frames(notes: Iterable[Note]) -> set[int]:
    """Frames that something was said about."""
    return {frame for note in notes for frame in note.frames}


def frames_on_disk(sequence: str) -> tuple[int, ...]:
    """Numbers of the files of a sequence, ascending; none for a movie, a lone file, or what is not there."""
    try:
        pattern = parse_pattern(sequence)
        return () if pattern is None else tuple(pattern.on_disk())
    except (OSError, SettingsError):
        return ()


def _frames(kind: Kind, document: Document, facts: Facts) -> Iterable[int]:
    if kind == "plate":
        return facts.plate
    if kind == "guidance":
        masks = [
            set(facts.guidance[person.name]) if facts.guidance.get(person.name) else set(facts.plate)
            for person in document.people
            if not isinstance(person.source, KeyGuidance)
        ]
        return set.intersection(*masks) if masks else ()
    if kind == "keys":
        return {
            frame
            for person in document.people
            if isinstance(person.source, KeyGuidance)
            for frame in (person.keys if person.draws else facts.guidance.get(person.name, ()))
        }
    if kind == "pinned":
        return facts.pinned
    if kind == "matte":
        return facts.mattes
    if kind == "cached":
        return facts.cached
    return noted_frames(facts.warnings if kind == "warnings" else facts.findings)


def delivered_frames(document: Document, plate: tuple[int, ...]) -> str:
    """The frames that are delivered, as a job names them: those it asks for, else those of the shot.

    Args:
        plate: frames of the plate; at least one.

    Raises:
        FrameError: nobody says what the shot is, and the plate has too large a gap to be one.
    """
    asked = document.option("frames") or document.option("shot_frames")
    return asked or compact_frames(expected_frames(plate, name=document.plate))
