"""`maggie-node worker`: the warm process that runs jobs for hosts, farms and other commands."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from maggie_node.cli.commands import debug_option
from maggie_node.cli.numbers import FiniteNumber

F = TypeVar("F")

_AT = click.option(
    "--at",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where it is met; default one of your own.",
)
_ROOT = click.option(
    "--root",
    "roots",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Jobs may only name files in here. Repeatable; default anywhere.",
)
_IDLE = click.option(
    "--idle-s", type=FiniteNumber(min=0), metavar="N", help="End after N s without a job; default 900."
)
_TCP = click.option("--tcp", is_flag=True, help="A loopback port and a token instead of a Unix socket.")
_JSON = click.option("--json", "as_json", is_flag=True, help="As one JSON object.")


@click.group(short_help="Keep the model warm: start, status, stop.", invoke_without_command=True)
@click.option("--stdio", is_flag=True, help="Serve the process that started this one, over stdin and stdout.")
@_ROOT
@click.pass_context
def worker(ctx: click.Context, *, stdio: bool, roots: tuple[Path, ...]) -> int | None:
    """A process that keeps the model in memory and runs jobs for others.

    `maggie-node job JOB.json --worker auto` runs a job in it; docs/worker.md has the protocol.

    \b
    For example:
      maggie-node worker start
      maggie-node job job.json --worker auto
    """
    if ctx.invoked_subcommand is not None:
        if stdio or roots:
            raise click.UsageError("--stdio and its --root take no command")
        return None
    if not stdio:
        raise click.UsageError("give start, status, stop, run, or --stdio")
    from maggie_node.worker.serve import serve_stdio

    return serve_stdio(roots=roots)


@worker.command(short_help="Start a shared worker, or find the one there.")
@_AT
@_IDLE
@_ROOT
@_TCP
@_JSON
@debug_option
def start(*, folder: Path | None, as_json: bool, **options: Any) -> int:
    """Start a worker that outlives this command; done when it has answered.

    One that is there already is taken as it is.

    \b
    For example:
      maggie-node worker start --idle-s 3600
    """
    from maggie_api.client.worker import find_or_start

    with find_or_start(folder, name="maggie-node worker start", **options) as found:
        welcome = found.capabilities
    place = str(_place(folder))
    if as_json:
        click.echo(json.dumps({"running": True, "folder": place, **asdict(welcome)}))
    else:
        click.echo(f"worker {welcome.pid} (maggie-node {welcome.version}) in {place}")
    return 0


@worker.command(short_help="What the worker does.")
@_AT
@_JSON
@debug_option
def status(*, folder: Path | None, as_json: bool) -> int:
    """Print what the worker of FOLDER does now.

    \b
    For example:
      maggie-node worker status --json
    """
    from maggie_api.client.worker import find

    place, found = str(_place(folder)), find(folder, name="maggie-node worker status")
    if found is None:
        click.echo(json.dumps({"running": False, "folder": place}) if as_json else f"no worker in {place}")
        return 0
    with found:
        facts = found.status()
    if as_json:
        click.echo(json.dumps({"running": True, "folder": place, **facts}))
        return 0
    click.echo(f"worker {facts['pid']} (maggie-node {facts['version']}) in {place}")
    click.echo(f"up {facts['uptime_s']:.0f} s, models in memory: {', '.join(facts['models']) or 'none'}")
    for job in facts["jobs"]:
        reached = job["done"] + job["skipped"] + job["failed"]
        click.echo(
            f"job {job['job_id']} of {job['client']}: {job['state']}, {job['priority']}, "
            f"{reached}/{job['frames'] or '?'} frames, {job['output']}"
        )
    return 0


@worker.command(short_help="End the worker.")
@_AT
@debug_option
def stop(*, folder: Path | None) -> int:
    """End the worker of FOLDER and cancel its jobs; done when it is gone.

    \b
    For example:
      maggie-node worker stop
    """
    from maggie_api.client.worker import find

    found = find(folder, name="maggie-node worker stop")
    if found is None:
        click.echo(f"no worker in {_place(folder)}")
        return 0
    with found:
        pid = found.capabilities.pid
        found.shutdown()
    click.echo(f"worker {pid} has ended")
    return 0


@worker.command(short_help="A shared worker in the foreground.")
@_AT
@_IDLE
@_ROOT
@_TCP
@click.option("--asked-ns", type=int, hidden=True)
@debug_option
def run(*, folder: Path | None, idle_s: float | None, **options: Any) -> int:
    """Serve in this process until ctrl-C; what happens is told on stderr.

    \b
    For example:
      maggie-node worker run --at worker
    """
    from maggie_node.worker.serve import IDLE_S, serve

    return serve(_place(folder), idle_s=IDLE_S if idle_s is None else idle_s, **options)


def _place(folder: Path | None) -> Path:
    from maggie_api.client.address import default_folder

    return folder.absolute() if folder is not None else default_folder()
