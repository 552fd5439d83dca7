# SPDX-License-Identifier: GPL-3.0-or-later
"""Guidance that only Blender can draw, its masks and its Cryptomatte, rendered to files for the worker."""

from __future__ import annotations

import filecmp
import os
import shutil
import tempfile
from pathlib import Path

import bpy

from . import compat, run
from .maggie_node.hosting import HostError, Progress, matte_path
from .read import Drawn, Shot


def render(scene: bpy.types.Scene, shot: Shot) -> run.Work:
    """Render everything in `shot.drawn` for `shot.around`; says how far it is.

    A file is replaced only where its content changes, so that mattes which do not depend on it stay valid.

    Raises:
        HostError: a folder cannot be written, or Blender did not render.
    """
    for index, drawn in enumerate(shot.drawn):
        if run.is_stopping():
            return
        what = f"the mask {drawn.mask}" if drawn.kind == "mask" else "the Cryptomatte"
        said = Progress("running", index, 0, len(shot.drawn), text=f"rendering {what}")
        yield said
        folder = Path(drawn.files).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(prefix=".rendering-", dir=folder))
        except OSError as error:
            raise HostError(f"{folder} cannot be written ({error.strerror or error})") from None
        helper = _mask_scene(drawn.mask, shot) if drawn.kind == "mask" else _crypto_scene(scene, drawn)
        frames = {shot.timing.frame(number): number for number in shot.around}
        try:
            helper.render.resolution_x, helper.render.resolution_y = shot.size
            helper.render.resolution_percentage = 100
            helper.render.filepath = str(fresh / "f.")
            helper.frame_start, helper.frame_end, helper.frame_step = min(frames), max(frames), 1
            for _ in _rendered(helper):
                yield said
            if run.is_stopping():
                return
            for frame, number in frames.items():
                _keep(Path(bpy.path.abspath(helper.render.frame_path(frame=frame))), drawn, number)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
            if not bpy.app.is_job_running("RENDER"):  # else the file is being closed
                bpy.data.scenes.remove(helper)


def _mask_scene(name: str, shot: Shot) -> bpy.types.Scene:
    """A scene that renders one mask, as large as the plate."""
    helper = bpy.data.scenes.new("MaGGIe mask")

    def mask(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket:
        node = tree.nodes.new("CompositorNodeMask")
        node.mask = bpy.data.masks[name]
        return node.outputs[0]

    compat.render_only(helper, mask)
    compat.write_exr(helper.render, layers=False)
    return helper


def _crypto_scene(scene: bpy.types.Scene, drawn: Drawn) -> bpy.types.Scene:
    """The scene once more, with one Cryptomatte pass and without its compositing."""
    helper = scene.copy()
    render = helper.render
    render.use_compositing = render.use_sequencer = render.use_border = render.use_multiview = False
    compat.write_exr(render, layers=True)
    for index, layer in enumerate(helper.view_layers):
        layer.use = index == 0
        for kind in ("object", "material", "asset"):
            setattr(layer, f"use_pass_cryptomatte_{kind}", kind == drawn.kind)
    return helper


def _rendered(helper: bpy.types.Scene):
    """Render a scene's frames; in a window as a job of Blender's, which is waited for step by step."""
    if bpy.app.background:
        try:
            bpy.ops.render.render(animation=True, scene=helper.name)
        except RuntimeError as error:
            raise HostError(f"Blender did not render: {str(error).strip()}") from None
        return
    view = bpy.context.preferences.view
    shown, view.render_display_type = view.render_display_type, "NONE"
    try:
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
            bpy.ops.render.render("INVOKE_DEFAULT", animation=True, scene=helper.name)
        while bpy.app.is_job_running("RENDER"):
            yield
    finally:
        view.render_display_type = shown


def _keep(fresh: Path, drawn: Drawn, number: int) -> None:
    if not fresh.is_file():
        raise HostError(
            f"Blender did not render frame {number} of {drawn.mask or 'the Cryptomatte'}: try again"
        )
    kept = matte_path(drawn.files, number)
    try:
        if not (kept.is_file() and filecmp.cmp(fresh, kept, shallow=False)):
            os.replace(fresh, kept)
    except OSError as error:
        raise HostError(f"{kept} cannot be written ({error.strerror or error})") from None
