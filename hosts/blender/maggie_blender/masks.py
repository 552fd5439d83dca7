# SPDX-License-Identifier: GPL-3.0-or-later
"""Guidance that only Blender can draw, masks and Cryptomattes, rendered to files for the worker."""

from __future__ import annotations

import filecmp
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import bpy

from . import compat, run
from .maggie_api.client.host_client import Progress
from .maggie_api.errors import HostError
from .maggie_api.sequences import matte_path
from .read import GuidanceRender, Shot
from .sequence import numbers_on_disk


def render(scene: bpy.types.Scene, shot: Shot) -> run.Work:
    """Render all of `shot.guidance_renders` for the numbers in `shot.guidance_numbers`.

    A file is replaced only where its content changes, so that mattes which do not depend on it stay valid.

    Raises:
        HostError: a folder cannot be written, or Blender did not render.
    """
    for index, guidance in enumerate(shot.guidance_renders):
        if run.is_stopping():
            return
        what = f"the mask {guidance.mask}" if guidance.kind == "mask" else "the Cryptomatte"
        progress = Progress("running", index, 0, len(shot.guidance_renders), text=f"rendering {what}")
        yield progress
        folder = Path(guidance.files).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".rendering-", dir=folder))
        except OSError as error:
            raise HostError(f"{folder} cannot be written ({error.strerror or error})") from None
        helper = _mask_scene(guidance.mask) if guidance.kind == "mask" else _crypto_scene(scene, guidance)
        numbers = shot.guidance_numbers if guidance.keys is None else guidance.keys
        frames = {shot.timing.frame(number): number for number in numbers}
        try:
            helper.render.resolution_x, helper.render.resolution_y = shot.size
            helper.render.resolution_percentage = 100
            files = str(temporary / "f.")
            for _ in _rendered(helper, sorted(frames), files):
                yield progress
            if run.is_stopping():
                return
            helper.render.filepath = files
            for frame, number in frames.items():
                file = Path(bpy.path.abspath(helper.render.frame_path(frame=frame)))
                _replace_if_changed(file, guidance, number)
            if guidance.keys is not None:
                _remove_others(guidance)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            if not bpy.app.is_job_running("RENDER"):  # else the file is being closed
                bpy.data.scenes.remove(helper)


def _mask_scene(name: str) -> bpy.types.Scene:
    """A scene that renders one mask and nothing else."""
    helper = bpy.data.scenes.new("MaGGIe mask")

    def mask(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket:
        node = tree.nodes.new("CompositorNodeMask")
        node.mask = bpy.data.masks[name]
        return node.outputs[0]

    compat.render_only(helper, mask)
    compat.write_exr(helper.render, layers=False)
    return helper


def _crypto_scene(scene: bpy.types.Scene, guidance: GuidanceRender) -> bpy.types.Scene:
    """A copy of the scene that renders one Cryptomatte pass, without its compositing."""
    helper = scene.copy()
    render = helper.render
    render.use_compositing = render.use_sequencer = render.use_border = render.use_multiview = False
    compat.write_exr(render, layers=True)
    for index, layer in enumerate(helper.view_layers):
        layer.use = index == 0
        for kind in ("object", "material", "asset"):
            setattr(layer, f"use_pass_cryptomatte_{kind}", kind == guidance.kind)
    return helper


def _rendered(helper: bpy.types.Scene, frames: list[int], files: str) -> Iterator[None]:
    """Render frames of a scene, ascending, and those between them. `files` is what their paths begin with.

    A range of Blender's begins at frame 0 at the earliest, so frames before it are rendered one by one.
    """
    render = helper.render
    seen = bpy.context.scene
    kept = seen.frame_current
    try:
        for frame in [frame for frame in frames if frame < 0]:
            render.filepath = files
            render.filepath = render.frame_path(frame=frame)
            helper.frame_set(frame)
            seen.frame_set(frame)  # the animation of masks is evaluated for the scene that is seen
            yield from _one_render(helper, write_still=True)
            if run.is_stopping():
                return
    finally:
        if seen.frame_current != kept:
            seen.frame_set(kept)
    rest = [frame for frame in frames if frame >= 0]
    if rest:
        render.filepath = files
        helper.frame_start, helper.frame_end, helper.frame_step = rest[0], rest[-1], 1
        yield from _one_render(helper, animation=True)


def _one_render(helper: bpy.types.Scene, **what: bool) -> Iterator[None]:
    """Render a scene. In a window Blender renders in the background: yields until it has ended."""
    if bpy.app.background:
        try:
            bpy.ops.render.render(scene=helper.name, **what)
        except RuntimeError as error:
            raise HostError(f"Blender did not render: {str(error).strip()}") from None
        return
    view = bpy.context.preferences.view
    shown, view.render_display_type = view.render_display_type, "NONE"
    try:
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
            bpy.ops.render.render("INVOKE_DEFAULT", scene=helper.name, **what)
        while bpy.app.is_job_running("RENDER"):
            yield
    finally:
        view.render_display_type = shown


def _remove_others(guidance: GuidanceRender) -> None:
    """Remove the files of keys that the artist removed: every file that there is counts as a key."""
    for number in set(numbers_on_disk(guidance.files)) - set(guidance.keys or ()):
        matte_path(guidance.files, number).unlink(missing_ok=True)


def _replace_if_changed(rendered: Path, guidance: GuidanceRender, number: int) -> None:
    """Put a rendered file in its place, unless the same bytes are there already."""
    if not rendered.is_file():
        raise HostError(
            f"Blender did not render frame {number} of {guidance.mask or 'the Cryptomatte'}: try again"
        )
    kept = matte_path(guidance.files, number)
    try:
        if not (kept.is_file() and filecmp.cmp(rendered, kept, shallow=False)):
            os.replace(rendered, kept)
    except OSError as error:
        raise HostError(f"{kept} cannot be written ({error.strerror or error})") from None
