# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Blender 4.2 to 4.5 and 5.0 on differ. No other module asks for the version."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import bpy

IS_5 = bpy.app.version >= (5, 0)
PATH_OPTIONS = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5) else set()
"""Options of a property that takes a path which may begin with `//`."""


def tree_of(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The compositing nodes that `scene` renders with; None when it has none."""
    if IS_5:
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def make_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """The compositing nodes that `scene` renders with, made where it has none."""
    if not IS_5:
        if not scene.use_nodes:
            scene.use_nodes = True
        return scene.node_tree
    if scene.compositing_node_group is None:
        scene.compositing_node_group = bpy.data.node_groups.new("Compositor", "CompositorNodeTree")
    return scene.compositing_node_group


def render_only(
    scene: bpy.types.Scene, socket_of: Callable[[bpy.types.NodeTree], bpy.types.NodeSocket]
) -> None:
    """Let `scene` render one output socket and nothing else.

    Args:
        socket_of: makes the socket's node in the scene's tree, and returns the socket.
    """
    tree = make_tree(scene)
    tree.nodes.clear()
    if IS_5:
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    sink = tree.nodes.new("NodeGroupOutput" if IS_5 else "CompositorNodeComposite")
    tree.links.new(socket_of(tree), sink.inputs[0])
    # The GPU compositor of 5.2 ends a process that has no display.
    scene.render.compositor_device = "CPU"


def write_exr(render: bpy.types.RenderSettings, *, layers: bool) -> None:
    """Let renders be written as EXR. The same pixels give the same bytes: no date, time or machine's name.

    Args:
        layers: write every pass, in 32-bit float; else the image alone, in half.
    """
    settings = render.image_settings
    if IS_5:
        settings.media_type = "MULTI_LAYER_IMAGE" if layers else "IMAGE"
    settings.file_format = "OPEN_EXR_MULTILAYER" if layers else "OPEN_EXR"
    if not layers:
        settings.color_mode = "RGB"  # 4.2 writes an alpha of 1 beside grey
    settings.color_depth = "32" if layers else "16"
    settings.exr_codec = "ZIP"
    render.use_file_extension = render.use_overwrite = True
    render.use_placeholder = False
    for name in dir(render):
        if name.startswith("use_stamp"):
            setattr(render, name, False)


def math_node(
    tree: bpy.types.NodeTree, operation: str, *inputs: bpy.types.NodeSocket | float
) -> bpy.types.Node:
    """A Math node of the compositor, with its inputs linked to sockets or set to numbers."""
    node = tree.nodes.new("ShaderNodeMath" if IS_5 else "CompositorNodeMath")
    node.operation = operation
    for socket, given in zip(node.inputs, inputs, strict=False):
        if isinstance(given, (int, float)):
            socket.default_value = given
        else:
            tree.links.new(given, socket)
    return node


def value_node(tree: bpy.types.NodeTree) -> bpy.types.Node:
    """A node of the compositor that gives one number."""
    return tree.nodes.new("ShaderNodeValue" if IS_5 else "CompositorNodeValue")


def fill_render(node: bpy.types.Node) -> None:
    """Let a Scale node stretch its image over the whole render."""
    if IS_5:
        node.inputs["Type"].default_value, node.inputs["Frame Type"].default_value = "Render Size", "Stretch"
    else:
        node.space, node.frame_method = "RENDER_SIZE", "STRETCH"


def set_data(image: bpy.types.Image) -> None:
    """Mark an image as data, by the name that the colour configuration has for it."""
    for name in ("Non-Color", "Raw", "data"):
        try:
            image.colorspace_settings.name = name
        except TypeError:
            continue
        return


def own_ocio() -> str | None:
    """Path of Blender's own colour configuration; None where Blender uses $OCIO, which the worker reads too.

    A Blender that is too old for the built-in configuration in $OCIO (4.2: those of OCIO 2.4) uses its own.
    """
    config = os.environ.get("OCIO", "")
    spaces = bpy.types.ColorManagedInputColorspaceSettings.bl_rna.properties["name"].enum_items
    if config and not (config.startswith("ocio://") and "Non-Color" in spaces):
        return None
    for place in ("USER", "LOCAL", "SYSTEM"):  # as Blender looks for it
        file = Path(bpy.utils.resource_path(place), "datafiles", "colormanagement", "config.ocio")
        if file.is_file():
            return str(file)
    return None


def ocio_name(colorspace: str) -> str:
    """The name of a colour space in the configuration, from its name in Blender."""
    return "scene_linear" if colorspace == "Working Space" else colorspace  # a word of 5.0's interface
