# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels in the sidebar of the compositor."""

from collections.abc import Sequence
from typing import Any

import bpy

from . import apply, compat, props, run
from .maggie_api.errors import InputError
from .options import CONTROLS, Control

_WRAP = 26
"""Letters in a line of the sidebar, in the width that Blender gives it."""
_SHOT_SETTINGS = ("model", "commercial", "device", "colorspace", "keep_state", "preview")
"""Properties of the shot that stand under Settings."""
_FREQUENT_OPTIONS = ("working_px", "exposure_ev", "plate_layer")
"""Options that stand under Settings; every other one stands under Advanced."""


class MaggieGuidanceList(bpy.types.UIList):
    bl_idname = "MAGGIE_UL_guidance"

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0):
        layout.prop(item, "name", text="", emboss=False, icon="USER")
        layout.label(text=item.bl_rna.properties["kind"].enum_items[item.kind].name)


class MaggieKeyList(bpy.types.UIList):
    bl_idname = "MAGGIE_UL_keys"

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0):
        layout.label(text="", icon="KEYFRAME")
        layout.prop(item, "frame", text="")  # a number that is not embossed is not drawn in a list


class _Sidebar:
    bl_space_type, bl_region_type, bl_category = "NODE_EDITOR", "UI", "MaGGIe"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.space_data.tree_type == "CompositorNodeTree"


class MaggiePanel(_Sidebar, bpy.types.Panel):
    bl_idname, bl_label = "MAGGIE_PT_shot", "MaGGIe"

    def draw(self, context: bpy.types.Context) -> None:
        scene, layout = context.scene, self.layout
        draw_plate(layout, scene)
        draw_guidance(layout, scene.maggie)
        draw_mattes(layout, scene)


class MaggieSettings(_Sidebar, bpy.types.Panel):
    bl_idname, bl_label, bl_parent_id = "MAGGIE_PT_settings", "Settings", "MAGGIE_PT_shot"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        shot = context.scene.maggie
        for name in _SHOT_SETTINGS:
            column.prop(shot, name)
        for name in _FREQUENT_OPTIONS:
            draw_option(column, shot.options, CONTROLS[name])
        column.operator("maggie.locate_worker")
        column.operator("maggie.install_worker")


class MaggieAdvanced(_Sidebar, bpy.types.Panel):
    bl_idname, bl_label, bl_parent_id = "MAGGIE_PT_advanced", "Advanced", "MAGGIE_PT_settings"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        draw_holds(column, context.scene.maggie, ("garbage",))
        for name, control in CONTROLS.items():
            if name not in _FREQUENT_OPTIONS:
                draw_option(column, context.scene.maggie.options, control)


def draw_option(layout: bpy.types.UILayout, options: Any, control: Control) -> None:
    """Draw one option: its property, and beside a number a switch for each word that may replace it."""
    row = layout.row(align=True)
    value = row.row(align=True)
    value.active = not any(getattr(options, switch) for switch in control.switches)
    value.prop(options, control.name)
    for switch in control.switches:
        switches = row.row(align=True)
        switches.use_property_split = False
        switches.prop(options, switch, toggle=True)


def draw_plate(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    shot, tree = scene.maggie, compat.tree_of(scene)
    layout.label(text="Plate")
    layout.row().prop(shot, "plate_from", expand=True)
    if shot.plate_from == "FILE":
        layout.prop(shot, "plate_file", text="")
    else:
        row = layout.row(align=True)
        if tree is not None:
            row.prop_search(shot, "plate_node", tree, "nodes", text="", icon="NODE")
        row.operator("maggie.use_node", text="", icon="EYEDROPPER")


def draw_guidance(layout: bpy.types.UILayout, shot: Any) -> None:
    layout.label(text="People")
    row = layout.row()
    row.template_list("MAGGIE_UL_guidance", "", shot, "guidance", shot, "active", rows=3)
    column = row.column(align=True)
    column.operator_menu_enum("maggie.add_guidance", "kind", text="", icon="ADD")
    column.operator("maggie.remove_guidance", text="", icon="REMOVE")
    column.operator("maggie.move_guidance", text="", icon="TRIA_UP").by = -1
    column.operator("maggie.move_guidance", text="", icon="TRIA_DOWN").by = 1
    if shot.active >= len(shot.guidance):
        return
    chosen, column = shot.guidance[shot.active], layout.column()
    column.prop(chosen, "kind", text="")
    if chosen.kind == "MASK":
        column.prop(chosen, "mask", text="")
    elif chosen.kind == "CRYPTO_RENDER":
        column.prop(chosen, "kind_of_id")
    else:
        column.prop(chosen, "path", text="")
    if chosen.kind == "FILES":
        column.prop(chosen, "channel")
    elif chosen.kind == "CRYPTO_FILE":
        column.prop(chosen, "layer")
    if chosen.kind in ("LAYERS", "CRYPTO_FILE", "CRYPTO_RENDER"):
        column.prop(chosen, "names")
    if chosen.kind in props.KINDS_WITH_KEYS:
        draw_keys(column, chosen)
    if chosen.kind not in ("MASK", "CRYPTO_RENDER"):
        column.prop(chosen, "offset")
    draw_holds(column, chosen, ("core", "garbage"))
    column.prop(chosen, "pins")
    column.prop(chosen, "edges")


def draw_keys(layout: bpy.types.UILayout, chosen: Any) -> None:
    """Draw the switch of key masks, and for a mask drawn in Blender the list of its frames."""
    layout.prop(chosen, "at_keys")
    if not chosen.at_keys or chosen.kind != "MASK":
        return
    layout.operator("maggie.add_key", icon="KEY_HLT")
    row = layout.row()
    row.template_list("MAGGIE_UL_keys", "", chosen, "keys", chosen, "active_key", rows=2)
    row.operator("maggie.remove_key", text="", icon="REMOVE")


def draw_holds(layout: bpy.types.UILayout, owner: Any, kinds: Sequence[str]) -> None:
    """Draw the fields of cores and garbage mattes: files, and below them a mask drawn in Blender."""
    for kind in kinds:
        column = layout.column(align=True)
        column.prop(owner, kind)
        column.prop(owner, f"{kind}_mask", text="or Mask")


def draw_mattes(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    shot = scene.maggie
    layout.label(text="Mattes")
    layout.prop(shot, "folder", text="")
    layout.row().prop(shot, "frames", expand=True)
    if run.is_busy():
        layout.operator("maggie.cancel", icon="CANCEL")
    else:
        row = layout.row(align=True)
        row.operator("maggie.matte_range")
        row.operator("maggie.matte_frame", text="Current Frame")
    draw_progress(layout)
    row = layout.row(align=True)
    row.operator("maggie.make_group", icon="NODETREE")
    row.operator("maggie.open_folder", text="", icon="FILE_FOLDER")
    missing = missing_matte(scene)
    if missing:
        layout.label(text=missing, icon="ERROR")


def draw_progress(layout: bpy.types.UILayout) -> None:
    progress = run.progress()
    if progress is None:
        return
    if run.is_busy():
        counted = f"{progress.done + progress.failed} of {progress.total}" if progress.total else ""
        layout.progress(factor=progress.fraction, text=counted)
    column, icon = layout.column(align=True), "ERROR" if progress.state == "failed" else "INFO"
    for sentence in (progress.text, *progress.errors[1:], *progress.warnings):
        for line in lines(sentence):
            column.label(text=line, icon=icon)
            icon = "BLANK1"


def missing_matte(scene: bpy.types.Scene) -> str:
    """The sentence for a current frame without a matte in the scene's group; empty where there is one."""
    if scene.maggie.group is None or apply.JOB not in scene.maggie.group:
        return ""
    try:
        found = apply.matte_at(scene.maggie.group, scene.frame_current)
    except InputError as error:
        return str(error)
    return "" if found is None or found[2].is_file() else f"no matte for frame {scene.frame_current}"


def lines(sentence: str) -> list[str]:
    """A sentence in lines of at most `_WRAP` letters, as long as no word is longer."""
    found = [""]
    for word in sentence.split():
        if found[-1] and len(found[-1]) + len(word) >= _WRAP:
            found.append("")
        found[-1] = f"{found[-1]} {word}".strip()
    return found


_CLASSES = (MaggieGuidanceList, MaggieKeyList, MaggiePanel, MaggieSettings, MaggieAdvanced)


def register() -> None:
    for each in _CLASSES:
        bpy.utils.register_class(each)


def unregister() -> None:
    for each in reversed(_CLASSES):
        bpy.utils.unregister_class(each)
