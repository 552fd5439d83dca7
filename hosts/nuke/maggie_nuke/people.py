"""Choosing people: by picking them in the viewer, by name, or by their checkboxes; and their colours."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from maggie_api.errors import HostError

from . import build, knobs, overlay, read
from .main_thread import no_undo

COLOURED = (knobs.SHOW, knobs.OPACITY)
"""Knobs that change the colours over the plate."""
OF_A_PERSON = re.compile(rf"({knobs.USE}|{knobs.NAME}|{knobs.COLOUR}|{knobs.SOURCE})\d+")
"""Knobs of a person that the list of names and the colours follow."""
_busy: list[str] = []
"""Full names of nodes whose knobs are being set by us: what follows from that is done once, at the end."""


@contextmanager
def changing(node: Any) -> Iterator[None]:
    """Changes of a node's people; the list of names and the colours follow at the end."""
    _busy.append(node.fullName())
    try:
        yield
    finally:
        _busy.pop()
        if not _busy:
            follow(node)


def changed(node: Any, knob: Any) -> None:
    """A knob of a node was changed, by the artist or by a program."""
    name = knob.name()
    if _busy:
        return
    if name in (knobs.PICK_ADD, knobs.PICK_REMOVE):
        _pick(node, knob, use=name == knobs.PICK_ADD)
    elif name == knobs.PEOPLE:
        _choose(node, knob.value())
    elif name in COLOURED or OF_A_PERSON.fullmatch(name):
        follow(node)


def follow(node: Any) -> None:
    """Let the list of names and the colours follow the people."""
    if node.knob(knobs.PEOPLE) is None:  # a node of an old script, before it is brought up to date
        return
    rows = read.rows(node)
    _busy.append(node.fullName())
    try:
        build.set_knob(node, knobs.PEOPLE, ", ".join(row.name for row in rows if row.use))
    finally:
        _busy.pop()
    if shows_colours(node) or node.node(knobs.WITH_OVERLAY) is not None:
        with no_undo():
            overlay.show(node, rows, read.sources(node), build.wired(node))


def shows_colours(node: Any) -> bool:
    """Whether a node shows colours over the plate, in a Nuke with windows."""
    knob = node.knob(knobs.SHOW)
    return knob is not None and knob.value() != knobs.RESULT


def _pick(node: Any, knob: Any, *, use: bool) -> None:
    rows = read.rows(node)
    try:
        if not shows_colours(node):  # the plate's alpha of 1 would be the first person
            raise HostError("set show to the masks or mattes in colour, and pick somebody in the viewer")
        number = overlay.picked(rows, knob.value())
    except HostError as error:
        build.set_knob(node, knobs.PICKED, str(error))
        return
    with changing(node):
        build.set_knob(node, f"{knobs.USE}{number}", use)
        build.set_knob(node, knobs.PICKED, f"{rows[number - 1].name}: {'in use' if use else 'left out'}")


def _choose(node: Any, text: str) -> None:
    """Take the people into use whose names are written, and no others."""
    patterns = [word.strip() for word in text.split(",") if word.strip()]
    with changing(node):
        for number, row in enumerate(read.rows(node), 1):
            use = any(fnmatch.fnmatchcase(row.name, pattern) for pattern in patterns)
            build.set_knob(node, f"{knobs.USE}{number}", use)
