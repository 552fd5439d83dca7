"""`maggie-node demo`: the shipped shot through the whole pipeline, with errors and a contact sheet."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from maggie_api.job import read_job, write_job
from maggie_node.cli.commands import debug_option
from maggie_node.cli.running import exit_code, run_and_keep

if TYPE_CHECKING:
    from maggie_node.demo import Score

JOB, MATTES, SHEET = "job.json", "matte.####.exr", "contact_sheet.png"


@click.command(short_help="Matte the shipped sample shot, with a contact sheet.")
@click.option("-o", "--output", "--out", default="maggie-demo", show_default=True, metavar="DIR")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:n]|mps")
@debug_option
def demo(*, output: str, device: str) -> int:
    """Matte the sample shot into DIR; compare with true alphas; check it; draw DIR/contact_sheet.png.

    What quality control finds is printed, and framed in red on the sheet.

    DIR/job.json is the job that ran: change it and run it with `maggie-node job`.

    \b
    For example:
      maggie-node demo -o demo
    """
    from maggie_core.qc import as_text, check, find, limits_with
    from maggie_node import demo as shipped
    from maggie_node.cli.qc import subject_of

    folder, job = Path(output), shipped.demo_job(MATTES)
    run = run_and_keep(dataclasses.replace(job.anchored(folder.resolve()), device=device))
    write_job(job, folder / JOB)
    if exit_code(run.finished):
        return exit_code(run.finished)
    _print_table(shipped.scores(folder / MATTES))
    checked = check(subject_of(read_job(folder / JOB)))
    faults = find(checked, limits_with())
    click.echo(f"quality control, as `maggie-node qc --job {folder / JOB} -o DIR` has it:")
    click.echo(as_text(checked, faults))
    subtitle = f"{len(run.started.frames)} frames at {run.started.working_size}, "
    subtitle += f"{run.started.model} weights on {run.started.device}"
    if run.finished.done:
        subtitle += f", {run.seconds / run.finished.done:.2f} s a frame"
    shipped.sheet(folder / MATTES, faults, subtitle=subtitle).save(folder / SHEET)
    click.echo(f"mattes, {JOB} and {SHEET} are in {folder}")
    return 0


def _print_table(scores: Sequence[Score]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    click.echo("errors against the true alphas, less is better")
    table = Table(box=box.SIMPLE)
    table.add_column("")
    for column in scores[0].errors:
        table.add_column(column, justify="right")
    for score in scores:
        table.add_row(score.name, *(f"{error:.2f}" for error in score.errors.values()))
    Console().print(table)
    click.echo(
        "MAD: mean absolute error of alpha, x 1000. Grad: error of its gradient, summed, in thousands."
    )
    click.echo("dtSSD: error of its change between frames, x 1000.")
