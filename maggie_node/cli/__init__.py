"""The `maggie-node` command; one file per subcommand. Nothing heavy is imported before it is needed."""

import click

from maggie_node import __version__
from maggie_node.cli.bench import bench
from maggie_node.cli.commands import Commands
from maggie_node.cli.demo import demo
from maggie_node.cli.doctor import doctor
from maggie_node.cli.evaluate import evaluate
from maggie_node.cli.explain import explain
from maggie_node.cli.farm import farm
from maggie_node.cli.job import job
from maggie_node.cli.matte import matte
from maggie_node.cli.models import models
from maggie_node.cli.panel import panel
from maggie_node.cli.preview import preview
from maggie_node.cli.propagate import propagate
from maggie_node.cli.qc import qc
from maggie_node.cli.synthesize import synthesize
from maggie_node.cli.train import train
from maggie_node.cli.verify import verify
from maggie_node.cli.worker import worker


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="maggie-node")
def main() -> None:
    """A plate and rough masks in, one clean, soft, steady alpha per person out.

    \b
    For example:
      maggie-node demo
      maggie-node matte plate.####.exr -o matte.####.exr --preview look.mp4 \\
        --key ana=ana.1001.png
    """


for command in (
    demo,
    matte,
    job,
    worker,
    panel,
    farm,
    propagate,
    preview,
    qc,
    verify,
    train,
    evaluate,
    synthesize,
    doctor,
    models,
    explain,
    bench,
):
    main.add_command(command)
