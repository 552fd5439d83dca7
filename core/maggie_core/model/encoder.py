"""Image and guidance to features: residual encoder, shortcuts, ASPP, and the decoder back to stride 8."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from maggie_core import sparse
from maggie_core.model.config import NetworkConfig
from maggie_core.model.layers import SLOPE, SpectralConv
from maggie_core.sparse import Sites

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation that the image is normalised with, in sRGB-encoded [0, 1]."""


class EmbeddedGuidance(nn.Module):
    """Mean embedding of the instances that claim a pixel; zero where none does. Row 0 is never used."""

    def __init__(self, slots: int, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(slots + 1, channels))

    def forward(self, guidance: Tensor, ids: Tensor) -> Tensor:
        """(F, N, H, W) -> (F, E, H, W).

        Args:
            guidance: coverage; id * coverage is truncated to an integer, so binarise soft masks.
            ids: (N,) int64 row for each instance, from 1.
        """
        table = self.weight[ids]
        rows = torch.cat([table, torch.ones_like(table[:, :1])], dim=1).t()
        if not ((guidance == 0) | (guidance == 1)).all():
            # A soft mask names another instance's row, as published.
            return self._soft(guidance, ids)
        total, count = torch.split(rows @ guidance.flatten(2), [table.shape[1], 1], dim=1)
        return (total / (count + 1e-6)).unflatten(2, guidance.shape[2:])

    def _soft(self, guidance: Tensor, ids: Tensor) -> Tensor:
        claimed = (guidance * ids.to(guidance).view(1, -1, 1, 1)).long()
        inside = (claimed > 0).unsqueeze(-1)
        total = (self.weight[claimed] * inside).sum(dim=1) / (inside.sum(dim=1) + 1e-6)
        return total.permute(0, 3, 1, 2)


class StackedGuidance(nn.Module):
    """Each instance's mask in the channel of its slot; instances with the same id share a channel."""

    def __init__(self, slots: int):
        super().__init__()
        self.slots = slots

    def forward(self, guidance: Tensor, ids: Tensor) -> Tensor:
        """(F, N, H, W) coverage, (N,) int64 ids from 1 -> (F, slots, H, W)."""
        frames, _, height, width = guidance.shape
        planes = guidance.new_zeros(frames, self.slots, height, width)
        for mask, slot in zip(guidance.unbind(1), (ids - 1).tolist(), strict=True):
            planes[:, slot] = torch.maximum(planes[:, slot], mask)
        return planes


class BasicBlock(nn.Module):
    folds = (("conv1", "bn1"), ("conv2", "bn2"))

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1):
        super().__init__()
        self.conv1 = SpectralConv(inputs, outputs, 3, stride=stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = SpectralConv(outputs, outputs, 3)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride == 2:
            self.downsample = nn.Sequential(
                nn.AvgPool2d(2, 2), SpectralConv(inputs, outputs, 1), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        skip = x if self.downsample is None else self.downsample(x)
        x = F.relu_(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        x += skip
        return F.relu_(x)


class _Encoder(nn.Module):
    """What encoders share: the branches that fine features leave through, and where they are needed."""

    shortcut: nn.ModuleList

    def shortcut_rows(self, number: int, rows: Tensor, sites: Sites) -> Tensor:
        """What a shortcut gives at sites two pixels or more inside those that are given.

        Args:
            number: 0 for fea1, 1 for fea2.
            rows: (n, C) what it starts from.
        """
        branch = self.shortcut[number]
        for layer in branch.children():
            if isinstance(layer, nn.Conv2d):
                rows = sparse.submanifold_conv3(rows, layer.weight.permute(0, 2, 3, 1), layer.bias, sites)
            else:
                rows = layer(rows[..., None, None]).flatten(1)
        return rows


class Encoder(_Encoder):
    """`res_shortcut_embed_29`: features at strides 1 to 32 and their shortcut branches."""

    folds = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))

    def __init__(self, w: NetworkConfig):
        super().__init__()
        inputs = 3 + w.guidance_channels
        self.conv1 = SpectralConv(inputs, w.s2, 3, stride=2)
        self.conv2 = SpectralConv(w.s2, w.s2, 3)
        self.conv3 = SpectralConv(w.s2, w.s4, 3, stride=2)
        self.bn1, self.bn2, self.bn3 = nn.BatchNorm2d(w.s2), nn.BatchNorm2d(w.s2), nn.BatchNorm2d(w.s4)
        self.layer1 = nn.Sequential(*(BasicBlock(w.s4, w.s4) for _ in range(3)))
        self.layer2 = _stage(w.s4, w.s8, 4)
        self.layer3 = _stage(w.s8, w.s16, 4)
        self.layer_bottleneck = _stage(w.s16, w.s32, 2)
        self.shortcut = nn.ModuleList(
            _shortcut(entering, outputs)
            for entering, outputs in (
                (inputs, w.detail),
                (w.s2, w.s2),
                (w.s4, w.s4),
                (w.s8, w.s8),
                (w.s16, w.s16),
            )
        )
        self.mask_embed_layer = (
            EmbeddedGuidance(w.slots, w.embed) if w.guidance == "embedded" else StackedGuidance(w.slots)
        )

    def forward(self, x: Tensor, *, fine: bool = True) -> tuple[list[Tensor], Tensor]:
        """(F, 3 + E, H, W) normalised image and guidance, as `mask_embed_layer` gives it.

        Args:
            fine: give features of strides 1 and 2. Otherwise give the inputs of their shortcuts, from which
                `shortcut_rows` computes them at the sites that need them.

        Returns:
            [fea1 .. fea5] at strides 1 to 16, and x5 at stride 32.
        """
        features = [self.shortcut[0](x) if fine else x]
        x = F.relu_(self.bn1(self.conv1(x)))
        x = F.relu_(self.bn2(self.conv2(x)))
        features.append(self.shortcut[1](x) if fine else x)
        x = self.layer1(F.relu_(self.bn3(self.conv3(x))))
        features.append(self.shortcut[2](x))
        x = self.layer2(x)
        features.append(self.shortcut[3](x))
        x = self.layer3(x)
        features.append(self.shortcut[4](x))
        return features, self.layer_bottleneck(x)


@dataclass(frozen=True)
class _Stage:
    """Blocks of one width in EfficientNet-Lite0."""

    outputs: int
    blocks: int
    kernel: int
    stride: int
    widen: int = 6


LITE_STEM = 32
LITE_STAGES = (
    _Stage(16, 1, 3, 1, widen=1),
    _Stage(24, 2, 3, 2),
    _Stage(40, 2, 5, 2),
    _Stage(80, 3, 3, 2),
    _Stage(112, 3, 5, 1),
    _Stage(192, 4, 5, 2),
    _Stage(320, 1, 3, 1),
)
"""Source: Tan and Le, "EfficientNet", ICML 2019, table 1; its Lite form has ReLU6 and no
squeeze-and-excitation, and its stem and head are not scaled.
"""
LITE_EPS = 1e-3
"""Of its batch norms."""
LITE_SHORTCUTS = {0: 1, 1: 2, 2: 3, 4: 4}
"""Stage by number -> the shortcut that its result enters."""
LITE_ENTERING = (16, 24, 40, 112)
"""Widths of what enters the shortcuts at strides 2 to 16."""


class LiteEncoder(_Encoder):
    """EfficientNet-Lite0, so that a training can start from its ImageNet weights, with our shortcuts.

    The masks' channels enter its first convolution beside the picture's three.
    """

    folds = (("stem", "stem_bn"), ("neck", "neck_bn"))

    def __init__(self, w: NetworkConfig):
        super().__init__()
        inputs = 3 + w.guidance_channels
        self.stem = nn.Conv2d(inputs, LITE_STEM, 3, stride=2, bias=False)
        self.stem_bn = nn.BatchNorm2d(LITE_STEM, eps=LITE_EPS)
        stages, width = [], LITE_STEM
        for stage in LITE_STAGES:
            first = InvertedBlock(width, stage.outputs, stage.kernel, stride=stage.stride, widen=stage.widen)
            width = stage.outputs
            more = (
                InvertedBlock(width, width, stage.kernel, widen=stage.widen) for _ in range(stage.blocks - 1)
            )
            stages.append(nn.Sequential(first, *more))
        self.stages = nn.ModuleList(stages)
        self.neck = nn.Conv2d(width, w.s32, 1, bias=False)
        self.neck_bn = nn.BatchNorm2d(w.s32)
        outputs = (w.detail, w.s2, w.s4, w.s8, w.s16)
        self.shortcut = nn.ModuleList(
            _shortcut(entering, out) for entering, out in zip((inputs, *LITE_ENTERING), outputs, strict=True)
        )
        self.mask_embed_layer = (
            EmbeddedGuidance(w.slots, w.embed) if w.guidance == "embedded" else StackedGuidance(w.slots)
        )

    def forward(self, x: Tensor, *, fine: bool = True) -> tuple[list[Tensor], Tensor]:
        """As `Encoder.forward`."""
        features = [self.shortcut[0](x) if fine else x]
        x = F.relu6(self.stem_bn(self.stem(_padded(x, 3))))
        for number, stage in enumerate(self.stages):
            x = stage(x)
            shortcut = LITE_SHORTCUTS.get(number)
            if shortcut is not None:
                features.append(self.shortcut[shortcut](x) if fine or shortcut > 1 else x)
        return features, F.relu6(self.neck_bn(self.neck(x)))


class InvertedBlock(nn.Module):
    """Widened by 1x1, each channel filtered by itself, narrowed again; a skip where the shape stays.

    Source: Sandler et al., "MobileNetV2", CVPR 2018.
    """

    folds = (("widen", "widen_bn"), ("filter", "filter_bn"), ("narrow", "narrow_bn"))

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, widen: int = 6):
        super().__init__()
        wide = inputs * widen
        self.kernel, self.strided = kernel, stride > 1
        self.skips = not self.strided and inputs == outputs
        self.widen, self.widen_bn = nn.Identity(), nn.Identity()
        if widen > 1:
            self.widen = nn.Conv2d(inputs, wide, 1, bias=False)
            self.widen_bn = nn.BatchNorm2d(wide, eps=LITE_EPS)
        margin = 0 if self.strided else kernel // 2
        self.filter = DepthwiseConv(wide, kernel, stride=stride, margin=margin)
        self.filter_bn = nn.BatchNorm2d(wide, eps=LITE_EPS)
        self.narrow = nn.Conv2d(wide, outputs, 1, bias=False)
        self.narrow_bn = nn.BatchNorm2d(outputs, eps=LITE_EPS)

    def forward(self, x: Tensor) -> Tensor:
        y = x if isinstance(self.widen, nn.Identity) else F.relu6(self.widen_bn(self.widen(x)))
        y = F.relu6(self.filter_bn(self.filter(_padded(y, self.kernel) if self.strided else y)))
        y = self.narrow_bn(self.narrow(y))
        return x + y if self.skips else y


class DepthwiseConv(nn.Conv2d):
    """Filters each channel by itself, without bias; on a CPU autocast leaves it in float32, as its gradient
    in bfloat16 takes four times as long there.
    """

    def __init__(self, channels: int, kernel: int, *, stride: int, margin: int):
        super().__init__(
            channels, channels, kernel, stride=stride, padding=margin, groups=channels, bias=False
        )

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - its name in torch
        if input.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.float())


def _padded(x: Tensor, kernel: int) -> Tensor:
    """For a convolution of stride 2 over an even number of pixels, as its weights were trained: with one row
    and one column more right and below than left and above.
    """
    before = (kernel - 2) // 2
    after = kernel - 2 - before
    return F.pad(x, (before, after, before, after))


class Aspp(nn.Module):
    """Atrous pyramid: 1x1, three dilated 3x3 and a pooled branch, merged by 1x1.

    Source: Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017.
    """

    folds = tuple((f"aspp{k}", f"aspp{k}_bn") for k in range(1, 6)) + (("conv2", "bn2"),)

    def __init__(self, inputs: int, mid: int):
        super().__init__()
        self.aspp1 = nn.Conv2d(inputs, mid, 1, bias=False)
        self.aspp2, self.aspp3, self.aspp4 = (
            nn.Conv2d(inputs, mid, 3, padding=d, dilation=d, bias=False) for d in (2, 4, 8)
        )
        self.aspp5 = nn.Conv2d(inputs, mid, 1, bias=False)
        self.aspp1_bn, self.aspp2_bn, self.aspp3_bn = (nn.BatchNorm2d(mid) for _ in range(3))
        self.aspp4_bn, self.aspp5_bn = nn.BatchNorm2d(mid), nn.BatchNorm2d(mid)
        self.conv2 = nn.Conv2d(5 * mid, inputs, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inputs)

    def forward(self, x: Tensor) -> Tensor:
        branches = [F.relu_(getattr(self, f"aspp{k}_bn")(getattr(self, f"aspp{k}")(x))) for k in range(1, 5)]
        pooled = F.relu_(self.aspp5_bn(self.aspp5(x.mean(dim=(2, 3), keepdim=True))))
        branches.append(pooled.expand(-1, -1, *x.shape[2:]))
        return F.relu_(self.bn2(self.conv2(torch.cat(branches, dim=1))))


class UpBlock(nn.Module):
    folds = (("conv1", "bn1"), ("conv2", "bn2"))

    def __init__(self, inputs: int, outputs: int, *, up: bool):
        super().__init__()
        self.conv1 = (
            SpectralConv(inputs, inputs, 4, stride=2, transposed=True)
            if up
            else SpectralConv(inputs, inputs, 3)
        )
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv2 = SpectralConv(inputs, outputs, 3)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.upsample = None
        if up:
            self.upsample = nn.Sequential(
                nn.Upsample(scale_factor=2, mode="nearest"),
                SpectralConv(inputs, outputs, 1),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        skip = x if self.upsample is None else self.upsample(x)
        x = F.leaky_relu_(self.bn1(self.conv1(x)), SLOPE)
        x = self.bn2(self.conv2(x))
        x += skip
        return F.leaky_relu_(x, SLOPE)


def up_stage(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    """Decoder stage that doubles the resolution in its first block."""
    first = UpBlock(inputs, outputs, up=True)
    return nn.Sequential(first, *(UpBlock(outputs, outputs, up=False) for _ in range(blocks - 1)))


def _stage(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride=2)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs) for _ in range(blocks - 1)))


def _shortcut(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        SpectralConv(inputs, outputs, 3),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(outputs),
        SpectralConv(outputs, outputs, 3),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(outputs),
    )
