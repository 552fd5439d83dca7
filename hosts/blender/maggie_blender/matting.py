# SPDX-License-Identifier: GPL-3.0-or-later
"""A matte from beginning to end: guidance rendered, job run by the worker, node group updated."""

from __future__ import annotations

import dataclasses

import bpy

from . import apply, compat, masks, run, worker
from .maggie_api.client import devices, models
from .maggie_api.client.host_client import Progress
from .maggie_api.job import MatteJob
from .read import Shot


def matte(scene_name: str, shot: Shot, *, interactive: bool) -> run.Work:
    """Render the guidance that Blender draws, let the worker matte, show the mattes in the node group.

    Args:
        interactive: an artist waits for it: the job goes ahead of what others render.

    Raises:
        HostError: guidance cannot be rendered, or there is no worker.
    """
    yield from masks.render(bpy.data.scenes[scene_name], shot)
    if run.is_stopping():
        yield Progress("cancelled", text="cancelled before a matte was begun")
        return
    done = 0
    for progress in follow(shot.job, interactive=interactive):
        done = progress.done
        yield progress
    scene = bpy.data.scenes.get(scene_name)
    group = apply.own_group(scene) if scene is not None else None
    if group is not None and done:
        apply.update_group(group, shot)


def follow(job: MatteJob, *, interactive: bool) -> run.Work:
    """Run a job in the worker and follow it to its end. Closing the generator cancels the job.

    Raises:
        HostError: no interpreter with maggie-node is known.
    """
    running = worker.host().submit(with_colour(job), interactive=interactive)
    try:
        while True:
            if run.is_stopping():
                running.cancel()
            progress = running.poll()
            if progress.started is not None:
                devices.remember(progress.started.devices)
            models.remember(job.model, progress)
            yield progress
            if progress.over:
                return
    except BaseException:
        running.cancel()
        raise


def with_colour(job: MatteJob) -> MatteJob:
    """The job, with Blender's own colour configuration where it names none."""
    return dataclasses.replace(job, ocio=compat.own_ocio()) if job.ocio is None else job
