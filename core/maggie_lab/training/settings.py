"""How to train: every choice a recipe makes, and the recipes.

`default` is the shipped model's: generated people, a coarse stage that is pushed to decide, schedules over
the time or the steps it is given. `paper-image` and `paper-video` are the published recipes, one stage each.

Source of the published values: Huynh et al., "MaGGIe", CVPR 2024, and its released configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

from maggie_api.errors import SettingsError
from maggie_core.model.config import COLOUR_PRIOR_CHANNELS, NetworkConfig

Precision = Literal["fp32", "bf16", "fp16"]
LossName = Literal["margin", "published"]
Schedule = Literal["cosine", "one-cycle"]

LENGTHS = ("minutes", "steps")
"""A training has one of the two."""
CLIP_SETTINGS = ("clip_batch", "clip_frames", "clip_stride")
"""Settings that only clips have."""


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms of the published loss."""

    l1: float = 1.0
    laplacian: float = 0.05
    gradient: float = 0.05
    attention: float = 5.0
    """Weight of L_att, which keeps each token's attention on its own instance; 0 leaves it out."""
    dtssd: float = 1.0
    temporal: float = 1.0
    """Weight of the change head's term, which holds a factor of a quarter itself."""
    coarse_edges: bool = True
    """W8: the coarse matte counts twice where it or the truth is undecided. False: once everywhere in the
    frames of an instance."""


@dataclass(frozen=True)
class TrainSettings:
    """How to train. Every field may be left alone; the defaults are those of the `default` recipe.

    Raises:
        SettingsError: a value is out of its range.
    """

    minutes: float | None = 80.0
    """Length of the training in time ..."""
    steps: int | None = None
    """... or in optimiser steps, which wins. Schedules run over whichever it is."""
    seed: int = 1
    loss: LossName = "margin"
    """`margin` pushes coarse logits of solid cells beyond a margin; `published` is the paper's loss."""
    loss_weights: LossWeights = field(default_factory=LossWeights)
    """Weights of the published loss's terms."""
    fusion_weight_share: float = 0.75
    """How often the published loss looks only where the mattes of the finer stages are taken."""

    batch: int = 8
    """Stills of one forward pass, per process."""
    clip_batch: int = 2
    """Clips of one forward pass, per process."""
    accumulate: int = 1
    """Forward passes of one optimiser step, per process."""
    crops: tuple[tuple[float, int], ...] = ((0.0, 192), (0.45, 256))
    """(progress from which, side of the crop in pixels). Sides with the same progress take turns, batch by
    batch: small crops show fine hair cheaply, large ones the faults of a whole mask."""
    clip_frames: int = 3
    clip_stride: int = 1
    """Frames of a clip on disk may lie up to this far apart."""
    video_from: float = 0.78
    """Progress at which clips replace stills: 0 is a training on clips, 1 one on stills."""
    looked_share: float = 0.0
    """Share of the samples whose masks a first look of the shipped model has corrected, as in its jobs."""
    blocky_guidance: bool = False
    """Sample guidance on every eighth pixel, as the published image model is trained and tested."""

    learning_rate: float = 1.2e-3
    weight_decay: float = 0.02
    pull: float = 0.0
    """Share of its way from the start that each weight is taken back at every step, at the highest rate."""
    betas: tuple[float, float] = (0.9, 0.99)
    schedule: Schedule = "cosine"
    """`cosine`: up over the first 4 % of the progress, then down to a hundredth. `one-cycle`: from a 25th up
    over `warmup_steps`, then down to a 250,000th."""
    warmup_steps: int = 1000
    clip: float = 1.0
    """Largest norm of the gradient. The published 0.01 suits an encoder that is already trained; from scratch
    1 is sane."""
    ema: float = 0.998
    """Share of itself the running average of the weights keeps at each step; 0 is no average."""
    freeze_norms_from: float = 0.5
    """Progress from which batch norms use their running statistics; 1 is never. Generated crops differ so
    much from each other that a network does badly with statistics it never trained under."""
    precision: Precision = "bf16"
    """Precision of the dense stages; logits and losses are float32."""
    published_start: bool = False
    """Start from the published initial values instead of the network's own."""
    imagenet_start: bool = False
    """Start the encoder, of the kind lite0, from its ImageNet weights (`training.pretrained`)."""

    truth_steps: tuple[int, int] | None = None
    """Steps until which the finer stages look where the true alpha is undecided: always before the first of
    the two, half of the time before the second. Otherwise they look where the coarse matte is. None: as
    `truth_shares` say."""
    truth_shares: tuple[float, float, float] = (1.0, 0.5, 0.2)
    """Share of the steps in which the true alpha says where the finer stages look: in the first fifth of the
    training, until its middle, and after it."""
    faults_guide: bool = True
    """Where the truth says it, the finer stages also look where the guidance is wrong."""
    most_sites: int | None = 100_000
    """Most undecided pixels of one forward pass, which take half the time of a step; None: all."""

    validate_every: int = 500
    """Steps between two looks at the held-out samples; 0 is never."""

    def __post_init__(self) -> None:
        for name, kinds in (("loss", LossName), ("schedule", Schedule), ("precision", Precision)):
            if getattr(self, name) not in get_args(kinds):
                raise SettingsError(
                    f"{name} is {getattr(self, name)}: known are {', '.join(get_args(kinds))}"
                )
        if self.minutes is None and self.steps is None:
            raise SettingsError("a training has no length: give minutes or steps")
        if self.schedule == "one-cycle" and self.steps is None:
            raise SettingsError("the one-cycle schedule counts steps: give steps, not minutes")
        for name in ("minutes", "steps", "batch", "clip_batch", "accumulate", "learning_rate", "clip"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise SettingsError(f"{name.replace('_', ' ')} is {value}: it needs to be above 0")
        if not 0 <= self.looked_share <= 1:
            raise SettingsError(f"looked share is {self.looked_share}: it needs to be from 0 to 1")
        small = [side for _, side in self.crops if side < 64 or side % 32]
        if small:
            raise SettingsError(f"a crop of {small[0]} px: the network needs a multiple of 32, 64 or more")

    def progress(self, step: int, elapsed_s: float) -> float:
        """Share of the training that is done after so many optimiser steps and seconds, 0..1."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        return min(1.0, elapsed_s / (60 * (self.minutes or 0)))

    def crop_px(self, progress: float, number: int = 0) -> int:
        """Side of the crops of batch `number` at `progress`."""
        latest = [start for start, _ in self.crops if progress >= start][-1]
        sides = [side for start, side in self.crops if start == latest]
        return sides[number % len(sides)]


@dataclass(frozen=True)
class Recipe:
    """Settings, and the configuration of the network they are for."""

    settings: TrainSettings
    config: NetworkConfig
    needs_weights: bool = False
    """Whether it goes on from weights of an earlier stage."""


DEFAULT_NETWORK = NetworkConfig(
    detail=12,
    s2=24,
    s4=32,
    s8=64,
    s16=96,
    s32=160,
    aspp=64,
    attention=64,
    attention_hidden=64,
    query=32,
    query_hidden=64,
    sparse4=32,
    gate=32,
    smooth4=32,
    head4=24,
    sparse2=24,
    smooth2=24,
    sparse1=20,
    smooth1=20,
    head1=16,
    colour_priors=COLOUR_PRIOR_CHANNELS,
    coarse_prior=16,
    temporal=True,
    gru="still",
    fusion="none",
)
"""The shipped model's: its dense features take a fifth of the published network's multiply-adds."""

PAPER_IMAGE = TrainSettings(
    minutes=None,
    steps=52_000,
    loss="published",
    batch=12,
    clip_batch=4,
    crops=((0.0, 512),),
    clip_frames=8,
    clip_stride=5,
    video_from=1.0,
    blocky_guidance=True,
    learning_rate=1.5e-4,
    weight_decay=0.01,
    betas=(0.9, 0.999),
    schedule="one-cycle",
    clip=0.01,
    ema=0.0,
    freeze_norms_from=1.0,
    precision="fp16",
    published_start=True,
    truth_steps=(3000, 9000),
    faults_guide=False,
    most_sites=None,
)
"""Published for 4 GPUs with 12 stills each; the encoder there starts from ImageNet weights."""

RECIPES: dict[str, Recipe] = {
    "default": Recipe(TrainSettings(), DEFAULT_NETWORK),
    "lite": Recipe(TrainSettings(imagenet_start=True), replace(DEFAULT_NETWORK, encoder="lite0")),
    "paper-image": Recipe(PAPER_IMAGE, NetworkConfig()),
    "paper-video": Recipe(
        replace(
            PAPER_IMAGE,
            steps=10_000,
            video_from=0.0,
            blocky_guidance=False,
            learning_rate=5e-5,
            published_start=False,
        ),
        NetworkConfig(temporal=True),
        needs_weights=True,
    ),
}
"""By name. `lite` is the default's with an encoder that has seen ImageNet. `paper-video` (8 GPUs with 4 clips
each) goes on from the image stage's weights."""


def find_recipe(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        SettingsError: there is none.
    """
    if name not in RECIPES:
        raise SettingsError(f"no recipe called {name}: known are {', '.join(RECIPES)}")
    return RECIPES[name]


def with_length(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that were asked for, where `minutes` or `steps` among them sets the other to None.

    Raises:
        SettingsError: both are asked for.
    """
    lengths = [name for name in LENGTHS if asked.get(name) is not None]
    if len(lengths) > 1:
        raise SettingsError(
            f"{' and '.join(lengths)} are both given: a training has one length, leave one out"
        )
    return {**asked, **(dict.fromkeys(LENGTHS) | {name: asked[name] for name in lengths} if lengths else {})}


def without_effect(settings: TrainSettings) -> dict[str, str]:
    """Settings that change nothing beside the others, and why, by name."""
    found: dict[str, str] = {}
    if settings.video_from >= 1:
        found |= dict.fromkeys(CLIP_SETTINGS, "it is a training on stills (video_from is 1)")
    if settings.video_from <= 0:
        found["batch"] = "it is a training on clips (video_from is 0)"
    if settings.schedule != "one-cycle":
        found["warmup_steps"] = f"the {settings.schedule} schedule has its own warm-up"
    if settings.loss != "published":
        found["fusion_weight_share"] = f"it belongs to the published loss, and the loss is {settings.loss}"
    if settings.truth_steps is not None:
        found["truth_shares"] = "truth_steps is given"
    return found


def settings_from(stored: Mapping[str, Any]) -> TrainSettings:
    """Settings out of what `dataclasses.asdict` made of them, as it stands in a checkpoint.

    Raises:
        SettingsError: a setting of another version is among them.
    """
    values = dict(stored)
    unknown = sorted(values.keys() - {each.name for each in fields(TrainSettings)})
    if unknown or "crops" not in values:
        raise SettingsError(f"the settings are of an earlier version ({', '.join(unknown) or 'no crops'})")
    if isinstance(values.get("loss_weights"), dict):
        values["loss_weights"] = LossWeights(**values["loss_weights"])
    for name in ("betas", "truth_steps", "truth_shares"):
        if values.get(name) is not None:
            values[name] = tuple(values[name])
    values["crops"] = tuple((float(start), int(side)) for start, side in values["crops"])
    return TrainSettings(**values)
