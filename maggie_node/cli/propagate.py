"""`maggie-node propagate`: the masks that are made of a job's key masks, as files to look at and repair."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from maggie_api.settings import RunSettings, options_of
from maggie_node.cli.commands import TRACKER, debug_option
from maggie_node.cli.progress import StepLines


@click.command(short_help="Follow people from key masks, and write a mask for every frame.")
@click.argument("job", metavar="JOB.json", type=click.Path(path_type=Path))
@click.option("-o", "--output", "--out", required=True, metavar="OUT", help="E.g. masks.####.png.")
@click.option(
    "--tracker",
    metavar=TRACKER,
    help=f"In place of the job's. {options_of(RunSettings)['tracker'].help}",
)
@click.option("--json", "as_json", is_flag=True, help="Who is lost, on stdout, one JSON object a line.")
@debug_option
def propagate(*, job: Path, output: str, tracker: str | None, as_json: bool) -> int:
    """Write the masks that JOB.json mattes with: a file for each frame of it and each person.

    JOB.json is a job document with key masks, as `matte --key ... --print-job` prints it; masks.####.png
    gives masks_ana.####.png and masks_ben.####.png: 0 and 1 on the grid that the network sees, good as
    --guidance once they are repaired. With the job's cache they are made once, and matting finds them there.

    \b
    For example:
      maggie-node matte plate.####.exr -o matte.####.exr \\
        --key ana=ana.1001.png --print-job > keys.json
      maggie-node propagate keys.json -o masks.####.png
    """
    from maggie_api.errors import JobError
    from maggie_api.events import Warning, to_line
    from maggie_api.job import read_job
    from maggie_node.propagating import write_masks

    document = read_job(job)
    if tracker is not None:
        document = replace(document, tracker=tracker).anchored(Path.cwd())
    if not any(source.kind == "key" for source in document.guidance):
        raise JobError(f"{job} has no key masks: print one with maggie-node matte --key ... --print-job")
    with StepLines() as step:
        for said in write_masks(document, str(Path(output).absolute()), step=step):
            if isinstance(said, Warning) and as_json:
                click.echo(to_line(said))
            click.echo(said.text if isinstance(said, Warning) else said, err=True)
    return 0
