"""What a training is asked to be: a new one, or one that goes on.

A new training takes every option, or says why one would change nothing. A training that goes on is what it
was begun as: `FREE_SETTINGS` may be asked anew, everything else must be left out or be the same, and the
weights it was begun from must not have changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from maggie_api.errors import SettingsError
from maggie_core.model.config import NetworkConfig
from maggie_lab.datasets import DATASETS
from maggie_lab.training.checkpoint import CHECKPOINT, Checkpoint, read_checkpoint
from maggie_lab.training.settings import TrainSettings, settings_from, with_length, without_effect
from maggie_lab.training.weights import config_of, start_from

BANK, SHOT_RECIPE = "bank", "shot"
FREE_SETTINGS = ("minutes", "steps", "validate_every")
"""What may be asked anew when a training goes on."""
HELD_OUT = "held_out"
"""Names of the samples a training is validated with, by data: they stay held out when it goes on."""


@dataclass(frozen=True)
class Plan:
    """What to train, and on what."""

    settings: TrainSettings
    config: NetworkConfig
    data: tuple[str, ...]
    """`KIND:FOLDER` each: a bank, or a data set of the published layouts; several are mixed evenly."""
    name: str
    """Of the recipe or experiment."""
    validate: tuple[str, ...] = ()
    """`KIND:FOLDER` of data sets to validate with; without any a part of `data` is set apart."""
    start: str | None = None
    """Weights to start from: what `--model` takes, or a checkpoint."""
    needs_start: bool = False
    licence: str | None = None
    """Of the weights that are made; None inherits it, or is that of generated data."""
    commercial: bool = False
    """The user's word that data and start allow commercial work, where the files cannot tell."""

    @property
    def is_generated(self) -> bool:
        """Whether all data are generated, which has no licence but ours."""
        return all(parsed_data(spec)[0] == BANK for spec in self.data)


def begun_training(folder: Path) -> Checkpoint | None:
    """The checkpoint of the training that `folder` holds; None where it holds none.

    Raises:
        ModelError: the file is damaged or no checkpoint.
    """
    path = folder / CHECKPOINT
    return read_checkpoint(path) if path.is_file() else None


def is_finished(state: Checkpoint, settings: TrainSettings) -> bool:
    """Whether the training is over, under the length of `settings`."""
    return settings.progress(state.step, state.elapsed_s) >= 1


def check_effect(plan: Plan, asked: Mapping[str, Any], *, flags: Mapping[str, str] | None = None) -> None:
    """Refuse what was asked for and would change nothing in a new training.

    Args:
        asked: what was asked for, by the names of settings and of the plan's fields.
        flags: how the user wrote it, by the same names.

    Raises:
        SettingsError: the first such option, and why.
    """
    idle = without_effect(plan.settings)
    if plan.is_generated:
        idle["clip_stride"] = "the clips of a bank are composed, not read"
        idle["blocky_guidance"] = "the scenes of a bank have their own masks"
    if plan.start is not None:
        idle["published_start"] = "the training starts from weights"
    if not plan.settings.validate_every:
        idle["validate"] = "the training is never validated (validate_every is 0)"
    refuse(idle, asked, flags)


def refuse(idle: Mapping[str, str], asked: Mapping[str, Any], flags: Mapping[str, str] | None) -> None:
    """Raise SettingsError for the first name in `asked` that is in `idle`, with the reason there."""
    for name in asked:
        if name in idle:
            raise SettingsError(
                f"{(flags or {}).get(name, name)} changes nothing: {idle[name]}; leave it out"
            )


def resumed(folder: Path, state: Checkpoint, asked: Mapping[str, Any]) -> Plan:
    """The plan of the training that `folder` holds, with a new length or pace of validation if asked for.

    Args:
        asked: settings by name, and `recipe`, `data`, `validate`, `start`, `licence`, `commercial`.

    Raises:
        SettingsError: something is asked for that a training cannot change once it has begun.
        ModelError: the weights to start from cannot be read.
    """
    about = state.about
    if HELD_OUT not in about and about.get("recipe") != SHOT_RECIPE:
        raise SettingsError(
            f"{folder / CHECKPOINT} is of an earlier version: start from it with --from in another folder"
        )
    if about["recipe"] == SHOT_RECIPE:
        raise SettingsError(f"{folder} is fitted to a shot: go on with the same --shot and --frames")
    settings = resumed_settings(folder, state, asked)
    without = not about[HELD_OUT] and not about["validate"]
    if settings.validate_every and without and any(parsed_data(spec)[0] != BANK for spec in about["data"]):
        raise SettingsError(
            f"the training in {folder} has begun with validate_every 0, so no sample is held out: it "
            f"cannot be {settings.validate_every}; leave the option out, or take another folder"
        )
    return Plan(settings, config_of(state), tuple(about["data"]), about["recipe"], tuple(about["validate"]))


def resumed_settings(folder: Path, state: Checkpoint, asked: Mapping[str, Any]) -> TrainSettings:
    """Settings of the training in `folder`, where `asked` agrees with what it has begun as.

    Raises:
        SettingsError, ModelError: as `resumed`.
    """
    settings, about = settings_from(state.settings), state.about
    begun = {**asdict(settings), **about, "start": about.get("from")}
    fixed = {name: value for name, value in asked.items() if name not in FREE_SETTINGS}
    for name, value in fixed.items():
        if value is not None and _plain(begun.get(name)) != _plain(value):
            raise SettingsError(
                f"the training in {folder} has begun with {name} {_plain(begun.get(name))}, not "
                f"{_plain(value)}: leave the option out, or take another folder"
            )
    if asked.get("start") is not None:
        check_start(folder, state, asked["start"])
    free = {name: value for name, value in asked.items() if name in FREE_SETTINGS}
    again = replace(settings, **with_length(free))
    changed = [name for name, value in free.items() if value is not None and value != begun[name]]
    if changed and is_finished(state, again):
        raise SettingsError(
            f"the training in {folder} is over after {state.step} steps, so {changed[0]} {free[changed[0]]} "
            "changes nothing: ask for more steps or minutes, or leave the option out"
        )
    return again


def check_start(folder: Path, state: Checkpoint, start: str) -> None:
    """Refuse to go on from weights that are no longer what the training began from.

    Raises:
        SettingsError: they have changed.
        ModelError: they cannot be read.
    """
    if start_from(start).digest != state.about.get("from_digest"):
        raise SettingsError(
            f"the weights {start} have changed since the training in {folder} began from them: leave --from "
            "out to go on, or take another folder"
        )


def parsed_data(spec: str) -> tuple[str, Path]:
    """Kind and folder of `KIND:FOLDER`.

    Raises:
        SettingsError: it is written in another way.
    """
    kind, colon, folder = spec.partition(":")
    if not colon or not folder or kind not in (BANK, *DATASETS):
        raise SettingsError(f"data is '{spec}': it needs to be bank:DIR, {data_kinds()}")
    return kind, Path(folder)


def data_kinds() -> str:
    """What data sets may be named, for a sentence."""
    return " or ".join(f"{kind}:DIR" for kind in DATASETS)


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
