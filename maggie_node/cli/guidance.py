"""Guidance options of the command line. Their order is kept."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import click

from maggie_api.errors import SettingsError
from maggie_api.job import (
    CryptomatteGuidance,
    Guidance,
    IdMapGuidance,
    IdName,
    KeyGuidance,
    LayersGuidance,
    MaskGuidance,
    Pin,
)
from maggie_api.sequences import parse_pattern
from maggie_api.text import plain_text
from maggie_node.cli.commands import together

# A colon splits only behind a file extension, so `C:/masks/ana.####.exr` stays one path.
_SEQUENCE_AND_PART = re.compile(r"(?P<sequence>.+\.[A-Za-z0-9]+):(?P<part>[^/\\:]+)")


def parse_pin(ctx: click.Context, param: click.Parameter, specs: tuple[str, ...]) -> tuple[Pin, ...]:
    """`NAME=SEQUENCE[:CHANNEL]` each."""
    pins = []
    for spec in specs:
        name, _, rest = spec.partition("=")
        if not name.strip() or not rest:
            raise click.BadParameter(f"{spec!r} is not NAME=SEQUENCE[:CHANNEL]", ctx, param)
        pins.append(Pin(name.strip(), *split_part(rest)))
    return tuple(pins)


def parse_mask(spec: str) -> MaskGuidance:
    """`NAME=SEQUENCE[:CHANNEL]`; without `NAME=` the instance is called after the file."""
    return MaskGuidance(*_named(spec, "--guidance"))


def parse_key(spec: str) -> KeyGuidance:
    """As `parse_mask`."""
    return KeyGuidance(*_named(spec, "--key"))


def _named(spec: str, option: str) -> tuple[str, str, str | None]:
    """Name, sequence and channel."""
    name, equals, rest = spec.partition("=")
    is_path = ("/" in name or "\\" in name) and (_is_there(spec) or not _is_there(rest))
    if not equals or is_path:
        name, rest = "", spec
    sequence, channel = split_part(rest)
    name = name.strip() or PurePath(sequence.replace("\\", "/")).name.split(".")[0].rstrip("_-#")
    if not name or not sequence:
        raise click.BadParameter(f"{spec!r} is not NAME=SEQUENCE[:CHANNEL]", param_hint=f"'{option}'")
    return plain_text(name), sequence, channel


def _is_there(text: str) -> bool:
    """Whether a sequence, with or without a channel, has files."""
    sequence, _ = split_part(text)
    try:
        pattern = None if os.path.isfile(sequence) else parse_pattern(sequence)
        return bool(pattern.on_disk()) if pattern else os.path.isfile(sequence)
    except (SettingsError, OSError):
        return False


def parse_cryptomatte(spec: str) -> CryptomatteGuidance:
    """`SEQUENCE[:LAYER]`."""
    return CryptomatteGuidance(*split_part(spec))


def split_part(text: str) -> tuple[str, str | None]:
    """`SEQUENCE[:PART]`: the sequence, and what of its files is meant."""
    match = _SEQUENCE_AND_PART.fullmatch(text)
    return (match["sequence"], match["part"]) if match else (text, None)


class GuidedCommand(click.Command):
    """A command that receives its guidance options as one tuple `guidance`, in the order typed.

    The order matters twice. It decides which instance owns a pixel that several masks claim. And `--instance`
    chooses from the Cryptomatte, layers or id map before it, or from the first one when none came before.
    `--guidance-offset` belongs to the guidance before it, or to all that have none of their own.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        typed = list(args)
        rest = super().parse_args(ctx, args)
        options, _, order = self.make_parser(ctx).parse_args(typed)
        ctx.params["guidance"] = _in_order(options, [parameter.name or "" for parameter in order])
        for name in ("mask", "key", "layers", "id_map", "cryptomatte", "instance", "offset"):
            ctx.params.pop(name, None)
        return rest


_PARSE: dict[str, Callable[[str], Guidance]] = {
    "mask": parse_mask,
    "key": parse_key,
    "layers": LayersGuidance,
    "id_map": IdMapGuidance,
    "cryptomatte": parse_cryptomatte,
}


def _in_order(options: dict[str, Any], order: list[str]) -> tuple[Guidance, ...]:
    values = {name: iter(options[name]) for name in order if name in (*_PARSE, "instance", "offset")}
    sources: list[Guidance] = []
    waiting: list[str] = []
    chooser: int | None = None
    offset_of_all = 0
    offsets: dict[int, int] = {}
    for name in order:
        if name in _PARSE:
            sources.append(_PARSE[name](next(values[name])))
            if not isinstance(sources[-1], (MaskGuidance, KeyGuidance)):
                chooser = len(sources) - 1
        elif name == "instance":
            waiting.append(next(values[name]))
        elif name == "offset" and sources:
            offsets[len(sources) - 1] = next(values[name])
        elif name == "offset":
            offset_of_all = next(values[name])
        if waiting and chooser is not None:
            sources[chooser] = _choosing(sources[chooser], waiting)
            waiting = []
    if waiting:
        raise click.UsageError(
            "--instance chooses from --cryptomatte, --guidance-layers or --id-map: give one"
        )
    return tuple(
        dataclasses.replace(source, offset=int(offsets.get(i, offset_of_all)))
        for i, source in enumerate(sources)
    )


def _choosing(source: Guidance, names: list[str]) -> Guidance:
    if isinstance(source, IdMapGuidance):
        return dataclasses.replace(source, names=(*source.names, *map(_id_name, names)))
    assert isinstance(source, (CryptomatteGuidance, LayersGuidance))
    return dataclasses.replace(source, instances=(*source.instances, *names))


def _id_name(text: str) -> IdName:
    value, equals, name = text.partition("=")
    if not equals or not value.strip().isdecimal() or not name.strip():
        raise click.BadParameter(
            f"{text!r} is not ID=NAME, such as 3=Ben", param_hint="'--instance' of an id map"
        )
    return IdName(int(value), name.strip())


guidance_options = together(
    click.option(
        "--guidance",
        "mask",
        metavar="NAME=SEQUENCE[:CHANNEL]",
        multiple=True,
        help="One instance's masks, or one mask for every frame. Repeatable.",
    ),
    click.option(
        "--guidance-layers",
        "layers",
        metavar="SEQUENCE",
        multiple=True,
        help="An instance for each layer or channel of an EXR sequence.",
    ),
    click.option(
        "--id-map",
        metavar="SEQUENCE",
        multiple=True,
        help="An instance for each value above zero.",
    ),
    click.option(
        "--cryptomatte",
        metavar="SEQUENCE[:LAYER]",
        multiple=True,
        help="Instances of a Cryptomatte, all or those --instance names.",
    ),
    click.option(
        "--instance",
        metavar="NAME",
        multiple=True,
        help="Choose from the Cryptomatte or layers before it; ID=NAME for an id map. Repeatable.",
    ),
    click.option(
        "--guidance-offset",
        "offset",
        metavar="N",
        type=int,
        multiple=True,
        help="Number of a mask's file less the plate's frame, for the guidance before it; before all "
        "guidance, for each. Repeatable.",
    ),
)
"""The guidance options of a `GuidedCommand`."""

key_option = click.option(
    "--key",
    metavar="NAME=SEQUENCE[:CHANNEL]",
    multiple=True,
    help="One instance's masks at some frames, followed through the others. Repeatable.",
)
"""A further option of a `GuidedCommand`, of one that mattes."""
