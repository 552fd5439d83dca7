"""`maggie-node verify`: re-checks delivered mattes, pixel by pixel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from maggie_api.errors import SOME_FAILED, FrameError
from maggie_api.job import read_job
from maggie_api.text import counted
from maggie_node.cli.commands import debug_option
from maggie_node.cli.progress import StepLines
from maggie_node.cli.qc import checking
from maggie_node.cli.running import stoppable

if TYPE_CHECKING:
    from maggie_core.qc.verify import Fault


@click.command(short_help="Re-check delivered mattes: complete, whole, of one recipe, sound.")
@click.argument("mattes", metavar="DIR|MATTES", required=False)
@click.option(
    "--job",
    "document",
    metavar="JOB.json",
    type=click.Path(path_type=Path),
    help="Check what this job delivers: its frames, by the recipe it would have now.",
)
@click.option("--frames", metavar="RANGE", help="Frames that should be there; default: from first to last.")
@debug_option
def verify(*, mattes: str | None, document: Path | None, frames: str | None) -> int:
    """Re-check every sequence of mattes, PNG or TIFF and every movie in DIR, or MATTES such as
    matte.####.exr, x_ana.####.png or x.mov, or the mattes of a job.

    \b
    Every pixel is read. A frame is right when its files are there and whole,
    its windows, people and recipe are those of the other frames, and its alphas
    are finite and in 0..1. With --job its recipe must also be the one the job
    has now. PNG, TIFF and movies are right when they can be read to the end,
    have the size they were written with and the frames that they name.
    Exit code 3: some frames are not right.
      maggie-node verify out
      maggie-node verify --job job.json
    """
    if (mattes is None) == (document is None):
        raise click.UsageError("name a folder or mattes such as out/matte.####.exr, or give --job")
    if document is not None:
        return _say({str(document): _of_job(document, frames)})
    assert mattes is not None
    from maggie_core.qc.delivery import sequences_in
    from maggie_core.qc.verify_movie import movies_in
    from maggie_core.qc.verify_pictures import pictures_in

    named = Path(mattes)
    called = {mattes: mattes}
    if named.is_dir():
        called = {**sequences_in(named), **pictures_in(named)} | {str(m): str(m) for m in movies_in(named)}
    if not called:
        raise FrameError(f"{mattes} has no mattes of maggie-node: name the folder that a job wrote into")
    found = {pattern: _of_files(pattern, frames) for pattern in called}
    # A file alone of its sequence that can be read still stands for the sequence where others are missing.
    return _say({(called[what] if looked[0] == 1 else what): looked for what, looked in found.items()})


def _of_files(pattern: str, frames: str | None) -> tuple[int, tuple[Fault, ...]]:
    """How many frames were looked at, and the faults.

    Raises:
        FrameError: there are none, or files of a kind that is not read.
    """
    from maggie_core.io.frames import parse_frames
    from maggie_core.io.picture import PICTURE_SUFFIXES
    from maggie_core.qc import MatteFiles
    from maggie_core.qc.verify import verify as look
    from maggie_core.qc.verify_movie import MOVIE_SUFFIXES

    suffix = Path(pattern).suffix.lower()
    if suffix in MOVIE_SUFFIXES:
        return _of_movie(Path(pattern), frames)
    if suffix in PICTURE_SUFFIXES:
        return _of_pictures(pattern, frames)
    if suffix == ".json":
        raise FrameError(f"{pattern} is no matte: give a job as --job {pattern}")
    if suffix != ".exr":
        there = suffix or Path(pattern).exists()
        what = "is no matte or picture that a job writes" if there else "does not exist"
        raise FrameError(f"{pattern} {what}: name a folder, or mattes such as out/matte.####.exr or x.mov")
    files = MatteFiles(pattern)
    wanted = parse_frames(frames) if frames else files.expected
    if not wanted:
        raise FrameError(f"{pattern} matches no file: check the path and the number of # for the padding")
    with stoppable(), checking(len(wanted), quiet=False) as tell:
        return len(wanted), look(files, wanted, tell=tell)


def _of_pictures(pattern: str, frames: str | None) -> tuple[int, tuple[Fault, ...]]:
    from maggie_core.qc.verify_pictures import verify_pictures

    with stoppable(), StepLines() as step:
        what = f"reading {Path(pattern).name}"
        step(what)
        return verify_pictures(pattern, frames=frames, tell=lambda frame: step(what, frame))


def _of_movie(path: Path, frames: str | None) -> tuple[int, tuple[Fault, ...]]:
    from maggie_core.qc.verify import Fault
    from maggie_core.qc.verify_movie import verify_movie

    with stoppable(), StepLines() as step:
        what = f"reading {path.name}"
        step(what)
        count, found = verify_movie(path, frames=frames, tell=lambda frame: step(what, frame))
    return count, tuple(Fault(None, text) for text in found)


def _of_job(document: Path, frames: str | None) -> tuple[int, tuple[Fault, ...]]:
    from dataclasses import replace

    from maggie_core.qc import MatteFiles
    from maggie_core.qc.verify import Fault
    from maggie_core.qc.verify import verify as look
    from maggie_node import runner

    job = read_job(document)
    if not job.output.strip():
        raise FrameError(
            "the job keeps no mattes, only what it makes of them: verify those, such as maggie-node verify "
            f"{job.all_pictures[0]}"
        )
    if frames:
        job = replace(job, frames=frames)
    with stoppable() as checkpoint:
        with StepLines() as step:
            asked, outdated = runner.outdated(job, checkpoint=checkpoint, step=step)
        files = MatteFiles(job.mattes, frame=asked[0] if len(asked) == 1 else None)
        with checking(len(asked), quiet=False) as tell:
            faults = look(files, asked, tell=tell)
    told = {fault.frame for fault in faults}
    since = [Fault(f, "not what the job makes now: run it again") for f in outdated if f not in told]
    return len(asked), tuple(sorted((*faults, *since), key=lambda fault: fault.frame or 0))


def _say(found: dict[str, tuple[int, tuple[Fault, ...]]]) -> int:
    from maggie_core.qc.verify import as_lines

    for what, (count, faults) in found.items():
        for line in as_lines(faults):
            click.echo(line)
        wrong = len({fault.frame for fault in faults} - {None})
        verdict = f"{wrong} not right" if wrong else "not right" if faults else "all right"
        click.echo(f"{what}: {counted(count, 'frame')}, {verdict}")
    return SOME_FAILED if any(faults for _, faults in found.values()) else 0
