# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons of the panel and of the preferences."""
# pyright: reportInvalidTypeForm=false
# A property of Blender's is an annotation that is a call.

import dataclasses
import os
from collections.abc import Iterable
from typing import Any

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from . import apply, install, matting, prefs, props, read, run
from .maggie_api.client.host_client import Progress
from .maggie_api.errors import HostError, InputError


class _Button:
    """What runs an operator's `act(context)`, which does the button's work.

    `act` returns the end of work that ran here, without a window; None when nothing is left to report. It may
    raise InputError; the artist sees the sentence.
    """

    bl_options = {"REGISTER"}

    def execute(self: Any, context: bpy.types.Context) -> set[str]:
        try:
            progress = self.act(context)
        except InputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if progress is not None:
            for warning in progress.warnings:
                self.report({"WARNING"}, warning)
            if progress.state != "done":
                self.report({"ERROR"}, "\n".join((progress.text, *progress.errors[1:])))
                return {"CANCELLED"}
            self.report({"INFO"}, progress.text)
        return {"FINISHED"}


class _Matte(_Button):
    @classmethod
    def poll(cls: Any, context: bpy.types.Context) -> bool:
        if run.is_busy():
            cls.poll_message_set("MaGGIe is at work")
        return not run.is_busy()

    def begin(
        self, context: bpy.types.Context, frames: Iterable[int] | None, *, interactive: bool
    ) -> Progress | None:
        """Start matting some frames of the scene; None = those that the panel says."""
        shot = read.shot_of(context.scene, frames)
        if frames is None and context.scene.maggie.preview:
            render = context.scene.render
            rate = round(render.fps / render.fps_base, 3)
            job = dataclasses.replace(shot.job, preview=str(shot.folder / "preview.mp4"), fps=rate)
            shot = dataclasses.replace(shot, job=job)
        work = matting.matte(context.scene.name, shot, interactive=interactive)
        return run.start(work, blocking=bpy.app.background)


class MatteRange(_Matte, bpy.types.Operator):
    """Matte the frames of the scene, or all of the plate; mattes that are up to date stay"""

    bl_idname, bl_label = "maggie.matte_range", "Matte Range"

    def act(self, context: bpy.types.Context) -> Progress | None:
        return self.begin(context, None, interactive=False)


class MatteFrame(_Matte, bpy.types.Operator):
    """Matte the current frame, exactly as it will be in the range"""

    bl_idname, bl_label = "maggie.matte_frame", "Matte Current Frame"

    def act(self, context: bpy.types.Context) -> Progress | None:
        return self.begin(context, [context.scene.frame_current], interactive=True)


class Cancel(_Button, bpy.types.Operator):
    """Stop. Mattes on disk are whole, and the next run goes on after them"""

    bl_idname, bl_label = "maggie.cancel", "Cancel"

    def act(self, context: bpy.types.Context) -> None:
        run.cancel()


class MakeGroup(_Button, bpy.types.Operator):
    """Bring the mattes into the compositor: a node with an output for each person"""

    bl_idname, bl_label = "maggie.make_group", "Make Node Group"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, context: bpy.types.Context) -> None:
        apply.make_group(context.scene, read.shot_of(context.scene))


class OpenFolder(_Button, bpy.types.Operator):
    """Show the folder of the mattes"""

    bl_idname, bl_label = "maggie.open_folder", "Open Folder"

    def act(self, context: bpy.types.Context) -> None:
        folder = str(read.folder_of(context.scene))
        if not os.path.isdir(folder):
            raise HostError(f"{folder} is not there yet: matte a frame first")
        bpy.ops.wm.path_open(filepath=folder)


class LocateWorker(_Button, bpy.types.Operator):
    """Name the Python that has maggie-node, or the folder of its virtual environment"""

    bl_idname, bl_label = "maggie.locate_worker", "Locate Worker"

    filepath: StringProperty(name="Python", subtype="FILE_PATH")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def act(self, context: bpy.types.Context) -> Progress | None:
        return run.start(install.locate(bpy.path.abspath(self.filepath)), blocking=bpy.app.background)


class InstallWorker(_Button, bpy.types.Operator):
    """Install maggie-node with pip into an environment of its own; the commands are shown first"""

    bl_idname, bl_label = "maggie.install_worker", "Install Worker"

    folder: StringProperty(name="Folder", subtype="DIR_PATH")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.folder = self.folder or install.default_folder()
        return context.window_manager.invoke_props_dialog(self, width=700)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(self, "folder")
        for line in install.shown_commands(self.folder, prefs.package()):
            self.layout.label(text=line)

    def act(self, context: bpy.types.Context) -> Progress | None:
        folder = bpy.path.abspath(self.folder) or install.default_folder()
        return run.start(install.install(folder, prefs.package()), blocking=bpy.app.background)


class UseNode(_Button, bpy.types.Operator):
    """Take the active Image or Movie Clip node as the plate"""

    bl_idname, bl_label = "maggie.use_node", "Use Active Node"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, context: bpy.types.Context) -> None:
        node = context.active_node
        if node is None or node.type not in read.PLATE_NODES:
            raise HostError("the active node is no Image and no Movie Clip node: click the plate's")
        context.scene.maggie.plate_from, context.scene.maggie.plate_node = "NODE", node.name


class AddGuidance(_Button, bpy.types.Operator):
    """Add a person, or a file with several"""

    bl_idname, bl_label = "maggie.add_guidance", "Add"
    bl_options = {"REGISTER", "UNDO"}

    kind: EnumProperty(name="From", items=props.GUIDANCE_KINDS)

    def act(self, context: bpy.types.Context) -> None:
        shot = context.scene.maggie
        added = shot.guidance.add()
        added.kind, added.name = self.kind, f"person {len(shot.guidance)}"
        shot.active = len(shot.guidance) - 1


class RemoveGuidance(_Button, bpy.types.Operator):
    """Remove the chosen person or file"""

    bl_idname, bl_label = "maggie.remove_guidance", "Remove"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, context: bpy.types.Context) -> None:
        shot = context.scene.maggie
        shot.guidance.remove(shot.active)
        shot.active = max(0, min(shot.active, len(shot.guidance) - 1))


class MoveGuidance(_Button, bpy.types.Operator):
    """Where masks overlap, the upper one counts"""

    bl_idname, bl_label = "maggie.move_guidance", "Move"
    bl_options = {"REGISTER", "UNDO"}

    by: IntProperty(default=1)

    def act(self, context: bpy.types.Context) -> None:
        shot = context.scene.maggie
        to = shot.active + self.by
        if 0 <= to < len(shot.guidance):
            shot.guidance.move(shot.active, to)
            shot.active = to


def _chosen(context: bpy.types.Context) -> Any:
    """The chosen row of the panel's list.

    Raises:
        HostError: the list is empty.
    """
    shot = context.scene.maggie
    if shot.active >= len(shot.guidance):
        raise HostError("nobody is chosen: choose a person of the list")
    return shot.guidance[shot.active]


class AddKey(_Button, bpy.types.Operator):
    """The chosen person's mask is right at the current frame: follow the person from it"""

    bl_idname, bl_label = "maggie.add_key", "Add a Key Here"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, context: bpy.types.Context) -> None:
        row, frame = _chosen(context), context.scene.frame_current
        if row.kind != "MASK":
            raise HostError(f"{row.name!r} has files: its keys are the frames that have one")
        row.at_keys = True
        frames = [key.frame for key in row.keys]
        if frame not in frames:
            row.keys.add().frame = frame
            place = sum(each < frame for each in frames)
            row.keys.move(len(frames), place)
            row.active_key = place


class RemoveKey(_Button, bpy.types.Operator):
    """Remove the chosen key"""

    bl_idname, bl_label = "maggie.remove_key", "Remove Key"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, context: bpy.types.Context) -> None:
        row = _chosen(context)
        row.keys.remove(row.active_key)
        row.active_key = max(0, min(row.active_key, len(row.keys) - 1))


_CLASSES = (
    MatteRange,
    MatteFrame,
    Cancel,
    MakeGroup,
    OpenFolder,
    LocateWorker,
    InstallWorker,
    UseNode,
    AddGuidance,
    RemoveGuidance,
    MoveGuidance,
    AddKey,
    RemoveKey,
)


def register() -> None:
    for each in _CLASSES:
        bpy.utils.register_class(each)


def unregister() -> None:
    for each in reversed(_CLASSES):
        bpy.utils.unregister_class(each)
