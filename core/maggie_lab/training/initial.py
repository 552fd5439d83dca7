"""The values a network starts from under the published recipe."""

from __future__ import annotations

import torch
from torch import nn

from maggie_core.model.encoder import BasicBlock, Encoder
from maggie_core.model.network import Network


@torch.no_grad()
def publish_start(net: Network) -> None:
    """Give `net` the published initial values, but for the ImageNet weights its encoder then gets.

    Xavier-uniform in every parameter of two dimensions or more; norms at 1 and 0;
    the last norm of each residual block of the encoder at 0, so that a block starts as its own skip; and
    mask channels of the first convolution at 0, so that the encoder starts from the image alone.

    Source: Huynh et al., "MaGGIe", CVPR 2024, and its released configuration.
    """
    for name, parameter in net.named_parameters():
        if parameter.ndim > 1 and not name.startswith("encoder.mask_embed_layer"):
            nn.init.xavier_uniform_(parameter)
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    for module in net.modules():
        if isinstance(module, BasicBlock):
            nn.init.zeros_(module.bn2.weight)
    if isinstance(net.encoder, Encoder):
        net.encoder.conv1.module.weight_bar[:, 3:].zero_()
    else:
        net.encoder.stem.weight[:, 3:].zero_()
