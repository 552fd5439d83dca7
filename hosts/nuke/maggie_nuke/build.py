"""The Group that is the node: its knobs, its inputs, and the nodes inside.

    plate -----+-- Copy (4 layers) -- Copy ... -- Copy (one alpha) --+
               |     |                 |             |               |
    mattes ----)-----+-----------------+-------------+               |
               +------------------------------------------- Switch --+-- Output

`mattes` is a Read of the matte files. The nodes inside need no plug-in: a script shows its mattes anywhere.
"""

from __future__ import annotations

import colorsys
import json
import uuid
from collections.abc import Sequence
from typing import Any, Optional

import nuke

from maggie_api.client import devices

from . import knobs
from .frames import read_shift
from .layers import check_room
from .panel import HELD, ROW, node_knobs, row_knobs
from .state import InstanceRow

TILE = 0x5B4B8AFF
"""Colour of the node in the node graph: a violet that no class of Nuke's own nodes has."""
LABEL = f"[value {knobs.STATE}]"
"""The node graph shows the state in a few words, also where the plug-in is missing."""
OLD_LABEL = "[value status]"
"""Label of nodes of the second layout."""
HELP = (
    "MaGGIe: one clean, soft, steady alpha for each person, from rough masks. Connect the plate and a mask "
    "for each person, press Matte. Help on the tab About opens the page of this node."
)
"""What the question mark of the panel says."""
ICON = "MaGGIe.png"
"""Lies beside the plug-in's init.py, where Nuke finds it."""


def create(name: str = "MaGGIe1") -> Any:
    """A new node in the current group, connected to nothing."""
    group = nuke.nodes.Group()
    group.setName(name)
    for knob in node_knobs():
        group.addKnob(knob)
    group[knobs.ID].setValue(uuid.uuid4().hex[:8])
    group["tile_color"].setValue(TILE)
    group["label"].setValue(LABEL)
    group["icon"].setValue(ICON)
    group["help"].setValue(HELP)
    with group:
        plate = nuke.nodes.Input(name=knobs.PLATE)
        nuke.nodes.Input(name=knobs.GUIDANCE)
        read = nuke.nodes.Read(name=knobs.MATTES)
        one = nuke.nodes.Copy(name=knobs.ONE, inputs=[plate, read])
        one["disable"].setValue(True)
        switch = nuke.nodes.Switch(name=knobs.SWITCH, inputs=[plate, one])
        switch["which"].setExpression(f"parent.{knobs.READY} || !$gui")
        nuke.nodes.Output(inputs=[switch])
        _tidy([plate, one, switch])
    set_read(read, "", 1, 1, 0)
    return group


def set_read(read: Any, files: str, first: int, last: int, shift: int) -> None:
    """Let a Read show matte files without any conversion; a missing file is an error, never black.

    Args:
        first, last: numbers of the first and the last file.
        shift: number of a file = script frame + shift.
    """
    wanted = {
        "file": files,
        "first": first,
        "last": last,
        "origfirst": first,
        "origlast": last,
        "raw": True,
        "on_error": "error",
        "localizationPolicy": "off",
        "frame_mode": "expression",
        "frame": f"frame{shift:+d}" if shift else "",
    }
    for name, value in wanted.items():
        set_knob(read, name, value)


def set_knob(node: Any, name: str, value: Any) -> None:
    """Set a knob, unless it has the value already: a script without changes need not be saved."""
    if node[name].value() != value:
        node[name].setValue(value)


def wired(group: Any) -> list[list[str]]:
    """[name, layer] of the instances whose layers the node hands out."""
    return json.loads(group["wired"].value() or "[]")


def wire(group: Any, names: Sequence[Sequence[str]]) -> None:
    """Let the node hand out a layer for each of these instances.

    Args:
        names: (name, layer) of each instance.

    Raises:
        HostError: the script has no room for so many channels.
    """
    wanted = [list(pair) for pair in names]
    if wanted == wired(group):
        return
    check_room([layer for _, layer in wanted], nuke.channels())
    with group:
        for old in [inside for inside in group.nodes() if inside.name().startswith(knobs.ALL)]:
            nuke.delete(old)
        plate, read, one = (group.node(name) for name in (knobs.PLATE, knobs.MATTES, knobs.ONE))
        copies = layer_copies(plate, read, [layer for _, layer in wanted])
        one.setInput(0, copies[-1] if copies else plate)
        one.setInput(1, read)
        _tidy([plate, *copies, one, group.node(knobs.SWITCH)])
    group["wired"].setValue(json.dumps(wanted))
    chosen = group["output"].value()
    group["output"].setValues([knobs.ALL_LAYERS, *(name for name, _ in wanted)])
    group["output"].setValue(chosen if chosen in group["output"].values() else knobs.ALL_LAYERS)
    show_output(group)


def layer_copies(source: Any, read: Any, layers: Sequence[str]) -> list[Any]:
    """Copy nodes in the current group that add the layers of `read` to `source`, four in each."""
    copies = []
    for layer in layers:
        nuke.Layer(layer, [f"{layer}.alpha"])
    for at in range(0, len(layers), 4):
        copy = nuke.nodes.Copy(name=f"{knobs.ALL}{at // 4 + 1}", inputs=[source, read])
        four = [f"{layer}.alpha" for layer in layers[at : at + 4]]
        for index in range(4):
            channel = four[index] if index < len(four) else "none"
            copy[f"from{index}"].setValue(channel)
            copy[f"to{index}"].setValue(channel)
        copies.append(copy)
        source = copy
    return copies


def show_output(group: Any) -> None:
    """Make the knob `output` take effect: all layers alone, or also one instance as rgba.alpha."""
    chosen = group["output"].value()
    layer = next((layer for name, layer in wired(group) if name == chosen), None)
    one = group.node(knobs.ONE)
    if layer is not None:
        set_knob(one, "from0", f"{layer}.alpha")
        set_knob(one, "to0", "rgba.alpha")
    set_knob(one, "disable", layer is None)


def guidance_inputs(group: Any) -> list[Any]:
    """The Input nodes of the guidance, in order."""
    inside = [node for node in group.nodes() if node.Class() == "Input" and node.name() != knobs.PLATE]
    return sorted(inside, key=lambda node: int(node["number"].value()))


def add_input(group: Any) -> Any:
    """Add one guidance input; returns its Input node."""
    number = len(guidance_inputs(group)) + 1
    with group:
        added = nuke.nodes.Input(name=f"{knobs.GUIDANCE}{number}")
        added["number"].setValue(number)
    added.setXYpos(-200 * number, -200)
    return added


def remove_input(group: Any) -> None:
    """Remove the last guidance input, unless it is the only one."""
    inputs = guidance_inputs(group)
    if len(inputs) > 1:
        group.setInput(len(inputs), None)
        with group:
            nuke.delete(inputs[-1])


def set_rows(group: Any, rows: Sequence[InstanceRow]) -> None:
    """Give the node these instances; an instance that keeps its name keeps its colour."""
    there = _row_names(group)
    number = len(there)
    colours = {
        group[f"{knobs.NAME}{at}"].value(): group[f"{knobs.COLOUR}{at}"].value()
        for at in range(1, number + 1)
    }
    for names in there[len(rows) :]:
        for name in names:
            group.removeKnob(group[name])
    for index, row in enumerate(rows):
        if index >= number:
            for knob in row_knobs(index + 1):
                group.addKnob(knob)
        group[f"{knobs.NAME}{index + 1}"].setValue(row.name)
        group[f"{knobs.NAME}{index + 1}"].setEnabled(row.cryptomatte is None)
        group[f"{knobs.SOURCE}{index + 1}"].setValue(row.source)
        group[f"{knobs.USE}{index + 1}"].setValue(row.use)
        group[f"{knobs.COLOUR}{index + 1}"].setValue(colours.get(row.name, _colour(index)))
        group[f"{knobs.AT_KEYS}{index + 1}"].setValue(row.at_keys)
        for name in HELD:
            group[f"{name}{index + 1}"].setValue(getattr(row, name))


def is_up_to_date(group: Any) -> bool:
    """Whether the node has the knobs of this plug-in."""
    fresh = node_knobs()
    return group[knobs.MARK].value() == knobs.LAYOUT and all(
        there is not None and there.Class() == knob.Class()
        for knob in fresh
        for there in (group.knob(knob.name()),)
    )


def bring_up_to_date(group: Any) -> list[str]:
    """Give a node of another version of the plug-in the knobs of this one. Their values stay.

    Nuke adds knobs at the end alone, so all of them are made anew.

    Returns:
        Names of the knobs that the node did not have.
    """
    fresh = node_knobs()
    rows = _row_names(group)
    kept = {
        name: knob.toScript()
        for name in (*(each.name() for each in fresh), *(name for row in rows for name in row))
        for knob in (group.knob(name),)
        if knob is not None
    }
    outputs, chosen = group["output"].values(), group["output"].value()
    device = group["device"].value()
    for name in kept:
        group.removeKnob(group.knob(name))
    for knob in fresh:
        group.addKnob(knob)
    for number in range(1, len(rows) + 1):
        for knob in row_knobs(number):
            group.addKnob(knob)
    silent = ("Tab_Knob", "Text_Knob", "PyScript_Knob")
    for name, value in kept.items():
        if name not in ("output", "device", knobs.MARK) and group[name].Class() not in silent:
            group[name].fromScript(value)
    group["output"].setValues(outputs)
    group["output"].setValue(chosen)
    offer_devices(group, device)
    if group["label"].value() == OLD_LABEL:
        group["label"].setValue(LABEL)
    return [knob.name() for knob in fresh if knob.name() not in kept and knob.name()]


def offer_devices(group: Any, chosen: str = "") -> None:
    """Let the knob `device` offer what the worker has found; what is chosen stays, also if it is not there.

    Args:
        chosen: the device to choose; empty for the one that is chosen.
    """
    knob = group["device"]
    chosen = chosen or knob.value()
    items = list(dict.fromkeys((*devices.names(), chosen)))
    if knob.values() != items:
        knob.setValues(items)
    set_knob(group, "device", chosen)


def bake(group: Any) -> list[Any]:
    """Replace the node by a Read and Copies that show the same.

    Returns:
        The new nodes; the last one is what the node's users are now connected to.
    """
    inside = group.node(knobs.MATTES)
    source, dependents = group.input(0), group.dependent(nuke.INPUTS)
    x, y = group.xpos(), group.ypos()
    with group.parent():
        read = nuke.nodes.Read(name=f"{group.name()}_{knobs.MATTES}")
        first, last = int(inside["first"].value()), int(inside["last"].value())
        shift = read_shift("expression", inside["frame"].value(), first) or 0
        set_read(read, inside["file"].value(), first, last, shift)
        copies = layer_copies(source, read, [layer for _, layer in wired(group)])
        one = group.node(knobs.ONE)
        if not one["disable"].value():
            alpha = nuke.nodes.Copy(inputs=[copies[-1], read])
            for name in ("from0", "to0"):
                alpha[name].setValue(one[name].value())
            copies.append(alpha)
        for copy in copies:
            copy.setName(f"{group.name()}_{copy.name()}")
        _tidy(copies, x, y)
        read.setXYpos(x + 150, y)
        for node in dependents:
            for index in range(node.inputs()):
                if node.input(index) == group:
                    node.setInput(index, copies[-1] if copies else source)
        nuke.delete(group)
    return [read, *copies]


def _row_names(group: Any) -> list[list[str]]:
    """Names of the knobs of each instance, those alone that the node has."""
    found: list[list[str]] = []
    while group.knob(f"{knobs.NAME}{len(found) + 1}") is not None:
        number = len(found) + 1
        found.append([f"{name}{number}" for name in ROW if group.knob(f"{name}{number}") is not None])
    return found


def _colour(index: int) -> int:
    """A colour that differs from those of other indices, packed as Nuke packs it: 0xRRGGBBAA."""
    red, green, blue = (int(255 * part) for part in colorsys.hsv_to_rgb(index * 0.618034 % 1, 0.65, 1.0))
    return red << 24 | green << 16 | blue << 8 | 255


def _tidy(nodes: Sequence[Any], x: Optional[int] = None, y: int = 0) -> None:
    """Place nodes one below the other."""
    for index, node in enumerate(nodes):
        node.setXYpos(0 if x is None else x, y + 80 * index)
