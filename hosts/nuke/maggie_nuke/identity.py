"""A node through its life: of old scripts and copied, it has the knobs of today and a folder of its own."""

from __future__ import annotations

import uuid
from typing import Any

import nuke

from . import build, knobs
from .upstream import our_nodes, path_of


def check_in(node: Any) -> None:
    """Make a node ready to be read: the knobs of this plug-in, an id and a folder of its own."""
    if not build.is_up_to_date(node):
        _bring_up_to_date(node)
    claim(node)


def _bring_up_to_date(node: Any) -> None:
    """Give a node of another plug-in's script the knobs of this one, and say what changed."""
    was = node[knobs.MARK].value()
    of_old = path_of(node["cache"]) if was == "1" else ""
    new = build.bring_up_to_date(node)
    if of_old:  # the first layout wrote the node's own folder into the knob of the artist's
        node[knobs.OWN].setValue(of_old)
        node["cache"].setValue("")
    moved = f"; its mattes stay in {of_old}" if of_old else ""
    nuke.tprint(
        f"{node.fullName()}: brought up to date from layout {was} to {knobs.LAYOUT}; "
        f"new knobs: {', '.join(new) or 'none'}{moved}"
    )


def claim(node: Any, *, copied: bool = False) -> None:
    """Give a node an id and a folder of its own, where it has none or shares one with another node.

    Args:
        copied: the node has just come into the script, so of two it is the copy. Else the copy is the one
            whose name does not begin its folder's name.
    """
    name, own = node[knobs.ID].value(), node[knobs.OWN].value()
    others = [each for each in our_nodes() if each.fullName() != node.fullName() and each.knob(knobs.ID)]
    shared = any(
        each[knobs.ID].value() == name or (own and each[knobs.OWN].value() == own) for each in others
    )
    if name and not (shared and (copied or not _is_called_after(own, node))):
        return
    build.set_knob(node, knobs.ID, uuid.uuid4().hex[:8])
    if shared:
        build.set_knob(node, knobs.OWN, "")


def _is_called_after(folder: str, node: Any) -> bool:
    """Whether a folder has the name of a node: `MaGGIe1_3f2a90cd`, or `MaGGIe1` in scripts of old."""
    leaf = folder.replace("\\", "/").rpartition("/")[2]
    return node.name() in (leaf, leaf.rpartition("_")[0])
