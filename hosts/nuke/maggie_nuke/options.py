"""Options of a matte as the node offers them, made from the list in `maggie_api.settings`. No Nuke in here.

An option's knob has the option's name. An option that is new in `maggie_api.settings` appears on the tab
*Advanced* by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable, Literal, Optional, Union

from maggie_api.errors import HostError, SettingsError
from maggie_api.settings import EdgeSettings, Kind, MatteFile, MatteSettings, RunSettings, options_of

FIXED = {
    "layout": "the node shows the mattes as layers of one file for each frame",
    "frames": "the knobs frames and range say them, as the script counts",
    "shot_frames": "the plate that is connected says them",
    "cache": "every node keeps its temporal state in its own folder",
    "resume": "Matte keeps mattes that are there already; a folder of mattes is deleted by hand",
}
"""Options that the node does not offer, with the reason; they keep their default."""
MAIN = ("detail", "working_px", "segment_frames", "overlap", "data_window")
"""Options on the first tab, in order."""
COLOUR = ("colorspace", "ocio", "exposure_ev")
"""Options on the first tab that concern the plate's colour, in order."""
FROM_SCRIPT = {
    "colorspace": "OCIO colour space of the plate. Empty: as the plate's Read and the project say.",
    "ocio": "OCIO configuration (path or ocio:// name). Empty: the project's.",
}
"""Options that the script answers where the knob is empty, with the tooltip that says so."""
WORKER = ("device", "precision", "cache_gb")
"""Options on the tab *Farm*, in order."""
MODEL = ("model", "commercial")
"""Options on the first tab that choose the model, in order."""
PATHS = ("ocio",)
"""Options whose text may be the path of a file."""


@dataclass(frozen=True)
class OptionKnob:
    """The knob of one option."""

    name: str
    """Name of the option, and of its knob."""
    label: str
    tooltip: str
    kind: Union[Kind, Literal["path"]]
    default: Any
    choices: tuple[str, ...] = ()
    """Items of a `choice`."""
    word: Optional[str] = None
    """A word that may stand in place of a number, such as `whole`: the node has a checkbox for it."""

    @property
    def word_knob(self) -> str:
        """Name of the checkbox that chooses the word."""
        return f"{self.name}_{self.word}"


def option_knobs(
    settings: Sequence[type] = (MatteSettings, EdgeSettings, MatteFile, RunSettings),
) -> dict[str, OptionKnob]:
    """The knobs of every option that the node offers, by name, in the order of the list.

    Args:
        settings: classes of options; an option that two of them have is offered once.
    """
    return {
        name: OptionKnob(
            name=name,
            label=name.replace("_", " "),
            tooltip=FROM_SCRIPT.get(name, option.help),
            kind="path" if name in PATHS else option.kind,
            default=option.default,
            choices=option.choices,
            word=option.word,
        )
        for name, option in options_of(*settings).items()
        if name not in FIXED
    }


def advanced() -> list[OptionKnob]:
    """The knobs of the tab *Advanced*: every option that has no place on another tab."""
    elsewhere = (*MAIN, *COLOUR, *MODEL, *WORKER, *options_of(EdgeSettings))
    return [knob for name, knob in option_knobs().items() if name not in elsewhere]


def edges() -> list[OptionKnob]:
    """The knobs of the tab *Edges*, for everybody."""
    return list(option_knobs((EdgeSettings,)).values())


def read_options(
    value_of: Callable[[str], Any],
) -> tuple[MatteSettings, EdgeSettings, MatteFile, RunSettings]:
    """The options that the node's knobs say.

    Args:
        value_of: value of a knob, by its name.

    Raises:
        HostError: a value is out of its range.
    """
    values = {name: _value(knob, value_of) for name, knob in option_knobs().items()}
    try:
        return (
            MatteSettings(**_of(MatteSettings, values)),
            EdgeSettings(**_of(EdgeSettings, values)),
            MatteFile(**_of(MatteFile, values)),
            RunSettings(**_of(RunSettings, values)),
        )
    except SettingsError as error:
        raise HostError(str(error)) from None


def _of(settings: type, values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in options_of(settings) if name in values}


def _value(knob: OptionKnob, value_of: Callable[[str], Any]) -> Any:
    if knob.word is not None and value_of(knob.word_knob):
        return knob.word
    value = value_of(knob.name)
    if knob.kind == "flag":
        return bool(value)
    if knob.kind == "whole number":
        return int(value)
    if knob.kind == "number":
        return float(value)
    text = str(value or "").strip()
    return text or knob.default  # an empty text asks for the default
