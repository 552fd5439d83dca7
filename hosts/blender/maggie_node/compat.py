# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Blender 4.2 to 4.5 and 5.0 on differ. Nothing else asks for a version."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

IS_5 = bpy.app.version >= (5, 0)
PATH_OPTIONS = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5) else set()
"""For properties that take a path beginning with `//`."""


def tree_of(scene: bpy.types.Scene, *, make: bool = False) -> bpy.types.NodeTree | None:
    """The compositing nodes that `scene` renders with; None when it has none.

    Args:
        make: give it an empty tree then.
    """
    if IS_5:
        if scene.compositing_node_group is None and make:
            scene.compositing_node_group = bpy.data.node_groups.new("Compositor", "CompositorNodeTree")
        return scene.compositing_node_group
    if make and not scene.use_nodes:
        scene.use_nodes = True
    return scene.node_tree if scene.use_nodes else None


def render_only(scene: bpy.types.Scene, socket_of) -> None:
    """Let `scene` render nothing but the output socket that `socket_of` makes in a given tree."""
    tree = tree_of(scene, make=True)
    tree.nodes.clear()
    if IS_5:
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    sink = tree.nodes.new("NodeGroupOutput" if IS_5 else "CompositorNodeComposite")
    tree.links.new(socket_of(tree), sink.inputs[0])
    # The GPU compositor of 5.2 ends a process that has no display.
    scene.render.compositor_device = "CPU"


def write_exr(render: bpy.types.RenderSettings, *, layers: bool) -> None:
    """Let renders be written as EXR: every pass in full float, or colours in half.

    The same pixels give the same bytes: no date, no time, no name of a machine in them.
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


def set_data(image: bpy.types.Image) -> None:
    """Say that an image is data, in the name that the colour configuration has for it."""
    for name in ("Non-Color", "Raw", "data"):
        try:
            image.colorspace_settings.name = name
        except TypeError:
            continue
        return


def own_ocio() -> str | None:
    """Blender's own colour configuration; None where $OCIO names another one, which the worker gets too.

    A Blender too old for a built-in configuration (4.2 for those of OCIO 2.4) goes on with its own.
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
    """A colour space as the configuration knows it."""
    return "scene_linear" if colorspace == "Working Space" else colorspace  # a word of 5.0's interface
