"""`maggie-node job`: runs a job document, as it is or with a few fields replaced."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import click

from maggie_api.job import read_job
from maggie_node.cli.commands import debug_option
from maggie_node.cli.matte import CACHE_VARIABLE
from maggie_node.cli.running import run_job


@click.command(short_help="Run a job document.")
@click.argument("document", metavar="JOB.json", type=click.Path(path_type=Path))
@click.option("-o", "--output", "--out", metavar="OUT", help="Instead of the job's output.")
@click.option("--frames", metavar="RANGE", help="Instead of the job's frames, e.g. a farm's chunk.")
@click.option(
    "--cache",
    metavar="DIR",
    help="Instead of the job's cache folder; where neither is given, $MAGGIE_CACHE.",
)
@click.option("--explain-cache", is_flag=True, help="Tell what was found there, frame by frame.")
@click.option("--device", metavar="auto|cpu|cuda[:n]|mps", help="Instead of the job's device.")
@click.option(
    "--worker",
    envvar="MAGGIE_WORKER",
    metavar="FOLDER|auto",
    help="Run it in the worker met there, started if need be (auto: in your own folder); $MAGGIE_WORKER.",
)
@click.option("--json", "json_events", is_flag=True, help="Events on stdout, one JSON object a line.")
@debug_option
def job(
    document: Path, *, worker: str | None, json_events: bool, explain_cache: bool, **instead: str | None
) -> int:
    """Run JOB.json; relative paths in it are seen from its own folder.

    `maggie-node matte ... --print-job` writes one.

    \b
    For example:
      maggie-node job job.json --frames 1001-1010
    """
    chosen = read_job(document)
    if chosen.cache is None and instead["cache"] is None:
        instead["cache"] = os.environ.get(CACHE_VARIABLE) or None
    given = {name: value for name, value in instead.items() if value is not None}
    for path in ("output", "cache"):
        if path in given:
            given[path] = str(Path(given[path]).absolute())
    chosen = dataclasses.replace(chosen, **given)
    return run_job(chosen, json_events=json_events, explain_cache=explain_cache, worker=worker)
