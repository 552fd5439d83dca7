"""The folders and files of a job by name, so that a farm can have them elsewhere."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal

from maggie_api.errors import JobError
from maggie_api.job import SEQUENCES, MatteJob
from maggie_api.serialization import nearest
from maggie_api.settings import MODEL_NAMES, tracker_folder

Flow = Literal["IN", "OUT", "INOUT", "NONE"]
"""What a farm that copies files does with a place: takes it to the machine, brings it back, both, neither."""
VALUES = ("model", "tracker", "ocio", "cache")
"""Places that are the value of a field, and not the folder of files."""
SLASHES = "/\\"


@dataclass(frozen=True)
class Place:
    """A folder, or a file, that a job names."""

    name: str
    path: str
    """Empty where the job names none and may be given one."""
    flow: Flow
    is_file: bool = False


def places_of(job: MatteJob) -> tuple[Place, ...]:
    """The places of a job: `plate`, `masks`, `masks2`, ..., `output`, `pictures`, `model`, `ocio`, `cache`,
    and `tracker` where it is a folder.

    A folder has the name of what is first in it: `plate` holds the masks too where they lie there.
    `masks` are those of guidance, pins, cores and garbage mattes.
    """
    folders: dict[str, tuple[str, Flow]] = {}
    counts: dict[str, int] = {}
    for kind, flow, path in _paths(job):
        folder, _ = _split(path)
        if folder not in folders:
            counts[kind] = counts.get(kind, 0) + 1
            folders[folder] = (kind if counts[kind] == 1 else f"{kind}{counts[kind]}"), flow
        elif folders[folder][1] != flow:
            folders[folder] = folders[folder][0], "INOUT"
    model = "" if job.model in MODEL_NAMES else job.model
    ocio = job.ocio if job.ocio and "://" not in job.ocio else ""
    tracker = tracker_folder(job.tracker)
    return (
        *(Place(name, folder, flow) for folder, (name, flow) in folders.items()),
        Place("model", model, "IN", is_file=not Path(model or " ").is_dir()),
        *([Place("tracker", tracker, "IN")] if tracker else []),
        Place("ocio", ocio, "IN", is_file=True),
        # Machines share a cache; copies of it would hold nothing of each other.
        Place("cache", job.cache or "", "NONE"),
    )


def moved(job: MatteJob, places: Mapping[str, str]) -> MatteJob:
    """The job with some of its places elsewhere.

    Args:
        job: as it was written; its paths may be those of another operating system.
        places: new paths by name; an empty one leaves a place where it is.

    Raises:
        JobError: the job has no place of that name.
    """
    known = {place.name: place for place in places_of(job)}
    new = {name: path for name, path in places.items() if path}
    for name in places:
        if name not in known:
            raise JobError(f"the job has no place called {name}{nearest(name, list(known))}")
    folders = {known[name].path: path for name, path in new.items()}

    def to(path: str) -> str:
        folder, name = _split(path)
        return f"{folders[folder].rstrip(SLASHES)}/{name}" if folder in folders else path

    values = {name: new[name] for name in VALUES if name in new}
    if "tracker" in values:
        values["tracker"] = f"sam2:{values['tracker']}"
    return _with_paths(job, to, **values)


def _paths(job: MatteJob) -> Iterator[tuple[str, Flow, str]]:
    yield "plate", "IN", job.plate
    for _, path in job.sequences():
        yield "masks", "IN", path
    if job.output:
        yield "output", "OUT", job.output
    for path in job.all_pictures:
        yield "pictures", "OUT", path


def _with_paths(job: MatteJob, to: Callable[[str], str], **values: str) -> MatteJob:
    sequences = {
        name: tuple(dataclasses.replace(each, sequence=to(each.sequence)) for each in getattr(job, name))
        for name in SEQUENCES
    }
    return dataclasses.replace(
        job,
        plate=to(job.plate),
        output=to(job.output) if job.output else "",
        pictures=tuple(dataclasses.replace(each, path=to(each.path)) for each in job.pictures),
        preview=None if job.preview is None else to(job.preview),
        **sequences,
        **values,  # pyright: ignore[reportArgumentType] - fields that hold a text
    )


def is_windows(path: str) -> bool:
    """Whether an absolute path is one of Windows, wherever this runs."""
    return re.match(r"[A-Za-z]:[\\/]|\\\\", path) is not None


def _split(path: str) -> tuple[str, str]:
    """Folder and name, by the rules of the system that the path belongs to."""
    pure = PureWindowsPath(path) if is_windows(path) else PurePosixPath(path)
    return str(pure.parent), pure.name


_NO_SHOT = re.compile(r"v\d+|\d+k?|\d+x\d+|\d+fps", re.IGNORECASE)
"""Folders with a digit that are no shot: a version, a size, a rate."""


def shot_name(job: MatteJob) -> str:
    """A name for the farm's list: the plate's, behind the shot's folder where it names no shot itself."""
    folder, file = _split(job.plate)
    stem = re.sub(r"([._-]?(#+|%\d*d|@+))?\.[^.]+$", "", file) or "plate"
    if re.search(r"\d", stem):
        return stem
    folders = re.split(r"[\\/]", folder)[:0:-1]
    shots = (name for name in folders if re.search(r"\d", name) and not _NO_SHOT.fullmatch(name))
    shot = next(shots, folders[0] if folders else "")
    return f"{shot} {stem}".strip()
