"""`maggie-node synthesize`: pictures with known mattes."""

import click

from maggie_node.cli.synthesize_folders import add_commands


@click.group(short_help="Make pictures with known mattes.")
def synthesize() -> None:
    """Pictures whose mattes are known, to train on and to measure with."""


add_commands(synthesize)
