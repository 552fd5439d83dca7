"""The knobs of the node, tab by tab, and those of an instance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import nuke

from maggie_api.client import devices

from . import knobs, options
from .options import OptionKnob

CALL = """\
try:
    import maggie_nuke
except ImportError:
    nuke.message("This needs the MaGGIe plug-in, which is not on NUKE_PATH. Mattes are shown without it.")
else:
    maggie_nuke.press({call})
"""
"""What a button runs; it also answers where the plug-in is missing."""
HELD = (knobs.KEYS, knobs.CORE, knobs.GARBAGE, knobs.APPROVED, knobs.EDGE)
"""Beginnings of an instance's knobs that are texts of the artist's."""
ROW = (
    knobs.USE,
    knobs.NAME,
    knobs.COLOUR,
    knobs.SOURCE,
    knobs.AT_KEYS,
    knobs.KEYS,
    knobs.ADD_KEY,
    knobs.REMOVE_KEY,
    *HELD[1:],
)
"""Beginnings of all knobs of an instance, in order."""
WHERE = "An input, or one with a channel, layer or Cryptomatte object: guidance2, guidance2:alpha."
"""How a core or a garbage matte is named."""


def node_knobs() -> list[Any]:
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
        _tip(
            nuke.Enumeration_Knob(knobs.SHOW, "show", list(knobs.SHOWN)),
            "What the viewer shows: the result, or the plate with everybody's matte or mask in their colour, "
            "to look at and to pick people. A render that would show colours stops.",
        ),
        _beside(_tip(_number(knobs.OPACITY, "opacity", 0.6), "Of the colours over the plate.")),
        nuke.Text_Knob("line_shot", ""),
        _tip(
            nuke.Enumeration_Knob("frames", "frames", ["input", "script", "custom"]),
            "The plate's frames, the project's, or those written here.",
        ),
        _beside(_tip(nuke.String_Knob("range", "", ""), "Frames of the script: 1001-1100x2,1200.")),
        _tip(nuke.String_Knob("model", "model", "default"), each["model"].tooltip),
        _beside(_tip(nuke.Boolean_Knob("commercial", "commercial work", False), each["commercial"].tooltip)),
        *_options(each[name] for name in options.MAIN),
        _line(
            _tip(
                nuke.Boolean_Knob(knobs.PREVIEW, "preview movie", False),
                "Matte also makes preview.mp4 in the node's folder, to look at without Nuke: plate, and "
                "people over checker in a colour each.",
            )
        ),
        nuke.Text_Knob("line_colour", "colour"),
        *_options(each[name] for name in options.COLOUR),
        _hidden(nuke.Boolean_Knob(knobs.READY, "", False)),
        _hidden(nuke.String_Knob(knobs.STATE, "", "")),
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
        _tip(
            nuke.Enumeration_Knob("device", "device", devices.names()),
            f"{each['device'].tooltip} Offered is what the worker found: {devices.in_words()}.",
        ),
        *_options(each[name] for name in options.WORKER if name != "device"),
        nuke.Text_Knob("line_farm", "farm"),
        _tip(
            nuke.Enumeration_Knob("farm", "farm", ["openjd", "deadline", "opencue"]),
            "Whose files to write, for machines without Nuke.",
        ),
        _beside(_tip(_int("chunk", "chunk", 0), "Frames of one task; 0 chooses whole segments.")),
        _beside(_button("send", "Send to farm", "Write the farm's files and show how they are submitted.")),
        nuke.Tab_Knob(knobs.ABOUT, "About"),
        _text("about", "", "One clean, soft, steady alpha for each person, from rough masks."),
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
        _line(
            _tip(
                nuke.Eyedropper_Knob(knobs.PICK_ADD, "pick"),
                "With `show` at masks or mattes: pick a person in the viewer to take them into use.",
            )
        ),
        _beside(_tip(nuke.Eyedropper_Knob(knobs.PICK_REMOVE, "remove"), "Pick a person to leave out.")),
        _beside(_text(knobs.PICKED, "", " ")),
        _tip(
            nuke.String_Knob(knobs.PEOPLE, "people", ""),
            "Names of those in use: ana, hero*. Picking changes it, and so do the checkboxes below.",
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
            word = nuke.Boolean_Knob(option.word_knob, option.word, ticked)
            found.append(_beside(_tip(word, f"{option.word.capitalize()}, whatever the number says.")))
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


def row_knobs(number: int) -> list[Any]:
    """The knobs of an instance: who it is, where its masks are right, how its matte is held."""
    return [
        _line(_tip(nuke.Boolean_Knob(f"{knobs.USE}{number}", "", True), "Whether this person is matted.")),
        _beside(
            _tip(
                nuke.String_Knob(f"{knobs.NAME}{number}", "", ""),
                "The person's name; the layer is called after it.",
            )
        ),
        _beside(
            _tip(
                nuke.ColorChip_Knob(f"{knobs.COLOUR}{number}", ""),
                "The person's colour over the plate, where `show` asks for colours.",
            )
        ),
        _beside(_tip(nuke.String_Knob(f"{knobs.SOURCE}{number}", "from", ""), WHERE)),
        _line(
            _tip(
                nuke.Boolean_Knob(f"{knobs.AT_KEYS}{number}", "keys only", False),
                "The masks are those of some frames, and the person is followed through the others.",
            )
        ),
        _beside(
            _tip(
                nuke.String_Knob(f"{knobs.KEYS}{number}", "at", ""),
                "Frames at which the mask is right: 1001,1024. Empty: the frames of the Read's files, or "
                "those at which the shapes of the Roto have keys.",
            )
        ),
        _button(
            f"{knobs.ADD_KEY}{number}",
            "Add a key here",
            "The mask is right at the viewer's frame.",
            call=f'"{knobs.ADD_KEY}", {number}',
        ),
        _button(
            f"{knobs.REMOVE_KEY}{number}",
            "Remove key",
            "The mask at the viewer's frame is not used any more.",
            call=f'"{knobs.REMOVE_KEY}", {number}',
        ),
        _line(
            _tip(
                nuke.String_Knob(f"{knobs.CORE}{number}", "core", ""),
                f"Alpha is 1 INSIDE this matte. {WHERE}",
            )
        ),
        _beside(
            _tip(
                nuke.String_Knob(f"{knobs.GARBAGE}{number}", "garbage", ""),
                f"Alpha is 0 OUTSIDE this matte. {WHERE}",
            )
        ),
        _line(
            _tip(
                nuke.String_Knob(f"{knobs.APPROVED}{number}", "approved", ""),
                "Alphas that are delivered as they are: an input with a Read that has files at these frames "
                "alone, such as guidance3.",
            )
        ),
        _beside(
            _tip(
                nuke.String_Knob(f"{knobs.EDGE}{number}", "edges", ""),
                "Options of the tab Edges that differ for this instance: trust=0.9 grow_px=-1.5",
            )
        ),
    ]


def _button(action: str, label: str, tip: str, *, line: bool = False, call: str = "") -> Any:
    """A button that runs the action of its name, or what `call` gives to `press`."""
    knob = nuke.PyScript_Knob(action, label, CALL.format(call=call or f'"{action}"'))
    if line:
        knob.setFlag(nuke.STARTLINE)
    return _tip(knob, tip)


def _text(name: str, label: str, value: str) -> Any:
    return nuke.Text_Knob(name, label, value)


def _number(name: str, label: str, value: float) -> Any:
    knob = nuke.Double_Knob(name, label)
    knob.setValue(value)
    return knob


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


def _line(knob: Any) -> Any:
    knob.setFlag(nuke.STARTLINE)
    return knob


def _hidden(knob: Any) -> Any:
    knob.setFlag(nuke.INVISIBLE)
    return knob
