"""`maggie-node qc`: check delivered mattes without ground truth."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from maggie_api.errors import QC_EXCEEDED
from maggie_api.job import Guidance, MatteJob, read_job
from maggie_node.cli.commands import debug_option
from maggie_node.cli.guidance import GuidedCommand, guidance_options
from maggie_node.cli.progress import StepLines, progress_bar
from maggie_node.cli.running import stoppable

if TYPE_CHECKING:
    from maggie_core.qc import Limit, Subject

_KEYS_ONLY = (
    "the mattes of {} are not compared with masks, because there are key masks alone: write the masks of all "
    "frames with maggie-node propagate, and give them as --guidance"
)
_NO_MASKS = (
    "mattes are not compared with masks: what they lost, and what is somebody else's, shows only with "
    "--guidance"
)
RESULT, PAGE = "qc.json", "qc.html"


class LimitOption(click.ParamType):
    """`NAME=VALUE`, a number, a range such as `-30..40`, `..40` or `5..`; or `none` for no limit."""

    name = "limit"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Limit | float | None]:
        from maggie_core.qc import Limit

        name, _, text = str(value).partition("=")
        low, is_range, high = text.strip().partition("..")
        try:
            if low == "none" and not is_range:
                return name.strip(), None
            if not is_range:
                return name.strip(), float(low)
            if low or high:
                return name.strip(), Limit(float(low) if low else None, float(high) if high else None)
        except ValueError:
            pass
        self.fail(
            f"{value!r} is not NAME=VALUE, such as flicker=1.5, area_drift=-30..40, iou=0.5.. or specks=none",
            param,
            ctx,
        )


class _Segment(click.ParamType):
    """Frames in a segment, or `whole`."""

    name = "segment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | Literal["whole"]:
        if value == "whole":
            return "whole"
        try:
            frames = int(value)
        except ValueError:
            frames = 0
        if frames < 1:
            self.fail(f"{value!r} is neither a number of frames nor 'whole'", param, ctx)
        return frames


@click.command(cls=GuidedCommand, short_help="Check delivered mattes without ground truth.")
@click.argument("mattes", required=False)
@click.option(
    "--job",
    "document",
    metavar="JOB.json",
    type=click.Path(path_type=Path),
    help="Take mattes, frames, plate, guidance and segments from a job.",
)
@click.option("-o", "--output", "--out", required=True, metavar="DIR", type=click.Path(path_type=Path))
@click.option("--plate", help="Plate that the mattes belong to.")
@guidance_options
@click.option(
    "--frames", metavar="RANGE", help="Frames that should be there; default: the job's, or the plate's."
)
@click.option(
    "--shot-frames", metavar="RANGE", help="Frames of the whole shot; segments are counted from its first."
)
@click.option(
    "--segment",
    "segment_frames",
    type=_Segment(),
    metavar="N|whole",
    help="Frames that share one chain of state; default: as the mattes' headers say.",
)
@click.option("--plate-layer", metavar="LAYER", help="Layer that holds the plate's RGB.")
@click.option("--ocio", metavar="CONFIG", help="OCIO configuration; default: $OCIO, then the built-in one.")
@click.option(
    "--colorspace",
    metavar="NAME",
    help="Colour space of the plate; default: by the configuration's file rules.",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    type=LimitOption(),
    metavar="NAME=VALUE",
    help="Limit of a measure: a number, LOW..HIGH (either may be left out), or none. Repeatable.",
)
@click.option("--verbose", is_flag=True, help="Print the worst value of every measure too.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@debug_option
def qc(
    *,
    mattes: str | None,
    document: Path | None,
    output: Path,
    limits: tuple[tuple[str, Limit | float | None], ...],
    verbose: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Check MATTES, or the mattes of JOB.json: complete, readable, alike, steady, no seams.

    \b
    What is wrong is printed, the worst first; DIR has all numbers and a page.
    With plate and guidance more is measured. Exit code 4: a limit was exceeded.
      maggie-node qc --job job.json -o qc
      maggie-node qc matte.####.exr --plate plate.####.exr -o qc \\
        --limit flicker=1.5
    """
    from maggie_core.qc import as_table, as_text, limits_with, needed_for, unmeasured

    asked = limits_with(limits)
    subject = _asked(mattes, document, given)
    masks = subject.guidance is not None
    needed_for(limits, plate=subject.plate is not None, guidance=bool(subject.guided), masks=masks)
    checked, findings, result = _measured(subject, output, asked, quiet=as_json)
    if as_json:
        click.echo(result)
    else:
        if verbose:
            click.echo(as_table(checked, asked))
        for name in unmeasured(checked, (name for name, change in limits if change is not None)):
            click.echo(f"note: {name} was not measured in these frames, so its limit says nothing")
        click.echo(f"{as_text(checked, findings)}; page: {output / PAGE}")
    return QC_EXCEEDED if findings else 0


def check_mattes(
    subject: Subject, output: Path, limits: tuple[tuple[str, Limit | float | None], ...]
) -> tuple[int, str]:
    """Check mattes and write what was found into a folder. Returns an exit code, and a sentence."""
    from maggie_core.qc import as_text, limits_with

    checked, findings, _ = _measured(subject, output, limits_with(limits), quiet=True)
    return (QC_EXCEEDED if findings else 0), f"{as_text(checked, findings)}; page: {output / PAGE}"


def _measured(subject: Subject, output: Path, limits: Any, *, quiet: bool) -> tuple[Any, Any, str]:
    """What was measured, what exceeds its limit, and both as JSON, which is written with a page."""
    from maggie_core.io.atomic import write_text
    from maggie_core.qc import as_data, as_page, check, find, samples, thumbnails

    with stoppable(), checking(len(subject.frames), quiet=quiet) as tell:
        checked = check(subject, tell=tell)
    findings = find(checked, limits)
    result = json.dumps(as_data(checked, findings, limits), indent=1, ensure_ascii=False)
    write_text(output / RESULT, result + "\n")
    page = as_page(checked, findings, limits, thumbnails(checked, findings), samples(checked))
    write_text(output / PAGE, page)
    return checked, findings, result


def _asked(mattes: str | None, document: Path | None, given: dict[str, Any]) -> Subject:
    if document is None:
        if mattes is None:
            raise click.UsageError("name the mattes, such as matte.####.exr, or give --job")
        return _of_files(mattes, **given)
    frames = given.pop("frames")
    known = [name for name, value in {"mattes": mattes, **given}.items() if value]
    if known:
        raise click.UsageError(f"--job says it all: drop {', '.join(known)}, or drop --job")
    job = read_job(document)
    return subject_of(replace(job, frames=frames) if frames else job)


def subject_of(job: MatteJob) -> Subject:
    """What a job delivers, and all it knows about it."""
    from maggie_core.color import ColorSettings
    from maggie_core.guidance.names import listing
    from maggie_core.qc import MatteFiles, PlateImages, Subject
    from maggie_node.job_inputs import held_frames, open_shot

    shot = open_shot(job, to_write=False)
    settings = shot.settings
    keyed = [name for name in shot.guidance.names if name in shot.guidance.keyed]
    return Subject(
        MatteFiles(job.mattes, frame=shot.frames[0] if len(shot.frames) == 1 else None),
        shot.frames,
        shot.shot_frames,
        segment_frames=job.segment_frames,
        plate=PlateImages.of(
            shot.plate,
            ColorSettings(settings.ocio, settings.colorspace, settings.exposure_ev, settings.highlights),
            layer=settings.plate_layer,
        ),
        guidance=shot.guidance,
        notes=(_KEYS_ONLY.format(listing(keyed)),) if keyed else (),
        holds=shot.hand.holds,
        held=held_frames(job, shot),
        overlap=settings.overlap,
        working_px=settings.working_px,
    )


def _of_files(
    mattes: str,
    *,
    plate: str | None,
    guidance: tuple[Guidance, ...],
    frames: str | None,
    shot_frames: str | None,
    segment_frames: int | Literal["whole"] | None,
    plate_layer: str | None,
    ocio: str | None,
    colorspace: str | None,
) -> Subject:
    from maggie_api.errors import FrameError
    from maggie_core.color import ColorSettings
    from maggie_core.guidance import combine
    from maggie_core.io.frames import compact_frames, open_source, parse_frames
    from maggie_core.qc import MatteFiles, PlateImages, Subject
    from maggie_node.job_inputs import guidance_source

    suffix = Path(mattes).suffix.lower()
    if suffix == ".json":
        raise FrameError(f"{mattes} is no matte: give a job as --job {mattes}")
    if suffix not in ("", ".exr"):
        raise FrameError(f"{mattes} is no EXR: name mattes such as out/matte.####.exr; verify reads movies")
    source = open_source(plate) if plate else None
    files = MatteFiles(mattes, plate=source)
    wanted = parse_frames(frames) if frames else source.expected if source else files.expected
    if not wanted:
        raise FrameError(f"{mattes} matches no file: check the path and the number of # for the padding")
    shot = parse_frames(shot_frames) if shot_frames else source.expected if source else wanted
    outside = sorted(set(wanted) - set(shot))
    if outside:
        raise FrameError(
            f"frames {compact_frames(outside)} are outside the shot, which is {compact_frames(shot)}: "
            "change --frames, or say which frames the shot has with --shot-frames"
        )
    colour = ColorSettings(ocio, colorspace)
    return Subject(
        files,
        wanted,
        shot,
        segment_frames=segment_frames or "header",
        plate=PlateImages.of(source, colour, layer=plate_layer) if source else None,
        guidance=combine([guidance_source(each, shot) for each in guidance]) if guidance else None,
        notes=() if guidance else (_NO_MASKS,),
    )


@contextmanager
def checking(total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Progress on stderr: a bar in a terminal, and lines in a log where it takes long."""
    if quiet:
        yield lambda frame: None
        return
    if not sys.stderr.isatty():
        done = count(1)
        with StepLines() as step:
            step("checking mattes", 0, total)
            yield lambda frame: step("checking mattes", next(done), total)
        return
    with progress_bar() as bar:
        task = bar.add_task("", total=total, rate="")
        yield lambda frame: bar.update(task, advance=1, rate=f"frame {frame}")
