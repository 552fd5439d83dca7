"""`maggie-node matte`: a job from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from maggie_api.job import MatteJob
from maggie_node.cli.commands import debug_option
from maggie_node.cli.guidance import GuidedCommand, guidance_options, parse_pin
from maggie_node.cli.running import run_job

_DEFAULT = {name: field.default for name, field in MatteJob.__dataclass_fields__.items()}


def _choice(name: str, field: str, *values: str, help: str) -> Any:  # noqa: A002 - click's word
    return click.option(
        name, field, type=click.Choice(values), default=_DEFAULT[field], show_default=True, help=help
    )


class _NumberOr(click.ParamType):
    """A number, or one word."""

    def __init__(self, word: str, number: type) -> None:
        self.word, self.number = word, number
        self.name = f"number or {word}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == self.word:
            return value
        try:
            return self.number(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor {self.word!r}", param, ctx)


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
@click.option("--frames", metavar="RANGE", help="Frames to deliver, e.g. 1001-1100x2,1200; default all.")
@click.option("--shot-frames", metavar="RANGE", help="Frames the shot consists of; default those on disk.")
@click.option("--plate-layer", metavar="LAYER", help="Layer that holds the plate's RGB.")
@_choice("--on-missing", "on_missing", "error", "hold", "black", "skip", help="For a missing plate frame.")
@_choice("--guidance-missing", "guidance_missing", "error", "empty", "hold", help="For a missing mask.")
@click.option("--model", default="default", show_default=True, metavar="default|him50k|vim2k5|PATH")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:n]|mps")
@_choice("--precision", "precision", "auto", "fp32", "bf16", "fp16", help="Of the network.")
@click.option("--commercial", is_flag=True, help="Refuse weights that do not allow commercial work.")
@click.option("--ocio", metavar="CONFIG", help="OCIO configuration; default $OCIO, then the built-in one.")
@click.option("--colorspace", metavar="NAME", help="Of the plate; default by the configuration's file rules.")
@click.option(
    "--exposure-ev",
    type=_NumberOr("auto", float),
    metavar="EV|auto",
    default=0.0,
    show_default=True,
    help="Stops added before the network looks; the delivered plate is never touched.",
)
@_choice("--highlights", "highlights", "compress", "clip", help="Above 1, in the network's copy.")
@click.option(
    "--working-px",
    type=int,
    metavar="N",
    default=_DEFAULT["working_px"],
    show_default=True,
    help="Short side for the network.",
)
@_choice("--detail", "detail", "working", "full", help="Where edges are decided: native is the plate.")
@_choice("--overlap", "overlap", "first", "last", "shared", help="Who owns what several masks claim.")
@click.option(
    "--segment",
    "segment_frames",
    type=_NumberOr("whole", int),
    metavar="N|whole",
    default=_DEFAULT["segment_frames"],
    show_default=True,
    help="Frames that share one chain of temporal state.",
)
@click.option(
    "--warmup",
    "warmup_frames",
    type=int,
    metavar="N",
    default=_DEFAULT["warmup_frames"],
    show_default=True,
    help="Frames computed before a segment and thrown away.",
)
@click.option("--carry-hidden", is_flag=True, help="Hand the network's hidden state on; published is not to.")
@_choice("--refine", "refine", "auto", "none", "guided", "closed-form", help="The last step on edges.")
@_choice("--smooth", "smooth", "auto", "none", "flow", help="Average with neighbours along the optical flow.")
@click.option(
    "--sum-to-one", is_flag=True, help="Alphas never exceed one together; adds residual, contested."
)
@_choice("--layout", "layout", "layers", "multipart", "files", "cryptomatte", help="Of the output.")
@click.option("--half", "depth", flag_value="half", default=True, help="16-bit alphas (the default).")
@click.option("--float", "depth", flag_value="float", help="32-bit alphas.")
@click.option("--compression", default="zips", show_default=True, metavar="CODEC")
@_choice("--data-window", "data_window", "display", "tight", "plate", help="Pixels that are written.")
@click.option("--foreground", is_flag=True, help="Also deliver each person's own colour, premultiplied.")
@click.option(
    "--resume/--overwrite", default=True, help="Keep complete frames of the same recipe, or redo all."
)
@click.option("--cache", envvar="MAGGIE_CACHE", metavar="DIR", help="Folder that keeps temporal state.")
@click.option(
    "--cache-gb",
    type=float,
    default=_DEFAULT["cache_gb"],
    show_default=True,
    metavar="GB",
    help="What the folder may take.",
)
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
    job = MatteJob(**fields).anchored(Path.cwd())
    if print_job:
        click.echo(job.to_json(), nl=False)
        return 0
    return run_job(job, json_events=json_events, explain_cache=explain_cache)
