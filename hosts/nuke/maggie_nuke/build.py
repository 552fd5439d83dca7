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
from collections.abc import Iterable, Sequence
from typing import Any, Optional

import nuke

from . import knobs, options
from .frames import read_shift
from .layers import check_room
from .options import OptionKnob
from .shot import InstanceRow

CALL = """\
try:
    import maggie_nuke
except ImportError:
    nuke.message("This needs the MaGGIe plug-in, which is not on NUKE_PATH. Mattes are shown without it.")
else:
    maggie_nuke.press("{action}")
"""
"""What a button runs; it also answers where the plug-in is missing."""
HELD = (knobs.CORE, knobs.GARBAGE, knobs.EDGE)
"""Beginnings of an instance's knobs that are texts of the artist's."""
WHERE = "An input, or one with a channel, layer or Cryptomatte object: guidance2, guidance2:alpha."
"""How a core or a garbage matte is named."""
DEVICES = ["auto", "cpu", "cuda", "cuda:0", "cuda:1", "cuda:2", "cuda:3", "mps"]
TILE = 0x5B4B8AFF
"""Colour of the node in the node graph: a violet that no class of Nuke's own nodes has."""
LABEL = "[value status]"
"""The node graph shows the status line, also where the plug-in is missing."""


def create(name: str = "MaGGIe1") -> Any:
    """A new node in the current group, connected to nothing."""
    group = nuke.nodes.Group()
    group.setName(name)
    for knob in _knobs():
        group.addKnob(knob)
    group[knobs.ID].setValue(uuid.uuid4().hex[:8])
    group["tile_color"].setValue(TILE)
    group["label"].setValue(LABEL)
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
            _add_row(group, index + 1)
        group[f"{knobs.NAME}{index + 1}"].setValue(row.name)
        group[f"{knobs.NAME}{index + 1}"].setEnabled(row.cryptomatte is None)
        group[f"{knobs.SOURCE}{index + 1}"].setValue(row.source)
        group[f"{knobs.USE}{index + 1}"].setValue(row.use)
        group[f"{knobs.COLOUR}{index + 1}"].setValue(colours.get(row.name, _colour(index)))
        for name in HELD:
            group[f"{name}{index + 1}"].setValue(getattr(row, name))


def is_up_to_date(group: Any) -> bool:
    """Whether the node has the knobs of this plug-in."""
    fresh = _knobs()
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
    fresh = _knobs()
    rows = _row_names(group)
    kept = {
        name: knob.toScript()
        for name in (*(each.name() for each in fresh), *(name for row in rows for name in row))
        for knob in (group.knob(name),)
        if knob is not None
    }
    outputs, chosen = group["output"].values(), group["output"].value()
    for name in kept:
        group.removeKnob(group.knob(name))
    for knob in fresh:
        group.addKnob(knob)
    for number in range(1, len(rows) + 1):
        _add_row(group, number)
    silent = ("Tab_Knob", "Text_Knob", "PyScript_Knob")
    for name, value in kept.items():
        if name not in ("output", knobs.MARK) and group[name].Class() not in silent:
            group[name].fromScript(value)
    group["output"].setValues(outputs)
    group["output"].setValue(chosen)
    return [knob.name() for knob in fresh if knob.name() not in kept and knob.name()]


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


def _knobs() -> list[Any]:
    """All knobs of the node but those of the instances, in order."""
    each = options.option_knobs()
    return [
        nuke.Tab_Knob("maggie", "Matte"),
        _button(
            "matte", "Matte", "Matte the frames below. Mattes that are there already are kept.", line=True
        ),
        _button(
            "matte_frame",
            "Matte this frame",
            "Matte the frame that the viewer shows, ahead of everything else.",
        ),
        _button("cancel", "Cancel", "Stop after the frame under way. Mattes that are there stay."),
        _button("reload_mattes", "Reload", "Read the matte files again, and look whether they are stale."),
        _text("status", "", " "),
        nuke.Text_Knob("line_output", ""),
        _tip(
            nuke.Enumeration_Knob("output", "output", [knobs.ALL_LAYERS]),
            "Every instance is a layer maggie_<name>. One of them can also be the alpha.",
        ),
        nuke.Text_Knob("line_shot", ""),
        _tip(
            nuke.Enumeration_Knob("frames", "frames", ["input", "script", "custom"]),
            "The plate's frames, the project's, or those written here.",
        ),
        _beside(_tip(nuke.String_Knob("range", "", ""), "Frames of the script: 1001-1100x2,1200.")),
        _tip(nuke.String_Knob("model", "model", "default"), each["model"].tooltip),
        _beside(_tip(nuke.Boolean_Knob("commercial", "commercial work", False), each["commercial"].tooltip)),
        *_options(each[name] for name in options.MAIN),
        nuke.Text_Knob("line_colour", "colour"),
        *_options(each[name] for name in options.COLOUR),
        _hidden(nuke.Boolean_Knob(knobs.READY, "", False)),
        _hidden(nuke.String_Knob("wired", "", "")),
        _hidden(nuke.String_Knob(knobs.MARK, "", knobs.LAYOUT)),
        _hidden(nuke.String_Knob(knobs.ID, "", "")),
        _hidden(nuke.String_Knob(knobs.OWN, "", "")),
        nuke.Tab_Knob(knobs.EDGES, "Edges"),
        _tip(
            nuke.String_Knob(knobs.GARBAGE, "garbage matte", ""),
            f"Alpha of everybody is 0 OUTSIDE this matte. {WHERE}",
        ),
        *_options(options.edges()),
        nuke.Tab_Knob(knobs.ADVANCED, "Advanced"),
        *_options(options.advanced()),
        nuke.Tab_Knob(knobs.FARM, "Farm"),
        _tip(
            nuke.File_Knob("cache", "cache folder"),
            "The node makes its own folder in this one, for mattes and what they need. Empty: in the folder "
            "maggie beside the script.",
        ),
        _tip(
            nuke.File_Knob("python", "python"),
            "The Python that has maggie-node. Empty: the one that is known already.",
        ),
        _tip(nuke.Enumeration_Knob("device", "device", DEVICES), each["device"].tooltip),
        *_options(each[name] for name in options.WORKER if name != "device"),
        nuke.Text_Knob("line_farm", "farm"),
        _tip(
            nuke.Enumeration_Knob("farm", "farm", ["openjd", "deadline", "opencue"]),
            "Whose files to write, for machines without Nuke.",
        ),
        _beside(_tip(_int("chunk", "chunk", 0), "Frames of one task; 0 chooses whole segments.")),
        _beside(_button("send", "Send to farm", "Write the farm's files and show how they are submitted.")),
        nuke.Tab_Knob(knobs.ABOUT, "About"),
        _text("about", "", "MaGGIe: one clean, soft, steady alpha for each person, from rough masks."),
        _button(
            "explain", "Explain", "What would be done, and how the matte of this frame was made.", line=True
        ),
        _button("bake", "Bake", "Replace the node by plain Read and Copy nodes."),
        _button("help_page", "Help", "Open the page of this node."),
        nuke.Tab_Knob(knobs.ROWS, "People"),  # last, since Nuke adds knobs of people at the end
        _button("find", "Find people", "One for each connected mask.", line=True),
        _button("more", "Add input", "One more guidance input."),
        _button("less", "Remove input", "Take the last guidance input away."),
        _tip(
            nuke.String_Knob("objects", "Cryptomatte objects", ""),
            "Names of those to matte: hero*, extra_01. Empty: all.",
        ),
        nuke.Text_Knob("line_rows", ""),
    ]


def _options(wanted: Iterable[OptionKnob]) -> list[Any]:
    """The knobs of options; a checkbox beside a number chooses the word that may stand in its place."""
    found: list[Any] = []
    for option in wanted:
        found.append(_tip(_option(option), option.tooltip))
        if option.word is not None:
            ticked = option.default == option.word
            found.append(_beside(nuke.Boolean_Knob(option.word_knob, option.word, ticked)))
    return found


def _option(option: OptionKnob) -> Any:
    """The knob of one option, at its default."""
    name, label = option.name, option.label
    default = 0 if option.default == option.word and option.word else option.default
    if option.kind == "choice":
        knob = nuke.Enumeration_Knob(name, label, list(option.choices))
        knob.setValue(default)
        return knob
    if option.kind == "flag":
        knob = nuke.Boolean_Knob(name, label, default)
        knob.setFlag(nuke.STARTLINE)
        return knob
    if option.kind == "whole number":
        return _int(name, label, default)
    if option.kind == "number":
        knob = nuke.Double_Knob(name, label)
        knob.setValue(default)
        return knob
    if option.kind == "path":
        return nuke.File_Knob(name, label)
    return nuke.String_Knob(name, label, default or "")


def _row_names(group: Any) -> list[list[str]]:
    """Names of the knobs of each instance, those alone that the node has."""
    found: list[list[str]] = []
    while group.knob(f"{knobs.NAME}{len(found) + 1}") is not None:
        number = len(found) + 1
        every = (knobs.USE, knobs.NAME, knobs.COLOUR, knobs.SOURCE, *HELD)
        found.append([f"{name}{number}" for name in every if group.knob(f"{name}{number}") is not None])
    return found


def _add_row(group: Any, number: int) -> None:
    for knob in (
        nuke.Boolean_Knob(f"{knobs.USE}{number}", "", True),
        nuke.String_Knob(f"{knobs.NAME}{number}", "", ""),
        nuke.ColorChip_Knob(f"{knobs.COLOUR}{number}", ""),
        nuke.String_Knob(f"{knobs.SOURCE}{number}", "from", ""),
        _tip(nuke.String_Knob(f"{knobs.CORE}{number}", "core", ""), f"Alpha is 1 INSIDE this matte. {WHERE}"),
        _tip(
            nuke.String_Knob(f"{knobs.GARBAGE}{number}", "garbage", ""),
            f"Alpha is 0 OUTSIDE this matte. {WHERE}",
        ),
        _tip(
            nuke.String_Knob(f"{knobs.EDGE}{number}", "edges", ""),
            "Options of the tab Edges that differ for this instance: trust=0.9 grow_px=-1.5",
        ),
    ):
        if knob.name().startswith(knobs.USE):
            knob.setFlag(nuke.STARTLINE)
        else:
            knob.clearFlag(nuke.STARTLINE)
        group.addKnob(knob)


def _button(action: str, label: str, tip: str, *, line: bool = False) -> Any:
    knob = nuke.PyScript_Knob(action, label, CALL.format(action=action))
    if line:
        knob.setFlag(nuke.STARTLINE)
    return _tip(knob, tip)


def _text(name: str, label: str, value: str) -> Any:
    return nuke.Text_Knob(name, label, value)


def _int(name: str, label: str, value: int) -> Any:
    knob = nuke.Int_Knob(name, label)
    knob.setValue(value)
    return knob


def _tip(knob: Any, text: str) -> Any:
    knob.setTooltip(text)
    return knob


def _beside(knob: Any) -> Any:
    knob.clearFlag(nuke.STARTLINE)
    return knob


def _hidden(knob: Any) -> Any:
    knob.setFlag(nuke.INVISIBLE)
    return knob


def _colour(index: int) -> int:
    """A colour that differs from those of other indices, packed as Nuke packs it: 0xRRGGBBAA."""
    red, green, blue = (int(255 * part) for part in colorsys.hsv_to_rgb(index * 0.618034 % 1, 0.65, 1.0))
    return red << 24 | green << 16 | blue << 8 | 255


def _tidy(nodes: Sequence[Any], x: Optional[int] = None, y: int = 0) -> None:
    """Place nodes one below the other."""
    for index, node in enumerate(nodes):
        node.setXYpos(0 if x is None else x, y + 80 * index)
