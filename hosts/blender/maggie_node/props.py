# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist sets, saved with the scene."""

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .compat import PATH_OPTIONS

GUIDANCE = (
    ("FILES", "Mask files", "A mask image, or a sequence of them"),
    ("MASK", "Mask", "A mask drawn in Blender, in the Movie Clip or the Image Editor"),
    ("LAYERS", "EXR layers", "A person for each layer of an EXR sequence"),
    ("CRYPTO_FILE", "Cryptomatte file", "Objects of a Cryptomatte in EXR files"),
    ("CRYPTO_RENDER", "Cryptomatte render", "Objects of this scene, rendered with a Cryptomatte pass"),
)


def _path(name: str, description: str, **more) -> StringProperty:
    return StringProperty(name=name, description=description, options=PATH_OPTIONS, **more)


class MaggieGuidance(bpy.types.PropertyGroup):
    """Who is in the shot, and where, roughly: one person, or the people of one file."""

    name: StringProperty(name="Name", description="The person's name; the layer is called after it")
    kind: EnumProperty(name="From", items=GUIDANCE)
    path: _path("File", "Any file of the sequence, or its name with #### for the number", subtype="FILE_PATH")
    channel: StringProperty(name="Channel", description="Empty: alpha, the only channel, or brightness")
    mask: PointerProperty(name="Mask", type=bpy.types.Mask)
    layer: StringProperty(name="Cryptomatte", description="Its name in the file; empty: the only one")
    kind_of_id: EnumProperty(
        name="Of",
        items=(("object", "Objects", ""), ("material", "Materials", ""), ("asset", "Assets", "")),
    )
    names: StringProperty(name="People", description="Names, with commas between them; empty: all there are")


class MaggieShot(bpy.types.PropertyGroup):
    """One shot: plate, people, settings."""

    plate_from: EnumProperty(
        name="Plate",
        items=(
            ("NODE", "Node", "An Image or Movie Clip node of the compositor, with its timing"),
            ("FILE", "File", "Files; their numbers are the frames of the scene"),
        ),
    )
    plate_node: StringProperty(name="Node", description="Empty: the only Image or Movie Clip node")
    plate_file: _path("File", "Any file of the plate, or a movie", subtype="FILE_PATH")
    plate_layer: StringProperty(name="Layer", description="Layer of the plate's EXR; empty: its colours")
    colorspace: StringProperty(
        name="Color Space", description="Of the plate, as Blender calls it; empty: what the image is set to"
    )
    guidance: CollectionProperty(type=MaggieGuidance)
    active: IntProperty(name="Active")

    frames: EnumProperty(
        name="Frames",
        items=(("SCENE", "Scene", "The frame range of the scene"), ("PLATE", "Plate", "All of the plate")),
    )
    folder: _path("Mattes", "Folder for the mattes", default="//maggie/", subtype="DIR_PATH")
    model: _path("Model", "default, him50k, vim2k5 or a file", default="default")
    device: StringProperty(name="Device", description="auto, cpu, cuda, cuda:1 or mps", default="auto")
    working_px: IntProperty(name="Working Size", default=576, min=64, max=4096, subtype="PIXEL")
    exposure_ev: FloatProperty(name="Exposure", description="Stops, for the model's eyes only", soft_max=8)
    commercial: BoolProperty(name="Commercial Work", description="Refuse models that do not allow it")
    keep_state: BoolProperty(
        name="Keep State",
        description="Keep what the model computes, to go on faster",
        default=True,
    )
    group: PointerProperty(name="Group", type=bpy.types.NodeTree)


_CLASSES = (MaggieGuidance, MaggieShot)


def register() -> None:
    for each in _CLASSES:
        bpy.utils.register_class(each)
    bpy.types.Scene.maggie = PointerProperty(type=MaggieShot)


def unregister() -> None:
    del bpy.types.Scene.maggie
    for each in reversed(_CLASSES):
        bpy.utils.unregister_class(each)
