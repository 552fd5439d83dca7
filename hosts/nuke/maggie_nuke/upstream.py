"""What is connected to a node, and which MaGGIe nodes a Write renders. Reading changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any, Optional

import nuke

from maggie_api.sequences import is_movie

from . import frames, knobs
from .state import Cryptomatte, InputSource

LOOKS = frozenset(
    "name label note_font note_font_size note_font_color tile_color gl_color selected xpos ypos icon"
    " indicators hide_input cached dope_sheet bookmark postage_stamp help reload".split()
)
"""Knobs of every node that change no pixel."""
RETIMES = frozenset(
    "FrameHold Retime TimeWarp TimeBlur TimeEcho TimeClip TimeDissolve FrameBlend OFlow OFlow2 Kronos"
    " AppendClip NoTimeBlur TemporalMedian".split()
)
"""Classes of nodes whose frames are not their input's frames of the same number."""


def is_ours(node: Any) -> bool:
    """Whether a node is one of MaGGIe's."""
    return isinstance(node, nuke.Group) and node.knob(knobs.MARK) is not None


def our_nodes() -> list[Any]:
    """All MaGGIe nodes of the script, those inside groups of every kind too.

    A button runs inside its group, and there `nuke.allNodes` looks into that group alone.
    """
    return [node for node in _inside(nuke.root()) if is_ours(node)]


def _inside(group: Any) -> Iterator[Any]:
    for node in group.nodes():
        yield node
        if isinstance(node, nuke.Group):
            yield from _inside(node)


def input_source(node: Any, index: int, name: str) -> Optional[InputSource]:
    """What is connected to an input of `node`; None when nothing is.

    Its files are known when it is a Read, with nothing between but Dots, NoOps, disabled nodes and constant
    TimeOffsets.

    Args:
        index: number of the input.
        name: name of the input.
    """
    direct = _from_outside(node.input(index))
    if direct is None:
        return None
    source, offset = direct, 0
    why = ""
    while source is not None:
        kind = source.Class()
        if kind == "Read" and not _is_disabled(source):
            break
        step = _offset(source) if kind == "TimeOffset" and not _is_disabled(source) else 0
        if kind not in ("Dot", "NoOp", "TimeOffset") and not _is_disabled(source) or step is None:
            why = f"it comes from {source.name()}"
            break
        offset += step
        source = _from_outside(source.input(0))
    if source is None:
        return None
    known = {
        "input": name,
        "node": source.fullName(),
        "channels": tuple(direct.channels()),
        "cryptomattes": cryptomattes(direct),
        "digest": digest(direct),
    }
    by_file = None if why else _read(source, offset)
    if isinstance(by_file, dict):
        return InputSource(**known, **by_file)
    first, last = int(direct.firstFrame()), int(direct.lastFrame())
    return InputSource(**known, first=first, last=last, why=by_file or why, keyed=shape_keys(direct))


def shape_keys(node: Any) -> tuple[int, ...]:
    """Frames of a node at which the shapes behind it have keys, ascending: those of Roto and RotoPaint nodes,
    through nodes that do not retime."""
    found: set[int] = set()
    seen: set[tuple[str, int]] = set()
    waiting: list[tuple[Any, Optional[int]]] = [(node, 0)]
    while waiting:
        each, shift = waiting.pop()
        if each is None or shift is None or (each.fullName(), shift) in seen:
            continue
        seen.add((each.fullName(), shift))
        if each.Class() in ("Roto", "RotoPaint") and not _is_disabled(each):
            found.update(round(time) + shift for time in _key_times(each["curves"].rootLayer))
        waiting += [(source, _through(each, shift)) for source in _inputs(each)]
    return tuple(sorted(found))


def _key_times(element: Any) -> Iterator[float]:
    """Times at which a layer, a shape or a stroke of a Roto has keys: of its points and of its transform."""
    if hasattr(element, "getTransform"):
        yield from element.getTransform().getTransformKeyTimes()
    for part in element:
        if hasattr(part, "center"):  # a point of a shape
            yield from part.center.getControlPointKeyTimes()
        elif hasattr(part, "getControlPointKeyTimes"):  # a point of a stroke
            yield from part.getControlPointKeyTimes()
        else:  # an element of a layer
            yield from _key_times(part)


def digest(node: Any) -> str:
    """Changes with the knobs of a node and of all nodes that its image is made from.

    Files that their Reads show do not count, and neither does how nodes look in the node graph.
    """
    found = hashlib.blake2b(digest_size=8)
    seen: set[str] = set()
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if each is None or each.fullName() in seen:
            continue
        seen.add(each.fullName())
        found.update(each.Class().encode())
        for name, knob in sorted(each.knobs().items()):
            if name not in LOOKS and not is_ours(each):
                found.update(f"{name} {knob.toScript()}\n".encode("utf-8", "surrogateescape"))
        waiting += list(_inputs(each))
    return found.hexdigest()


def cryptomattes(node: Any) -> tuple[Cryptomatte, ...]:
    """The Cryptomattes that a node's image carries, by its metadata."""
    data = node.metadata() or {}
    found = []
    for key, value in sorted(data.items()):
        start, _, last = key.rpartition("/")
        if last == "name" and start.rpartition("/")[0].endswith("cryptomatte"):
            found.append(Cryptomatte(str(value), _objects(data, start)))
    return tuple(found)


def path_of(knob: Any) -> str:
    """Value of a file knob as an absolute path: TCL is evaluated, the frame token stays."""
    path = knob.getEvaluatedValue() or ""
    if not path:
        return ""
    path = nuke.callbacks.filenameFilter(path) or path
    root: Any = nuke.root()
    folder = root["project_directory"].getEvaluatedValue() or ""
    return os.path.abspath(os.path.join(folder, path)).replace("\\", "/")


def our_nodes_behind(write: Any) -> list[tuple[Any, Optional[int]]]:
    """(node, shift) of every MaGGIe node whose image reaches a Write through nodes that are switched on.

    At the Write's frame f Nuke needs the node's frame f - shift. The shift is None where retimes are between.
    """
    found: dict[str, tuple[Any, Optional[int]]] = {}
    seen: set[tuple[str, Optional[int]]] = set()
    waiting: list[tuple[Any, Optional[int]]] = [(write.input(0), 0)]
    while waiting:
        node, shift = waiting.pop()
        if node is None or (node.fullName(), shift) in seen:
            continue
        seen.add((node.fullName(), shift))
        if is_ours(node) and not _is_disabled(node):
            there = found.get(node.fullName(), (node, shift))[1]
            found[node.fullName()] = (node, shift if there == shift else None)
        waiting += [(source, _through(node, shift)) for source in _inputs(node)]
    return [found[name] for name in sorted(found)]


def _inputs(node: Any) -> Iterator[Any]:
    """The nodes that a node's image is made from."""
    kind = node.Class()
    if _is_disabled(node):
        yield _from_outside(node.input(0))
        return
    if kind == "Input":
        yield _from_outside(node)
        return
    if kind == "Switch" and not _animated(node["which"]):
        yield node.input(min(max(int(node["which"].value()), 0), max(node.inputs() - 1, 0)))
        return
    if _is_on(node, "reading") and kind in ("Write", "Precomp"):
        return  # it shows a file, whatever is connected
    if isinstance(node, nuke.Group) and not is_ours(node):  # Group, gizmo, LiveGroup, Precomp, VariableGroup
        yield from _ends(node)
        return  # the Inputs inside lead out again
    yield from (node.input(index) for index in range(node.inputs()))


def _ends(group: Any) -> Iterator[Any]:
    """The nodes inside a group whose image it gives. A precomp's script may have Writes and no Output."""
    end = group.output()
    if end is not None:
        yield end
        return
    yield from (inside for inside in group.nodes() if inside.Class() == "Write")


def _through(node: Any, shift: Optional[int]) -> Optional[int]:
    """The shift behind a node, from the shift in front of it."""
    if _is_disabled(node) or shift is None:
        return shift
    if node.Class() == "TimeOffset":
        step = _offset(node)
        return None if step is None else shift + step
    return None if node.Class() in RETIMES else shift


def _from_outside(node: Any) -> Any:
    """The node itself, or for an Input what is connected to its group from outside."""
    while node is not None and node.Class() == "Input":
        group = node.parent()
        if group is None or group.Class() == "Root":
            return node
        node = group.input(int(node["number"].value()))
    return node


def _is_disabled(node: Any) -> bool:
    """Whether a node is off for good. One that an expression switches off may be on in another frame, or in a
    Nuke without windows."""
    knob = node.knob("disable")
    return knob is not None and not _animated(knob) and bool(knob.value())


def _is_on(node: Any, name: str) -> bool:
    knob = node.knob(name)
    return knob is not None and bool(knob.value())


def _animated(knob: Any) -> bool:
    return knob.isAnimated() or knob.hasExpression()


def _offset(node: Any) -> Optional[int]:
    """Frames by which a TimeOffset moves its input to later; None when the number is not fixed."""
    knob, reverse, off = node["time_offset"], node.knob("reverse_input"), node.knob("disable")
    if (
        _animated(knob)
        or _animated(off)
        or (reverse is not None and reverse.value())
        or knob.value() != int(knob.value())
    ):
        return None
    return int(knob.value())


def _read(read: Any, offset: int) -> Any:
    """Fields of an `InputSource` that a Read's files give, or why a job cannot take the files."""
    name = read.name()
    if _animated(read["disable"]):
        return f"{name} is switched on and off"
    path = path_of(read["file"])
    if not path:
        return f"{name} has no file"
    if _animated(read["file"]):
        return f"the file of {name} is an expression"
    first, last = int(read["first"].value()), int(read["last"].value())
    shift = frames.read_shift(read["frame_mode"].value(), read["frame"].value(), first)
    if shift is None:
        return f"{name} is retimed"
    if shift and is_movie(path):
        return f"{name} is a movie that was moved in time"
    return {
        "path": path,
        "first": first - shift + offset,
        "last": last - shift + offset,
        "shift": shift - offset,
        "space": str(read["colorspace"].value()),
        "raw": bool(read["raw"].value()),
    }


def _objects(data: Any, start: str) -> tuple[str, ...]:
    """Object names in the manifest of one Cryptomatte; none when the manifest cannot be read."""
    text = data.get(f"{start}/manifest", "")
    beside = data.get(f"{start}/manif_file", "")
    try:
        if not text and beside:
            folder = os.path.dirname(str(data.get("input/filename", "")))
            with open(os.path.join(folder, str(beside)), encoding="utf-8") as file:
                text = file.read()
        return tuple(json.loads(text)) if text else ()
    except (OSError, ValueError):
        return ()
