"""`maggie-node panel`: open a shot, look at it, correct it, matte it."""

from __future__ import annotations

import os
import sys

import click

from maggie_node.cli.commands import debug_option


@click.command(short_help="Open a shot in a window, look at it and matte it.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--own-worker", is_flag=True, help="A worker for this window alone, instead of the one all hosts share."
)
@debug_option
def panel(*, paths: tuple[str, ...], own_worker: bool) -> int:
    """Open a plate and masks, look at them, correct them and matte them.

    \b
    PATH is a plate with its masks (files, folders, movies) or a job document;
    the same may be dropped into the window. It needs Qt:
    pip install 'PySide6-Essentials<6.12'
      maggie-node panel plate.####.exr ana.####.png
      maggie-node panel job.json
    """
    from maggie_panel.app import open_window

    there = [os.path.abspath(path) for path in paths]
    return open_window(there, python=sys.executable, shared=not own_worker)
