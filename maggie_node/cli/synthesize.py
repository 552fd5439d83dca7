"""`maggie-node synthesize`: images with known mattes, generated or composed of a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from maggie_api.text import counted
from maggie_node.cli.commands import debug_option, together
from maggie_node.cli.progress import StepLines
from maggie_node.cli.synthesize_folders import Progress, add_commands

_FOLDER = click.Path(file_okay=False, path_type=Path)
_SEVERITIES = click.Choice(["mixed", "good", "typical", "rough"])


@click.group(short_help="Make images with known mattes.")
def synthesize() -> None:
    """Images whose mattes are known, to train on and to measure with.

    bank, samples and sheet generate people; stills and clips compose your own.

    \b
    For example:
      maggie-node synthesize bank bank
    """


@synthesize.command(short_help="Draw figures and backgrounds once, for all samples.")
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option("--figures", type=click.IntRange(1), default=2500, show_default=True)
@click.option(
    "--puppets", type=click.IntRange(0), help="Figures that move. Default: a fifth as many as --figures."
)
@click.option("--backgrounds", type=click.IntRange(1), help="Default: as many as --figures.")
@click.option("--size", "size_px", type=click.IntRange(64), default=384, show_default=True, help="Pixels.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--images", type=_FOLDER, help="Your photographs: every second background is one of them.")
@click.option("--cutouts", type=_FOLDER, help="Your RGBA cut-outs: every second figure is one of them.")
@debug_option
def bank(
    *,
    folder: Path,
    figures: int,
    puppets: int | None,
    backgrounds: int | None,
    workers: int,
    images: Path | None,
    cutouts: Path | None,
    **plan: Any,
) -> None:
    """Draw a bank into DIR: about a third of a second per figure and process. What is there is kept.

    A bank that is there is gone on with by the same options; --workers may be another.

    \b
    For example:
      maggie-node synthesize bank bank --workers 8
    """
    from maggie_lab.synthesis import BankPlan, build_bank

    puppets = figures // 5 if puppets is None else puppets
    backgrounds = figures if backgrounds is None else backgrounds
    for name, own_folder, kind, count in (
        ("--images", images, "--backgrounds", backgrounds),
        ("--cutouts", cutouts, "--figures", figures),
    ):
        if own_folder is not None and count < 2:
            raise click.UsageError(f"{name} has no effect with {kind} {count}: every second one is yours")
    own, cut = (str(path.resolve()) if path else "" for path in (images, cutouts))
    made = BankPlan(figures, backgrounds=backgrounds, puppets=puppets, images=own, cutouts=cut, **plan)
    build_bank(folder, made, workers=workers, tell=Progress("items"))
    counts = ("figure", made.figures), ("puppet", made.puppets), ("background", made.backgrounds)
    click.echo(f"{folder}: {', '.join(counted(number, noun) for noun, number in counts)}")


_drawn = together(
    click.option("--bank", "bank_folder", type=_FOLDER, help="A bank; a small one is drawn without it."),
    click.option("--count", type=click.IntRange(1), default=24, show_default=True),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
    click.option("--clips", is_flag=True, help="Clips, not stills."),
    click.option("--frames", type=click.IntRange(2), default=8, show_default=True, help="Of a clip."),
    click.option("--severity", type=_SEVERITIES, default="mixed", show_default=True, help="Of guidance."),
    debug_option,
)
"""What samples and sheets have in common."""


@synthesize.command(short_help="Write generated samples in a published layout.")
@click.argument("folder", type=_FOLDER, metavar="DIR")
@_drawn
@click.option("--size", "size_px", type=click.IntRange(64), default=512, show_default=True, help="Pixels.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
def samples(
    *,
    folder: Path,
    bank_folder: Path | None,
    clips: bool,
    frames: int,
    workers: int,
    **plan: Any,
) -> None:
    """Write samples into DIR: stills as HIM2K (variant "generated"), clips as V-HIM2K5 with masks in xmem.

    A sample depends on the bank, the options and its number alone. What is there is kept: more samples may be
    asked for, other options need another folder. Without --bank a small bank is drawn into DIR/bank.

    \b
    For example:
      maggie-node synthesize samples samples --bank bank --count 100
    """
    from maggie_lab.synthesis import build_bank
    from maggie_lab.synthesis.bank import plan_of
    from maggie_lab.synthesis.making import SamplePlan, check_continued, make_samples

    bank = bank_folder or folder / "bank"
    wanted = SamplePlan(bank, folder, frames=_clip_length(clips, frames), **plan)
    check_continued(wanted)
    if bank_folder is None:
        small = plan_of(bank) or _small_bank(plan["count"], plan["seed"])
        build_bank(bank, small, workers=workers, tell=Progress("items of a small bank"))
    made = make_samples(wanted, workers=workers, tell=Progress("samples"))
    click.echo(f"{folder}: {made} samples made, {wanted.count - made} were there")


@synthesize.command(short_help="An image of some samples.")
@click.argument("image", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.png")
@_drawn
@click.option("--size", "size_px", type=click.IntRange(64), default=256, show_default=True, help="Pixels.")
def sheet(
    *,
    image: Path,
    bank_folder: Path | None,
    count: int,
    seed: int,
    clips: bool,
    frames: int,
    **look: Any,
) -> None:
    """Draw OUT.png (or .jpg): samples with guidance and alphas below, one colour per person.

    \b
    For example:
      maggie-node synthesize sheet sheet.png --bank bank
    """
    from maggie_lab.synthesis import Bank, DrawnBank
    from maggie_lab.synthesis.making import contact_sheet, draw_sample, write_sheet

    source = Bank(bank_folder) if bank_folder else DrawnBank(_small_bank(count, seed))
    length = _clip_length(clips, frames)
    drawn = []
    with StepLines() as step:
        for index in range(count):
            step("drawing samples", index, count)
            drawn.append(draw_sample(source, seed=seed, index=index, frames=length, **look))
    write_sheet(image, contact_sheet(drawn, columns=2 if clips else 6))
    click.echo(f"{image}: {count} samples of seed {seed}")


def _clip_length(clips: bool, frames: int) -> int:
    """Frames of a clip, 0 for stills."""
    context = click.get_current_context()
    if not clips and context.get_parameter_source("frames") is not ParameterSource.DEFAULT:
        raise click.UsageError("--frames has no effect without --clips: give both, or neither")
    return frames if clips else 0


def _small_bank(count: int, seed: int) -> Any:
    from maggie_lab.synthesis import BankPlan

    figures = min(200, 16 + count)
    return BankPlan(figures=figures, backgrounds=figures, puppets=figures // 2, seed=seed)


add_commands(synthesize)
