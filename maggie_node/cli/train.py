"""`maggie-node train`: a network from data, or the default fitted to one shot."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from maggie_node.cli.commands import CANCELLED, complain, debug_option

_LENGTHS = ("minutes", "steps")


@click.command(short_help="Train weights, or fit them to one shot.")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--recipe", metavar="default|lite|paper-image|paper-video", help="What and how; default: default."
)
@click.option("--experiment", metavar="NAME", help="A row of the paper's tables instead of a recipe.")
@click.option(
    "--data",
    multiple=True,
    metavar="KIND:DIR",
    help="bank:DIR, i-him50k:DIR, v-him2k5:DIR ... Repeatable; several are mixed evenly.",
)
@click.option("--validate", multiple=True, metavar="KIND:DIR", help="Data to validate with; repeatable.")
@click.option(
    "--from", "start", metavar="WEIGHTS", help="Start from these: as for --model, or checkpoint.pt."
)
@click.option(
    "--shot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="JOB.json",
    help="Fit to this job's shot, from --approved alphas of --frames.",
)
@click.option(
    "--approved",
    multiple=True,
    metavar="NAME=SEQUENCE[:CHANNEL]",
    help="With --shot: approved alphas of one instance. Repeatable.",
)
@click.option("--frames", metavar="RANGE", help="With --shot: the approved frames, e.g. 1001,1010,1020.")
@click.option("--minutes", type=float, help="Length of the training in time.")
@click.option("--steps", type=int, help="Length of the training in steps.")
@click.option("--batch", type=int, help="Stills a step and process.")
@click.option("--clips", "clip_batch", type=int, help="Clips a step and process.")
@click.option("--accumulate", type=int, help="Batches a step and process.")
@click.option("--crop", "crop_px", type=int, metavar="PX", help="Side of the crops.")
@click.option("--rate", "learning_rate", type=float, help="Highest learning rate.")
@click.option("--clip", type=float, help="Largest norm of the gradient.")
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), help="Of the dense stages.")
@click.option("--seed", type=int)
@click.option("--validate-every", type=int, metavar="STEPS", help="0 is never.")
@click.option(
    "--set",
    "others",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other setting, e.g. ema=0.9995. Repeatable.",
)
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda|mps")
@click.option("--workers", type=int, default=1, show_default=True, help="Processes that make batches.")
@click.option("--licence", metavar="TEXT", help="Of the weights that are made.")
@click.option(
    "--commercial", is_flag=True, help="Data and start allow commercial work: say so in the weights."
)
@debug_option
def train(
    *,
    run: Path,
    recipe: str | None,
    experiment: str | None,
    data: tuple[str, ...],
    validate: tuple[str, ...],
    start: str | None,
    shot: Path | None,
    approved: tuple[str, ...],
    frames: str | None,
    crop_px: int | None,
    others: tuple[str, ...],
    device: str,
    workers: int,
    licence: str | None,
    commercial: bool,
    **settings: Any,
) -> int:
    """Train in the folder RUN; run it again to go on where it stopped.

    \b
    RUN/best and RUN/last are weights for --model, RUN/log.csv and log.png
    the losses. Several GPUs: torchrun --nproc-per-node 4 -m maggie_node train ...
    For example:
      maggie-node synthesize bank bank
      maggie-node train runs/mine --data bank:bank --minutes 120
      maggie-node train runs/sh010 --from default --shot job.json \\
        --approved ana=ana.####.exr --frames 1001,1010,1020
    """
    from maggie_lab.training.loop import CHECKPOINT
    from maggie_lab.training.run import resumed
    from maggie_lab.training.run import train as train_run

    asked = {name: value for name, value in settings.items() if value is not None} | _others(others)
    if crop_px is not None:
        asked["crops"] = ((0.0, crop_px),)
    if "minutes" in asked and "steps" in asked:
        raise click.UsageError("--minutes and --steps exclude each other")
    for one, other in (_LENGTHS, _LENGTHS[::-1]):
        if one in asked:
            asked[other] = None
    if shot is not None:
        if recipe or experiment or data or validate:
            raise click.UsageError("--shot takes no recipe, experiment or data: the shot is the data")
        if licence or commercial:
            raise click.UsageError("--shot takes no licence: its weights have that of those they start from")
        return _train_shot(run, shot, approved, frames, start or "default", asked, device)
    if approved or frames:
        raise click.UsageError("--approved and --frames belong to --shot")
    if (run / CHECKPOINT).is_file():
        options = {"recipe": experiment or recipe, "data": data, "validate": validate, "start": start}
        plan = resumed(run / CHECKPOINT, asked | {name: x for name, x in options.items() if x})
    else:
        plan = _plan(asked, recipe, experiment, data, validate, start, licence, commercial)
    with stop_asked() as stopped:
        done = train_run(run, plan, device=device, workers=workers, stopped=stopped, tell=tell)
    return _ended(run, done)


def _train_shot(
    run: Path,
    shot: Path,
    approved: tuple[str, ...],
    frames: str | None,
    start: str,
    asked: dict[str, Any],
    device: str,
) -> int:
    from maggie_api.job import read_job
    from maggie_api.sequences import parse_frames
    from maggie_core.guidance import MaskSequence, combine
    from maggie_core.model import load_model
    from maggie_core.shot.matter import ShotMatter
    from maggie_lab.training.per_shot import approved_frames, shot_settings
    from maggie_lab.training.run import train_shot
    from maggie_node.cli.guidance import parse_mask
    from maggie_node.job_inputs import open_shot

    if not approved or not frames:
        raise click.UsageError("--shot needs --approved NAME=SEQUENCE and --frames, e.g. 1001,1010,1020")
    job = read_job(shot)
    opened = open_shot(job)
    masks = [parse_mask(each) for each in approved]
    truths = combine([MaskSequence(mask.name, mask.sequence, channel=mask.channel) for mask in masks])
    model = load_model(start, device="cpu")
    matter = ShotMatter(model, opened.plate, opened.guidance, opened.settings, shot_frames=opened.shot_frames)
    known = approved_frames(matter, truths, parse_frames(frames))
    settings = shot_settings(**asked)
    with stop_asked() as stopped:
        done = train_shot(
            run, known, start, settings, shot=job.plate, device=device, stopped=stopped, tell=tell
        )
    return _ended(run, done)


def _ended(run: Path, done: bool) -> int:
    if not done:
        complain(f"stopped; run it again to go on from {run / 'checkpoint.pt'}")
        return CANCELLED
    click.echo(f"weights are in {run}: {' and '.join(x for x in ('best', 'last') if (run / x).is_dir())}")
    return 0


def _others(given: tuple[str, ...]) -> dict[str, Any]:
    """`NAME=VALUE` settings, values as JSON or plain words."""
    from dataclasses import fields

    from maggie_lab.training.settings import TrainSettings

    defaults = {field.name: field.default for field in fields(TrainSettings)}
    found: dict[str, Any] = {}
    for text in given:
        name, equals, written = text.partition("=")
        if not equals or name not in defaults or name == "losses":
            raise click.BadParameter(f"{text!r} is not NAME=VALUE of a setting", param_hint="'--set'")
        try:
            value = _tuples(json.loads(written))
        except ValueError:
            value = written
        if _sort(value) != _sort(defaults[name]) and defaults[name] is not None:
            needed = {"float": "a number", "str": "a word", "bool": "true or false"}
            said = needed.get(_sort(defaults[name]), "a list")
            raise click.BadParameter(f"{name} is {written}: it needs to be {said}", param_hint="'--set'")
        found[name] = value
    return found


def _sort(value: Any) -> str:
    """What kind of value it is; whole numbers are numbers."""
    return "float" if type(value) is int else type(value).__name__


def _tuples(value: Any) -> Any:
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value


def _plan(
    asked: dict[str, Any],
    recipe: str | None,
    experiment: str | None,
    data: tuple[str, ...],
    validate: tuple[str, ...],
    start: str | None,
    licence: str | None,
    commercial: bool,
) -> Any:
    from dataclasses import replace

    from maggie_lab.training.experiments import find_experiment
    from maggie_lab.training.run import Plan
    from maggie_lab.training.settings import find_recipe

    if recipe and experiment:
        raise click.UsageError("--recipe and --experiment exclude each other")
    chosen = find_experiment(experiment).recipe if experiment else find_recipe(recipe or "default")
    return Plan(
        replace(chosen.settings, **asked),
        chosen.widths,
        data,
        experiment or recipe or "default",
        validate,
        start,
        chosen.needs_weights,
        licence,
        commercial,
    )


def tell(row: dict[str, float]) -> None:
    """A line of the log, for a person."""
    parts = [f"step {row['step']:.0f}", f"{row['minutes']:.1f} min", f"loss {row['loss']:.4f}"]
    parts += [f"held-out {name} {row[name]:.2f}" for name in ("MAD", "MSE") if name in row]
    click.echo("  ".join(parts), err=True)


@contextmanager
def stop_asked() -> Iterator[Callable[[], bool]]:
    """The first SIGINT or SIGTERM is noted, so that the step under way can end; the next one interrupts."""
    asked = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
