"""Colour spaces as the script's settings offer them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Optional

from . import _state
from ._knobs import CascadingEnumeration_Knob
from ._tcl import Word

NUKE = (
    "linear",
    "sRGB",
    "sRGBf",
    "rec709",
    "Cineon",
    "Gamma1.8",
    "Gamma2.2",
    "Gamma2.4",
    "AlexaV3LogC",
    "raw",
)


def config_path() -> str:
    """The script's own OCIO config, '' where it is built in or colour management is Nuke's."""
    knobs = _state.session().root._knobs
    if knobs["colorManagement"].value() != "OCIO" or knobs["OCIO_config"].value() != "custom":
        return ""
    return knobs["customOCIOConfigPath"].value()


def spaces() -> tuple[str, ...]:
    """Names of roles and colour spaces, roles first."""
    knobs = _state.session().root._knobs
    if knobs["colorManagement"].value() != "OCIO":
        return NUKE
    if knobs["OCIO_config"].value() != "custom":
        return (
            "scene_linear",
            "ACES - ACEScg",
            "ACES - ACES2065-1",
            "Output - sRGB",
            "Utility - Raw",
            "linear",
        )
    path = config_path()
    if not path or not Path(path).is_file():
        return ()
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    roles = re.search(r"^roles:\n((?:[ \t]+.*\n)+)", text, re.MULTILINE)
    names = re.findall(r"^\s+([\w]+):", roles.group(1), re.MULTILINE) if roles else []
    bodies = re.findall(r"!<ColorSpace>\s*\n?\s*(?:\{)?\s*name:\s*([^\n,}]+)", text)
    return (*names, *(name.strip().strip("\"'") for name in bodies))


class Colorspace_Knob(CascadingEnumeration_Knob):
    """Its items follow the script's settings; what is not among them is kept, and is an error."""

    def __init__(self, name: str, *, working: bool) -> None:
        self._working = working
        self._chosen: Optional[str] = None
        super().__init__(name)

    def Class(self) -> str:
        return "CascadingEnumeration_Knob"

    def _offered(self) -> list[str]:
        names = list(spaces())
        return names if self._working else [f"default ({default_space()})", *names]

    def values(self) -> list[str]:
        return self._offered()

    def numValues(self) -> int:
        return len(self._offered())

    def value(self) -> str:
        if self._chosen is not None:
            return self._chosen
        return default_space() if self._working else self._offered()[0]

    def setValue(self, val: Any, *args: int) -> bool:
        offered = self._offered()
        if isinstance(val, bool) or not isinstance(val, (str, int)):
            raise TypeError(f"{self._name}: a colour space is required, not {type(val).__name__}")
        if isinstance(val, int):
            if not 0 <= val < len(offered):
                raise ValueError(f"{self._name} has no item {val}")
            val = offered[val]
        if val == "default":
            val = None
        elif val not in offered:
            raise ValueError(f"Bad value for {self._name} : {val}")
        if val != self._chosen:
            self._chosen = val
            self._changed()
        return True

    def _bad(self) -> bool:
        return self._chosen is not None and self._chosen not in self._offered()

    def _save(self) -> str:
        from ._tcl import quote

        return quote(self.value())

    def _string(self, index: int, frame: float) -> str:
        return self.value()

    def _load(self, words: list[Word]) -> None:
        text = str(words[0])
        self._chosen = None if text == "default" or text.startswith("default (") else text

    def _is_default(self) -> bool:
        return self._chosen is None


def default_space() -> str:
    offered = spaces()
    return "scene_linear" if "scene_linear" in offered else "linear" if "linear" in offered else ""


def plain(value: str) -> str:
    """The colour space that a knob's value means."""
    match = re.fullmatch(r"default \((.*)\)", value)
    return match.group(1) if match else value
