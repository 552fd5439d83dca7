"""MaGGIe in Nuke: one clean, soft, steady alpha per person, as layers.

    read.py  upstream.py             from the script to plain data: state.py
    shot.py  guidance.py             from plain data to jobs: job_plan.py (no Nuke, nor in frames, colour,
                                     layers, options)
    instances.py                     which people the connected masks stand for
    account.py                       what mattes were made from, and what has changed since
    panel.py  build.py  apply.py     the knobs; the Group; plans and results put into nodes
    people.py  overlay.py            choosing people, and their colours over the plate
    identity.py                      nodes of old scripts, and copies of nodes
    render_inputs.py                 inputs that Nuke has to render first
    run.py  main_thread.py           jobs under way, followed in a thread
    callbacks.py                     what Nuke calls: renders, loads, knobs
    command_line.py                  commands of maggie-node: farm files, explain
    commands.py                      what buttons, menus and programs call

Python 3.9 and its standard library: nothing else comes into Nuke.
"""

from __future__ import annotations

import os
import sys

if sys.version_info < (3, 9):  # noqa: UP036 - NUKE_PATH is read by every Nuke
    raise ImportError(f"MaGGIe needs Nuke 14 or later: this one has Python {sys.version.split()[0]}")


def _find_api() -> None:
    """Put maggie_api on Python's path: the copy in the built plug-in, else that of the sources.

    Raises:
        ImportError: neither is there.
    """
    plugin = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sources = os.path.join(os.path.dirname(os.path.dirname(plugin)), "core")
    for folder in (plugin, sources):
        if os.path.isdir(os.path.join(folder, "maggie_api")):
            if folder not in sys.path:
                sys.path.insert(0, folder)  # first, so that no other version of it is found
            return
    raise ImportError(f"{plugin} lacks the folder maggie_api: copy the whole folder of the plug-in again")


_find_api()

from .commands import create, job_text, prepare, press, register, register_menu  # noqa: E402

__all__ = ["create", "job_text", "prepare", "press", "register", "register_menu"]
