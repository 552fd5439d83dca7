"""The jobs that make the mattes of a node. No Nuke in here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Optional

from maggie_api.client import models
from maggie_api.errors import DocumentError, HostError, SettingsError
from maggie_api.job import MatteJob, person_options
from maggie_api.sequences import compact_frames, is_movie, parse_frames

from . import colour, frames, guidance, layers
from .guidance import PLATE
from .job_plan import VIEW, InputRender, JobPlan, in_view
from .state import InputSource, InstanceRow, NodeState, input_of


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
    held = guidance.holds(state, rows)
    approved = [("approved alpha", row.name, row.approved) for row in rows if row.approved.strip()]
    for kind, whose, text in (*held, *approved):
        if state.input(input_of(text)) is None or input_of(text) == PLATE:
            raise HostError(
                f"the {kind} of {whose} is {text!r}: name a guidance input that is connected, such as "
                "guidance2 or guidance2:alpha"
            )
    used = {row.input for row in rows} | {input_of(text) for _, _, text in (*held, *approved)}
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
    names = [name for group in guidance.groups([row for row in rows if row.use]) for name in group[1]]
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
    held = guidance.holds(state, rows)
    keyed = guidance.key_masks(state, rows, folder=folder, shift=shift, view=view)
    keys = guidance.common_keys(keyed)
    reached = frames.input_frames(
        chosen,
        plate.first,
        plate.last,
        state.matte,
        keys,
        looks_around=models.looks_around(_model(state)),
    )
    renders: list[InputRender] = []
    paths: dict[str, str] = {}
    offsets: dict[str, int] = {}
    every_frame = {
        PLATE,
        *(row.input for row in rows if not row.at_keys),
        *(input_of(hold[2]) for hold in held),
    }
    for each in inputs:
        if each.input not in every_frame:
            continue
        why = _must_render(state, each, shift, holds=each.input in {input_of(hold[2]) for hold in held})
        if not why:
            assert each.path is not None
            paths[each.input] = in_view(each.path, view)
            offsets[each.input] = 0 if each.still else each.shift - shift
            continue
        if any(row.cryptomatte is not None for row in rows if row.input == each.input):
            raise HostError(
                f"{each.input} is a Cryptomatte but {why}: its ids survive no filter, connect its Read"
            )
        pattern = f"{folder}/{each.input}{'/%V' if view else ''}/{each.input}.%04d.exr"
        paths[each.input] = in_view(pattern, view)
        needed = reached.plate if each.input == PLATE else reached.guidance
        numbers = tuple(frame + shift for frame in needed)
        channels = guidance.channels_to_render(state, each, rows)
        renders.append(
            InputRender(each.input, paths[each.input], numbers, shift, channels, why, view, each.digest)
        )
    renders += [masks.render for masks in keyed.values() if masks.render is not None]
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
            guidance=tuple(guidance.job_guidance(rows, paths, offsets, keyed)),
            core=guidance.job_holds("core", held, paths),
            garbage=guidance.job_holds("garbage", held, paths),
            pins=guidance.pins(state, rows, shift=shift, view=view),
            per_person=tuple(option for row in rows for option in person_options(row.name, row.edges)),
            **{
                **options,
                "frames": compact_frames([frame + shift for frame in chosen]),
                "shot_frames": compact_frames(range(plate.first + shift, plate.last + shift + 1)),
                "model": _model(state),
                "cache": f"{folder}/state",
            },
        )
        preview = in_view(f"{folder}/preview{'.%V' if view else ''}.mp4", view)
        whole = {"preview": preview, "fps": round(state.fps, 3)} if state.preview else {}
        document = replace(
            job, frames=compact_frames([frame + shift for frame in shot_frames(state)]), **whole
        )
    except DocumentError as error:
        raise HostError(str(error)) from None
    return JobPlan(
        node=state.node,
        job=document if wanted is None else job,
        document=document,
        renders=tuple(renders),
        shift=shift,
        first=plate.first,
        last=plate.last,
        frames=tuple(chosen),
        layers=names,
        view=view,
        folder=folder,
        mattes=mattes,
        keys=keys,
        key_files=tuple(
            (masks.name, tuple(frame + shift for frame in masks.frames))
            for masks in keyed.values()
            if masks.render is None
        ),
    )


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


def _must_render(state: NodeState, each: InputSource, shift: int, *, holds: bool = False) -> str:
    """Why Nuke has to render an input; empty when the job can take its files.

    Args:
        shift: the plate's.
        holds: whether it is a core or a garbage matte, whose files are numbered as the plate's.
    """
    if each.path is None:
        return each.why
    if each.input == PLATE:
        return "it is one picture, not a sequence" if each.still else ""
    if each.still:
        return ""
    if each.shift != shift and (holds or is_movie(each.path)):
        return "its frames are shifted against the plate's"
    assert state.plate is not None
    if each.first > state.plate.first or each.last < state.plate.last:
        return f"it has only the frames {each.first}-{each.last} of the plate's"
    return ""


def _views_differ(state: NodeState, inputs: Sequence[InputSource]) -> bool:
    return len(state.views) > 1 and any(each.path is None or bool(VIEW.search(each.path)) for each in inputs)
