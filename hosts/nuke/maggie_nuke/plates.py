"""Inputs that are no bare Read, rendered to half float files by a Write of ours, as the nodes see them."""

from __future__ import annotations

import os
from typing import Any

import nuke

from maggie_node.hosting import HostError, missing_mattes

from . import frames
from .shot import Render


def render(group: Any, wanted: Render) -> None:
    """Write the files of an input.

    The Write lives as long as this takes: nobody who renders all Writes of a script ever meets it.

    Raises:
        HostError: an upstream node fails, or the artist cancels.
    """
    nuke.Undo.disable()
    with group:
        made = _chain(group, wanted)
    try:
        for first, last in frames.runs(wanted.frames):
            nuke.execute(made[-1], first, last, 1, [wanted.view or nuke.views()[0]])
    except (RuntimeError, nuke.CancelledError) as error:
        raise HostError(f"{wanted.input} cannot be rendered: {str(error).strip() or 'cancelled'}") from None
    finally:
        with group:
            for node in reversed(made):
                nuke.delete(node)
        nuke.Undo.enable()


def missing(wanted: Render) -> bool:
    """Whether files of an input are not there."""
    return bool(missing_mattes(wanted.pattern, wanted.frames))


def _chain(group: Any, wanted: Render) -> list[Any]:
    """Nodes in the current group that write an input: a TimeOffset where numbers differ, and a Write."""
    source = group.node(wanted.input)
    made = []
    if wanted.shift:
        source = nuke.nodes.TimeOffset(inputs=[source], time_offset=wanted.shift)
        made.append(source)
    write = nuke.nodes.Write(inputs=[source])
    made.append(write)
    os.makedirs(os.path.dirname(wanted.pattern), exist_ok=True)
    # In this order: a Write has its EXR knobs only once it knows the type.
    for name, value in (
        ("file", wanted.pattern),
        ("file_type", "exr"),
        ("datatype", "16 bit half"),
        ("compression", "Zip (1 scanline)"),
        ("channels", wanted.channels),
        ("raw", True),
    ):
        write[name].setValue(value)
    return made
