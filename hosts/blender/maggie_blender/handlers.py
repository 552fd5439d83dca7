# SPDX-License-Identifier: GPL-3.0-or-later
"""A render never shows a missing matte as black: without a window it is computed, or the render ends."""

from __future__ import annotations

import dataclasses
import os
import sys
import time

import bpy
from bpy.app.handlers import persistent

from . import apply, matting, run, sequence, worker
from .maggie_api.errors import HostError, InputError

FAILED = 3
"""Exit code of a Blender that was told to render and lacks mattes."""


@persistent
def before_frame(scene: bpy.types.Scene, *_) -> None:
    """Before each frame of a render: make sure that every matte it shows is on disk."""
    for group in apply.groups_in_use(scene):
        try:
            _ensure(group, scene.frame_current)
        except InputError as error:
            _fail(f"MaGGIe: frame {scene.frame_current}, group {group.name}: {error}")


class _State:
    warned = False
    """Whether this render has shown an error already: one pop-up is enough."""


@persistent
def before_render(*_) -> None:
    """Before the first frame of a render."""
    _State.warned = False


@persistent
def before_file(*_) -> None:
    """Before another file is opened: the work for this one ends."""
    run.close_work()


def register() -> None:
    bpy.app.handlers.render_init.append(before_render)
    bpy.app.handlers.render_pre.append(before_frame)
    bpy.app.handlers.load_pre.append(before_file)


def unregister() -> None:
    bpy.app.handlers.render_init.remove(before_render)
    bpy.app.handlers.render_pre.remove(before_frame)
    bpy.app.handlers.load_pre.remove(before_file)


def _ensure(group: bpy.types.NodeTree, frame: int) -> None:
    """Compute the matte that a group shows at a frame of the scene, where it is missing.

    Raises:
        InputError: the matte is not there and cannot be made.
    """
    found = apply.matte_at(group, frame)
    if found is None:
        return
    job, number, file = found
    if file.is_file():
        return
    there = sequence.numbers_on_disk(job.plate) or [1, number]
    if not there[0] <= number <= there[-1]:
        return  # before the shot or after it, where the plate has nothing either
    if not bpy.app.background:
        raise HostError(f"the matte {file} is missing and renders as black: matte the range, then render")
    text = ""
    for progress in matting.follow(dataclasses.replace(job, frames=str(number)), interactive=False):
        text = progress.text
        time.sleep(0 if progress.over else run.EVERY_S)
    if not file.is_file():
        raise HostError(f"the matte {file} is missing: {text}")


def _fail(sentence: str) -> None:
    """Show an error. Without a window end Blender: an exception in a handler would not end the render."""
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()
    if bpy.app.background:
        run.close()
        worker.close_host()
        sys.stdout.flush()
        os._exit(FAILED)
    if not _State.warned:
        _State.warned = True
        bpy.app.timers.register(lambda: _show(sentence))


def _show(sentence: str) -> None:
    """Show a sentence in the panel and as a pop-up. A timer calls it, in the window's thread."""
    run.show_error(sentence)
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.context.window_manager.popup_menu(
            lambda menu, _: menu.layout.label(text=sentence), title="MaGGIe", icon="ERROR"
        )
