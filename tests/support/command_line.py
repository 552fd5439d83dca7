"""Running `maggie-node` in this process."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import CliRunner, Result

from maggie_node.cli import main

Command = Callable[..., Result]


def run_command(*args: object) -> Result:
    """Exit code, stdout and stderr (apart) of `maggie-node ARGS`."""
    return CliRunner().invoke(main, [str(arg) for arg in args])
