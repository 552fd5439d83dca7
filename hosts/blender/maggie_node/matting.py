# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes: from what a scene asks for, through the worker, to its node group."""

from __future__ import annotations

import dataclasses

import bpy

from . import apply, compat, masks, run
from .maggie_node.hosting import Progress
from .maggie_node.job import MatteJob
from .read import Shot


def matte(scene_name: str, shot: Shot, *, interactive: bool) -> run.Work:
    """Render the guidance that Blender draws, let the worker matte, show the mattes in the group."""
    yield from masks.render(bpy.data.scenes[scene_name], shot)
    if run.is_stopping():
        yield Progress("cancelled", text="cancelled before a matte was begun")
        return
    for progress in follow(shot.job, interactive=interactive):
        yield progress
    scene = bpy.data.scenes.get(scene_name)
    group = apply.own_group(scene) if scene is not None else None
    if group is not None and progress.done:
        apply.update_group(group, shot)


def follow(job: MatteJob, *, interactive: bool) -> run.Work:
    """A job in the worker, to its end; whoever stops listening cancels it."""
    running = run.host().submit(with_colour(job), interactive=interactive)
    try:
        while True:
            if run.is_stopping():
                running.cancel()
            progress = running.poll()
            yield progress
            if progress.over:
                return
    except BaseException:
        running.cancel()
        raise


def with_colour(job: MatteJob) -> MatteJob:
    """The job, with Blender's own colour configuration where it names none."""
    return dataclasses.replace(job, ocio=compat.own_ocio()) if job.ocio is None else job
