# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a matte as controls of the panel, made from `maggie_api.settings`. No Blender in here.

An option that is added there appears in the panel, in the job and in saved scenes without a change here.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from .maggie_api.errors import HostError
from .maggie_api.settings import (
    EdgeSettings,
    Kind,
    MatteFile,
    MatteSettings,
    Option,
    RunSettings,
    options_of,
)

NOT_OFFERED = {
    "ocio": "the worker reads colour as Blender does: with $OCIO, else with Blender's own configuration",
    "colorspace": "a field of the shot, because its default here is the colour space of the plate's image",
    "data_window": "it follows the plate, because Blender shows the data window as the image",
    "layout": "the node group reads one file that has a layer for each person",
    "foreground": "the node group has one output for each person, its alpha",
    "model": "a field of the shot",
    "device": "a field of the shot, because its list is what the worker has found",
    "commercial": "a field of the shot",
    "frames": "the frames of the scene or of the plate, as the shot says",
    "shot_frames": "the plate's files, whatever the scene shows of them",
    "resume": "mattes that are up to date always stay",
    "cache": "a switch of the shot, Keep State: it lies beside the mattes",
}
"""Options without a control in the panel, and why."""
_UNITS = {"px": "(px)", "ev": "(EV)"}
"""How a unit at the end of an option's name is written."""


@dataclass(frozen=True)
class Control:
    """One option as the panel offers it."""

    name: str
    """The option's name: of the property, and of the job's field."""
    label: str
    help: str
    kind: Kind
    default: Any
    words: tuple[str, ...] = ()
    """Of a choice, all its values. Of a number, words that may stand in its place; each is a switch."""

    def switch(self, word: str) -> str:
        """Name of the property that puts `word` in the place of the number."""
        return f"{self.name}_{word}"

    @property
    def switches(self) -> tuple[str, ...]:
        """Names of the properties that stand beside the number's."""
        return () if self.kind == "choice" else tuple(map(self.switch, self.words))


def label_of(word: str) -> str:
    """The name of an option or of a value as the panel shows it: `segment_frames` as `Segment Frames`."""
    words = word.replace("-", "_").split("_")
    return " ".join(_UNITS.get(each, each if each[:1].isdigit() else each.capitalize()) for each in words)


def enum_number(word: str) -> int:
    """The number that Blender saves for a value of a choice, 0 to 2^31 - 1.

    It depends on the word alone. Blender's own numbers are places in the list: after a new value is put in
    the middle, a saved scene would silently mean another one.
    """
    return zlib.crc32(word.encode()) & 0x7FFFFFFF


def values_of(group: Any) -> dict[str, Any]:
    """The value of every option, as fields of a job.

    Args:
        group: an object with the attributes that `CONTROLS` names.

    Raises:
        HostError: a scene was saved with a value that is no longer offered.
        SettingsError: a value is out of its range.
    """
    found = {name: _value(control, group) for name, control in CONTROLS.items()}
    settings_of(found)
    EdgeSettings(**_fields(found, EdgeSettings))
    MatteFile(**_fields(found, MatteFile))
    return found


def settings_of(values: dict[str, Any]) -> MatteSettings:
    """What changes pixels among the values of options.

    Raises:
        SettingsError: a value is out of its range.
    """
    return MatteSettings(**_fields(values, MatteSettings))


def _fields(values: dict[str, Any], settings: type) -> dict[str, Any]:
    return {name: values[name] for name in options_of(settings) if name in values}


def _value(control: Control, group: Any) -> Any:
    value = getattr(group, control.name)
    if control.kind == "choice" and not value:
        raise HostError(f"{control.label} has a value that is not offered any more: choose one")
    if control.kind == "text":
        return value.strip() or control.default
    for word in () if control.kind == "choice" else control.words:
        if getattr(group, control.switch(word)):
            return word
    return round(value, 4) if control.kind == "number" else value  # Blender's numbers are 32-bit floats


def _controls() -> dict[str, Control]:
    offered = options_of(RunSettings, MatteSettings, EdgeSettings, MatteFile)
    return {name: _control(option) for name, option in offered.items() if name not in NOT_OFFERED}


def _control(option: Option) -> Control:
    words = option.choices if option.word is None else (option.word,)
    return Control(option.name, label_of(option.name), option.help, option.kind, option.default, words)


CONTROLS: dict[str, Control] = _controls()
"""Every option that the panel offers, by name, in order."""
