"""`maggie-node train`: a network from data, or the default fitted to one shot."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import FrameType
from typing import Any

import click

from maggie_api.errors import CANCELLED
from maggie_node.cli.commands import complain, debug_option

NOT_WITH_SHOT = {
    **dict.fromkeys(
        ("recipe", "experiment", "data", "validate"), "recipe, experiment or data: the shot is the data"
    ),
    **dict.fromkeys(("licence", "commercial"), "licence: its weights have that of those they start from"),
}
"""Options that --shot excludes, and what is said of each."""
ONLY_WITH_SHOT = ("approved", "frames")
PLAN_OPTIONS = ("recipe", "data", "validate", "start", "licence", "commercial")
"""Options of a training that are no settings; they are kept in its checkpoint."""


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
@click.option("--seed", type=int, help="Of all that is random.")
@click.option("--validate-every", type=int, metavar="STEPS", help="0 is never.")
@click.option(
    "--set",
    "others",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other setting, e.g. ema=0.9995. Repeatable.",
)
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda|mps")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Processes that make batches; 0: none beside the training. Default: 1, with --shot 0.",
)
@click.option("--licence", metavar="TEXT", help="Of the weights that are made.")
@click.option(
    "--commercial", is_flag=True, help="Data and start allow commercial work: say so in the weights."
)
@debug_option
@click.pass_context
def train(ctx: click.Context, *, run: Path, **given: Any) -> int:
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
    flags = {each.name: each.opts[-1] for each in ctx.command.params if each.name}
    asked = {name: value for name, value in given.items() if not _is_absent(value)}
    _check_together(asked, flags)
    with stop_asked() as stop:
        say("starting")
        if "shot" in asked:
            done = _train_shot(run, asked, flags, stop)
        else:
            done = _train(run, asked, flags, stop)
    return _ended(run, done)


def _is_absent(value: Any) -> bool:
    """Whether an option without a default was left out; 0 was not."""
    return value is None or value is False or value == ()


def _check_together(asked: Mapping[str, Any], flags: Mapping[str, str]) -> None:
    """Refuse options that exclude each other, before anything is loaded."""
    for one, other in (("minutes", "steps"), ("recipe", "experiment")):
        if one in asked and other in asked:
            raise click.UsageError(f"{flags[one]} and {flags[other]} exclude each other")
    if "shot" in asked:
        for name, why in NOT_WITH_SHOT.items():
            if name in asked:
                raise click.UsageError(f"--shot takes no {why}")
        if not all(name in asked for name in ONLY_WITH_SHOT):
            raise click.UsageError("--shot needs --approved NAME=SEQUENCE and --frames, e.g. 1001,1010,1020")
    elif any(name in asked for name in ONLY_WITH_SHOT):
        raise click.UsageError("--approved and --frames belong to --shot")


def _train(run: Path, asked: Mapping[str, Any], flags: Mapping[str, str], stop: Stop) -> bool:
    from maggie_lab.training import plan as plans
    from maggie_lab.training.run import train as train_run

    settings, flags = _settings(asked, flags)
    options = {name: asked[name] for name in PLAN_OPTIONS if name in asked}
    if "experiment" in asked:
        options["recipe"] = asked["experiment"]
    state = plans.begun_training(run)
    if state is None:
        plan = _new_plan(settings, options, is_experiment="experiment" in asked)
        plans.check_effect(plan, {**settings, **options}, flags=flags)
    else:
        plan = plans.resumed(run, state, {**settings, **options})
    return train_run(
        run, plan, device=asked["device"], workers=asked.get("workers", 1), stopped=stop, tell=tell, say=say
    )


def _train_shot(run: Path, asked: Mapping[str, Any], flags: Mapping[str, str], stop: Stop) -> bool:
    from maggie_api.job import read_job
    from maggie_api.sequences import parse_frames
    from maggie_core.guidance import MaskSequence, combine
    from maggie_core.model import load_model
    from maggie_core.shot.matter import ShotMatter
    from maggie_lab.training.per_shot import approved_frames
    from maggie_lab.training.run import train_shot
    from maggie_node.cli.guidance import parse_mask
    from maggie_node.job_inputs import open_shot

    settings, flags = _settings(asked, flags)
    start = asked.get("start", "default")
    job = read_job(asked["shot"])
    opened = open_shot(job)
    masks = [parse_mask(each) for each in asked["approved"]]
    truths = combine([MaskSequence(mask.name, mask.sequence, channel=mask.channel) for mask in masks])
    model = load_model(start, device="cpu")
    matter = ShotMatter(
        model,
        opened.plate,
        opened.guidance,
        opened.settings,
        shot_frames=opened.shot_frames,
        tracker=job.tracker,
    )
    say(f"matting the approved frames with {start}")
    known = approved_frames(matter, truths, parse_frames(asked["frames"]))
    return train_shot(
        run,
        known,
        start,
        settings,
        shot=job.plate,
        device=asked["device"],
        workers=asked.get("workers", 0),
        stopped=stop,
        tell=tell,
        say=say,
        flags=flags,
    )


def _ended(run: Path, done: bool) -> int:
    if not done:
        complain(f"stopped; run it again to go on from {run / 'checkpoint.pt'}")
        return CANCELLED
    click.echo(f"weights are in {run}: {' and '.join(x for x in ('best', 'last') if (run / x).is_dir())}")
    return 0


def _settings(asked: Mapping[str, Any], flags: Mapping[str, str]) -> tuple[dict[str, Any], Mapping[str, str]]:
    """Settings among the options by name, and `flags` with how each of them was written."""
    from dataclasses import fields

    from maggie_lab.training.settings import TrainSettings

    names = {each.name for each in fields(TrainSettings)}
    settings = {name: value for name, value in asked.items() if name in names}
    written = dict(flags)
    if "crop_px" in asked:
        settings["crops"], written["crops"] = ((0.0, asked["crop_px"]),), flags["crop_px"]
    for name, value in _others(asked.get("others", ())).items():
        if name in settings:
            raise click.UsageError(f"{written[name]} and --set {name} are the same setting: leave one out")
        settings[name], written[name] = value, f"--set {name}"
    return settings, written


def _others(given: tuple[str, ...]) -> dict[str, Any]:
    """`NAME=VALUE` settings, values as JSON or plain words."""
    from dataclasses import fields

    from maggie_lab.training.settings import TrainSettings

    defaults = {each.name: each.default for each in fields(TrainSettings) if each.name != "loss_weights"}
    found: dict[str, Any] = {}
    for text in given:
        name, equals, written = text.partition("=")
        if not equals or name not in defaults:
            near = get_close_matches(name, defaults, n=1)
            known = f"did you mean {near[0]}?" if near else f"known are {', '.join(defaults)}"
            raise click.BadParameter(
                f"{text!r} is not NAME=VALUE of a setting: {known}", param_hint="'--set'"
            )
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


def _new_plan(settings: Mapping[str, Any], options: Mapping[str, Any], *, is_experiment: bool) -> Any:
    from dataclasses import replace

    from maggie_lab.training.experiments import find_experiment
    from maggie_lab.training.plan import Plan
    from maggie_lab.training.settings import find_recipe, with_length

    name = options.get("recipe", "default")
    chosen = find_experiment(name).recipe if is_experiment else find_recipe(name)
    return Plan(
        replace(chosen.settings, **with_length(settings)),
        chosen.config,
        options.get("data", ()),
        name,
        options.get("validate", ()),
        options.get("start"),
        chosen.needs_weights,
        options.get("licence"),
        options.get("commercial", False),
    )


def say(line: str) -> None:
    """A line about what is done, for a person; of several processes only the first says it."""
    if os.environ.get("RANK", "0") == "0":
        click.echo(line, err=True)


def tell(row: dict[str, float]) -> None:
    """A line about the steps so far, for a person."""
    parts = [f"step {row['step']:.0f}", f"{row['minutes']:.1f} min", f"loss {row['loss']:.4f}"]
    parts += [f"held-out {name} {row[name]:.2f}" for name in ("MAD", "MSE") if name in row]
    if row.get("left_min", 0) > 0 and not math.isnan(row["left_min"]):
        parts.append(f"about {row['left_min']:.1f} min left")
    click.echo("  ".join(parts), err=True)


class Stop:
    """Whether a signal has asked a training to stop; calling it says so.

    A training asks it between steps, so from the first call on the first signal lets the step under way end.
    Before that, while things are read, and for a second signal, `KeyboardInterrupt` ends everything at once.
    """

    def __init__(self) -> None:
        self._asked = self._between_steps = False

    def __call__(self) -> bool:
        self._between_steps = True
        return self._asked

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._asked or not self._between_steps:
            raise KeyboardInterrupt
        self._asked = True


@contextmanager
def stop_asked() -> Iterator[Stop]:
    """SIGINT and SIGTERM, as long as the context lasts, as `Stop` takes them."""
    stop = Stop()
    before = {number: signal.signal(number, stop.on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
