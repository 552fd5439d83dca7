"""Every width and variant of a network of the family, read from its tensors.

The published network and a narrower one differ in these alone, so one code path loads both. What no tensor
says, how a temporal network is run, stands beside the tensors in a weights file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from torch import Tensor

from maggie_api.errors import ModelError

CUE_CHANNELS = 12
"""Parameter-free local colour cues per undecided pixel (`cues.py`); the published network has none."""

GuidanceInput = Literal["embedded", "stacked"]
Queries = Literal["attended", "fixed"]
EncoderKind = Literal["residual", "lite0"]
Gru = Literal["none", "single", "both"]
Fusion = Literal["none", "forward", "backward", "both"]
_CHOICES = {
    "encoder": EncoderKind,
    "guidance": GuidanceInput,
    "queries": Queries,
    "gru": Gru,
    "fusion": Fusion,
}


@dataclass(frozen=True)
class Widths:
    """Channel counts and variants, the published network's by default; `s32` is the feature at stride 32.

    Raises:
        ModelError: a variant of an unknown name.
    """

    embed: int = 3
    slots: int = 10
    detail: int = 32
    s2: int = 32
    s4: int = 64
    s8: int = 128
    s16: int = 256
    s32: int = 512
    aspp: int = 256
    attention: int = 128
    attention_hidden: int = 128
    query: int = 64
    query_hidden: int = 64
    sparse4: int = 64
    gate: int = 64
    smooth4: int = 64
    head4: int = 32
    sparse2: int = 32
    smooth2: int = 32
    sparse1: int = 32
    smooth1: int = 32
    head1: int = 32
    cues: int = 0
    prior: int = 0
    temporal: bool = False
    change: tuple[int, int] = (64, 32)
    encoder: EncoderKind = "residual"
    """The published residual encoder, or EfficientNet-Lite0 with its own widths before the shortcuts."""
    guidance: GuidanceInput = "embedded"
    """How masks reach the encoder: in `embed` channels however many they are, or in one channel per slot."""
    queries: Queries = "attended"
    """What finds an instance in the features: a token that has looked at them, or a fixed row for each slot,
    which is a last layer with one plane per slot."""
    gru: Gru = "both"
    """Directions the Conv-GRU runs in; only a temporal network has one."""
    fusion: Fusion = "both"
    """Neighbours in time a matte may be taken over from; only a temporal network has any."""

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            if getattr(self, name) not in get_args(kind):
                raise ModelError(
                    f"the network's {name} is {getattr(self, name)}: known are {', '.join(get_args(kind))}"
                )

    @property
    def guidance_channels(self) -> int:
        """Channels the encoder takes beside the picture's three."""
        return self.embed if self.guidance == "embedded" else self.slots

    @property
    def has_gru(self) -> bool:
        return self.temporal and self.gru != "none"

    @property
    def fuses(self) -> bool:
        return self.temporal and self.fusion != "none"


def unseen(widths: Widths) -> dict[str, str]:
    """What no tensor of the network says, to stand beside them in a weights file."""
    if not widths.temporal:
        return {"kind": "image"}
    return {"kind": "video", "gru": widths.gru, "fusion": widths.fusion}


def recognise(state: Mapping[str, Tensor], said: Mapping[str, str] | None = None) -> Widths:
    """The variant `state` belongs to, in the published widths.

    Args:
        said: what `unseen` gave; without it, any temporal tensor means the published temporal network.

    Raises:
        ModelError: `said` names an unknown variant.
    """
    said = said or {}
    temporal = any(name.startswith(("decoder.os8_temp_module.", "decoder.diff_module.")) for name in state)
    variants = {
        "encoder": "lite0" if "encoder.stem.weight" in state else "residual",
        "guidance": "stacked" if _is_stacked(state) else "embedded",
        "queries": "fixed" if _FIXED in state else "attended",
        **{name: said[name] for name in ("gru", "fusion") if name in said},
    }
    return Widths(
        prior=1 if "decoder.prior.0.weight" in state else 0,
        temporal=said.get("kind") == "video" or (temporal and "kind" not in said),
        **variants,  # pyright: ignore[reportArgumentType] - checked by the class
    )


def infer_widths(state: Mapping[str, Tensor], said: Mapping[str, str] | None = None) -> Widths:
    """Read the widths of the network that `state` belongs to; `said` as in `recognise`.

    Raises:
        KeyError: a tensor the widths are read from is missing.
        ModelError: `said` names an unknown variant.
    """

    def size(name: str, dim: int = 0) -> int:
        return int(state[name].shape[dim])

    kind = recognise(state, said)
    found: dict[str, int | tuple[int, int]] = {}
    if kind.guidance == "embedded":
        found["embed"] = size("encoder.mask_embed_layer.weight", 1)
    if kind.queries == "attended":
        found["attention_hidden"] = size("decoder.refine_OS8.mlp_layers.0.linear1.weight")
    if kind.prior:
        found["prior"] = size("decoder.prior.0.weight")
    if kind.fuses:
        found["change"] = (
            size("decoder.diff_module.0.module.weight_bar"),
            size("decoder.diff_module.3.module.weight_bar"),
        )
    if kind.encoder == "residual":
        s2, s4, s8, s16, s32 = (
            size(f"encoder.{name}.module.weight_bar")
            for name in ("conv1", "conv3", "layer2.0.conv1", "layer3.0.conv1", "layer_bottleneck.0.conv1")
        )
    else:
        s2, s4, s8, s16 = (size(f"encoder.shortcut.{k}.0.module.weight_bar") for k in range(1, 5))
        s32 = size("encoder.neck.weight")
    return replace(
        kind,
        **found,
        slots=size(_FIXED if kind.queries == "fixed" else _TOKENS),
        detail=size("encoder.shortcut.0.0.module.weight_bar"),
        s2=s2,
        s4=s4,
        s8=s8,
        s16=s16,
        s32=s32,
        aspp=size("aspp.aspp1.weight"),
        attention=size("decoder.refine_OS8.feat_proj.layers.0.weight"),
        query=size("decoder.inst_spec_layer.linear2.weight"),
        query_hidden=size("decoder.inst_spec_layer.linear1.weight"),
        sparse4=size("decoder.layer3.0.weight"),
        gate=size("decoder.guidance_layer.0.weight"),
        smooth4=size("decoder.layer3_smooth.0.weight"),
        head4=size("decoder.refine_OS4.0.weight"),
        sparse2=size("decoder.layer4.0.weight"),
        smooth2=size("decoder.layer4_smooth.0.weight"),
        sparse1=size("decoder.layer5.0.weight"),
        smooth1=size("decoder.layer5_smooth.0.weight"),
        head1=size("decoder.refine_OS1.0.weight"),
        cues=size("decoder.layer3_smooth.0.weight", 3) - s4,
    )


_TOKENS, _FIXED = "decoder.refine_OS8.query_feat.weight", "decoder.refine_OS8.fixed_queries.weight"


def _is_stacked(state: Mapping[str, Tensor]) -> bool:
    """No embedding, and a first convolution that takes one channel per slot: one alone is a damaged file."""
    first = state.get("encoder.conv1.module.weight_bar", state.get("encoder.stem.weight"))
    rows = state.get(_FIXED, state.get(_TOKENS))
    if "encoder.mask_embed_layer.weight" in state or first is None or rows is None:
        return False
    return first.shape[1] == 3 + len(rows)
