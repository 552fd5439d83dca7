"""The command group. It ends every failure with one line and the right exit code."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import click

from maggie_api.errors import BAD_INPUT, CANCELLED, DEFECT, Cancelled
from maggie_api.settings import TRACKER_NAMES
from maggie_api.text import escaping, phrase
from maggie_node.openmp import limit_threads

TRACKER = "|".join(("builtin", *TRACKER_NAMES, "sam2:FOLDER"))
"""Values of `--tracker` in the help."""

F = TypeVar("F", bound=Callable[..., Any])


class Commands(click.Group):
    """A group whose errors are one line on stderr: what was found, what is needed, what to do.

    Exit codes: 0 done, 1 a defect of ours, 2 bad usage or input, 3 some frames failed, 4 a QC limit was
    exceeded, 5 licence refused, 130 cancelled. `--debug` on a command adds the traceback.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order they were added, not sorted

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        escaping(sys.stdout, sys.stderr)
        limit_threads()  # before any library is loaded
        debug: list[bool] = []
        extra["obj"] = debug
        try:
            result: Any = super().main(
                args=args,
                prog_name="maggie-node",
                complete_var=complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
            code = result if isinstance(result, int) else 0
        except BaseException as error:
            if debug and not isinstance(error, SystemExit):
                traceback.print_exception(error, file=sys.stderr)
            code = _say(error)
        sys.exit(code)


def debug_option(command: F) -> F:
    """Add `--debug` to a command."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value and isinstance(ctx.obj, list):
            ctx.obj.append(True)

    option = click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=remember,
        help="Show where an error came from.",
    )
    return option(command)


def together(*parameters: Callable[..., Any]) -> Callable[..., Any]:
    """Options and arguments that several commands have, in their order, as one decorator."""

    def add(command: Any) -> Any:
        for parameter in reversed(parameters):
            command = parameter(command)
        return command

    return add


_LONG_WORD = re.compile(r"(\S{120})\S{180,}(\S{60})")
"""A word of more than 360 letters: a path that is too long, or no path at all."""


def complain(text: str) -> None:
    """One line on stderr, whatever line breaks `text` has; very long words are cut in their middle."""
    line = _LONG_WORD.sub(r"\1...\2", phrase(text))
    click.echo(f"maggie-node: {line}", err=True)


def _explained(error: click.ClickException) -> str:
    """Click's sentence, or ours where click does not know what is meant."""
    if isinstance(error, click.NoSuchOption) and error.option_name in ("--mask", "--masks") and error.ctx:
        if any("--guidance" in each.opts for each in error.ctx.command.params):
            return (
                f"No such option '{error.option_name}': masks are --guidance NAME=SEQUENCE, or --key "
                "NAME=SEQUENCE where only some frames have one"
            )
    text = error.format_message()
    if text.startswith("Got unexpected extra arguments"):
        first = text.partition("(")[2].split(" ")[0]
        return (
            f"more words than the command takes, from {first} on: if they come of a wildcard, which the "
            "shell replaces with all of its files, name the sequence plate.####.exr instead"
        )
    return text


def _say(error: BaseException) -> int | str | None:
    """Print the line of an error; returns the exit code.

    Our own errors and click's carry an `exit_code`. An error without one is a defect.
    """
    if isinstance(error, SystemExit):
        return error.code
    if isinstance(error, (click.Abort, KeyboardInterrupt, Cancelled)):
        complain("cancelled; files that exist are whole")
        return CANCELLED
    if isinstance(error, click.ClickException):
        if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):  # new in click 8.2
            error.show()  # the help, line by line
            return error.exit_code
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        complain(_explained(error) + (f" ({command} --help shows how)" if command else ""))
        return error.exit_code
    if isinstance(error, OSError) and error.filename is not None:
        complain(f"{os.fsdecode(error.filename)}: {error.strerror or error}: check the path")
        return BAD_INPUT
    code = getattr(error, "exit_code", None)
    if code is None:
        complain(f"a defect of ours, please report it with --debug: {type(error).__name__}: {error}")
        return DEFECT
    complain(str(error))
    return code
