"""What mattes were made from, and what has changed since. No Nuke in here.

Beside the mattes of a node lies its account: for every frame the options of its job, and size and time of
each file that the matte depends on. Files are known by their names alone, since another machine may have them
under another folder. An input that Nuke renders is known by the knobs of the nodes that it comes from.

An account says that a matte may be another one now. Whether it is, the worker knows by the pixels: it makes
the matte again or keeps it, and the account says so.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

from maggie_api.client import models
from maggie_api.sequences import compact_frames, has_token, matte_path, parse_frames
from maggie_api.serialization import to_data

from . import frames
from .job_plan import JobPlan

ELSEWHERE = frozenset(
    "frames shot_frames output cache cache_gb device resume schema preview fps rgb pictures".split()
)
"""Fields of a job that change no pixel, or that other machines have otherwise."""
_PATHS = frozenset("plate sequence model ocio".split())
"""Fields of which the file's name alone counts."""


Stamps = dict[tuple[str, int], tuple[str, str]]
"""Name and stamp of files by (sequence, number): with key masks a matte may depend on a thousand of them."""


@dataclass(frozen=True)
class Entry:
    """What the mattes of some frames were made from."""

    frames: frozenset[int]
    """Numbers of the files."""
    options: Mapping[str, Any]
    """The fields of the job."""
    rendered: Mapping[str, str]
    """Digest of the nodes behind each input that Nuke rendered."""
    files: Mapping[str, str]
    """Size and time of each input's file, by its name."""
    looks_around: bool = True
    """Whether the network's matte of a frame depends on other frames, as its worker said."""
    noted: float = 0.0
    """When it was written down, in seconds of the epoch. A matte that is newer was made by somebody else."""


def taken(plan: JobPlan) -> Entry:
    """What the mattes of a plan are made from, if they are made now."""
    around = models.looks_around(plan.job.model)
    files = {
        path.name: stamp
        for _, sequence, numbers in _inputs(plan, plan.frames, looks_around=around)
        for path in {matte_path(sequence, number) for number in numbers}
        for stamp in (_stamp(path),)
        if stamp
    }
    return Entry(
        frozenset(frame + plan.shift for frame in plan.frames),
        _options(plan),
        _rendered(plan),
        files,
        around,
    )


def read(plan: JobPlan) -> list[Entry]:
    """The account of a node's mattes; empty when there is none, or none that can be read."""
    try:
        with open(_file(plan), encoding="utf-8") as file:
            said = json.load(file)
        return [Entry(**{**each, "frames": frozenset(parse_frames(each["frames"]))}) for each in said]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def write(plan: JobPlan, entry: Entry) -> None:
    """Note what mattes were made from, in place of what was known of their frames.

    Raises:
        OSError: the folder cannot be written to.
    """
    rest = [replace(each, frames=each.frames - entry.frames) for each in read(plan)]
    entries = [each for each in (*rest, replace(entry, noted=time.time())) if each.frames]
    said = [{**vars(each), "frames": compact_frames(sorted(each.frames))} for each in entries]
    path = _file(plan)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(said), encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def stale(plan: JobPlan, wanted: Iterable[int], entries: Sequence[Entry]) -> dict[int, str]:
    """What has changed since the mattes of frames were made: `mask of ben changed`. Mattes that are not there
    are not looked at.

    Args:
        wanted: frames of the script.
        entries: the account.
    """
    options, rendered = _options(plan), _rendered(plan)
    stamps: Stamps = {}
    found: dict[int, str] = {}
    for frame in sorted({min(max(each, plan.first), plan.last) for each in wanted}):
        matte = matte_path(plan.job.output, frame + plan.shift)
        if not matte.is_file():
            continue
        made = matte.stat().st_mtime
        known = (each for each in entries if frame + plan.shift in each.frames and made <= each.noted + 1)
        entry = next(known, None)
        said = "" if entry is None else _changed(entry, options, rendered)
        said = said or _changed_file(plan, frame, entry, matte, stamps)
        if said:
            found[frame] = said
    return found


def _changed(entry: Entry, options: Mapping[str, Any], rendered: Mapping[str, str]) -> str:
    names = [name for name in options if options[name] != entry.options.get(name)]
    if names:
        return f"{', '.join(names)} changed"
    others = [name for name, digest in rendered.items() if digest != entry.rendered.get(name, digest)]
    if not others:
        return ""
    return f"{others[0]} changed" if others[0].startswith("the ") else f"what {others[0]} comes from changed"


def _changed_file(plan: JobPlan, frame: int, entry: Optional[Entry], matte: Path, stamps: Stamps) -> str:
    """Which input's file changed; without an account, which is newer than the matte.

    Args:
        stamps: takes the stamp of every file that is looked at.
    """
    made = int(matte.stat().st_mtime)
    around = models.looks_around(plan.job.model) if entry is None else entry.looks_around
    for label, sequence, numbers in _inputs(plan, [frame], looks_around=around):
        for number in numbers if has_token(sequence) else numbers[:1]:
            if (sequence, number) not in stamps:
                path = matte_path(sequence, number)
                stamps[sequence, number] = path.name, _stamp(path)
            name, now = stamps[sequence, number]
            if not now:  # what is gone says nothing: a render machine may lack the masks
                continue
            if entry is not None and now != entry.files.get(name, now):
                return f"{label} changed"
            if entry is None and int(now.partition(" ")[2]) > made:
                return f"{label} changed"
    return ""


def _inputs(
    plan: JobPlan, wanted: Sequence[int], *, looks_around: bool
) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(what it is called, path, numbers of the files) of every input that is read from its own files."""
    job = plan.job
    reached = frames.input_frames(wanted, plan.first, plan.last, job, plan.keys, looks_around=looks_around)
    plate, guidance = (
        tuple(each + plan.shift for each in which) for which in (reached.plate, reached.guidance)
    )
    made = {each.pattern for each in plan.renders}
    if job.plate not in made:
        yield "plate", job.plate, plate
    keys = dict(plan.key_files)
    for each in job.guidance:
        if each.sequence in made:
            continue
        if each.kind == "key":
            numbers = tuple(number + each.offset for number in keys[each.name] if number in guidance)
            yield f"key mask of {each.name}", each.sequence, numbers
        else:
            names = (each.name,) if each.kind == "mask" else getattr(each, "instances", ())
            numbers = tuple(number + each.offset for number in guidance)
            yield f"mask of {', '.join(names)}", each.sequence, numbers
    for kind, label in (("core", "core"), ("garbage", "garbage"), ("pins", "approved alpha")):
        for hold in getattr(job, kind):
            if hold.sequence not in made:
                yield f"{label} of {hold.name}", hold.sequence, guidance


def _rendered(plan: JobPlan) -> dict[str, str]:
    """What changes with each input that Nuke renders, and with the list of each Read's key masks."""
    lists = {f"the list of keys of {name}": compact_frames(numbers) for name, numbers in plan.key_files}
    return {**{each.label: each.digest for each in plan.renders}, **lists}


def _options(plan: JobPlan) -> dict[str, Any]:
    """The fields of a job that decide pixels, those that are paths by the file's name alone."""
    return {name: _named(name, value) for name, value in to_data(plan.job).items() if name not in ELSEWHERE}


def _named(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _named(key, inside) for key, inside in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(name, inside) for inside in value]
    return os.path.basename(value) if name in _PATHS and isinstance(value, str) else value


def _stamp(path: Path) -> str:
    """Size and time of a file, in seconds since file systems differ in the rest; empty when it is gone."""
    try:
        there = path.stat()
    except OSError:
        return ""
    return f"{there.st_size} {int(there.st_mtime)}"


def _file(plan: JobPlan) -> Path:
    return Path(plan.folder) / (f"account.{plan.view}.json" if plan.view else "account.json")
