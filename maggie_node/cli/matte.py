"""`maggie-node matte`: a job from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from maggie_api.job import MatteJob
from maggie_api.settings import MODEL_NAMES, MatteFile, MatteSettings, Option, RunSettings, options_of
from maggie_node.cli.commands import debug_option
from maggie_node.cli.edges import edge_options, with_edges
from maggie_node.cli.guidance import GuidedCommand, guidance_options, parse_pin
from maggie_node.cli.running import run_job

Command = Callable[..., Any]

SPELLED = {"segment_frames": "--segment", "warmup_frames": "--warmup", "resume": "--resume/--overwrite"}
"""Options whose spelling is not their name."""
METAVARS = {
    "frames": "RANGE",
    "shot_frames": "RANGE",
    "plate_layer": "LAYER",
    "model": "|".join((*MODEL_NAMES, "PATH")),
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
}
"""Names of values in the help, where the type alone says too little."""
CACHE_VARIABLE = "MAGGIE_CACHE"
"""Environment variable with the cache folder of jobs that name none."""
ENVIRONMENT = {"cache": CACHE_VARIABLE}
"""Environment variables of options."""


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
    for option in reversed(options_of(RunSettings, MatteSettings, MatteFile).values()):
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


@click.command(cls=GuidedCommand, short_help="Matte a plate: one alpha per person and frame.")
@click.argument("plate")
@click.option("-o", "--output", "--out", required=True, metavar="OUT", help="E.g. matte.####.exr.")
@guidance_options
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
def matte(*, print_job: bool, json_events: bool, explain_cache: bool, **fields: Any) -> int:
    """Matte PLATE with the guidance given: one file a frame, one alpha per person in it.

    \b
    PLATE and OUT are sequences (plate.####.exr, plate.%04d.exr) or one file;
    PLATE may be a movie. For example:
      maggie-node matte plate.####.exr -o matte.####.exr \\
        --guidance ana=ana.####.png --guidance ben=ben.####.png
    """
    job = MatteJob(**with_edges(fields)).anchored(Path.cwd())
    if print_job:
        click.echo(job.to_json(), nl=False)
        return 0
    return run_job(job, json_events=json_events, explain_cache=explain_cache)
