"""One training from a plan: data, network, loop, and what stands in its folder afterwards.

RUN/checkpoint.pt    everything needed to go on
RUN/log.csv, .png    losses and held-out errors
RUN/best/            weights with the smallest held-out MAD so far, for `--model RUN/best`
RUN/last/            weights at the end

MAD is the mean absolute error of alpha, times 1000.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from maggie_api.errors import LicenceError, SettingsError
from maggie_core.model.network import Network
from maggie_lab.datasets import SYNTHHUMAN, Sample
from maggie_lab.synthesis import heldout_set
from maggie_lab.synthesis.cut_people import CutPeople
from maggie_lab.training.checkpoint import Checkpoint
from maggie_lab.training.dataset import (
    BankSource,
    LookedSource,
    ProcessShard,
    SceneSource,
    Source,
    TrainingDataset,
    batches,
)
from maggie_lab.training.experiments import EXPERIMENTS
from maggie_lab.training.folders import (
    MOST_HELD_OUT,
    FolderSource,
    find_training_samples,
    held_out,
    set_apart,
    set_apart_by_name,
)
from maggie_lab.training.forward import TrainingBatch
from maggie_lab.training.initial import publish_start
from maggie_lab.training.loop import SAVE_EVERY_S, Trainer, Validate
from maggie_lab.training.per_shot import SHOT_UNUSED, ApprovedFrame, ShotSource, shot_settings
from maggie_lab.training.plan import (
    BANK,
    HELD_OUT,
    SHOT_RECIPE,
    Plan,
    begun_training,
    data_kinds,
    is_finished,
    parsed_data,
    refuse,
    resumed_settings,
)
from maggie_lab.training.pretrained import imagenet_weights, start_from_imagenet
from maggie_lab.training.settings import TrainSettings, settings_from, without_effect
from maggie_lab.training.validation import HeldOut, validation
from maggie_lab.training.weights import (
    Start,
    config_of,
    export,
    exported_step,
    how_to_use,
    network_of,
    start_from,
    with_encoder,
    with_temporal,
)

BEST, LAST = "best", "last"
HELD_OUT_SCENES, HELD_OUT_PX = 12, 256
"""Generated scenes a training on a bank is validated with, drawn by generators that no bank draws from."""
GENERATED_LICENCE = "Apache-2.0"
IMAGENET_START = "EfficientNet-Lite0, ImageNet weights, Apache-2.0"
"""What weights say whose encoder has seen photographs."""

Say = Callable[[str], None]
Tell = Callable[[dict[str, float]], None]


def _silent(what: Any) -> None:
    """Nobody listens."""


def train(
    folder: Path,
    plan: Plan,
    *,
    device: str = "auto",
    workers: int = 1,
    stopped: Callable[[], bool] = lambda: False,
    tell: Tell = _silent,
    say: Say = _silent,
    save_every_s: float = SAVE_EVERY_S,
) -> bool:
    """Train as `plan` says, or go on where `folder` says it stopped; returns whether the training is over.

    A training that is over already writes nothing.

    Args:
        workers: processes that make batches; 0 makes them in this one.
        stopped: asked between steps; then the position is saved and False returned.
        tell: gets every row of the log, and rows in between (`Trainer.run`).
        say: gets a line about each thing that is done before the first step.

    Raises:
        InputError: data, weights or settings cannot be used; nothing has been written.
        LicenceError: the plan says that commercial work is allowed and the weights it starts from do not.
        OutputError: nothing can be written in `folder`.
    """
    state = begun_training(folder)
    if state is not None and is_finished(state, plan.settings):
        return _keep_finished(folder, state, say)
    data = _read_data(plan, None if state is None else state.about[HELD_OUT], say)
    if state is not None:
        about, network = state.about, network_of(state.net, plan.config)
    else:
        start = None if plan.start is None else start_from(plan.start)
        about, network = _about(folder, plan, start, data), _network(plan, start)
        say(f"network: {_size(network)}, {'from scratch' if start is None else f'from {start.name}'}")
    return train_on(
        data.sources,
        network,
        folder,
        plan.settings,
        about=about,
        state=state,
        validate=validation(data.validate_with),
        device=device,
        workers=workers,
        stopped=stopped,
        tell=tell,
        say=say,
        save_every_s=save_every_s,
    )


def train_shot(
    folder: Path,
    frames: Sequence[ApprovedFrame],
    start: str,
    asked: Mapping[str, Any] | None = None,
    *,
    shot: str,
    device: str = "auto",
    workers: int = 0,
    stopped: Callable[[], bool] = lambda: False,
    tell: Tell = _silent,
    say: Say = _silent,
    flags: Mapping[str, str] | None = None,
) -> bool:
    """Fit the weights `start` to a shot, or go on; `folder/last` is what `--model` takes afterwards.

    The new weights have the licence of those they start from.

    Args:
        frames: from `approved_frames`.
        asked: settings that differ from `SHOT_SETTINGS`.
        shot: what the weights shall say they were fitted to: the plate's name.
        flags: how the user wrote what is asked for, by name.

    Returns:
        Whether the training is over; False: stopped before.

    Raises:
        InputError, OutputError: as `train`; also where frames, weights or settings are not those that the
            training in `folder` has begun with.
    """
    asked, state = asked or {}, begun_training(folder)
    refuse(SHOT_UNUSED, asked, flags)
    approved = {str(each.frame): each.digests() for each in frames}
    if state is not None:
        _check_shot(folder, state, shot, approved)
        settings = resumed_settings(folder, state, {**asked, "start": start})
        if is_finished(state, settings):
            return _keep_finished(folder, state, say)
        about, network = state.about, network_of(state.net, config_of(state))
    else:
        settings = shot_settings(asked)
        refuse(without_effect(settings), asked, flags)
        begun = start_from(start)
        network = begun.network
        about = {
            "name": folder.resolve().name,
            "licence": begun.licence,
            "commercial": begun.commercial,
            **how_to_use(network.config, begun),
            "recipe": SHOT_RECIPE,
            "data": [shot],
            "approved_frames": [each.frame for each in frames],
            "approved": approved,
            "validate": [],
        } | begun.provenance()
        say(f"network: {_size(network)}, from {begun.name}")
    return train_on(
        [ShotSource(frames)],
        network,
        folder,
        settings,
        about=about,
        state=state,
        device=device,
        workers=workers,
        stopped=stopped,
        tell=tell,
        say=say,
    )


def train_on(
    sources: Sequence[Source],
    network: Network,
    folder: Path,
    settings: TrainSettings,
    *,
    about: dict[str, Any],
    state: Checkpoint | None = None,
    validate: Validate | None = None,
    device: str = "auto",
    workers: int = 0,
    stopped: Callable[[], bool] = lambda: False,
    tell: Tell = _silent,
    say: Say = _silent,
    save_every_s: float = SAVE_EVERY_S,
) -> bool:
    """Train `network` on samples of `sources`; `folder` then has a checkpoint, the log, `best` and `last`.

    Args:
        about: `name`, `licence`, `commercial` and whatever else the weights shall say of their making.
        state: a checkpoint to go on from.

    Returns:
        Whether the training is over; as `train` otherwise.
    """
    missing = [name for name in ("accelerate", "matplotlib") if find_spec(name) is None]
    if missing:
        raise SettingsError(f"training needs {' and '.join(missing)}: pip install {' '.join(missing)}")
    trainer = Trainer(settings, network, device=device, about=about)
    if state is not None:
        trainer.resume(state)
        say(f"going on after step {trainer.step}")
    processes = trainer.accelerator
    shard = ProcessShard(processes.process_index, processes.num_processes, trainer.step)
    dataset = TrainingDataset(sources, settings, shard)
    makers = f"{workers} process{'es' if workers != 1 else ''}" if workers else "the training itself"
    say(f"on {processes.device}, batches made by {makers}; the first step takes longest")

    with closing(_with_progress(dataset, trainer, workers)) as made:
        done = trainer.run(
            made,
            folder,
            validate=None if validate is None else _announced(validate, say),
            keep_best=lambda net, metrics: _export(
                net, folder / BEST, about, trainer.step, settings, metrics
            ),
            stopped=stopped,
            tell=tell,
            save_every_s=save_every_s,
        )
    if trainer.is_first:
        _export(trainer.average, folder / LAST, about, trainer.step, settings, {})
    # All processes wait here: one that ends while a thread of gloo still frees a tensor hangs in torch.
    processes.wait_for_everyone()
    processes.end_training()
    return done


def _export(
    net: Network,
    folder: Path,
    about: dict[str, Any],
    step: int,
    settings: TrainSettings,
    metrics: dict[str, float],
) -> None:
    trained = {"steps": step, **metrics, "settings": asdict(settings)}
    export(net, folder, {**about, "trained": trained})


def _keep_finished(folder: Path, state: Checkpoint, say: Say) -> bool:
    """Leave a finished training as it is; only `last`, if a crash took it, is written from the checkpoint."""
    if exported_step(folder / LAST) != state.step:
        network = network_of(state.average, config_of(state))
        _export(network, folder / LAST, state.about, state.step, settings_from(state.settings), {})
    say(f"the training in {folder} is over after {state.step} steps; nothing is changed")
    return True


def _with_progress(
    dataset: TrainingDataset, trainer: Trainer, workers: int
) -> Generator[TrainingBatch, None, None]:
    """Batches of `dataset`, which is told how far the training is."""
    dataset.progress.value = trainer.progress
    with closing(batches(dataset, workers=workers)) as made:
        for batch in made:
            dataset.progress.value = trainer.progress
            yield batch


def _announced(validate: Validate, say: Say) -> Validate:
    """`validate`, announced: it takes longer than a step."""

    def announced(net: Network) -> dict[str, float]:
        say("validating on held-out samples")
        return validate(net)

    return announced


def _size(network: Network) -> str:
    return f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M parameters"


@dataclass(frozen=True)
class _Data:
    """What a training learns from, and what it is validated with."""

    sources: list[Source]
    validate_with: Callable[[], list[HeldOut]]
    held_out: dict[str, list[str]] = field(default_factory=dict)
    """Names of the samples of `data` that are set apart, by `KIND:FOLDER`."""


def _read_data(plan: Plan, begun: Mapping[str, list[str]] | None, say: Say) -> _Data:
    """Sources and held-out samples.

    Args:
        begun: names of the samples that were set apart when the training began, by `KIND:FOLDER`; None: it
            begins now.
    """
    s = plan.settings
    if not plan.data:
        raise SettingsError(f"no data: give bank:DIR (maggie-node synthesize bank makes one), {data_kinds()}")
    sources: list[Source] = []
    kept: list[Sample] = []
    names: dict[str, list[str]] = {}
    for spec in plan.data:
        kind, folder = parsed_data(spec)
        say(f"reading {spec}")
        if kind == BANK:
            sources.append(BankSource(folder))
            continue
        samples, held = find_training_samples(kind, folder), []
        if begun is None and s.validate_every and not plan.validate:
            samples, held = set_apart(samples)
        elif begun and spec in begun:
            samples, held = set_apart_by_name(samples, begun[spec], folder)
        if held:
            names[spec] = [sample.name for sample in held]
        kept += held
        sources.append(FolderSource(samples, seed=s.seed, stride=s.clip_stride, blocky=s.blocky_guidance))
        if kind == SYNTHHUMAN:  # one person a picture: groups are made of them
            sources.append(SceneSource(CutPeople(samples, seed=s.seed)))
        say(f"{len(samples)} samples to learn from, {len(held)} held out")
    for kind, folder in map(parsed_data, plan.validate):
        kept += find_training_samples(kind, folder)[:MOST_HELD_OUT]
    if s.looked_share:
        sources = [LookedSource(each, s.looked_share) for each in sources]
    return _Data(sources, lambda: _held_out(kept), names)


def _check_shot(folder: Path, state: Checkpoint, shot: str, approved: dict[str, dict[str, str]]) -> None:
    """Refuse to go on with another shot, other frames, or frames that were changed since."""
    about = state.about
    begun = about.get("approved", {})
    if (about.get("recipe"), about.get("data")) != (SHOT_RECIPE, [shot]) or begun.keys() != approved.keys():
        raise SettingsError(
            f"{folder} holds a training on other frames or data: take another folder, or remove it"
        )
    for frame, digests in approved.items():
        changed = [what for what, digest in digests.items() if begun[frame].get(what) != digest]
        if changed:
            raise SettingsError(
                f"frame {frame} has another {changed[0]} than when the training in {folder} began: take "
                "another folder, or remove it"
            )


def _held_out(samples: list[Sample]) -> list[HeldOut]:
    if samples:
        return held_out(samples)
    scenes = heldout_set(HELD_OUT_SCENES, 0, HELD_OUT_PX)
    return [HeldOut(scene.image, scene.guidance, scene.alphas) for scene in scenes]


def _network(plan: Plan, start: Start | None) -> Network:
    if start is None:
        if plan.needs_start:
            raise SettingsError(f"{plan.name} goes on from the image stage: name its weights with --from")
        torch.manual_seed(plan.settings.seed)
        network = Network(plan.config)
        if plan.settings.published_start:
            publish_start(network)
        return _with_imagenet(network, plan)
    if plan.config.encoder != start.network.config.encoder:
        return _with_imagenet(with_encoder(start.network, plan.config, seed=plan.settings.seed), plan)
    if plan.config.temporal and not start.network.config.temporal:
        return with_temporal(start.network, plan.config, seed=plan.settings.seed)
    if plan.name in EXPERIMENTS and start.network.config != plan.config:
        raise SettingsError(
            f"{plan.name} is about another network than that of {start.name}: start from weights of the "
            "image stage or of the same experiment, or without --from"
        )
    return start.network


def _with_imagenet(network: Network, plan: Plan) -> Network:
    if plan.settings.imagenet_start:
        start_from_imagenet(network, imagenet_weights())
    return network


def _about(folder: Path, plan: Plan, start: Start | None, data: _Data) -> dict[str, Any]:
    if plan.commercial and start is not None and not start.commercial:
        raise LicenceError(
            f"the weights {start.name} have the licence {start.licence}, which does not allow commercial "
            "work: start from others, or drop --commercial"
        )
    allowed = plan.is_generated and (start is None or start.commercial)
    inherited = GENERATED_LICENCE if start is None else start.licence
    return {
        "name": folder.resolve().name,
        "licence": plan.licence or (inherited if plan.is_generated else "unknown"),
        "commercial": plan.commercial or allowed,
        "recipe": plan.name,
        "data": list(plan.data),
        "validate": list(plan.validate),
        HELD_OUT: data.held_out,
        **how_to_use(plan.config, start),
    } | _provenance(plan, start)


def _provenance(plan: Plan, start: Start | None) -> dict[str, str]:
    """Which weights it starts from."""
    found = {} if start is None else start.provenance()
    if start is not None and start.network.config.encoder == plan.config.encoder:
        return found
    found.pop("encoder_from", None)
    return found | ({"encoder_from": IMAGENET_START} if plan.settings.imagenet_start else {})
