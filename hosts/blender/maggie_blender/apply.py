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
from .maggie_api.job import SEQUENCES, MatteJob
from .maggie_api.layer_names import LAYER_PREFIX
from .maggie_api.sequences import as_sequence, matte_path
from .read import Shot
from .sequence import Timing, relative

JOB = "maggie_job"
"""Property of a group that holds its job as JSON, with paths as seen from the folder of the mattes."""
OWNER = "maggie_scene"
"""Property of a group that holds the name of its scene: a copy of the scene refers to the group, too."""
_ALARM = "maggie_alarm"
"""Property of the nodes that show a missing matte."""
_PATTERN = "MaGGIe: matte is missing"
"""Name of the image that is seen in the place of a missing matte."""
_FAR = 1e6
"""Pixels, more than any image is wide."""


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
        scene.maggie.group, group[OWNER] = group, scene.name
    update_group(group, shot)
    tree = compat.make_tree(scene)
    if not any(node.type == "GROUP" and node.node_tree == group for node in tree.nodes):
        node = tree.nodes.new("CompositorNodeGroup")
        node.node_tree, node.label = group, "MaGGIe"
        node.location = (0, -200)
    return group


def own_group(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The scene's group; None where it has none, or has that of the scene it was copied from."""
    group = scene.maggie.group
    if group is None:
        return None
    others = [each.name for each in bpy.data.scenes if each != scene and each.maggie.group == group]
    if not others:
        group[OWNER] = scene.name  # also after it was renamed
    return group if group.get(OWNER) == scene.name else None


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
    _link(group, layers, shot)
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
    node = _mattes_node(group)
    if node is None or node.image is None or node.mute:
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


def _mattes_node(group: bpy.types.NodeTree) -> bpy.types.Node | None:
    """The Image node of a group that reads the mattes; None where somebody removed it."""
    return next((each for each in group.nodes if each.type == "IMAGE" and _ALARM not in each), None)


def _image_node(group: bpy.types.NodeTree) -> bpy.types.Node:
    """The group's Image node, with an image of its own."""
    node = _mattes_node(group)
    if node is None:
        node = group.nodes.new("CompositorNodeImage")
        node.location = (-300, 0)
    if node.image is None:
        node.image = bpy.data.images.new("MaGGIe mattes", 1, 1)
    return node


def _link(group: bpy.types.NodeTree, layers: list[bpy.types.NodeSocket], shot: Shot) -> None:
    """Give the group one output for each layer, and no other."""
    out = next((each for each in group.nodes if each.type == "GROUP_OUTPUT"), None)
    if out is None:
        out = group.nodes.new("NodeGroupOutput")
    wanted = {layer.name: layer for layer in layers}
    there = {item.name: item for item in group.interface.items_tree if item.item_type == "SOCKET"}
    for name, item in there.items():
        if name not in wanted:
            group.interface.remove(item)
    for node in [each for each in group.nodes if _ALARM in each]:
        group.nodes.remove(node)
    before = set(group.nodes)
    alarm = _alarm(group, layers[0], shot)
    for name, layer in wanted.items():
        if name not in there:
            group.interface.new_socket(name, in_out="OUTPUT", socket_type="NodeSocketFloat")
        shown = compat.math_node(group, "ADD", 1.0, alarm)
        group.links.new(layer, shown.inputs[0])
        group.links.new(shown.outputs[0], out.inputs[name])
    for node in set(group.nodes) - before:
        node[_ALARM] = True


def _alarm(group: bpy.types.NodeTree, layer: bpy.types.NodeSocket, shot: Shot) -> bpy.types.NodeSocket:
    """What is added to every matte: 0 where it is on disk, a pattern of 0.5 to 1.5 where it is missing.

    Blender gives 0 for a file that is missing, with no word. It is one number then and no image. So a plane
    of ones made from the matte and moved out of the frame is 0 in the frame; one number cannot be moved, and
    stays 1. Only Blender's own nodes do this: it works on machines without the extension. Frames of the scene
    at which the plate has no files show nothing.
    """
    ones = compat.math_node(group, "GREATER_THAN", layer, -1e30)
    moved = group.nodes.new("CompositorNodeTranslate")
    moved.inputs["X"].default_value = moved.inputs["Y"].default_value = _FAR
    group.links.new(ones.outputs[0], moved.inputs["Image"])
    pattern = group.nodes.new("CompositorNodeImage")
    pattern.image = bpy.data.images.get(_PATTERN) or bpy.data.images.new(_PATTERN, 512, 512)
    pattern.image.source, pattern.image.generated_type = "GENERATED", "COLOR_GRID"
    filled = group.nodes.new("CompositorNodeScale")
    compat.fill_render(filled)
    group.links.new(pattern.outputs["Image"], filled.inputs["Image"])
    seen = compat.math_node(group, "ADD", filled.outputs[0], 0.5)
    missing = compat.math_node(group, "MULTIPLY", moved.outputs[0], seen.outputs[0])
    due = _due(group, shot)
    for at, node in enumerate((ones, moved, pattern, filled, seen, missing, due)):
        node.location = (-300 + 40 * at, -300 - 60 * at)
    return compat.math_node(group, "MULTIPLY", missing.outputs[0], due.outputs[0]).outputs[0]


def _due(group: bpy.types.NodeTree, shot: Shot) -> bpy.types.Node:
    """A node that is 1 at the frames of the scene at which a matte may be, and 0 at others."""
    node = compat.value_node(group)
    value = node.outputs[0]
    if group.animation_data is not None and group.animation_data.action is not None:
        bpy.data.actions.remove(group.animation_data.action)
    begins, ends = shot.timing.files_expected(shot.numbers[0], shot.numbers[-1])
    value.default_value = 1.0
    for frame, number in ((begins and begins - 1, 0.0), (begins, 1.0), (ends and ends - 1, 1.0), (ends, 0.0)):
        if frame is not None:
            value.default_value = number
            value.keyframe_insert("default_value", frame=frame)
    return node


def _portable(shot: Shot) -> MatteJob:
    """The shot's job with paths as seen from the folder of the mattes, so that the project can be moved."""
    job, folder = shot.job, shot.folder

    def moved(path: str) -> str:
        return relative(path, folder) if os.path.isabs(path) else path

    sequences = {
        name: tuple(dataclasses.replace(each, sequence=moved(each.sequence)) for each in getattr(job, name))
        for name in SEQUENCES
    }
    return dataclasses.replace(
        job,
        plate=moved(job.plate),
        output=os.path.basename(job.output),
        **sequences,
        model=moved(job.model),
        cache=moved(job.cache) if job.cache else None,
        frames=None,
    )
