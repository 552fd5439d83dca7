"""`maggie-node preview`: a movie of mattes that are on disk, for people without a compositing program."""

from __future__ import annotations

from typing import Any

import click

from maggie_api.sequences import parse_frames
from maggie_node.cli.commands import debug_option
from maggie_node.cli.numbers import FiniteNumber
from maggie_node.cli.progress import StepLines
from maggie_node.cli.running import stoppable
from maggie_node.openmp import settle_waiting


@click.command(short_help="A movie that shows mattes to anybody.")
@click.argument("mattes", metavar="MATTES.####.exr")
@click.option("-o", "--output", "--out", required=True, metavar="FILE", help="x.mp4, x.gif or x.####.png.")
@click.option("--plate", metavar="SEQUENCE", help="Default: the plate that the mattes name.")
@click.option("--frames", metavar="RANGE", help="Frames to show; default: all that are there.")
@click.option(
    "--fps", type=FiniteNumber(), metavar="N", help="Frames per second; default: the plate's, else 24."
)
@click.option("--ocio", metavar="CONFIG", help="Default: the configuration that the mattes name.")
@click.option("--colorspace", metavar="NAME", help="Default: the colour space that the mattes name.")
@debug_option
def preview(*, mattes: str, output: str, frames: str | None, **given: Any) -> int:
    """Show the plate, who is who, people over a checker and their mattes, with frame numbers.

    \b
    For example:
      maggie-node preview matte.####.exr -o look.mp4
    """
    settle_waiting()
    with StepLines() as step, stoppable() as checkpoint:
        step("reading the mattes", 0, 0)
        from maggie_node.pictures import write_preview

        def at_frame(what: str, done: int, total: int) -> None:
            checkpoint()
            step(f"writing {what}", done, total)

        wanted = None if frames is None else parse_frames(frames)
        count = write_preview(mattes, output, frames=wanted, checkpoint=at_frame, **given)
    click.echo(f"{output}: {count} frame{'s' if count != 1 else ''}")
    return 0
