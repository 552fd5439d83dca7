"""Inputs that are no bare Read: Nuke renders them to half-float files, in the working space."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import nuke

from maggie_api.errors import HostError
from maggie_api.sequences import frame_runs, missing_mattes, parse_pattern

from .job_plan import InputRender
from .main_thread import no_undo


def render(group: Any, wanted: InputRender) -> None:
    """Render the files of an input.

    The Write exists only meanwhile, so a render of all Writes of the script does not find it.

    Raises:
        HostError: an upstream node fails, or the artist cancels.
    """
    made: list[Any] = []
    with no_undo(), _removed(group, made), _as_sentence(wanted):
        with group:
            _make_chain(group, wanted, made)
        for first, last in frame_runs(wanted.frames):
            nuke.execute(made[-1], first, last, 1, [wanted.view or nuke.views()[0]])
        if wanted.keys_of:
            _remove_others(wanted)


def _remove_others(wanted: InputRender) -> None:
    """Remove the files of keys that the artist removed: every file that there is counts as a key."""
    pattern = parse_pattern(wanted.pattern)
    assert pattern is not None
    for number, path in pattern.on_disk().items():
        if number not in wanted.frames:
            path.unlink()


@contextmanager
def _removed(group: Any, made: list[Any]) -> Iterator[None]:
    """Remove nodes at the end, whatever happened."""
    try:
        yield
    finally:
        with group:
            for node in reversed(made):
                nuke.delete(node)


@contextmanager
def _as_sentence(wanted: InputRender) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, OSError, nuke.CancelledError) as error:
        raise HostError(f"{wanted.input} cannot be rendered: {str(error).strip() or 'cancelled'}") from None


def missing(wanted: InputRender) -> bool:
    """Whether some file of an input is not on disk."""
    return bool(missing_mattes(wanted.pattern, wanted.frames))


def _make_chain(group: Any, wanted: InputRender, made: list[Any]) -> None:
    """Make nodes in the current group that write an input, the Write last.

    A TimeOffset stands before it where the numbers of files and the script's frames differ.

    Args:
        made: takes each node as soon as it is there, so that those of a broken chain can be removed.
    """
    source = group.node(wanted.input)
    if wanted.shift:
        source = nuke.nodes.TimeOffset(inputs=[source], time_offset=wanted.shift)
        made.append(source)
    write = nuke.nodes.Write(inputs=[source])
    made.append(write)
    os.makedirs(os.path.dirname(wanted.pattern), exist_ok=True)
    # In this order: a Write has its EXR knobs only after its file type is set.
    for name, value in (
        ("file", wanted.pattern),
        ("file_type", "exr"),
        ("datatype", "16 bit half"),
        ("compression", "Zip (1 scanline)"),
        ("channels", wanted.channels),
        ("raw", True),
    ):
        write[name].setValue(value)
