"""What a network of the family is: every channel count and variant, read from its tensors.

The published network and a narrower one differ in these alone, so one code path loads both. A few variants
change no tensor; a weights file names them in its metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from torch import Tensor

from maggie_api.errors import ModelError
from maggie_core.weights.catalogue import has_time

COLOUR_PRIOR_CHANNELS = 12
"""Colour priors of an undecided pixel (`colour_priors.py`); the published network takes none."""

WINDOW = 3
"""Frames that a network looks at together; only one that sees each by itself has 1."""

GuidanceInput = Literal["embedded", "stacked"]
Queries = Literal["attended", "fixed"]
EncoderKind = Literal["residual", "lite0"]
Gru = Literal["none", "single", "both", "still"]
Fusion = Literal["none", "forward", "backward", "both"]
_CHOICES = {
    "encoder": EncoderKind,
    "guidance": GuidanceInput,
    "queries": Queries,
    "gru": Gru,
    "fusion": Fusion,
}


@dataclass(frozen=True)
class NetworkConfig:
    """Channel counts and variants of a network; the published image network's by default.

    Raises:
        ModelError: a variant of an unknown name, or a coarse prior without colour priors.
    """

    embed: int = 3
    """Channels of the mask embedding."""
    slots: int = 10
    """Instances that one pass can tell apart."""
    detail: int = 32
    s2: int = 32
    s4: int = 64
    s8: int = 128
    s16: int = 256
    s32: int = 512
    """Channels of the features at strides 1 (`detail`), 2, 4, 8, 16 and 32."""
    aspp: int = 256
    """Channels of each branch of the atrous pyramid."""
    attention: int = 128
    attention_hidden: int = 128
    query: int = 64
    query_hidden: int = 64
    """Channels of the instance decoder, and of the query that finds an instance in the features."""
    sparse4: int = 64
    gate: int = 64
    smooth4: int = 64
    head4: int = 32
    sparse2: int = 32
    smooth2: int = 32
    sparse1: int = 32
    smooth1: int = 32
    head1: int = 32
    """Channels of the sparse stage's layers at strides 4, 2 and 1."""
    colour_priors: int = 0
    """Colour priors that the sparse stage takes: `COLOUR_PRIOR_CHANNELS`, or 0 for none."""
    coarse_prior: int = 0
    """Hidden channels of `decoder.prior`, which corrects the coarse logits by the colour priors; 0: none."""
    temporal: bool = False
    """A video network, made for the frames of a clip."""
    change: tuple[int, int] = (64, 32)
    """Hidden channels of the change head; only a network that fuses in time has one."""
    encoder: EncoderKind = "residual"
    """The published residual encoder, or EfficientNet-Lite0 with its own widths before the shortcuts."""
    guidance: GuidanceInput = "embedded"
    """How masks reach the encoder: all of them in `embed` channels, or each in the channel of its slot."""
    queries: Queries = "attended"
    """What finds an instance in the features: a token that has attended to them, or a fixed row per slot.
    With fixed rows the coarse logits are a last layer with one plane per slot.
    """
    gru: Gru = "both"
    """Directions the Conv-GRU runs in; only a temporal network has one. With `still` it starts from zeros in
    every frame, and the network sees each frame by itself.
    """
    fusion: Fusion = "both"
    """Neighbours in time a matte may be taken over from; only a temporal network has any."""

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            if getattr(self, name) not in get_args(kind):
                raise ModelError(
                    f"the network's {name} is {getattr(self, name)}: known are {', '.join(get_args(kind))}"
                )
        if self.window == 1 and self.fuses:
            raise ModelError(
                f"the network sees every frame by itself (gru {self.gru}) and its fusion is {self.fusion}: "
                "it needs to be none"
            )
        if self.coarse_prior and not self.colour_priors:
            raise ModelError(
                "the network has a coarse prior and no colour priors, which it needs: take both or none"
            )

    @property
    def guidance_channels(self) -> int:
        """Channels the encoder takes beside the image's three."""
        return self.embed if self.guidance == "embedded" else self.slots

    @property
    def window(self) -> int:
        """Frames it looks at together."""
        return WINDOW if self.temporal and self.gru != "still" else 1

    @property
    def has_gru(self) -> bool:
        return self.temporal and self.gru != "none"

    @property
    def fuses(self) -> bool:
        return self.temporal and self.fusion != "none"

    @property
    def metadata(self) -> dict[str, str]:
        """What no tensor of the network says; a weights file carries it beside the tensors."""
        if not self.temporal:
            return {"kind": "image"}
        return {"kind": "video", "gru": self.gru, "fusion": self.fusion}


def infer_config(state: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> NetworkConfig:
    """Read the configuration of the network that `state` belongs to.

    A count whose tensor is missing stays the published one, so that a network can be built from the result
    and compared with `state` name by name.

    Args:
        metadata: what `NetworkConfig.metadata` gave. Without it, any temporal tensor means the published
            temporal network.

    Raises:
        ModelError: `metadata` names an unknown variant.
    """
    config = _variant(state, metadata or {})
    found: dict[str, Any] = {}

    def read(field: str, name: str, dim: int = 0) -> None:
        if name in state:
            found[field] = int(state[name].shape[dim])

    for field, name in (_ROWS | (_LITE_ROWS if config.encoder == "lite0" else {})).items():
        read(field, name)
    read("slots", _FIXED if config.queries == "fixed" else _TOKENS)
    if config.guidance == "embedded":
        read("embed", "encoder.mask_embed_layer.weight", 1)
    if config.queries == "attended":
        read("attention_hidden", "decoder.refine_OS8.mlp_layers.0.linear1.weight")
    if _PRIOR in state:
        read("coarse_prior", _PRIOR)
        found["colour_priors"] = COLOUR_PRIOR_CHANNELS
    hidden = [state[name].shape[0] for name in _CHANGE if name in state]
    if config.fuses and len(hidden) == len(_CHANGE):
        found["change"] = (int(hidden[0]), int(hidden[1]))
    smooth4 = "decoder.layer3_smooth.0.weight"
    if smooth4 in state and "s4" in found:
        found["colour_priors"] = int(state[smooth4].shape[3]) - found["s4"]
    return replace(config, **found)  # pyright: ignore[reportArgumentType] - fields that are numbers


def _variant(state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> NetworkConfig:
    """The variant `state` belongs to, with the published channel counts.

    Raises:
        ModelError: `metadata` names an unknown variant.
    """
    temporal = has_time(state)
    variants = {
        "encoder": "lite0" if "encoder.stem.weight" in state else "residual",
        "guidance": "stacked" if _is_stacked(state) else "embedded",
        "queries": "fixed" if _FIXED in state else "attended",
        **{name: metadata[name] for name in ("gru", "fusion") if name in metadata},
    }
    return NetworkConfig(
        temporal=metadata.get("kind") == "video" or (temporal and "kind" not in metadata),
        **variants,  # pyright: ignore[reportArgumentType] - checked by the class
    )


_PRIOR = "decoder.prior.0.weight"
_CHANGE = ("decoder.diff_module.0.module.weight_bar", "decoder.diff_module.3.module.weight_bar")
_ROWS = {
    "detail": "encoder.shortcut.0.0.module.weight_bar",
    "s2": "encoder.conv1.module.weight_bar",
    "s4": "encoder.conv3.module.weight_bar",
    "s8": "encoder.layer2.0.conv1.module.weight_bar",
    "s16": "encoder.layer3.0.conv1.module.weight_bar",
    "s32": "encoder.layer_bottleneck.0.conv1.module.weight_bar",
    "aspp": "aspp.aspp1.weight",
    "attention": "decoder.refine_OS8.feat_proj.layers.0.weight",
    "query": "decoder.inst_spec_layer.linear2.weight",
    "query_hidden": "decoder.inst_spec_layer.linear1.weight",
    "sparse4": "decoder.layer3.0.weight",
    "gate": "decoder.guidance_layer.0.weight",
    "smooth4": "decoder.layer3_smooth.0.weight",
    "head4": "decoder.refine_OS4.0.weight",
    "sparse2": "decoder.layer4.0.weight",
    "smooth2": "decoder.layer4_smooth.0.weight",
    "sparse1": "decoder.layer5.0.weight",
    "smooth1": "decoder.layer5_smooth.0.weight",
    "head1": "decoder.refine_OS1.0.weight",
}
"""Tensors whose first dimension is the channel count of a field."""
_LITE_ROWS = {
    **{f"s{2 << k}": f"encoder.shortcut.{k + 1}.0.module.weight_bar" for k in range(4)},
    "s32": "encoder.neck.weight",
}
"""The same for the encoder of kind lite0."""
_TOKENS, _FIXED = "decoder.refine_OS8.query_feat.weight", "decoder.refine_OS8.fixed_queries.weight"


def _is_stacked(state: Mapping[str, Tensor]) -> bool:
    """No embedding, and a first convolution with one channel per slot. Only one of them is a damaged file."""
    first = state.get("encoder.conv1.module.weight_bar", state.get("encoder.stem.weight"))
    rows = state.get(_FIXED, state.get(_TOKENS))
    if "encoder.mask_embed_layer.weight" in state or first is None or rows is None:
        return False
    return first.shape[1] == 3 + len(rows)
