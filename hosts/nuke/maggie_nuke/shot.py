"""The state of a node as plain data, and the jobs that make its mattes. No Nuke in here."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Optional

from maggie_api import exr_header
from maggie_api.errors import DocumentError, HostError, SettingsError
from maggie_api.job import (
    EVERYBODY,
    CryptomatteGuidance,
    Guidance,
    Hold,
    MaskGuidance,
    MatteJob,
    person_options,
)
from maggie_api.sequences import TOKEN, compact_frames, has_token, is_movie, matte_path, parse_frames
from maggie_api.settings import EdgeSettings, MatteFile, MatteSettings, RunSettings

from . import colour, frames, layers

PLATE = "plate"
_VIEW = re.compile(r"%[vV]")


@dataclass(frozen=True)
class Cryptomatte:
    """One Cryptomatte that an image carries."""

    name: str
    """Its name in the metadata, such as `CryptoObject`."""
    objects: tuple[str, ...] = ()
    """Names of its objects, in the order of its manifest."""


@dataclass(frozen=True)
class InputSource:
    """What is connected to one input of the node."""

    input: str
    """Name of the input: `plate`, `guidance`, `guidance2`, ..."""
    node: str
    """Full name of the node that the image comes from."""
    first: int
    """First frame, as the script counts."""
    last: int
    """Last frame, as the script counts."""
    path: Optional[str] = None
    """Path of the files, when a bare Read is connected; None when Nuke has to render the input."""
    why: str = ""
    """Why Nuke has to render the input; empty when it need not."""
    shift: int = 0
    """Number of a file = script frame + shift; 0 when Nuke has to render the input."""
    space: str = ""
    """Value of the Read's knob `colorspace`."""
    raw: bool = False
    """Whether the Read converts no colours."""
    channels: tuple[str, ...] = ()
    """Full names of the image's channels, such as `rgba.alpha`."""
    digest: str = ""
    """Changes with the knobs of the nodes that the image comes from."""
    cryptomattes: tuple[Cryptomatte, ...] = ()

    @property
    def still(self) -> bool:
        """Whether one file serves every frame."""
        return self.path is not None and not has_token(self.path) and not is_movie(self.path)


@dataclass(frozen=True)
class InstanceRow:
    """One instance, as the artist sees it on the tab Instances."""

    name: str
    source: str
    """`guidance`, `guidance:hero.alpha`, or for an object of a Cryptomatte `guidance:crypto:CryptoObject`."""
    use: bool = True
    core: str = ""
    """Where the matte is inside which alpha is 1: an input, or `guidance2:part` with a channel, a layer or an
    object of a Cryptomatte."""
    garbage: str = ""
    """The same of the matte outside which alpha is 0."""
    edges: str = ""
    """Edge options that differ from everybody's: `trust=0.9 grow_px=-1.5`."""

    @property
    def input(self) -> str:
        """Name of the input that holds the mask."""
        return self.source.partition(":")[0].strip()

    @property
    def channel(self) -> Optional[str]:
        """Channel or layer that holds the mask; None when the source names none."""
        return self.source.partition(":")[2].strip() or None

    @property
    def cryptomatte(self) -> Optional[str]:
        """Name of the Cryptomatte that the instance is an object of; None for a mask."""
        kind, _, name = (self.channel or "").partition(":")
        return name if kind == "crypto" else None


@dataclass(frozen=True)
class NodeState:
    """Everything that a node and its script say about what to matte."""

    node: str
    """Full name of the node."""
    plate: Optional[InputSource]
    guidance: tuple[Optional[InputSource], ...]
    """One for each guidance input, in order; None where nothing is connected."""
    rows: tuple[InstanceRow, ...] = ()
    frames: str = "input"
    """Which frames to deliver: `input` (the plate's), `script` or `custom`."""
    range: str = ""
    """The custom frames, as the script counts: `1001-1100x2,1200`."""
    script_first: int = 1
    script_last: int = 1
    frame: int = 1
    """The script's current frame."""
    views: tuple[str, ...] = ("main",)
    proxy: bool = False
    """Whether proxy mode is on."""
    folder: str = ""
    """Folder of the script; empty when it was never saved."""
    id: str = ""
    """What tells the node from its copies; no two nodes of a script have the same."""
    own: str = ""
    """Folder of the node's files since its first matte; empty before."""
    cache: str = ""
    """Folder that the artist names for the folders of nodes; empty for one beside the script."""
    project_colour: colour.ProjectColour = colour.ProjectColour("Nuke")
    run: RunSettings = RunSettings()
    """The model, where it runs, and what to do where files are missing; the frames are said above."""
    matte: MatteSettings = MatteSettings()
    """The node's options; where `ocio` or `colorspace` is None, the script answers."""
    edges: EdgeSettings = EdgeSettings()
    """Edge options for everybody."""
    garbage: str = ""
    """Where the garbage matte of everybody is, as in a row; empty for none."""
    file: MatteFile = MatteFile()

    def input(self, name: str) -> Optional[InputSource]:
        """The source of the input with a name; None when nothing is connected."""
        return next((each for each in (self.plate, *self.guidance) if each and each.input == name), None)


@dataclass(frozen=True)
class InputRender:
    """The files of an input that Nuke has to render before the job can run."""

    input: str
    """Name of the input."""
    pattern: str
    """Path of the files, with a frame token."""
    frames: tuple[int, ...]
    """Numbers of the files, ascending."""
    shift: int
    """Number of a file = script frame + shift."""
    channels: str
    """Value of the Write's knob `channels`: `rgb`, `rgba` or `all`."""
    why: str
    """Why the input cannot be passed by its own files."""
    view: str
    """View to render; empty for the first."""
    digest: str = ""
    """Changes with the knobs of the nodes that the input comes from."""


@dataclass(frozen=True)
class JobPlan:
    """One job, and the files that Nuke has to render before it."""

    node: str
    """Full name of the node."""
    job: MatteJob
    document: MatteJob
    """The job of all the frames that the node says, of which `job` may deliver only some."""
    renders: tuple[InputRender, ...]
    shift: int
    """Number of a matte file = script frame + shift."""
    first: int
    """First frame of the shot, as the script counts."""
    last: int
    """Last frame of the shot, as the script counts."""
    frames: tuple[int, ...]
    """Frames to deliver, as the script counts."""
    layers: tuple[tuple[str, str], ...]
    """(name, layer) of each instance."""
    view: str
    """The view that the job is for; empty when all views share it."""
    folder: str
    """The node's folder: mattes, rendered inputs, jobs, temporal state."""
    mattes: str
    """Path of the matte files as a Read in Nuke takes it: with %V where the views differ."""

    @property
    def job_file(self) -> Path:
        """Path of the job document."""
        return Path(self.folder) / (f"job.{self.view}.json" if self.view else "job.json")

    def missing(self, script_frames: Iterable[int]) -> list[int]:
        """Frames whose matte is not on disk or lacks a layer; see `MatteSequence.missing`."""
        sequence = MatteSequence(self.job.output, self.first, self.last, self.shift, layers=self.layers)
        return sequence.missing(script_frames)


@dataclass(frozen=True)
class MatteSequence:
    """The matte files that a node shows."""

    files: str
    """Path of the files, with a frame token and, where the views differ, %V."""
    first: int
    """First frame, as the script counts; before it the first matte is held."""
    last: int
    """Last frame, as the script counts; after it the last matte is held."""
    shift: int
    """Number of a file = script frame + shift."""
    views: tuple[str, ...] = ("",)
    layers: tuple[tuple[str, str], ...] = ()
    """(name, layer) of every instance that is asked for."""

    def missing(self, script_frames: Iterable[int]) -> list[int]:
        """Frames whose matte cannot be shown, ascending; see `wrong`."""
        return sorted(self.wrong(script_frames))

    def wrong(self, script_frames: Iterable[int]) -> dict[int, str]:
        """What is wrong with the matte of each frame that cannot be shown: `is missing`, `lacks ben`.

        Every view counts. Frames outside the shot are held at its ends.
        """
        held = {min(max(frame, self.first), self.last) + self.shift for frame in script_frames}
        found: dict[int, str] = {}
        for view in self.views:
            for number in sorted(held):
                said = self._wrong(matte_path(in_view(self.files, view), number))
                if said:
                    found.setdefault(number - self.shift, said)
        return found

    def is_there(self, script_frame: int) -> bool:
        """Whether the matte of a frame has a file in every view, whatever it holds."""
        number = min(max(script_frame, self.first), self.last) + self.shift
        return all(matte_path(in_view(self.files, view), number).is_file() for view in self.views)

    def _wrong(self, path: Path) -> str:
        if not path.is_file():
            return "is missing"
        try:
            there = exr_header.channels(path)
        except ValueError as error:
            return f"cannot be read ({error})"
        lacking = [name for name, layer in self.layers if f"{layer}.alpha" not in there]
        return f"lacks {', '.join(lacking)}" if lacking else ""


def cache_folder(state: NodeState) -> str:
    """The node's own folder. It is made in the folder that the artist names, else beside the script; there it
    stays when the node or the script gets another name.

    Raises:
        HostError: the script was never saved.
    """
    if state.own and (not state.cache or os.path.dirname(state.own) == _plain(state, state.cache)):
        return state.own
    if not state.cache and not state.folder:
        raise HostError(
            "save the script, so that the mattes can lie beside it, or name a cache folder in the node"
        )
    short = state.node.rpartition(".")[2]
    return _plain(state, f"{state.cache or f'{state.folder}/maggie'}/{short}_{state.id}")


def _plain(state: NodeState, path: str) -> str:
    """A path without detours, absolute where the script was saved."""
    return os.path.normpath(os.path.join(state.folder, path)).replace("\\", "/")


def found_rows(state: NodeState, wanted: str = "") -> list[InstanceRow]:
    """One instance for each connected mask; an instance that the node already has stays as it is.

    Args:
        wanted: patterns of names of Cryptomatte objects, `hero*, extra_*`; empty = all objects.

    Raises:
        HostError: no guidance is connected, or a Cryptomatte has more objects than the node takes.
    """
    fresh: list[InstanceRow] = []
    holding = {name for row in state.rows for name in (_input_of(row.core), _input_of(row.garbage))}
    holding = (holding | {_input_of(state.garbage)}) - {row.input for row in state.rows if row.use}
    for source in filter(None, state.guidance):
        if source.input in holding:
            continue
        for crypto in source.cryptomattes:
            objects = _picked(crypto, wanted)
            fresh += [InstanceRow(name, f"{source.input}:crypto:{crypto.name}") for name in objects]
        if not source.cryptomattes:
            inside = layers.masks_in(source.channels)
            fresh += [InstanceRow(name, f"{source.input}:{channel}") for name, channel in inside]
            if not inside:
                fresh.append(InstanceRow(_name_of(source), source.input))
    if not fresh:
        raise HostError(
            "connect the masks to the guidance inputs: one input for each instance, or one with layers"
        )
    there = {row.source if row.cryptomatte is None else (row.source, row.name): row for row in state.rows}
    rows: list[InstanceRow] = []
    for row in fresh:
        kept = there.get(row.source if row.cryptomatte is None else (row.source, row.name))
        rows.append(kept or replace(row, name=_unused(row.name, [each.name for each in rows])))
    return rows


def plans(state: NodeState, wanted: Optional[Sequence[int]] = None) -> list[JobPlan]:
    """The jobs of a node: one, or one for each view where the views differ.

    Args:
        wanted: frames to deliver, as the script counts; None = those that the node says.

    Raises:
        HostError: something is missing or contradicts something else; one sentence.
    """
    if state.plate is None:
        raise HostError("connect the plate to the input 'plate'")
    rows = [row for row in state.rows if row.use]
    if not rows:
        raise HostError("no instance is in use: connect masks to the guidance inputs, press Find instances")
    names = matte_layers(rows)
    for row in rows:
        if state.input(row.input) is None:
            raise HostError(f"{row.name!r} comes from the input '{row.input}', to which nothing is connected")
    held = _holds(state, rows)
    for kind, whose, text in held:
        if state.input(_input_of(text)) is None or _input_of(text) == PLATE:
            raise HostError(
                f"the {kind} of {whose} is {text!r}: name a guidance input that is connected, such as "
                "guidance2 or guidance2:alpha"
            )
    used = {row.input for row in rows} | {_input_of(text) for _, _, text in held}
    inputs = [state.plate, *(each for each in state.guidance if each and each.input in used)]
    if not _views_differ(state, inputs):
        return [_plan(state, rows, names, inputs, wanted, "")]
    return [_plan(state, rows, names, inputs, wanted, view) for view in state.views]


def matte_layers(rows: Sequence[InstanceRow]) -> tuple[tuple[str, str], ...]:
    """(name, layer) of the instances in use, in the order of the job.

    The job keeps the objects of one Cryptomatte together.

    Raises:
        HostError: a name is empty or given twice, or there are too many.
    """
    names = [name for group in _groups([row for row in rows if row.use]) for name in group[1]]
    return tuple(zip(names, layers.matte_layers(names)))


def shot_frames(state: NodeState, wanted: Optional[Sequence[int]] = None) -> list[int]:
    """The frames to deliver, as the script counts.

    Args:
        wanted: frames to take in place of those that the node says.

    Raises:
        HostError: the plate has none of them, or lacks one that the artist wrote down.
    """
    assert state.plate is not None
    first, last = state.plate.first, state.plate.last
    if wanted is not None:
        chosen = list(wanted)
    elif state.frames == "custom":
        chosen = _parsed(state.range)
    elif state.frames == "script":
        chosen = list(range(state.script_first, state.script_last + 1))
    else:
        chosen = list(range(first, last + 1))
    inside = [frame for frame in chosen if first <= frame <= last]
    outside = [frame for frame in chosen if not first <= frame <= last]
    if not inside or (outside and state.frames == "custom" and wanted is None):
        raise HostError(
            f"the plate has no frames {compact_frames(outside)}, it has {first}-{last}: change the frames"
        )
    return inside


def _plan(
    state: NodeState,
    rows: Sequence[InstanceRow],
    names: tuple[tuple[str, str], ...],
    inputs: Sequence[InputSource],
    wanted: Optional[Sequence[int]],
    view: str,
) -> JobPlan:
    plate = inputs[0]
    folder = cache_folder(state)
    chosen = shot_frames(state, wanted)
    shift = 0 if _must_render(state, plate, 0) else plate.shift
    held = _holds(state, rows)
    reached = frames.input_frames(chosen, plate.first, plate.last, state.matte)
    renders: list[InputRender] = []
    paths: dict[str, str] = {}
    for each in inputs:
        why = _must_render(state, each, shift)
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
        needed = reached.plate if each.input == PLATE else reached.guidance
        numbers = tuple(frame + shift for frame in needed)
        channels = _channels(state, each, rows)
        renders.append(
            InputRender(each.input, paths[each.input], numbers, shift, channels, why, view, each.digest)
        )
    if renders and state.proxy:
        raise HostError(
            f"{renders[0].input} has to be rendered ({renders[0].why}) and proxy mode is on: turn it off, "
            "mattes are made at full size"
        )
    mattes = f"{folder}/mattes{'/%V' if view else ''}/matte.%04d.exr"
    options = {**asdict(state.run), **asdict(state.file), **asdict(state.edges), **asdict(state.matte)}
    options["ocio"] = colour.config_of(state.project_colour, state.matte.ocio or "") or None
    options["colorspace"] = _space(state, plate, rendered=plate.input in {each.input for each in renders})
    try:
        job = MatteJob(
            plate=paths[PLATE],
            output=in_view(mattes, view),
            guidance=tuple(_guidance(rows, paths)),
            core=_job_holds("core", held, paths),
            garbage=_job_holds("garbage", held, paths),
            per_person=tuple(option for row in rows for option in person_options(row.name, row.edges)),
            **{
                **options,
                "frames": compact_frames([frame + shift for frame in chosen]),
                "shot_frames": compact_frames(range(plate.first + shift, plate.last + shift + 1)),
                "model": _model(state),
                "cache": f"{folder}/state",
            },
        )
    except DocumentError as error:
        raise HostError(str(error)) from None
    return JobPlan(
        node=state.node,
        job=job,
        document=replace(job, frames=compact_frames([frame + shift for frame in shot_frames(state)])),
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


def _parsed(text: str) -> list[int]:
    """The frames that a range of the node's names.

    Raises:
        HostError: it names none.
    """
    try:
        return list(parse_frames(text))
    except SettingsError as error:
        raise HostError(str(error)) from None


def _space(state: NodeState, plate: InputSource, *, rendered: bool) -> str:
    """The colour space of the plate's files."""
    project, chosen = state.project_colour, state.matte.colorspace or ""
    if rendered or plate.path is None:
        return colour.working_space(project, chosen)
    return colour.file_space(project, plate.space, raw=plate.raw, path=plate.path, chosen=chosen)


def _model(state: NodeState) -> str:
    """The model: a name as it is, a path made absolute."""
    model = state.run.model.strip() or "default"
    return os.path.normpath(os.path.join(state.folder, model)) if "/" in model or "\\" in model else model


def _must_render(state: NodeState, each: InputSource, shift: int) -> str:
    """Why Nuke has to render an input; empty when the job can take its files.

    Args:
        shift: the plate's, which every input has to share.
    """
    if each.path is None:
        return each.why
    if each.input == PLATE:
        return "it is one picture, not a sequence" if each.still else ""
    if each.still:
        return ""
    if each.shift != shift:
        return "its frames are shifted against the plate's"
    assert state.plate is not None
    if each.first > state.plate.first or each.last < state.plate.last:
        return f"it has only the frames {each.first}-{each.last} of the plate's"
    return ""


def _groups(rows: Sequence[InstanceRow]) -> list[tuple[InstanceRow, list[str]]]:
    """(row, names) of each guidance of the job: a mask has one name, a Cryptomatte those of its objects.

    A Cryptomatte stands where its first object stands.
    """
    groups: list[tuple[InstanceRow, list[str]]] = []
    for row in rows:
        same = [
            names for first, names in groups if row.cryptomatte is not None and first.source == row.source
        ]
        if same:
            same[0].append(row.name)
        else:
            groups.append((row, [row.name]))
    return groups


def _guidance(rows: Sequence[InstanceRow], paths: dict[str, str]) -> Iterable[Guidance]:
    for row, names in _groups(rows):
        if row.cryptomatte is None:
            yield MaskGuidance(row.name, paths[row.input], channel=row.channel)
        else:
            yield CryptomatteGuidance(paths[row.input], layer=row.cryptomatte or None, instances=tuple(names))


def _channels(state: NodeState, each: InputSource, rows: Sequence[InstanceRow]) -> str:
    """Channels that the Write of an input has to write, as its knob takes them."""
    if each.input == PLATE:
        return "all" if state.matte.plate_layer else "rgb"
    held = [text for _, _, text in _holds(state, rows) if _input_of(text) == each.input]
    if any(row.channel for row in rows if row.input == each.input) or any(":" in text for text in held):
        return "all"
    return "rgba" if "rgba.alpha" in each.channels else "rgb"


def _holds(state: NodeState, rows: Sequence[InstanceRow]) -> list[tuple[str, str, str]]:
    """(`core` or `garbage`, name of the instance or `*`, where the matte is) of every one that is given."""
    found = [(kind, row.name, getattr(row, kind).strip()) for row in rows for kind in ("core", "garbage")]
    found.append(("garbage", EVERYBODY, state.garbage.strip()))
    return [hold for hold in found if hold[2]]


def _input_of(text: str) -> str:
    """Name of the input in `guidance2:part`."""
    return text.partition(":")[0].strip()


def _job_holds(kind: str, held: Sequence[tuple[str, str, str]], paths: dict[str, str]) -> tuple[Hold, ...]:
    return tuple(
        Hold(paths[_input_of(text)], name, text.partition(":")[2].strip() or None)
        for each, name, text in held
        if each == kind
    )


def _views_differ(state: NodeState, inputs: Sequence[InputSource]) -> bool:
    return len(state.views) > 1 and any(each.path is None or bool(_VIEW.search(each.path)) for each in inputs)


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


def _name_of(source: InputSource) -> str:
    """Name of the instance whose mask fills an input: taken from the file, else from the node."""
    stem = os.path.basename(source.path) if source.path else ""
    stem = TOKEN.sub("", _VIEW.sub("", os.path.splitext(stem)[0])).strip("._- ")
    return stem or source.node.rpartition(".")[2]


def _unused(name: str, taken: Sequence[str]) -> str:
    count, free = 1, name
    while free in taken:
        count += 1
        free = f"{name} {count}"
    return free
