"""Where the masks of a job come from: files as they are, or files that Nuke renders. No Nuke in here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from maggie_api.errors import HostError, SettingsError
from maggie_api.job import (
    EVERYBODY,
    CryptomatteGuidance,
    Guidance,
    Hold,
    KeyGuidance,
    MaskGuidance,
    Pin,
)
from maggie_api.layer_names import slugs
from maggie_api.sequences import compact_frames, parse_frames, parse_pattern

from .job_plan import InputRender, in_view
from .state import InputSource, InstanceRow, NodeState, input_of, part_of

PLATE = "plate"


@dataclass(frozen=True)
class KeyMasks:
    """The masks of an instance that has them at some frames only."""

    name: str
    """Name of the instance."""
    path: str
    """The files, with a frame token."""
    offset: int
    """Number of a mask's file less the plate's."""
    frames: tuple[int, ...]
    """The keys as the script counts, ascending."""
    render: Optional[InputRender] = None
    """What Nuke has to render; None where the files are those of a Read."""


def groups(rows: Sequence[InstanceRow]) -> list[tuple[InstanceRow, list[str]]]:
    """(row, names) of each guidance of the job: a mask has one name, a Cryptomatte those of its objects.

    A Cryptomatte stands where its first object stands.
    """
    found: list[tuple[InstanceRow, list[str]]] = []
    for row in rows:
        same = [names for first, names in found if row.cryptomatte is not None and first.source == row.source]
        if same:
            same[0].append(row.name)
        else:
            found.append((row, [row.name]))
    return found


def job_guidance(
    rows: Sequence[InstanceRow],
    paths: Mapping[str, str],
    offsets: Mapping[str, int],
    keyed: Mapping[str, KeyMasks],
) -> Iterable[Guidance]:
    """The guidance of a job, in the order of its instances.

    Args:
        paths: path of the files of each input.
        offsets: number of a file of each input less the plate's.
        keyed: masks of the instances that have them at some frames only, by name.
    """
    for row, names in groups(rows):
        if row.name in keyed:
            masks = keyed[row.name]
            yield KeyGuidance(row.name, masks.path, row.channel, offset=masks.offset)
            continue
        path, offset = paths[row.input], offsets.get(row.input, 0)
        if row.cryptomatte is None:
            yield MaskGuidance(row.name, path, channel=row.channel, offset=offset)
        else:
            layer = row.cryptomatte or None
            yield CryptomatteGuidance(path, layer=layer, instances=tuple(names), offset=offset)


def key_masks(
    state: NodeState, rows: Sequence[InstanceRow], *, folder: str, shift: int, view: str
) -> dict[str, KeyMasks]:
    """The masks of the instances that have them at some frames only, by name.

    Args:
        folder: the node's folder.
        shift: number of a file of the plate = script frame + shift.
        view: the view that the job is for; empty when all views share it.

    Raises:
        HostError: an instance has no key, or one outside the plate.
    """
    named = dict(zip([row.name for row in rows], slugs([row.name for row in rows])))
    found = {}
    for row in rows:
        if not row.at_keys:
            continue
        source = state.input(row.input)
        assert source is not None
        keys = key_frames(state, row, view)
        if reads_its_keys(source, row):
            found[row.name] = KeyMasks(row.name, in_view(source.path or "", view), source.shift - shift, keys)
            continue
        slug = named[row.name]
        pattern = in_view(f"{folder}/keys{'/%V' if view else ''}/{slug}.%04d.exr", view)
        render = InputRender(
            row.input,
            pattern,
            tuple(frame + shift for frame in keys),
            shift,
            "all" if row.channel else _colour(source),
            "its masks are those of some frames",
            view,
            f"{source.digest} {compact_frames(keys)}",
            keys_of=row.name,
        )
        found[row.name] = KeyMasks(row.name, pattern, 0, keys, render)
    return found


def reads_its_keys(source: InputSource, row: InstanceRow) -> bool:
    """Whether every file of a Read is a key: the artist has named no frames."""
    return source.path is not None and not source.still and not row.keys.strip()


def key_frames(state: NodeState, row: InstanceRow, view: str = "") -> tuple[int, ...]:
    """Frames of the script at which the mask of an instance is right, ascending; see `known_keys`.

    Raises:
        HostError: there is none, one lies outside the plate, or the instance is an object of a Cryptomatte.
    """
    if row.cryptomatte is not None:
        raise HostError(
            f"{row.name!r} is an object of a Cryptomatte, which has masks at every frame: turn its keys off"
        )
    source, plate, keys = state.input(row.input), state.plate, known_keys(state, row, view)
    assert source is not None and plate is not None
    inside = tuple(frame for frame in keys if plate.first <= frame <= plate.last)
    if reads_its_keys(source, row):
        if not inside:
            raise HostError(
                f"{row.name!r} has no key: {source.path} has no file of the plate's frames, "
                f"{plate.first}-{plate.last}"
            )
        return inside
    if not keys:
        raise HostError(
            f"{row.name!r} has no key: go to a frame where its mask is right, press Add a key here"
        )
    if keys != inside:
        raise HostError(
            f"{row.name!r} has keys at {compact_frames(set(keys) - set(inside))}, and the plate has the "
            f"frames {plate.first}-{plate.last}: remove them"
        )
    return keys


def known_keys(state: NodeState, row: InstanceRow, view: str = "") -> tuple[int, ...]:
    """Frames that the artist names, else those of the Read's files, else those at which the shapes of a Roto
    have keys; ascending.

    Raises:
        HostError: the artist's text names no frames.
    """
    source = state.input(row.input)
    if row.keys.strip():
        try:
            return parse_frames(row.keys)
        except SettingsError as error:
            raise HostError(f"the keys of {row.name!r}: {error}") from None
    if source is None or not reads_its_keys(source, row):
        return () if source is None else source.keyed
    parsed = parse_pattern(in_view(source.path or "", view))
    try:
        return () if parsed is None else tuple(number - source.shift for number in parsed.on_disk())
    except OSError:
        return ()


def common_keys(keyed: Mapping[str, KeyMasks]) -> Optional[tuple[int, ...]]:
    """Frames at which everybody who has keys has one, ascending; None when nobody has keys."""
    if not keyed:
        return None
    return tuple(sorted(set.intersection(*(set(masks.frames) for masks in keyed.values()))))


def holds(state: NodeState, rows: Sequence[InstanceRow]) -> list[tuple[str, str, str]]:
    """(`core` or `garbage`, name of the instance or `*`, where the matte is) of every one that is given."""
    found = [(kind, row.name, getattr(row, kind).strip()) for row in rows for kind in ("core", "garbage")]
    found.append(("garbage", EVERYBODY, state.garbage.strip()))
    return [hold for hold in found if hold[2]]


def job_holds(kind: str, held: Sequence[tuple[str, str, str]], paths: Mapping[str, str]) -> tuple[Hold, ...]:
    """The cores or the garbage mattes of a job."""
    return tuple(
        Hold(paths[input_of(text)], name, part_of(text)) for each, name, text in held if each == kind
    )


def pins(state: NodeState, rows: Sequence[InstanceRow], *, shift: int, view: str) -> tuple[Pin, ...]:
    """The approved alphas of a job.

    Args:
        shift, view: as for `key_masks`.

    Raises:
        HostError: an input of them is no Read of files that are numbered as the plate's.
    """
    found = []
    for row in rows:
        text = row.approved.strip()
        if not text:
            continue
        source = state.input(input_of(text))
        assert source is not None
        if source.path is None or source.still or source.shift != shift:
            why = source.why or ("it is one file" if source.still else "it is shifted against the plate")
            raise HostError(
                f"the approved alphas of {row.name} come from {input_of(text)}, but {why}: connect a Read of "
                "a sequence with the plate's numbers, which has files at the approved frames alone"
            )
        found.append(Pin(row.name, in_view(source.path, view), part_of(text)))
    return tuple(found)


def channels_to_render(state: NodeState, each: InputSource, rows: Sequence[InstanceRow]) -> str:
    """Channels that the Write of an input has to write, as its knob takes them."""
    if each.input == PLATE:
        return "all" if state.matte.plate_layer else "rgb"
    held = [text for _, _, text in holds(state, rows) if input_of(text) == each.input]
    if any(row.channel for row in rows if row.input == each.input) or any(":" in text for text in held):
        return "all"
    return _colour(each)


def _colour(source: InputSource) -> str:
    return "rgba" if "rgba.alpha" in source.channels else "rgb"
