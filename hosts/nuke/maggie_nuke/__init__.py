"""MaGGIe in Nuke: one clean, soft, steady alpha per person, as layers.

    read.py  upstream.py     the script -> plain data
    shot.py                  plain data -> jobs           (no Nuke, nor in frames, colour, layers)
    build.py  apply.py       the Group; plans and results -> nodes
    plates.py                inputs that Nuke has to render first
    run.py  main_thread.py   jobs under way, in a thread
    callbacks.py             renders, loads, knobs
    outside.py               farm files, explain

Python 3.9 and its standard library: nothing else comes into Nuke.
"""

from __future__ import annotations

import importlib.util
import os
import sys

if sys.version_info < (3, 9):  # noqa: UP036 - NUKE_PATH is read by every Nuke
    raise ImportError(f"MaGGIe needs Nuke 14 or later: this one has Python {sys.version.split()[0]}")
if importlib.util.find_spec("maggie_node") is None:  # not the built plug-in but the sources it is built from
    sys.path.append(
        os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    )

from .commands import create, job_text, prepare, press, register, register_menu

__all__ = ["create", "job_text", "prepare", "press", "register", "register_menu"]
