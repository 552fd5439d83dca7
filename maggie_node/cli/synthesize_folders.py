"""`maggie-node synthesize stills | clips | verify`: the paper's recipes on a user's own folders."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maggie_node.cli.commands import debug_option, together
from maggie_node.cli.numbers import FiniteNumber

if TYPE_CHECKING:
    from maggie_lab.recipes import ClipRecipe, Finding, Level, StillRecipe

VIOLATED = 4
"""Exit code of `verify` when a sample is not what it should be."""


class Numbers(click.ParamType):
    """Numbers with a separator between them, as a tuple."""

    def __init__(self, name: str, separator: str, kind: type[int] | type[float], count: int) -> None:
        self.name = name
        self._separator, self._kind, self._count = separator, kind, count

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(self._kind(part) for part in str(value).split(self._separator))
        except ValueError:
            numbers = ()
        if len(numbers) != self._count or not all(0 <= n < math.inf for n in numbers) or not any(numbers):
            self.fail(f"{value!r} is not {self.name}", param, ctx)
        return numbers


class Range(Numbers):
    """Two numbers, the first at most the second."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        low, high = super().convert(value, param, ctx)
        if low > high:
            self.fail(f"{value!r} begins with the larger number", param, ctx)
        return low, high


_RANGE = Range("LEAST-MOST", "-", float, 2)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def add_commands(group: click.Group) -> None:
    """Add `stills`, `clips` and `verify` to `maggie-node synthesize`."""
    for command in (stills, clips, verify):
        group.add_command(command)


_common = together(
    click.argument("foregrounds", type=_FOLDER, metavar="FG"),
    click.argument("backgrounds", type=_FOLDER, metavar="BG"),
    click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder to fill."),
    click.option("--train", type=click.IntRange(0), default=0, help="Samples for training."),
    click.option("--val", type=click.IntRange(0), default=0, help="Samples for validation, with masks."),
    click.option("--test", type=click.IntRange(0), default=0, help="Samples for testing, with masks."),
    click.option(
        "--shares",
        type=Numbers("TRAIN,VAL,TEST", ",", float, 3),
        default=(80, 10, 10),
        show_default="80,10,10",
        help="How people, clips and backgrounds are shared out; each is in one split only.",
    ),
    click.option(
        "--people",
        type=Range("LEAST-MOST", "-", int, 2),
        default=(2, 4),
        show_default="2-4",
        help="People drawn.",
    ),
    click.option(
        "--canvas",
        type=Numbers("WIDTHxHEIGHT", "x", int, 2),
        help="Size of the images; the background's own without it.",
    ),
    click.option("--unmix", is_flag=True, help="Take the old background out of soft edges."),
    click.option("--keep-layers", is_flag=True, help="Keep foregrounds and backgrounds; write PNG."),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
    click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes."),
    debug_option,
)
"""What making stills and making clips have in common."""


@click.command(short_help="Compose stills of your own people and places.")
@_common
@click.option(
    "--scale",
    type=_RANGE,
    default=(0.5, 0.9),
    show_default="0.5-0.9",
    help="Person over image height.",
)
@click.option(
    "--most-hidden",
    type=FiniteNumber(0, 1),
    default=0.3,
    show_default=True,
    help="The most one person may hide of another.",
)
def stills(
    *,
    people: tuple[int, int],
    canvas: tuple[int, int] | None,
    scale: tuple[float, float],
    most_hidden: float,
    unmix: bool,
    **options: Any,
) -> None:
    """Compose stills as I-HIM50K and HIM2K have them.

    FG holds people: RGBA images, images with NAME_alpha beside them, or clips. BG holds places. --train
    is written as I-HIM50K; --val and --test as HIM2K with ten variants of masks.

    \b
    For example:
      maggie-node synthesize stills FG BG -o SET --train 2000 --test 50
    """
    from maggie_lab.recipes import StillRecipe

    _make(StillRecipe(people, canvas, scale, most_hidden, unmix), **options)


@click.command(short_help="Compose clips at three levels of occlusion.")
@_common
@click.option(
    "--level",
    "levels",
    type=click.Choice(["easy", "medium", "hard"]),
    multiple=True,
    help="Make this level only. Repeatable.",
)
@click.option(
    "--scale",
    type=_RANGE,
    help="Enlarge people over what lets them stand side by side (medium 1-1.5, hard 1-2).",
)
@click.option(
    "--occlusion",
    "limits",
    metavar="LEVEL=LEAST-MOST",
    multiple=True,
    help="Largest share hidden in a clip (easy=0-0.05, medium=0.05-0.3, hard=0.5-0.85). Repeatable.",
)
@click.option("--frames", type=click.IntRange(1), default=30, show_default=True, help="Length of a clip.")
def clips(
    *,
    people: tuple[int, int],
    canvas: tuple[int, int] | None,
    levels: tuple[str, ...],
    scale: tuple[float, float] | None,
    limits: tuple[str, ...],
    frames: int,
    unmix: bool,
    **options: Any,
) -> None:
    """Compose clips as V-HIM2K5 and V-HIM60 have them.

    FG holds clips of people: folders of RGBA frames, folders or movies with NAME_alpha beside them. BG holds
    places, stills or clips. --train, --val and --test count clips of each level; --train is written as
    V-HIM2K5, the others as V-HIM60 with masks.

    \b
    For example:
      maggie-node synthesize clips FG BG -o SET --train 100 --test 20
    """
    from maggie_lab.recipes import ClipRecipe

    recipe = ClipRecipe(people, canvas, frames, _levels(scale, limits), unmix)
    _make(recipe, levels=levels or tuple(level.name for level in recipe.levels), **options)


def _levels(scale: tuple[float, float] | None, limits: tuple[str, ...]) -> tuple[Level, ...]:
    from maggie_lab.recipes import LEVELS

    changed = dict(LEVELS)
    for name, level in changed.items():
        if scale is not None and name != "easy":
            changed[name] = dataclasses.replace(level, scale=scale)
    for text in limits:
        name, _, limit = text.partition("=")
        if name not in changed:
            raise click.BadParameter(f"{text!r} is not LEVEL=LEAST-MOST", param_hint="'--occlusion'")
        occlusion = _RANGE.convert(limit, None, None)
        changed[name] = dataclasses.replace(changed[name], occlusion=occlusion)
    return tuple(changed.values())


def _make(
    recipe: StillRecipe | ClipRecipe,
    *,
    train: int,
    val: int,
    test: int,
    workers: int,
    **plan: Any,
) -> None:
    from maggie_lab.recipes import SetPlan, make_set

    if not train + val + test:
        raise click.UsageError("nothing to make: say how many by --train, --val or --test")
    progress = Progress("samples")
    made = make_set(SetPlan(recipe=recipe, counts=(train, val, test), **plan), workers=workers, tell=progress)
    click.echo(f"{plan['out']}: {made} samples made, {progress.total - made} were there")


class Progress:
    """Tells on stderr how much of a long command is done, from its first second on.

    In a terminal it rewrites one line; elsewhere, as in a log, it writes a line at once, one every
    `LOG_EVERY_S`, and the last.
    """

    LOG_EVERY_S = 30.0

    def __init__(self, what: str) -> None:
        self.total = 0
        self._what = what
        self._live = sys.stderr.isatty()
        self._began: tuple[float, int] | None = None
        self._told_at = 0.0

    def __call__(self, done: int, of: int) -> None:
        now = time.monotonic()
        self.total = of
        is_first = self._began is None
        if self._began is None:
            self._began = now, done
        if is_first or done == of or self._live or now - self._told_at >= self.LOG_EVERY_S:
            self._told_at = now
            line = f"{done} of {of} {self._what}{self._left(now, done, of)}"
            click.echo(f"\r{line:<50}" if self._live else line, nl=not self._live or done == of, err=True)

    def _left(self, now: float, done: int, of: int) -> str:
        """How long the rest will take, at the pace of this run."""
        began, there = self._began or (now, done)
        if done == there or done == of:
            return ""
        seconds = (now - began) / (done - there) * (of - done)
        return f", {seconds / 60:.0f} min left" if seconds >= 90 else f", {seconds:.0f} s left"


@click.command(short_help="Recompute occlusion, sums of alphas and composites of a set.")
@click.argument("root", type=_FOLDER)
@click.option("--json", "as_json", is_flag=True, help="As one JSON list.")
@debug_option
def verify(root: Path, *, as_json: bool) -> int:
    """Look at every sample below ROOT, a made set or a published one; exit code 4 when one is not right.

    Occlusion is known where whole mattes are (folder whole/), the composite where layers were kept.

    \b
    For example:
      maggie-node synthesize verify SET
    """
    from maggie_lab.recipes import verify_set

    findings: list[Finding] = []
    for finding in verify_set(root):
        findings.append(finding)
        if not as_json:
            _show(finding, is_first=len(findings) == 1)
    bad = sum(bool(finding.problems) for finding in findings)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        click.echo(f"{len(findings)} samples, {bad} with problems")
    return VIOLATED if bad else 0


def _show(finding: Finding, *, is_first: bool) -> None:
    if is_first:
        click.echo("people frames  claims  is      hidden    sum  diff  name")
    hidden = "?" if finding.occlusion is None else f"{finding.occlusion:.1%}"
    differs = "?" if finding.difference is None else f"{finding.difference:.0f}"
    click.echo(
        f"{finding.people:>6} {finding.frames:>6}  {finding.level or '-':<7} {finding.found or '-':<7} "
        f"{hidden:>6} {1 + finding.excess:>6.3f} {differs:>5}  {finding.name}"
    )
    for problem in finding.problems:
        click.echo(f"        PROBLEM  {problem}")
