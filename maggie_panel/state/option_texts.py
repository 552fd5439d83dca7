"""Options of a job as texts of a form, and back."""

from __future__ import annotations

from typing import Any

from maggie_api.errors import SettingsError
from maggie_api.settings import MatteFile, MatteSettings, Option, PictureFile, RunSettings, options_of

GROUPS = {
    "Matte": options_of(MatteSettings),
    "Files": options_of(MatteFile, PictureFile),
    "Run": options_of(RunSettings),
}
"""Every option that is not an edge's, by what it is about."""


def title(option: Option) -> str:
    """`working_px` as `Working px`."""
    return option.name.replace("_", " ").capitalize()


def text_of(value: Any) -> str:
    """A value as a field of the form shows it; empty for none."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def value_of(option: Option, text: str) -> Any:
    """The value that a text stands for; an empty one for the default.

    Raises:
        SettingsError: it is no number where one is needed.
    """
    text = text.strip()
    if not text:
        return option.default
    if option.kind not in ("number", "whole number") or text == option.word:
        return text
    try:
        return int(text) if option.kind == "whole number" else float(text)
    except ValueError:
        word = f" or {option.word}" if option.word else ""
        raise SettingsError(f"{option.name} is {text!r}: give a {option.kind}{word}") from None
