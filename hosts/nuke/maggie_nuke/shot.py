"""What a node asks for, as plain data, and the jobs that make it. No Nuke in here."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

from maggie_node.document import DocumentError
from maggie_node.hosting import HostError, frame_ranges, missing_mattes
from maggie_node.job import CryptomatteGuidance, Guidance, MaskGuidance, MatteJob

from . import colour, frames, layers

PLATE = "plate"
MOVIES = (".mov", ".mp4", ".m4v", ".mxf", ".avi", ".mkv", ".webm")
_TOKEN = re.compile(r"#+|%0?\d*d")
_VIEW = re.compile(r"%[vV]")


@dataclass(frozen=True)
class Cryptomatte:
    """One Cryptomatte of a picture."""

    name: str
    objects: tuple[str, ...] = ()
    """As its manifest has them."""


@dataclass(frozen=True)
class Connected:
    """What an input of the node shows."""

    input: str
    """`plate`, `guidance`, `guidance2`, ..."""
    node: str
    """Name of the node it comes from."""
    first: int
    last: int
    """Script frames."""
    path: Optional[str] = None
    """Its files, when a bare Read is connected; None when it has to be rendered."""
    why: str = ""
    """Why it has to be rendered."""
    shift: int = 0
    """File frame = script frame + shift; of what is rendered, 0."""
    space: str = ""
    raw: bool = False
    channels: tuple[str, ...] = ()
    cryptomattes: tuple[Cryptomatte, ...] = ()

    @property
    def still(self) -> bool:
        """Whether one file serves every frame."""
        return (
            self.path is not None
            and not _TOKEN.search(os.path.basename(self.path))
            and os.path.splitext(self.path)[1].lower() not in MOVIES
        )


@dataclass(frozen=True)
class Row:
    """One instance, as the artist has it in the node."""

    name: str
    source: str
    """`guidance`, `guidance:hero.alpha`, or for an object of a Cryptomatte `guidance:crypto:CryptoObject`."""
    use: bool = True

    @property
    def input(self) -> str:
        return self.source.partition(":")[0].strip()

    @property
    def channel(self) -> Optional[str]:
        return self.source.partition(":")[2].strip() or None

    @property
    def cryptomatte(self) -> Optional[str]:
        """The Cryptomatte it is an object of; None for a mask."""
        kind, _, name = (self.channel or "").partition(":")
        return name if kind == "crypto" else None


@dataclass(frozen=True)
class Asked:
    """Everything a node and its script say about what to matte."""

    node: str
    plate: Optional[Connected]
    guidance: tuple[Optional[Connected], ...]
    rows: tuple[Row, ...] = ()
    frames: str = "input"
    """`input`, `script` or `custom`."""
    range: str = ""
    """The custom frames, of the script."""
    script_first: int = 1
    script_last: int = 1
    frame: int = 1
    """Where the script stands."""
    views: tuple[str, ...] = ("main",)
    proxy: bool = False
    folder: str = ""
    """Of the script; empty when it was never saved."""
    cache: str = ""
    others: tuple[tuple[str, str], ...] = ()
    """Name and cache folder of the script's other nodes of ours."""
    settings: colour.Settings = colour.Settings("Nuke")
    ocio: str = ""
    colorspace: str = ""
    model: str = "default"
    commercial: bool = False
    device: str = "auto"
    precision: str = "auto"
    exposure_ev: float = 0.0
    detail: str = "working"
    working_px: int = 576
    segment: int = 48
    """Frames; 0 = the whole shot."""
    overlap: str = "first"
    data_window: str = "display"

    def input(self, name: str) -> Optional[Connected]:
        return next((each for each in (self.plate, *self.guidance) if each and each.input == name), None)


@dataclass(frozen=True)
class Render:
    """An input that Nuke has to render to files before the job can run."""

    input: str
    pattern: str
    frames: tuple[int, ...]
    """Numbers of the files, ascending."""
    shift: int
    """File frame = script frame + shift."""
    channels: str
    """For the Write: `rgb`, `rgba` or `all`."""
    why: str
    view: str


@dataclass(frozen=True)
class Plan:
    """One job, and what has to be there before it."""

    node: str
    job: MatteJob
    renders: tuple[Render, ...]
    shift: int
    """Number of a matte = script frame + shift."""
    first: int
    last: int
    """Script frames of the shot."""
    frames: tuple[int, ...]
    """Script frames asked for."""
    layers: tuple[tuple[str, str], ...]
    """(name, layer) of each instance."""
    view: str
    """The view it is for; empty when all views share it."""
    folder: str
    """Of the node: mattes, rendered inputs, jobs, temporal state."""
    mattes: str
    """The mattes' files as Nuke's own Read takes them: with %V where views differ."""

    @property
    def job_file(self) -> Path:
        """Where its job is kept."""
        return Path(self.folder) / (f"job.{self.view}.json" if self.view else "job.json")

    def missing(self, script_frames: Iterable[int]) -> list[int]:
        """Those of the frames (held at the ends of the shot) whose matte is not on disk."""
        return Shown(self.job.output, self.first, self.last, self.shift).missing(script_frames)


@dataclass(frozen=True)
class Shown:
    """Matte files as a node shows them."""

    files: str
    first: int
    last: int
    """Script frames; at frames beyond them the nearest is held."""
    shift: int
    """Number of a file = script frame + shift."""
    views: tuple[str, ...] = ("",)

    def missing(self, script_frames: Iterable[int]) -> list[int]:
        """Those of the frames (held at the ends of the shot) that have no file in some view."""
        held = {min(max(frame, self.first), self.last) + self.shift for frame in script_frames}
        absent: set[int] = set()
        for view in self.views:
            absent.update(missing_mattes(in_view(self.files, view), held))
        return sorted(number - self.shift for number in absent)


def cache_folder(asked: Asked) -> str:
    """The folder of the node's mattes: the one it names, else one beside the script.

    Raises:
        HostError: the script was never saved, or another node writes there.
    """
    if not asked.cache and not asked.folder:
        raise HostError(
            "save the script, so that the mattes can lie beside it, or name a cache folder in the node"
        )
    folder = asked.cache or f"{asked.folder}/maggie/{asked.node.rpartition('.')[2]}"
    folder = os.path.normpath(os.path.join(asked.folder, folder)).replace("\\", "/")
    for name, other in asked.others:
        if other and os.path.normpath(os.path.join(asked.folder, other)).replace("\\", "/") == folder:
            raise HostError(
                f"{name} has the same cache folder: empty the cache knob here, and it gets its own"
            )
    return folder


def found_rows(asked: Asked, wanted: str = "") -> list[Row]:
    """An instance for each mask that is connected; rows that are there already stay as they are.

    Args:
        wanted: names of the Cryptomatte objects that are meant, `hero*, extra_*`; empty = all.

    Raises:
        HostError: no guidance is connected, or a Cryptomatte has more objects than the node takes.
    """
    fresh: list[Row] = []
    for source in filter(None, asked.guidance):
        for crypto in source.cryptomattes:
            objects = _picked(crypto, wanted)
            fresh += [Row(name, f"{source.input}:crypto:{crypto.name}") for name in objects]
        if not source.cryptomattes:
            inside = layers.masks_in(source.channels)
            fresh += [Row(name, f"{source.input}:{channel}") for name, channel in inside]
            if not inside:
                fresh.append(Row(_called(source), source.input))
    if not fresh:
        raise HostError(
            "connect the masks to the guidance inputs: one input for each instance, or one with layers"
        )
    there = {row.source if row.cryptomatte is None else (row.source, row.name): row for row in asked.rows}
    rows: list[Row] = []
    for row in fresh:
        kept = there.get(row.source if row.cryptomatte is None else (row.source, row.name))
        rows.append(kept or replace(row, name=_free(row.name, [each.name for each in rows])))
    return rows


def plans(asked: Asked, wanted: Optional[Sequence[int]] = None) -> list[Plan]:
    """The jobs for what a node asks: one, or one for each view where views differ.

    Args:
        wanted: script frames; None = those the node says.

    Raises:
        HostError: something is missing or does not go together; one sentence.
    """
    if asked.plate is None:
        raise HostError("connect the plate to the input 'plate'")
    rows = [row for row in asked.rows if row.use]
    if not rows:
        raise HostError("no instance is in use: connect masks to the guidance inputs, press Find instances")
    names = matte_layers(rows)
    for row in rows:
        if asked.input(row.input) is None:
            raise HostError(f"{row.name!r} comes from the input '{row.input}', to which nothing is connected")
    used = {row.input for row in rows}
    inputs = [asked.plate, *(each for each in asked.guidance if each and each.input in used)]
    if not _views_differ(asked, inputs):
        return [_plan(asked, rows, names, inputs, wanted, "")]
    return [_plan(asked, rows, names, inputs, wanted, view) for view in asked.views]


def matte_layers(rows: Sequence[Row]) -> tuple[tuple[str, str], ...]:
    """(name, layer) of the instances in use, in the order the job has them: a Cryptomatte's stay together.

    Raises:
        HostError: a name is empty or given twice, or there are too many.
    """
    names = [name for group in _groups([row for row in rows if row.use]) for name in group[1]]
    return tuple(zip(names, layers.matte_layers(names)))


def shot_frames(asked: Asked, wanted: Optional[Sequence[int]] = None) -> list[int]:
    """The script frames to deliver.

    Raises:
        HostError: none of them is in the plate.
    """
    assert asked.plate is not None
    first, last = asked.plate.first, asked.plate.last
    if wanted is not None:
        chosen = list(wanted)
    elif asked.frames == "custom":
        chosen = frames.parse_frames(asked.range)
    elif asked.frames == "script":
        chosen = list(range(asked.script_first, asked.script_last + 1))
    else:
        chosen = list(range(first, last + 1))
    inside = [frame for frame in chosen if first <= frame <= last]
    outside = [frame for frame in chosen if not first <= frame <= last]
    if not inside or (outside and asked.frames == "custom" and wanted is None):
        raise HostError(
            f"the plate has no frames {frame_ranges(outside)}, it has {first}-{last}: change the frames"
        )
    return inside


def _plan(
    asked: Asked,
    rows: Sequence[Row],
    names: tuple[tuple[str, str], ...],
    inputs: Sequence[Connected],
    wanted: Optional[Sequence[int]],
    view: str,
) -> Plan:
    plate = inputs[0]
    folder = cache_folder(asked)
    chosen = shot_frames(asked, wanted)
    shift = 0 if _must_render(asked, plate, 0) else plate.shift
    reached = frames.needed(chosen, plate.first, plate.last, asked.segment)
    renders: list[Render] = []
    paths: dict[str, str] = {}
    for each in inputs:
        why = _must_render(asked, each, shift)
        if not why:
            assert each.path is not None
            paths[each.input] = in_view(each.path, view)
            continue
        if any(row.cryptomatte is not None for row in rows if row.input == each.input):
            raise HostError(
                f"{each.input} is a Cryptomatte but {why}: its ids survive no filter, connect its Read"
            )
        pattern = f"{folder}/{each.input}{'/%V' if view else ''}/{each.input}.%04d.exr"
        paths[each.input] = in_view(pattern, view)
        numbers = tuple(frame + shift for frame in reached)
        renders.append(
            Render(each.input, paths[each.input], numbers, shift, _channels(each, rows), why, view)
        )
    if renders and asked.proxy:
        raise HostError(
            f"{renders[0].input} has to be rendered ({renders[0].why}) and proxy mode is on: turn it off, "
            "mattes are made at full size"
        )
    mattes = f"{folder}/mattes{'/%V' if view else ''}/matte.%04d.exr"
    try:
        job = MatteJob(
            plate=paths[PLATE],
            output=in_view(mattes, view),
            guidance=tuple(_guidance(rows, paths)),
            frames=frame_ranges([frame + shift for frame in chosen]),
            shot_frames=frame_ranges(range(plate.first + shift, plate.last + shift + 1)),
            ocio=colour.config_of(asked.settings, asked.ocio) or None,
            colorspace=_space(asked, plate, rendered=plate.input in {each.input for each in renders}),
            model=_model(asked),
            device=asked.device,
            commercial=asked.commercial,
            exposure_ev=asked.exposure_ev,
            working_px=asked.working_px,
            segment_frames=asked.segment or "whole",
            cache=f"{folder}/state",
            **_checked(asked, "precision", "detail", "overlap", "data_window"),
        )
    except DocumentError as error:
        raise HostError(str(error)) from None
    return Plan(
        node=asked.node,
        job=job,
        renders=tuple(renders),
        shift=shift,
        first=plate.first,
        last=plate.last,
        frames=tuple(chosen),
        layers=names,
        view=view,
        folder=folder,
        mattes=mattes,
    )


def in_view(path: str, view: str) -> str:
    """A path with %V and %v replaced."""
    return path.replace("%V", view).replace("%v", view[:1]) if view else path


def _checked(asked: Asked, *names: str) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in names}


def _space(asked: Asked, plate: Connected, *, rendered: bool) -> str:
    if rendered or plate.path is None:
        return colour.working_space(asked.settings, asked.colorspace)
    return colour.file_space(
        asked.settings, plate.space, raw=plate.raw, path=plate.path, chosen=asked.colorspace
    )


def _model(asked: Asked) -> str:
    """A model's name as it is, its path absolute."""
    model = asked.model.strip() or "default"
    return os.path.normpath(os.path.join(asked.folder, model)) if "/" in model or "\\" in model else model


def _must_render(asked: Asked, each: Connected, shift: int) -> str:
    """Why an input cannot be passed by file; empty when it can."""
    if each.path is None:
        return each.why
    if each.input == PLATE:
        return "it is one picture, not a sequence" if each.still else ""
    if each.still:
        return ""
    if each.shift != shift:
        return "its frames are shifted against the plate's"
    assert asked.plate is not None
    if each.first > asked.plate.first or each.last < asked.plate.last:
        return f"it has only the frames {each.first}-{each.last} of the plate's"
    return ""


def _groups(rows: Sequence[Row]) -> list[tuple[Row, list[str]]]:
    """Rows as a job has them: each mask alone, all of a Cryptomatte's objects together at its first."""
    groups: list[tuple[Row, list[str]]] = []
    for row in rows:
        same = [
            names for first, names in groups if row.cryptomatte is not None and first.source == row.source
        ]
        if same:
            same[0].append(row.name)
        else:
            groups.append((row, [row.name]))
    return groups


def _guidance(rows: Sequence[Row], paths: dict[str, str]) -> Iterable[Guidance]:
    for row, names in _groups(rows):
        if row.cryptomatte is None:
            yield MaskGuidance(row.name, paths[row.input], channel=row.channel)
        else:
            yield CryptomatteGuidance(paths[row.input], layer=row.cryptomatte or None, instances=tuple(names))


def _channels(each: Connected, rows: Sequence[Row]) -> str:
    """What the Write of an input has to write."""
    if each.input == PLATE:
        return "rgb"
    if any(row.channel for row in rows if row.input == each.input):
        return "all"
    return "rgba" if "rgba.alpha" in each.channels else "rgb"


def _views_differ(asked: Asked, inputs: Sequence[Connected]) -> bool:
    return len(asked.views) > 1 and any(each.path is None or bool(_VIEW.search(each.path)) for each in inputs)


def _picked(crypto: Cryptomatte, wanted: str) -> list[str]:
    patterns = [word.strip() for word in wanted.split(",") if word.strip()]
    objects = [
        name for name in crypto.objects if not patterns or any(fnmatch.fnmatchcase(name, p) for p in patterns)
    ]
    if not objects and patterns:
        raise HostError(f"{crypto.name} has no object called {wanted}: see the names in its manifest")
    if len(objects) > layers.MOST_INSTANCES:
        raise HostError(
            f"{crypto.name} has {len(objects)} objects: write those you want into 'Cryptomatte objects', as "
            "hero*, extra_01, and press Find instances again"
        )
    return objects


def _called(source: Connected) -> str:
    """The name of a lone mask: its file's, else its node's."""
    stem = os.path.basename(source.path) if source.path else ""
    stem = _TOKEN.sub("", _VIEW.sub("", os.path.splitext(stem)[0])).strip("._- ")
    return stem or source.node.rpartition(".")[2]


def _free(name: str, taken: Sequence[str]) -> str:
    count, free = 1, name
    while free in taken:
        count += 1
        free = f"{name} {count}"
    return free
