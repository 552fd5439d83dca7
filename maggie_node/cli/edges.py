"""Options for the artist's hand: cores, garbage mattes, and edge options for everybody or for one person."""

from __future__ import annotations

from typing import Any

import click

from maggie_api.job import EVERYBODY, Hold, PersonOption
from maggie_api.settings import EdgeSettings, Option, options_of
from maggie_node.cli.guidance import split_part

_HOLD = "[NAME=]SEQUENCE[:PART]"


class _ForPerson(click.ParamType):
    """A number or `auto`, for everybody or, as `NAME=VALUE`, for one person."""

    def __init__(self, option: Option) -> None:
        self._word = option.word
        self.name = "number" if option.word is None else f"number|{option.word}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name, equals, text = str(value).rpartition("=")
        if equals and not name.strip():
            self.fail(f"{value!r} is neither VALUE nor NAME=VALUE", param, ctx)
        if text == self._word:
            return name.strip(), text
        try:
            return name.strip(), float(text)
        except ValueError:
            word = "a number" if self._word is None else f"a number or {self._word!r}"
            self.fail(f"{text!r} is not {word}; write VALUE for everybody, NAME=VALUE for one", param, ctx)


def edge_options(command: Any) -> Any:
    """Add `--core`, `--garbage` and every option of `EdgeSettings`."""
    for option in reversed(options_of(EdgeSettings).values()):
        command = click.option(
            "--" + option.name.replace("_", "-"),
            option.name,
            type=_ForPerson(option),
            multiple=True,
            show_default=str(option.default),
            metavar=f"[NAME=]{'N|' + option.word if option.word else 'N'}",
            help=f"{option.help} Repeatable.",
        )(command)
    holds = {
        "core": "Solid: alpha is 1 INSIDE this matte, for NAME. ",
        "garbage": "Kept inside: alpha is 0 OUTSIDE this matte, for NAME or for everybody. If its white is "
        "the garbage, turn it round. ",
    }
    for name, text in reversed(holds.items()):
        command = click.option(
            f"--{name}",
            name,
            metavar=_HOLD,
            multiple=True,
            callback=_parse_holds,
            help=f"{text}PART is a channel, a Cryptomatte's object or an id map's value. Repeatable.",
        )(command)
    return command


def with_edges(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a job from values of options, where those of `EdgeSettings` are as they were typed."""
    taken = dict(fields)
    per_person: list[PersonOption] = []
    for name, option in options_of(EdgeSettings).items():
        typed = taken.pop(name)
        per_person += [PersonOption(person, name, value) for person, value in typed if person]
        taken[name] = next((value for person, value in reversed(typed) if not person), option.default)
    return {**taken, "per_person": tuple(per_person)}


def _parse_holds(ctx: click.Context, param: click.Parameter, specs: tuple[str, ...]) -> tuple[Hold, ...]:
    holds = []
    for spec in specs:
        name, equals, rest = spec.partition("=")
        if not equals or "/" in name or "\\" in name:
            name, rest = EVERYBODY, spec
        sequence, part = split_part(rest)
        if not name.strip() or not sequence:
            raise click.BadParameter(f"{spec!r} is not {_HOLD}", ctx, param)
        holds.append(Hold(sequence, name.strip(), part))
    return tuple(holds)
