# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist sets, saved with the scene."""
# pyright: reportInvalidTypeForm=false
# A property of Blender's is an annotation that is a call.

from typing import Any

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
from .maggie_api.client import devices
from .maggie_api.job import MatteJob
from .maggie_api.settings import MODEL_NAMES
from .options import CONTROLS, Control, enum_number, label_of

GUIDANCE_KINDS = (
    ("FILES", "Mask files", "A mask image, or a sequence of them"),
    ("MASK", "Mask", "A mask drawn in Blender, in the Movie Clip or the Image Editor"),
    ("LAYERS", "EXR layers", "A person for each layer of an EXR sequence"),
    ("CRYPTO_FILE", "Cryptomatte file", "Objects of a Cryptomatte in EXR files"),
    ("CRYPTO_RENDER", "Cryptomatte render", "Objects of this scene, rendered with a Cryptomatte pass"),
)
"""Where guidance comes from: identifier, label and description of each way."""
KINDS_WITH_KEYS = ("FILES", "MASK")
"""Those that hold one person's mask, which may be that of some frames."""


def _path(name: str, description: str, **more: Any) -> Any:
    return StringProperty(name=name, description=description, options=PATH_OPTIONS, **more)


class MaggieKey(bpy.types.PropertyGroup):
    """A frame of the scene at which a person's mask is drawn."""

    frame: IntProperty(name="Frame")


class MaggieGuidance(bpy.types.PropertyGroup):
    """Rough masks of one person, or of the people in one file."""

    name: StringProperty(name="Name", description="The person's name; the layer is called after it")
    kind: EnumProperty(name="From", items=GUIDANCE_KINDS)
    path: _path("File", "Any file of the sequence, or its name with #### for the number", subtype="FILE_PATH")
    channel: StringProperty(name="Channel", description="Empty: alpha, the only channel, or brightness")
    mask: PointerProperty(name="Mask", type=bpy.types.Mask)
    layer: StringProperty(name="Cryptomatte", description="Its name in the file; empty: the only one")
    kind_of_id: EnumProperty(
        name="Of",
        items=(("object", "Objects", ""), ("material", "Materials", ""), ("asset", "Assets", "")),
    )
    names: StringProperty(name="People", description="Names, with commas between them; empty: all there are")
    at_keys: BoolProperty(
        name="Key Masks",
        description="The masks are those of some frames, and the person is followed through the others",
    )
    keys: CollectionProperty(type=MaggieKey)
    active_key: IntProperty(name="Active Key")
    offset: IntProperty(
        name="Number Offset",
        description="Number of a mask's file less the plate's: -1000 where plate 1001 belongs to mask 1",
    )
    pins: _path(
        "Approved",
        "Alphas that are delivered as they are: any file of a sequence that has the approved frames alone",
        subtype="FILE_PATH",
    )
    core: _path("Core", "Matte inside which alpha is 1: any file of the sequence", subtype="FILE_PATH")
    core_mask: PointerProperty(name="Core", type=bpy.types.Mask, description="Alpha is 1 inside it")
    garbage: _path("Garbage", "Matte outside which alpha is 0: any file of the sequence", subtype="FILE_PATH")
    garbage_mask: PointerProperty(name="Garbage", type=bpy.types.Mask, description="Alpha is 0 outside it")
    edges: StringProperty(
        name="Edges", description="Edge options that differ from everybody's: trust=0.9 grow_px=-1.5"
    )


def _option_properties() -> dict[str, Any]:
    """The properties of all options, by name: one for each, and a switch for each word beside a number."""
    made: dict[str, Any] = {}
    for name, control in CONTROLS.items():
        made[name] = _option_property(control)
        for word, switch in zip(control.words, control.switches, strict=False):
            made[switch] = BoolProperty(
                name=label_of(word), description=control.help, default=control.default == word
            )
    return made


def _option_property(control: Control) -> Any:
    shown = {"name": control.label, "description": control.help}
    if control.kind == "choice":
        items = tuple((word, label_of(word), "", enum_number(word)) for word in control.words)
        return EnumProperty(items=items, default=control.default, **shown)
    if control.kind == "flag":
        return BoolProperty(default=control.default, **shown)
    number = 0 if control.default in control.words else control.default
    if control.kind == "whole number":
        return IntProperty(default=number, min=0, **shown)
    if control.kind == "number":
        return FloatProperty(default=number, **shown)
    return StringProperty(default=control.default or "", **shown)


MaggieOptions = type("MaggieOptions", (bpy.types.PropertyGroup,), {"__annotations__": _option_properties()})
"""The options of a matte; `options.values_of` reads them."""


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
    colorspace: StringProperty(
        name="Color Space",
        description="The plate's, as Blender calls it; empty: the one that the image is set to",
    )
    guidance: CollectionProperty(type=MaggieGuidance)
    active: IntProperty(name="Active")

    garbage: _path("Garbage", "Matte outside which everybody's alpha is 0", subtype="FILE_PATH")
    garbage_mask: PointerProperty(
        name="Garbage", type=bpy.types.Mask, description="Everybody's alpha is 0 outside it"
    )
    frames: EnumProperty(
        name="Frames",
        items=(("SCENE", "Scene", "The frame range of the scene"), ("PLATE", "Plate", "All of the plate")),
    )
    folder: _path("Mattes", "Folder for the mattes", default="//maggie/", subtype="DIR_PATH")
    model: _path("Model", f"{', '.join(MODEL_NAMES)} or a file", default=MatteJob.model)
    device: StringProperty(
        name="Device",
        description="Where the network computes: one that the worker has found, or another by its name",
        default=MatteJob.device,
    )
    commercial: BoolProperty(name="Commercial Work", description="Refuse models that do not allow it")
    options: PointerProperty(type=MaggieOptions)
    preview: BoolProperty(
        name="Preview Movie",
        description="Matte Range also makes preview.mp4 beside the mattes, at the scene's frame rate",
    )
    keep_state: BoolProperty(
        name="Keep State",
        description="Keep what the model computes beside the mattes, so that the next run is faster",
        default=True,
    )
    group: PointerProperty(name="Group", type=bpy.types.NodeTree)


_CLASSES = (MaggieKey, MaggieGuidance, MaggieOptions, MaggieShot)
_DEVICE = MaggieShot.__annotations__["device"]


def register() -> None:
    # Blender 4.2 crashes at its end if a property with a function is left of an extension that was removed.
    MaggieShot.__annotations__["device"] = StringProperty(
        **_DEVICE.keywords,
        search=lambda self, context, text: devices.names(),
        search_options={"SUGGESTION"},
    )
    for each in _CLASSES:
        bpy.utils.register_class(each)
    bpy.types.Scene.maggie = PointerProperty(type=MaggieShot)


def unregister() -> None:
    del bpy.types.Scene.maggie
    for each in reversed(_CLASSES):
        bpy.utils.unregister_class(each)
    MaggieShot.__annotations__["device"] = _DEVICE
