"""One training from a plan: data, network, loop, and what stands in its folder afterwards.

RUN/checkpoint.pt    everything needed to go on
RUN/log.csv, .png    losses and held-out errors
RUN/best/            weights with the smallest held-out MAD so far, for `--model RUN/best`
RUN/last/            weights at the end
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from maggie_api.errors import LicenceError, SettingsError
from maggie_core.model.config import Widths
from maggie_core.model.network import Network
from maggie_lab.datasets import DATASETS, Sample
from maggie_lab.synthesis import heldout_set
from maggie_lab.training.dataset import BankSource, Feed, MixedSource, Share, Source, batches
from maggie_lab.training.experiments import EXPERIMENTS
from maggie_lab.training.folders import (
    MOST_HELD_OUT,
    FolderSource,
    find_training_samples,
    held_out,
    set_apart,
)
from maggie_lab.training.forward import TrainingBatch
from maggie_lab.training.initial import publish_start
from maggie_lab.training.loop import CHECKPOINT, SAVE_EVERY_S, Trainer, Validate, read_checkpoint
from maggie_lab.training.per_shot import SHOT_SETTINGS, ApprovedFrame, ShotSource
from maggie_lab.training.pretrained import imagenet_weights, start_from_imagenet
from maggie_lab.training.settings import TrainSettings, settings_from
from maggie_lab.training.validation import HeldOut, validation
from maggie_lab.training.weights import (
    Start,
    export,
    last_steps,
    network_of,
    start_from,
    with_encoder,
    with_temporal,
)

BEST, LAST = "best", "last"
SHOT_RECIPE = "shot"
BANK = "bank"
HELD_OUT_SCENES, HELD_OUT_PX = 12, 256
"""Generated scenes a training on a bank is validated with, drawn by generators that no bank draws from."""
GENERATED_LICENCE = "Apache-2.0"
IMAGENET_START = "EfficientNet-Lite0, ImageNet weights, Apache-2.0"
"""What weights say whose encoder has seen photographs."""
FREE_SETTINGS = ("minutes", "steps", "validate_every")
"""What may be asked anew when a training goes on."""


@dataclass(frozen=True)
class Plan:
    """What to train, and on what."""

    settings: TrainSettings
    widths: Widths
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


def resumed(checkpoint: Path, asked: dict[str, Any]) -> Plan:
    """The plan of the training whose checkpoint that is, with a new length or pace of looking if asked for.

    Args:
        asked: settings by name, and `data`, `validate`, `recipe` and `start` of the plan.

    Raises:
        SettingsError: something is asked for that a training cannot change once it has begun.
        ModelError: the file is no checkpoint.
    """
    state = read_checkpoint(checkpoint)
    if "about" not in state:
        raise SettingsError(
            f"{checkpoint} is of an earlier version: start from it with --from in another folder"
        )
    settings, about = settings_from(state["settings"]), state["about"]
    if about["recipe"] == SHOT_RECIPE:
        raise SettingsError(
            f"{checkpoint.parent} is fitted to a shot: go on with the same --shot and --frames"
        )
    begun = {**asdict(settings), **about, "start": about.get("from")}
    changed = [
        name
        for name, value in asked.items()
        if name not in FREE_SETTINGS and _plain(begun.get(name)) != _plain(value)
    ]
    if changed:
        name = changed[0]
        raise SettingsError(
            f"the training in {checkpoint.parent} has begun with {name} {_plain(begun.get(name))}, not "
            f"{_plain(asked[name])}: leave the option out, or take another folder"
        )
    longer = {name: value for name, value in asked.items() if name in FREE_SETTINGS}
    return Plan(
        replace(settings, **longer),
        Widths(**state["widths"]),
        tuple(about["data"]),
        about["recipe"],
        tuple(about["validate"]),
    )


def train(
    folder: Path,
    plan: Plan,
    *,
    device: str = "auto",
    workers: int = 1,
    stopped: Callable[[], bool] = lambda: False,
    tell: Callable[[dict[str, float]], None] = lambda row: None,
    save_every_s: float = SAVE_EVERY_S,
) -> bool:
    """Train as `plan` says, or go on where `folder` says it stopped; returns whether the training is over.

    Args:
        workers: processes that make batches; 0 makes them in this one.
        stopped: asked between steps; then the position is saved and False returned.
        tell: gets every row of the log.

    Raises:
        InputError: data, weights or settings cannot be used; nothing has been written.
        LicenceError: the plan says that commercial work is allowed and the weights it starts from do not.
        OutputError: nothing can be written in `folder`.
    """
    source, kept = _data(plan)
    checkpoint = folder / CHECKPOINT
    state = read_checkpoint(checkpoint) if checkpoint.is_file() else None
    if state is not None:
        about, network = state["about"], network_of(state["net"], plan.widths)
    else:
        start = None if plan.start is None else start_from(plan.start)
        about, network = _about(folder, plan, start), _network(plan, start)
    return train_on(
        source,
        network,
        folder,
        plan.settings,
        about=about,
        state=state,
        validate=validation(kept),
        device=device,
        workers=workers,
        stopped=stopped,
        tell=tell,
        save_every_s=save_every_s,
    )


def train_shot(
    folder: Path,
    frames: Sequence[ApprovedFrame],
    start: str,
    settings: TrainSettings = SHOT_SETTINGS,
    *,
    shot: str,
    device: str = "auto",
    stopped: Callable[[], bool] = lambda: False,
    tell: Callable[[dict[str, float]], None] = lambda row: None,
) -> bool:
    """Fit the weights `start` to a shot; `folder/last` is what `--model` takes afterwards.

    The new weights have the licence of those they start from.

    Args:
        frames: from `approved_frames`.
        shot: what the weights shall say they were fitted to: the plate's name.

    Returns:
        Whether the training is over; False: stopped before.

    Raises:
        InputError, OutputError: as `train`.
    """
    source, approved = ShotSource(frames), [each.frame for each in frames]
    checkpoint = folder / CHECKPOINT
    state = read_checkpoint(checkpoint) if checkpoint.is_file() else None
    if state is not None:
        about, network = state["about"], network_of(state["net"], Widths(**state["widths"]))
        if (about["recipe"], about["data"]) != (SHOT_RECIPE, [shot]) or about.get(
            "approved_frames"
        ) != approved:
            raise SettingsError(
                f"{folder} holds a training on other frames or data: take another folder, or remove it"
            )
    else:
        begun = start_from(start)
        network = begun.network
        about = {
            "name": folder.resolve().name,
            "licence": begun.licence,
            "commercial": begun.commercial,
            **last_steps(network.widths, begun),
            "recipe": SHOT_RECIPE,
            "data": [shot],
            "approved_frames": approved,
            "validate": [],
        } | begun.provenance()
    return train_on(
        source, network, folder, settings, about=about, state=state, device=device, stopped=stopped, tell=tell
    )


def train_on(
    source: Source,
    network: Network,
    folder: Path,
    settings: TrainSettings,
    *,
    about: dict[str, Any],
    state: dict[str, Any] | None = None,
    validate: Validate | None = None,
    device: str = "auto",
    workers: int = 0,
    stopped: Callable[[], bool] = lambda: False,
    tell: Callable[[dict[str, float]], None] = lambda row: None,
    save_every_s: float = SAVE_EVERY_S,
) -> bool:
    """Train `network` on samples of `source`; `folder` then has a checkpoint, the log, `best` and `last`.

    Args:
        about: `name`, `licence`, `commercial` and whatever else the weights shall say of their making.
        state: a checkpoint to go on from.

    Returns:
        Whether the training is over; as `train` otherwise.
    """
    missing = [name for name in ("accelerate", "matplotlib") if find_spec(name) is None]
    if missing:
        raise SettingsError(f"training needs {' and '.join(missing)}: pip install 'maggie-node[train]'")
    trainer = Trainer(settings, network, device=device, about=about)
    if state is not None:
        trainer.resume(state)
    processes = trainer.accelerator
    feed = Feed(source, settings, Share(processes.process_index, processes.num_processes, trainer.step))

    def write(name: str, net: Network, metrics: dict[str, float]) -> None:
        trained = {"steps": trainer.step, **metrics, "settings": asdict(settings)}
        export(net, folder / name, {**about, "trained": trained})

    done = trainer.run(
        _in_time(feed, trainer, workers),
        folder,
        validate=validate,
        keep_best=lambda net, metrics: write(BEST, net, metrics),
        stopped=stopped,
        tell=tell,
        save_every_s=save_every_s,
    )
    if trainer.is_first:
        write(LAST, trainer.average, {})
    processes.end_training()
    return done


def _in_time(feed: Feed, trainer: Trainer, workers: int) -> Iterator[TrainingBatch]:
    """Batches of `feed`, which is told how far the training is."""
    feed.progress.value = trainer.progress
    for batch in batches(feed, workers=workers):
        feed.progress.value = trainer.progress
        yield batch


def _data(plan: Plan) -> tuple[Source, Callable[[], list[HeldOut]]]:
    """What to learn from, and what makes the samples to validate with."""
    s = plan.settings
    if not plan.data:
        raise SettingsError(f"no data: give bank:DIR (maggie-node synthesize bank makes one), {_kinds()}")
    sources: list[Source] = []
    kept: list[Sample] = []
    for kind, folder in map(_parsed, plan.data):
        if kind == BANK:
            sources.append(BankSource(folder))
            continue
        samples = find_training_samples(kind, folder)
        if s.validate_every and not plan.validate:
            samples, held = set_apart(samples)
            kept += held
        sources.append(FolderSource(samples, seed=s.seed, stride=s.clip_stride, blocky=s.blocky_guidance))
    for kind, folder in map(_parsed, plan.validate):
        kept += find_training_samples(kind, folder)[:MOST_HELD_OUT]
    return MixedSource(sources) if len(sources) > 1 else sources[0], lambda: _held_out(kept)


def _held_out(samples: list[Sample]) -> list[HeldOut]:
    if samples:
        return held_out(samples)
    scenes = heldout_set(HELD_OUT_SCENES, 0, HELD_OUT_PX)
    return [HeldOut(scene.image, scene.guidance, scene.alphas) for scene in scenes]


def _parsed(spec: str) -> tuple[str, Path]:
    kind, colon, folder = spec.partition(":")
    if not colon or not folder or kind not in (BANK, *DATASETS):
        raise SettingsError(f"data is '{spec}': it needs to be bank:DIR, {_kinds()}")
    return kind, Path(folder)


def _kinds() -> str:
    return " or ".join(f"{kind}:DIR" for kind in DATASETS)


def _network(plan: Plan, start: Start | None) -> Network:
    if start is None:
        if plan.needs_start:
            raise SettingsError(f"{plan.name} goes on from the image stage: name its weights with --from")
        torch.manual_seed(plan.settings.seed)
        network = Network(plan.widths)
        if plan.settings.published_start:
            publish_start(network)
        return _with_imagenet(network, plan)
    if plan.widths.encoder != start.network.widths.encoder:
        return _with_imagenet(with_encoder(start.network, plan.widths, seed=plan.settings.seed), plan)
    if plan.widths.temporal and not start.network.widths.temporal:
        return with_temporal(start.network, plan.widths, seed=plan.settings.seed)
    if plan.name in EXPERIMENTS and start.network.widths != plan.widths:
        raise SettingsError(
            f"{plan.name} is about another network than that of {start.name}: start from weights of the "
            "image stage or of the same experiment, or without --from"
        )
    return start.network


def _with_imagenet(network: Network, plan: Plan) -> Network:
    if plan.settings.imagenet_start:
        start_from_imagenet(network, imagenet_weights())
    return network


def _about(folder: Path, plan: Plan, start: Start | None) -> dict[str, Any]:
    generated = all(spec.startswith(f"{BANK}:") for spec in plan.data)
    if plan.commercial and start is not None and not start.commercial:
        raise LicenceError(
            f"the weights {start.name} have the licence {start.licence}, which does not allow commercial "
            "work: start from others, or drop --commercial"
        )
    allowed = generated and (start is None or start.commercial)
    inherited = GENERATED_LICENCE if start is None else start.licence
    return {
        "name": folder.resolve().name,
        "licence": plan.licence or (inherited if generated else "unknown"),
        "commercial": plan.commercial or allowed,
        "recipe": plan.name,
        "data": list(plan.data),
        "validate": list(plan.validate),
        **last_steps(plan.widths, start),
    } | _provenance(plan, start)


def _provenance(plan: Plan, start: Start | None) -> dict[str, str]:
    """Which weights it starts from."""
    found = {} if start is None else start.provenance()
    is_new = start is None or start.network.widths.encoder != plan.widths.encoder
    return found | ({"encoder_from": IMAGENET_START} if plan.settings.imagenet_start and is_new else {})


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
