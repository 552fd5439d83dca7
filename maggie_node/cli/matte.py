"""`maggie-node matte`: a job from the command line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from maggie_api.job import MatteJob, PictureOutput
from maggie_api.settings import (
    MODEL_NAMES,
    EdgeSettings,
    MatteFile,
    MatteSettings,
    Option,
    PictureFile,
    RunSettings,
    options_of,
)
from maggie_node.cli.commands import TRACKER, debug_option
from maggie_node.cli.edges import edge_options, with_edges
from maggie_node.cli.guidance import GuidedCommand, guidance_options, key_option, parse_pin
from maggie_node.cli.running import run_job
from maggie_node.cli.sections import SectionedCommand

Command = Callable[..., Any]

SPELLED = {"segment_frames": "--segment", "warmup_frames": "--warmup", "resume": "--resume/--overwrite"}
"""Options whose spelling is not their name."""
METAVARS = {
    "frames": "RANGE",
    "shot_frames": "RANGE",
    "plate_layer": "LAYER",
    "model": "|".join((*MODEL_NAMES, "PATH")),
    "tracker": TRACKER,
    "device": "auto|cpu|cuda[:n]|mps",
    "ocio": "CONFIG",
    "colorspace": "NAME",
    "exposure_ev": "EV|auto",
    "segment_frames": "N|whole",
    "warmup_frames": "N",
    "working_px": "N",
    "compression": "CODEC",
    "cache": "DIR",
    "cache_gb": "GB",
    "max_memory_gb": "GB",
    "fps": "N",
}
"""Names of values in the help, where the type alone says too little."""
PICTURES = (".mov", ".webm", ".png", ".tif", ".tiff")
"""Endings of outputs that are pictures; every other output is taken for mattes."""
CACHE_VARIABLE = "MAGGIE_CACHE"
"""Environment variable with the cache folder of jobs that name none."""
ENVIRONMENT = {"cache": CACHE_VARIABLE}
"""Environment variables of options."""
USUAL = (
    *("outputs", "preview", "mask", "key", "cryptomatte", "instance", "frames"),
    *("model", "device", "detail", "foreground", "cache", "resume", "print_job"),
)
"""Options that `--help` shows: those of a first matte, and of the README."""
_PIXELS, _FILES = options_of(MatteSettings), options_of(MatteFile, PictureFile)
SECTIONS = {
    "Guidance": ("mask", "key", "layers", "id_map", "cryptomatte", "instance", "offset", "pins"),
    "Edges": ("core", "garbage", *options_of(EdgeSettings)),
    "Frames, model and cache": tuple(options_of(RunSettings)),
    "Pixels and colour": tuple(_PIXELS),
    "Files": tuple(name for name in _FILES if name not in _PIXELS),
}
"""All options by subject, as `--help-all` shows them."""


class _MatteCommand(SectionedCommand, GuidedCommand):
    """`matte`: guidance in the order typed, and options by subject."""


class _NumberOr(click.ParamType):
    """A number, or one word."""

    def __init__(self, word: str, number: type) -> None:
        self.word, self.number = word, number
        self.name = f"number|{word}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == self.word:
            return value
        try:
            return self.number(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor {self.word!r}", param, ctx)


def settings_options(command: Command) -> Command:
    """Add an option for every field that is listed in `maggie_api.settings`."""
    for option in reversed(options_of(RunSettings, MatteSettings, MatteFile, PictureFile).values()):
        command = _depth(option)(command) if option.name == "depth" else _click_option(option)(command)
    return command


def _click_option(option: Option) -> Command:
    name = SPELLED.get(option.name, "--" + option.name.replace("_", "-"))
    return click.option(
        name,
        option.name,
        type=_type_of(option),
        is_flag=option.kind == "flag",
        default=option.default,
        show_default=option.kind != "flag" and option.default is not None,
        envvar=ENVIRONMENT.get(option.name),
        metavar=METAVARS.get(option.name),
        help=option.help,
    )


def _type_of(option: Option) -> Any:
    if option.kind == "choice":
        return click.Choice(option.choices)
    number = {"whole number": int, "number": float}.get(option.kind)
    return number if number is None or option.word is None else _NumberOr(option.word, number)


def _parse_outputs(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, tuple[PictureOutput, ...]]:
    """The EXR among the outputs, "" where there is none, and the pictures."""
    mattes: list[str] = []
    pictures: list[PictureOutput] = []
    for value in values:
        name, _, path = value.partition("=")
        if not path or "/" in name or os.sep in name:  # the folder's own name has the sign
            name, path = "", value
        if path.lower().endswith(PICTURES):
            pictures.append(PictureOutput(path, name or None))
        elif name:
            raise click.BadParameter(
                f"{value}: mattes hold everybody; NAME= is for pictures such as {name}.mov"
            )
        else:
            mattes.append(value)
    if len(mattes) > 1:
        raise click.BadParameter(f"{mattes[0]} and {mattes[1]}: a job has one sequence of mattes")
    return (mattes[0] if mattes else ""), tuple(pictures)


def _depth(option: Option) -> Command:
    """One flag for each type of sample: `--half` and `--float`."""

    def add(command: Command) -> Command:
        command = click.option("--float", option.name, flag_value="float", help="Samples of 32 bits.")(
            command
        )
        half = click.option(
            "--half", option.name, flag_value="half", default=True, help=f"{option.help} The default."
        )
        return half(command)

    return add


@click.command(
    cls=_MatteCommand,
    usual=USUAL,
    sections=SECTIONS,
    short_help="Matte a plate: one alpha per person and frame.",
)
@click.argument("plate")
@click.option(
    "-o",
    "--output",
    "--out",
    "outputs",
    required=True,
    multiple=True,
    metavar="OUT",
    callback=_parse_outputs,
    help="Mattes: matte.####.exr. Pictures made from them: x.mov (ProRes 4444 with alpha), x.webm (VP9 "
    "with alpha), x.####.png or x.####.tif (16 bits). Several people have a picture each, x_ana.mov and "
    "x_ben.mov; NAME=OUT makes that person's alone. Repeatable.",
)
@click.option(
    "--preview",
    metavar="FILE",
    help="Also something to look at, x.mp4, x.gif or x.####.png (x.png of one frame): plate, people over "
    "checker, a colour each, frame numbers.",
)
@guidance_options
@key_option
@click.option(
    "--pin",
    "pins",
    metavar="NAME=SEQUENCE[:CHANNEL]",
    multiple=True,
    callback=parse_pin,
    help="Alphas of yours for some frames of an instance: delivered as they are. Repeatable.",
)
@edge_options
@settings_options
@click.option("--explain-cache", is_flag=True, help="Tell what was found there, frame by frame.")
@click.option("--print-job", is_flag=True, help="Print the job document instead of running it.")
@click.option("--json", "json_events", is_flag=True, help="Events on stdout, one JSON object a line.")
@debug_option
def matte(
    *,
    outputs: tuple[str, tuple[PictureOutput, ...]],
    print_job: bool,
    json_events: bool,
    explain_cache: bool,
    **fields: Any,
) -> int:
    """Matte PLATE with the guidance given: one file a frame, one alpha per person in it.

    \b
    PLATE and OUT are sequences (plate.####.exr, plate.%04d.exr) or one file;
    both may be movies. For example:
      maggie-node matte plate.####.exr -o matte.####.exr --preview look.mp4 \\
        --guidance ana=ana.####.png --guidance ben=ben.####.png
      maggie-node matte plate.####.exr -o cut.mov --key ana=ana.1001.png
    """
    output, pictures = outputs
    fields |= {"output": output, "pictures": pictures}
    job = MatteJob(**with_edges(fields)).anchored(Path.cwd())
    if print_job:
        click.echo(job.to_json(), nl=False)
        return 0
    return run_job(job, json_events=json_events, explain_cache=explain_cache)
