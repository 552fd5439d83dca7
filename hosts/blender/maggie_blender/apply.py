# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes on disk as a node group: an Image node that reads them, and an output for each person.

The group has only nodes of Blender's own, so a file shows its mattes without this extension too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import bpy

from . import compat, sequence
from .maggie_api.errors import HostError, JobError
from .maggie_api.job import MatteJob
from .maggie_api.layer_names import LAYER_PREFIX
from .maggie_api.sequences import as_sequence, matte_path
from .read import Shot
from .sequence import Timing, relative

JOB = "maggie_job"
"""Property of a group that holds its job as JSON, with paths as seen from the folder of the mattes."""


def make_group(scene: bpy.types.Scene, shot: Shot) -> bpy.types.NodeTree:
    """Make the scene's group or bring it up to date, and put a node that uses it into the compositor.

    Raises:
        HostError: there is no matte yet, so that its layers are unknown.
    """
    group = own_group(scene)
    if group is None:
        if _first(shot) is None:
            raise HostError("there is no matte yet: matte a frame first")
        group = bpy.data.node_groups.new("MaGGIe", "CompositorNodeTree")
        scene.maggie.group = group
    update_group(group, shot)
    tree = compat.make_tree(scene)
    if not any(node.type == "GROUP" and node.node_tree == group for node in tree.nodes):
        node = tree.nodes.new("CompositorNodeGroup")
        node.node_tree, node.label = group, "MaGGIe"
        node.location = (0, -200)
    return group


def own_group(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The scene's group; None where it has none, or shares one with the scene it was copied from."""
    group = scene.maggie.group
    return None if any(scene != each and each.maggie.group == group for each in bpy.data.scenes) else group


def update_group(group: bpy.types.NodeTree, shot: Shot) -> None:
    """Let `group` read the mattes of `shot`, with an output for each layer.

    An output whose layer stays keeps its links.

    Raises:
        HostError: there is no matte yet.
    """
    first = _first(shot)
    if first is None:
        raise HostError("there is no matte yet: matte a frame first")
    node = _image_node(group)
    image = node.image
    # As a still its layers are seen whatever frame the scene is at.
    image.source, image.filepath = "FILE", str(first)
    image.reload()
    node.image = image
    compat.set_data(image)
    layers = [s for s in node.outputs if s.enabled and s.name.startswith(LAYER_PREFIX)]
    if not layers:
        raise HostError(f"{first} has no layer of ours: remove it and matte again")
    _link(group, layers)
    if shot.timing.still is None:
        image.source = "SEQUENCE"
    if bpy.data.filepath:
        with contextlib.suppress(ValueError):  # another drive
            image.filepath = bpy.path.relpath(str(first))
    timing = shot.timing
    node.frame_start, node.frame_offset = timing.start, timing.offset
    node.frame_duration, node.use_cyclic = timing.duration, timing.cyclic
    group[JOB] = _portable(shot).to_json()


def groups_in_use(scene: bpy.types.Scene) -> Iterator[bpy.types.NodeTree]:
    """Our groups that `scene` renders with, those inside other groups too."""
    tree = compat.tree_of(scene)
    waiting, seen = [tree] if tree is not None and scene.render.use_compositing else [], set()
    while waiting:
        for node in waiting.pop().nodes:
            inner = getattr(node, "node_tree", None) if node.type == "GROUP" and not node.mute else None
            if inner is None or inner in seen:
                continue
            seen.add(inner)
            waiting.append(inner)
            if JOB in inner:
                yield inner


def matte_at(group: bpy.types.NodeTree, frame: int) -> tuple[MatteJob, int, Path] | None:
    """The job of a group, and the number and the file of the matte it shows at a frame of the scene.

    None where the group reads no mattes any more.

    Raises:
        HostError: the group's job cannot be read.
        SettingsError: the file's name has more than one frame token.
    """
    node = next((n for n in group.nodes if n.type == "IMAGE" and n.image is not None), None)
    if node is None or node.mute:
        return None
    image = node.image
    file = os.path.normpath(bpy.path.abspath(image.filepath, library=image.library))
    files, number = as_sequence(file)
    still = (1 if number is None else number) if image.source == "FILE" else None
    timing = Timing(node.frame_start, node.frame_offset, node.frame_duration, node.use_cyclic, still)
    number = timing.number(frame)
    try:
        job = MatteJob.from_json(group[JOB], what=f"the group {group.name}").anchored(Path(file).parent)
    except JobError as error:
        raise HostError(f"{error}: make the node group again") from None
    return dataclasses.replace(job, output=files), number, matte_path(files, number)


def _first(shot: Shot) -> Path | None:
    """The shot's first matte on disk; None when there is none."""
    numbers = sequence.numbers_on_disk(shot.job.output)
    return matte_path(shot.job.output, numbers[0]) if numbers else None


def _image_node(group: bpy.types.NodeTree) -> bpy.types.Node:
    """The group's Image node, with an image of its own."""
    node = next((each for each in group.nodes if each.type == "IMAGE"), None)
    if node is None:
        node = group.nodes.new("CompositorNodeImage")
        node.location = (-300, 0)
    if node.image is None:
        node.image = bpy.data.images.new("MaGGIe mattes", 1, 1)
    return node


def _link(group: bpy.types.NodeTree, layers: list[bpy.types.NodeSocket]) -> None:
    """Give the group one output for each layer, and no other."""
    out = next((each for each in group.nodes if each.type == "GROUP_OUTPUT"), None)
    if out is None:
        out = group.nodes.new("NodeGroupOutput")
    wanted = {layer.name: layer for layer in layers}
    there = {item.name: item for item in group.interface.items_tree if item.item_type == "SOCKET"}
    for name, item in there.items():
        if name not in wanted:
            group.interface.remove(item)
    for name, layer in wanted.items():
        if name not in there:
            group.interface.new_socket(name, in_out="OUTPUT", socket_type="NodeSocketFloat")
        group.links.new(layer, out.inputs[name])


def _portable(shot: Shot) -> MatteJob:
    """The shot's job with paths as seen from the folder of the mattes, so that the project can be moved."""
    job, folder = shot.job, shot.folder

    def moved(path: str) -> str:
        return relative(path, folder) if os.path.isabs(path) else path

    return dataclasses.replace(
        job,
        plate=moved(job.plate),
        output=os.path.basename(job.output),
        guidance=tuple(dataclasses.replace(g, sequence=moved(g.sequence)) for g in job.guidance),
        model=moved(job.model),
        cache=moved(job.cache) if job.cache else None,
        frames=None,
    )
