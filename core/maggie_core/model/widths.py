"""Every width of a network of the family, read from its tensors.

The published network and a narrower one differ in these numbers alone, so one code path loads both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

CUE_CHANNELS = 6
"""Parameter-free local colour cues per undecided pixel (`cues.py`); the published network has none."""


@dataclass(frozen=True)
class Widths:
    """Channel counts. The defaults are the published network's; `s32` is the feature at stride 32."""

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


def infer_widths(state: Mapping[str, Tensor]) -> Widths:
    """Read the widths of the network that `state` belongs to.

    Raises:
        KeyError: a tensor the widths are read from is missing.
    """

    def size(name: str, dim: int = 0) -> int:
        return int(state[name].shape[dim])

    temporal = any(name.startswith("decoder.os8_temp_module.") for name in state)
    s4 = size("encoder.conv3.module.weight_bar")
    return Widths(
        embed=size("encoder.mask_embed_layer.weight", 1),
        slots=size("decoder.refine_OS8.query_feat.weight"),
        detail=size("encoder.shortcut.0.0.module.weight_bar"),
        s2=size("encoder.conv1.module.weight_bar"),
        s4=s4,
        s8=size("encoder.layer2.0.conv1.module.weight_bar"),
        s16=size("encoder.layer3.0.conv1.module.weight_bar"),
        s32=size("encoder.layer_bottleneck.0.conv1.module.weight_bar"),
        aspp=size("aspp.aspp1.weight"),
        attention=size("decoder.refine_OS8.query_feat.weight", 1),
        attention_hidden=size("decoder.refine_OS8.mlp_layers.0.linear1.weight"),
        query=size("decoder.refine_OS8.final_mlp.layers.0.weight"),
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
        prior=size("decoder.prior.0.weight") if "decoder.prior.0.weight" in state else 0,
        temporal=temporal,
        change=(
            size("decoder.diff_module.0.module.weight_bar"),
            size("decoder.diff_module.3.module.weight_bar"),
        )
        if temporal
        else (64, 32),
    )
