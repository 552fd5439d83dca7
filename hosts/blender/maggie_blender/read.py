# SPDX-License-Identifier: GPL-3.0-or-later
"""The scene as plain data. Reading changes nothing in Blender, and the data does not refer to it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import compat, options, sequence
from .maggie_api.client import models
from .maggie_api.errors import HostError
from .maggie_api.job import (
    EVERYBODY,
    CryptomatteGuidance,
    Guidance,
    Hold,
    KeyGuidance,
    LayersGuidance,
    MaskGuidance,
    MatteJob,
    Pin,
    person_options,
)
from .maggie_api.layer_names import slugs
from .maggie_api.sequences import (
    as_sequence,
    compact_frames,
    frame_of_file,
    is_movie,
    matte_path,
    sequence_of_file,
)
from .movie_times import has_uneven_times
from .sequence import Timing

PLATE_NODES = ("IMAGE", "MOVIECLIP")
"""Types of the nodes that can be the plate."""


@dataclass(frozen=True)
class GuidanceRender:
    """Guidance that Blender renders to files before the job starts."""

    kind: str
    """`mask`, or the pass of a Cryptomatte: `object`, `material`, `asset`."""
    mask: str
    """Name of the Mask; empty for a Cryptomatte."""
    files: str
    """The sequence to write, numbered as the plate is."""
    keys: tuple[int, ...] | None = None
    """Numbers of the only files of it; None = those of `Shot.guidance_numbers`."""


@dataclass(frozen=True)
class Shot:
    """What a scene asks for."""

    job: MatteJob
    """Absolute paths; `ocio` is None where Blender's own configuration is meant."""
    timing: Timing
    """Which number of the plate, and of the mattes, is seen at a frame of the scene."""
    numbers: tuple[int, ...]
    """Numbers that the plate has on disk."""
    size: tuple[int, int]
    """Width and height of the plate's data window, in pixels."""
    guidance_renders: tuple[GuidanceRender, ...]
    guidance_numbers: tuple[int, ...]
    """Numbers for which each of `guidance_renders` has to be on disk."""

    @property
    def folder(self) -> Path:
        """Folder of the mattes."""
        return Path(self.job.output).parent


@dataclass(frozen=True)
class _Plate:
    files: str
    numbers: tuple[int, ...]
    timing: Timing
    colorspace: str
    size: tuple[int, int]


def shot_of(scene: bpy.types.Scene, frames: Iterable[int] | None = None) -> Shot:
    """Describe the mattes that `scene` asks for.

    Args:
        frames: frames of the scene; None = those that its panel says.

    Raises:
        InputError: with the sentence the artist should see.
    """
    props = scene.maggie
    if not props.guidance:
        raise HostError("nobody is in the shot: add a mask, a layered EXR or a Cryptomatte")
    plate = _plate(scene)
    if frames is None:
        frames = range(scene.frame_start, scene.frame_end + 1, scene.frame_step)
        numbers = plate.numbers if props.frames == "PLATE" else _numbers(plate, frames)
    else:
        numbers = _numbers(plate, frames)
    if not numbers:
        raise HostError(
            f"the plate has none of these frames, it has {compact_frames(plate.numbers)}: look at the timing "
            "of its node and at the range of the scene"
        )
    folder = folder_of(scene)
    guidance, renders = _guidance(props.guidance, folder, plate)
    held, drawn = _holds(props, folder)
    renders += drawn
    overscan = _has_overscan(plate)
    if overscan and any(each.kind == "mask" for each in renders):
        raise HostError(
            "the plate's data window is not its display window, which masks drawn in Blender know nothing "
            "of: render the masks to files, or save the plate without overscan"
        )
    values = options.values_of(props.options)
    job = MatteJob(
        plate.files,
        str(folder / "matte.####.exr"),
        guidance,
        frames=compact_frames(numbers),
        colorspace=compat.ocio_name(props.colorspace or plate.colorspace) or None,
        model=_model(props.model),
        device=props.device,
        commercial=props.commercial,
        # Blender shows the data window as the image, so plate and mattes must have the same one.
        data_window="plate" if overscan else "display",
        core=tuple(held["core"]),
        garbage=tuple(held["garbage"]),
        pins=tuple(
            Pin(name, sequence_of_file(absolute(row.pins)))
            for row in props.guidance
            if row.pins
            for name in _people(row)
        ),
        per_person=tuple(
            option
            for row in props.guidance
            if row.edges.strip()
            for name in _people(row)
            for option in person_options(name, row.edges)
        ),
        cache=str(folder / "state") if props.keep_state else None,
        **values,
    )
    whole = plate.numbers if props.frames == "PLATE" else numbers
    in_scene = _numbers(plate, (scene.frame_start, scene.frame_end)) or whole
    matted = range(min(*whole, *in_scene), max(*whole, *in_scene) + 1)
    needed = sequence.guidance_numbers(
        plate.numbers,
        matted,
        options.settings_of(values),
        looks_around=models.looks_around(job.model),
    )
    return Shot(job, plate.timing, plate.numbers, plate.size, renders, needed)


def plate_nodes(tree: bpy.types.NodeTree | None) -> list[bpy.types.Node]:
    """Nodes of a tree that can be the plate: those of `PLATE_NODES` with an image."""
    if tree is None:
        return []
    return [node for node in tree.nodes if node.type in PLATE_NODES and (_image(node) is not None)]


def absolute(path: str) -> str:
    """An absolute path of one of Blender's, which may begin with `//`, the folder of the blend file.

    Raises:
        HostError: the path begins with `//` and the blend file was never saved.
    """
    if path.startswith("//") and not bpy.data.filepath:
        raise HostError(f"{path} is beside the blend file, which has no place yet: save it, or name a folder")
    return os.path.normpath(bpy.path.abspath(path))


def _numbers(plate: _Plate, frames: Iterable[int]) -> tuple[int, ...]:
    """Numbers on disk that are seen at some frames of the scene, ascending."""
    there = set(plate.numbers)
    return tuple(sorted({number for frame in frames if (number := plate.timing.number(frame)) in there}))


def _plate(scene: bpy.types.Scene) -> _Plate:
    if scene.maggie.plate_from == "FILE":
        return _plate_of_file(scene.maggie.plate_file)
    node = _plate_node(scene)
    return _plate_of_clip(node.clip) if node.type == "MOVIECLIP" else _plate_of_image(node)


def _plate_node(scene: bpy.types.Scene) -> bpy.types.Node:
    tree, name = compat.tree_of(scene), scene.maggie.plate_node
    found = plate_nodes(tree)
    if name:
        found = [node for node in found if node.name == name]
        if not found:
            raise HostError(f"there is no Image or Movie Clip node {name!r} with an image: choose the plate")
    elif len(found) != 1:
        what = "no Image or Movie Clip node" if not found else f"{len(found)} Image and Movie Clip nodes"
        raise HostError(f"the compositor has {what}: choose the plate")
    return found[0]


def _image(node: bpy.types.Node) -> Any:
    """The image or the movie clip of a node; None when it has none."""
    return node.clip if node.type == "MOVIECLIP" else node.image


def _plate_of_image(node: bpy.types.Node) -> _Plate:
    image = node.image
    if image.source not in ("FILE", "SEQUENCE", "MOVIE"):
        raise HostError(f"the plate {image.name!r} is made in Blender: save it to a file, and use that")
    if image.packed_file is not None:
        raise HostError(f"the plate {image.name!r} is packed into the blend file: unpack it first")
    path = absolute(bpy.path.abspath(image.filepath, library=image.library))
    timing = Timing(node.frame_start, node.frame_offset, node.frame_duration, node.use_cyclic)
    files, numbers = path, None
    if image.source == "FILE":
        number = frame_of_file(path)
        number = 1 if number is None else number  # as the worker numbers a single file
        numbers, timing = (number,), Timing(1, 0, 1, still=number)
    elif image.source == "SEQUENCE":
        files = as_sequence(path)[0]
    else:
        numbers = tuple(range(1, image.frame_duration + 1))
    return _checked(files, numbers, timing, image.colorspace_settings.name, _size(image, path))


def _plate_of_clip(clip: bpy.types.MovieClip) -> _Plate:
    path = absolute(bpy.path.abspath(clip.filepath, library=clip.library))
    files, first, numbers = path, None, None
    if clip.source == "SEQUENCE":
        files, first = as_sequence(path)
    else:
        numbers = tuple(range(1, clip.frame_duration + 1))
    before = (1 if first is None else first) - 1
    timing = Timing(clip.frame_start, before + clip.frame_offset, clip.frame_duration)
    width, height = clip.size
    return _checked(files, numbers, timing, clip.colorspace_settings.name, (width, height))


def _plate_of_file(path: str) -> _Plate:
    if not path:
        raise HostError("no plate is named: choose any of its files")
    path = absolute(path)
    files, numbers = path, None  # of a movie, until it is opened
    if not is_movie(path):
        files = sequence_of_file(path)
        numbers = sequence.numbers_on_disk(files)
        if numbers:
            path = str(matte_path(files, numbers[0]))
    try:
        image = bpy.data.images.load(path)
    except RuntimeError:
        raise HostError(f"the plate {path} cannot be opened: check the path") from None
    try:
        size, colorspace = _size(image, path), image.colorspace_settings.name
        if numbers is None:
            numbers = list(range(1, image.frame_duration + 1))
    finally:
        bpy.data.images.remove(image)
    if len(numbers) <= 1 and not is_movie(path):
        number = frame_of_file(path)
        number = 1 if number is None else number  # as the worker numbers a single file
        return _checked(path, (number,), Timing(1, 0, 1, still=number), colorspace, size)
    timing = Timing(numbers[0], numbers[0] - 1, numbers[-1] - numbers[0] + 1)
    return _checked(files, tuple(numbers), timing, colorspace, size)


def _checked(
    files: str, numbers: tuple[int, ...] | None, timing: Timing, colorspace: str, size: tuple[int, int]
) -> _Plate:
    """The plate, when it has files. None for `numbers` = those on disk.

    Raises:
        HostError: it has none, or is a movie whose pictures Blender shows at other frames than they have.
    """
    if is_movie(files) and has_uneven_times(files):
        raise HostError(
            f"the movie {files} has a variable frame rate, so Blender repeats or drops pictures: render it "
            "to files, and take these as the plate"
        )
    if numbers is None:
        numbers = tuple(sequence.numbers_on_disk(files))
    if not numbers:
        raise HostError(f"the plate {files} has no files on disk: check the path")
    return _Plate(files, numbers, timing, colorspace, size)


def _size(image: bpy.types.Image, path: str) -> tuple[int, int]:
    windows = sequence.exr_windows(path)
    if windows is None:
        width, height = image.size
        return width, height
    left, top, right, bottom = windows[0]
    return right - left + 1, bottom - top + 1


def _has_overscan(plate: _Plate) -> bool:
    windows = sequence.exr_windows(str(matte_path(plate.files, plate.numbers[0])))
    return windows is not None and windows[0] != windows[1]


def folder_of(scene: bpy.types.Scene) -> Path:
    """Folder for the mattes of a scene: the one the panel names, and in it one of the scene's name.

    Raises:
        HostError: no folder is named, or it has no place yet.
    """
    if not scene.maggie.folder:
        raise HostError("no folder for the mattes is named")
    return Path(absolute(scene.maggie.folder), slugs([scene.name])[0])


def _people(row: Any) -> tuple[str, ...]:
    """Names of the people of a row of the panel's list.

    Raises:
        HostError: it may be several, who are not named.
    """
    if row.kind in ("FILES", "MASK"):
        return (_name(row),)
    names = tuple(word.strip() for word in row.names.split(",") if word.strip())
    if not names:
        raise HostError(
            f"{row.name!r}: name its people, who have a core, a garbage matte or edges of their own"
        )
    return names


def _holds(props: Any, folder: Path) -> tuple[dict[str, list[Hold]], tuple[GuidanceRender, ...]]:
    """The cores and garbage mattes of a job by kind, and those of them that Blender has to render first."""
    found: dict[str, list[Hold]] = {"core": [], "garbage": []}
    renders: dict[str, GuidanceRender] = {}
    owners = [(props, ("garbage",)), *((row, ("core", "garbage")) for row in props.guidance)]
    masks = [getattr(owner, f"{kind}_mask") for owner, kinds in owners for kind in kinds]
    drawn = list(dict.fromkeys(mask.name for mask in masks if mask is not None))
    files = dict(zip(drawn, slugs(drawn), strict=True))
    for owner, kinds in owners:
        for kind in kinds:
            file, mask = getattr(owner, kind), getattr(owner, f"{kind}_mask")
            if not file and mask is None:
                continue
            if mask is not None:
                path = str(folder / "guidance" / f"held_{files[mask.name]}.####.exr")
                renders[path] = GuidanceRender("mask", mask.name, path)
            else:
                path = sequence.guidance_files(absolute(file))
            names = (EVERYBODY,) if owner == props else _people(owner)
            found[kind] += [Hold(path, name, "R" if mask is not None else None) for name in names]
    return found, tuple(renders.values())


def _name(row: Any) -> str:
    """Name of a row of the panel's list; a drawn mask without one has the mask's."""
    return row.name or (row.mask.name if row.kind == "MASK" and row.mask is not None else "")


def _model(model: str) -> str:
    return absolute(model) if model.startswith("//") else model


def _keys(row: Any, name: str, plate: _Plate) -> tuple[int, ...]:
    """Numbers of the plate at which a person's mask is drawn, ascending.

    Raises:
        HostError: there is no key, or the plate has no file at one.
    """
    if not row.keys:
        raise HostError(f"{name!r} has no key: go to a frame where its mask is right, press Add a Key Here")
    there = set(plate.numbers)
    for key in row.keys:
        if plate.timing.number(key.frame) not in there:
            raise HostError(
                f"{name!r} has a key at frame {key.frame}, where the plate has no file: remove it"
            )
    return _numbers(plate, (key.frame for key in row.keys))


def _guidance(
    people: Any, folder: Path, plate: _Plate
) -> tuple[tuple[Guidance, ...], tuple[GuidanceRender, ...]]:
    """The guidance of a job, and what of it Blender has to render first."""
    guidance: list[Guidance] = []
    renders: list[GuidanceRender] = []
    people = [(each, _name(each)) for each in people]
    files = slugs(name or f"guidance {index}" for index, (_, name) in enumerate(people, 1))
    for (each, name), slug in zip(people, files, strict=True):
        names = tuple(word.strip() for word in each.names.split(",") if word.strip())
        if each.kind in ("MASK", "CRYPTO_RENDER"):
            path = str(folder / "guidance" / f"{slug}.####.exr")
            if each.kind == "MASK" and each.mask is None:
                raise HostError(f"{name!r}: choose the mask that was drawn")
            kind = "mask" if each.kind == "MASK" else each.kind_of_id
            keys = None
            if each.kind == "MASK" and each.at_keys:
                keys, path = _keys(each, name, plate), str(folder / "guidance" / f"{slug}_keys.####.exr")
            renders.append(GuidanceRender(kind, each.mask.name if each.kind == "MASK" else "", path, keys))
        elif not each.path:
            raise HostError(f"{name!r}: choose its files")
        else:
            path = sequence.guidance_files(absolute(each.path))
        mask = KeyGuidance if each.at_keys else MaskGuidance
        if each.kind == "MASK":
            guidance.append(mask(name, path, "R"))
        elif each.kind == "FILES":
            guidance.append(mask(name, path, each.channel or None, offset=each.offset))
        elif each.kind == "LAYERS":
            guidance.append(LayersGuidance(path, names, offset=each.offset))
        else:
            layer = (
                each.layer if each.kind == "CRYPTO_FILE" else ""
            )  # a render has one, whatever is left here
            offset = each.offset if each.kind == "CRYPTO_FILE" else 0
            guidance.append(CryptomatteGuidance(path, layer or None, names, offset=offset))
    return tuple(guidance), tuple(renders)
