"""Options of a matte as the node offers them, made from the list in `maggie_api.settings`. No Nuke in here.

An option's knob has the option's name. An option that is new in `maggie_api.settings` appears on the tab
*Advanced* by itself.
"""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable, Literal, Optional

from maggie_api.errors import HostError, SettingsError
from maggie_api.settings import MatteFile, MatteSettings, options_of

Kind = Literal["choice", "flag", "whole number", "number", "text", "path"]

FIXED = {"layout": "the node shows the mattes as layers of one file for each frame"}
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
PATHS = ("ocio",)
"""Options whose text may be the path of a file."""


@dataclass(frozen=True)
class OptionKnob:
    """The knob of one option."""

    name: str
    """Name of the option, and of its knob."""
    label: str
    tooltip: str
    kind: Kind
    default: Any
    choices: tuple[str, ...] = ()
    """Items of a `choice`."""
    word: Optional[str] = None
    """A word that may stand in place of a number, such as `whole`: the node has a checkbox for it."""

    @property
    def word_knob(self) -> str:
        """Name of the checkbox that chooses the word."""
        return f"{self.name}_{self.word}"


def option_knobs(settings: Sequence[type] = (MatteSettings, MatteFile)) -> dict[str, OptionKnob]:
    """The knobs of every option that the node offers, by name, in the order of the list.

    Args:
        settings: classes of options; an option that two of them have is offered once.
    """
    found: dict[str, OptionKnob] = {}
    for each in settings:
        hints = typing.get_type_hints(each)
        for name, option in options_of(each).items():
            if name in FIXED or name in found:
                continue
            found[name] = OptionKnob(
                name=name,
                label=name.replace("_", " "),
                tooltip=FROM_SCRIPT.get(name, option.help),
                kind=_kind(name, option.default, option.choices),
                default=option.default,
                choices=option.choices,
                word=None if option.choices else _word(hints[name]),
            )
    return found


def advanced() -> list[OptionKnob]:
    """The knobs of the tab *Advanced*: every option that has no place on the first tab."""
    return [knob for name, knob in option_knobs().items() if name not in (*MAIN, *COLOUR)]


def read_options(value_of: Callable[[str], Any]) -> tuple[MatteSettings, MatteFile]:
    """The options that the node's knobs say.

    Args:
        value_of: value of a knob, by its name.

    Raises:
        HostError: a value is out of its range.
    """
    values = {name: _value(knob, value_of) for name, knob in option_knobs().items()}
    try:
        return MatteSettings(**_of(MatteSettings, values)), MatteFile(**_of(MatteFile, values))
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


def _kind(name: str, default: Any, choices: tuple[str, ...]) -> Kind:
    if choices:
        return "choice"
    if isinstance(default, bool):
        return "flag"
    if isinstance(default, int):
        return "whole number"
    if isinstance(default, float):
        return "number"
    return "path" if name in PATHS else "text"


def _word(hint: Any) -> Optional[str]:
    """The word that a type allows beside its numbers."""
    for part in typing.get_args(hint):
        if typing.get_origin(part) is Literal:
            return str(typing.get_args(part)[0])
    return None
