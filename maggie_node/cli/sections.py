"""Help of a command with many options: the usual ones with `--help`, all of them with `--help-all`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

_ALL = "maggie_node.help_all"
"""Key of a context's `meta` that says that all options are shown."""


class SectionedCommand(click.Command):
    """A command whose `--help` fits on a screen.

    Args:
        usual: names of the parameters that `--help` shows, beside `--help` itself.
        sections: titles and names of parameters, as `--help-all` shows them; it shows what no section
            names, and what comes in no section, first.
    """

    def __init__(
        self, *args: Any, usual: Sequence[str], sections: Mapping[str, Sequence[str]], **more: Any
    ) -> None:
        super().__init__(*args, **more)
        self._usual, self._sections = frozenset(usual), sections
        self.params.append(
            click.Option(
                ["--help-all"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_show_all,
                help="Show all options.",
            )
        )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        help_options = (self.params[-1], self.get_help_option(ctx))
        usual = {*self._usual, *(option.name for option in help_options if option is not None)}
        options = [
            (param.name or "", record)
            for param in self.get_params(ctx)
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)) is not None
        ]
        if not ctx.meta.get(_ALL):
            shown = [record for name, record in options if name in usual]
            with formatter.section("Options used most"):
                formatter.write_dl(shown)
            with formatter.section(f"{len(options) - len(shown)} others"):
                formatter.write_text(f"{', '.join(self._sections).lower()}: {ctx.command_path} --help-all")
            return
        placed = {name for names in self._sections.values() for name in names}
        rest = tuple(name for name, _ in options if name not in placed)
        for title, names in {"Options": rest, **self._sections}.items():
            with formatter.section(title):
                formatter.write_dl([record for name, record in options if name in names])


def _show_all(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[_ALL] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()
