# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection of this Blender to a worker."""

from __future__ import annotations

import bpy

from . import prefs
from .maggie_api.client.host_client import WorkerSession
from .maggie_api.client.python import find_python


class _State:
    """Belongs to this Blender process, not to a file: nothing here is saved."""

    host: WorkerSession | None = None
    python = ""
    """Interpreter that `host` was made with."""


def host() -> WorkerSession:
    """The connection to the worker; a new one when another interpreter is to be used than before.

    In a window the worker is shared with other hosts. A Blender without a window, as on a farm, has a worker
    of its own, which ends with it.

    Raises:
        HostError: no interpreter with maggie-node is known, or the one that is named is not there.
    """
    python = find_python(prefs.python())
    if _State.host is None or _State.python != python:
        close_host()
        name = f"Blender {bpy.app.version_string}"
        _State.host = WorkerSession(name, python=python, shared=not bpy.app.background)
        _State.python = python
    return _State.host


def close_host() -> None:
    """Let go of the worker and of the jobs in it; never waits."""
    if _State.host is not None:
        _State.host.close()
        _State.host = None
