# SPDX-License-Identifier: GPL-3.0-or-later
"""MaGGIe in Blender's compositor: reads a scene, lets a worker matte it, shows the mattes as nodes."""

from . import handlers, ops, panel, prefs, props, run, worker

_PARTS = (props, prefs, ops, panel, handlers)


def register() -> None:
    """Called when the extension is enabled."""
    for part in _PARTS:
        part.register()


def unregister() -> None:
    """Called when the extension is disabled, and when Blender ends: no job, timer or worker of ours stays."""
    run.close()
    worker.close_host()
    for part in reversed(_PARTS):
        part.unregister()
