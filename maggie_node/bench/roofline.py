"""What a frame needs, counted by hand, and how near the machine comes to it.

Multiply-adds are those of the published order of operations; bytes are weights, inputs and results of each
convolution or product once, which is the least that has to move when nothing stays in a cache between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from maggie_core.model.config import NetworkConfig
from maggie_node.bench.paths import settle

DENSE = {
    "stem": ("encoder.conv1", "encoder.conv2", "encoder.conv3"),
    "layer1": ("encoder.layer1",),
    "layer2": ("encoder.layer2",),
    "layer3": ("encoder.layer3",),
    "bottleneck": ("encoder.layer_bottleneck",),
    "shortcut 1": ("encoder.shortcut.0",),
    "shortcut 2": ("encoder.shortcut.1",),
    "shortcut 4": ("encoder.shortcut.2",),
    "shortcut 8": ("encoder.shortcut.3",),
    "shortcut 16": ("encoder.shortcut.4",),
    "aspp": ("aspp",),
    "decoder 16": ("decoder.layer1",),
    "decoder 8": ("decoder.layer2",),
}
"""Stages of one frame and the modules they consist of."""
MATRIX, COPY_FLOATS = {"cpu": 1536, "cuda": 8192}, {"cpu": 32_000_000, "cuda": 512_000_000}
"""Large enough to leave the caches, small enough to take no time."""
TRIES = 5


@dataclass(frozen=True)
class Work:
    """Multiply-adds, and bytes moved in float32."""

    macs: float = 0.0
    bytes: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(self.macs + other.macs, self.bytes + other.bytes)

    def __mul__(self, times: float) -> Work:
        return Work(self.macs * times, self.bytes * times)


@dataclass(frozen=True)
class Sparse:
    """Sites of one scale, pairs of neighbours among them, and pairs of theirs with the next coarser sites."""

    sites: int
    pairs: int
    down: int


def dense_work(w: NetworkConfig, height: int, width: int) -> dict[str, Work]:
    """What each dense stage needs for one frame, H and W multiples of 32."""
    p = {stride: height * width // stride**2 for stride in (1, 2, 4, 8, 16, 32)}
    entering = 3 + w.guidance_channels

    def conv(inputs: int, outputs: int, stride: int, *, kernel: int = 3, before: int = 0) -> Work:
        """A convolution that gives maps at `stride`, from maps at stride `before`."""
        weights = inputs * outputs * kernel**2
        moved = weights + inputs * p[before or stride] + outputs * p[stride]
        return Work(weights * p[stride], 4 * moved)

    def down(inputs: int, outputs: int, stride: int, blocks: int) -> Work:
        first = conv(inputs, outputs, stride, before=stride // 2) + conv(outputs, outputs, stride)
        skip = conv(inputs, outputs, stride, kernel=1)
        return first + skip + conv(outputs, outputs, stride) * (2 * blocks - 2)

    def up(inputs: int, outputs: int, stride: int, blocks: int) -> Work:
        # Each coarse cell meets the 16 taps of the transposed convolution once.
        weights = inputs * inputs * 16
        first = Work(weights * p[2 * stride], 4 * (weights + inputs * (p[2 * stride] + p[stride])))
        rest = conv(inputs, outputs, stride) + conv(inputs, outputs, stride, kernel=1)
        return first + rest + conv(outputs, outputs, stride) * (2 * blocks - 2)

    def shortcut(inputs: int, outputs: int, stride: int) -> Work:
        return conv(inputs, outputs, stride) + conv(outputs, outputs, stride)

    stem = conv(entering, w.s2, 2, before=1) + conv(w.s2, w.s2, 2) + conv(w.s2, w.s4, 4, before=2)
    aspp = conv(w.s32, w.aspp, 32, kernel=1) + conv(w.s32, w.aspp, 32) * 3
    aspp += Work(w.s32 * w.aspp, 4 * w.s32 * w.aspp) + conv(5 * w.aspp, w.s32, 32, kernel=1)
    return {
        "stem": stem,
        "layer1": conv(w.s4, w.s4, 4) * 6,
        "layer2": down(w.s4, w.s8, 8, 4),
        "layer3": down(w.s8, w.s16, 16, 4),
        "bottleneck": down(w.s16, w.s32, 32, 2),
        "shortcut 1": shortcut(entering, w.detail, 1),
        "shortcut 2": shortcut(w.s2, w.s2, 2),
        "shortcut 4": shortcut(w.s4, w.s4, 4),
        "shortcut 8": shortcut(w.s8, w.s8, 8),
        "shortcut 16": shortcut(w.s16, w.s16, 16),
        "aspp": aspp,
        "decoder 16": up(w.s32, w.s16, 16, 2),
        "decoder 8": up(w.s16, w.s8, 8, 3),
    }


def window_work(w: NetworkConfig, height: int, width: int, frames: int, instances: int) -> dict[str, Work]:
    """What a window needs beside its frames' dense stages and the sparse one, with all slots as published."""
    cells, a, n = height * width // 64, w.attention, w.slots
    rows = frames * cells

    def product(count: float, inputs: int, outputs: int) -> Work:
        return Work(count * inputs * outputs, 4 * (inputs * outputs + count * (inputs + outputs)))

    looks = product(n, a, a) * 2 + product(rows, a, a) * 2 + product(n, a, rows) + product(n, rows, a)
    seen = product(rows, a, a) * 2 + product(n, a, a) * 2 + product(rows, a, n) + product(rows, n, a)
    own = product(n, a, a) * 4 + product(n, a, n) + product(n, n, a)
    mlp = product(n, a, w.attention_hidden) + product(n, w.attention_hidden, a)
    attention = product(rows, w.s8, a) + looks * 3 + (seen + own + mlp) * 2 + product(n, a, w.query)
    query = product(rows, 9 * a, a) + product(rows, a, w.query)
    found = {"attention": attention, "queries": query + product(rows, w.query, n)}
    if w.has_gru:
        cell = product(cells, 18 * a, 2 * a) + product(cells, 18 * a, a)
        found["queries"] += query
        found["gru"] = cell * (2 * frames - 1)
    if w.fuses:
        one, two = w.change
        change = product(cells, 2 * w.query, one) + product(cells, 9 * one, two) + product(cells, 9 * two, 1)
        found["change"] = change * (2 * frames - 2)
    if w.temporal:
        found["boxes"] = product(frames * instances * height * width, 49, 1)
    return found


def detail_work(w: NetworkConfig, scales: dict[int, Sparse], *, dummy: bool = True) -> Work:
    """What the sparse stage needs, by its sites at strides 1, 2, 4 and 8; `dummy`: with the dummy network."""
    s1, s2, s4, s8 = (scales[stride] for stride in (1, 2, 4, 8))

    def product(count: int, inputs: int, outputs: int) -> Work:
        return Work(count * inputs * outputs, 4 * (inputs * outputs + count * (inputs + outputs)))

    work = product(s8.sites, w.query, w.query_hidden) + product(s8.sites, w.query_hidden, w.query)
    work += product(s4.down, w.query, w.sparse4) + product(s4.pairs, w.sparse4, w.sparse4)
    work += product(s4.sites, w.s4 + w.sparse4, w.gate) + product(s4.pairs, w.gate, w.s4)
    work += product(s4.sites, w.s4 + w.colour_priors, w.smooth4)
    work += product(s4.pairs, w.smooth4, w.head4) + product(s4.pairs, w.head4, 1)
    work += product(s2.down, w.smooth4, w.sparse2) + product(s2.sites, w.sparse2, w.sparse2)
    work += product(s2.sites, w.s2 + w.sparse2 + w.colour_priors, w.smooth2)
    work += product(s1.down, w.smooth2, w.sparse1) + product(s1.pairs, w.sparse1, w.sparse1)
    work += product(s1.sites, w.detail + w.sparse1 + w.colour_priors, w.smooth1)
    work += product(s1.pairs, w.smooth1, w.head1) + product(s1.pairs, w.head1, 1)
    if dummy:
        work += product(s1.pairs, 3, w.detail) + product(s1.down, w.detail, w.detail)
        work += product(s2.down, w.detail, w.s4) + product(s4.down, w.s4, w.s4)
    return work


@dataclass(frozen=True)
class Product:
    """A product of two square matrices, the most a machine multiplies."""

    a: torch.Tensor
    b: torch.Tensor
    out: torch.Tensor

    @classmethod
    def of(cls, device: torch.device, kind: torch.dtype) -> Product:
        side = MATRIX["cuda" if device.type == "cuda" else "cpu"]
        a, b = (torch.randn(side, side, device=device).to(kind) for _ in range(2))
        return cls(a, b, torch.empty_like(a))

    def run(self) -> None:
        torch.mm(self.a, self.b, out=self.out)

    @property
    def flops(self) -> float:
        return 2.0 * len(self.a) ** 3


def machine_rates(device: torch.device) -> dict[str, float]:
    """What the machine reaches now: GFLOP/s in products of matrices, GB/s read and written in copies."""
    rates = {}
    for name, kind in (("gflops_fp32", torch.float32), ("gflops_bf16", torch.bfloat16)):
        product = Product.of(device, kind)
        (seconds,) = _seconds(device, product.run)
        rates[name] = product.flops / median(seconds) / 1e9
    floats = COPY_FLOATS["cuda" if device.type == "cuda" else "cpu"]
    source, target = (torch.zeros(floats, device=device) for _ in range(2))
    (seconds,) = _seconds(device, lambda: target.copy_(source))
    rates["copy_gb_s"] = 8 * floats / median(seconds) / 1e9
    return rates


def _seconds(device: torch.device, *calls: Callable[[], Any]) -> list[list[float]]:
    """Seconds of each call in each of a few rounds, in turns, after one that does not count."""
    taken: list[list[float]] = [[] for _ in calls]
    for number in range(TRIES + 1):
        for call, seconds in zip(calls, taken, strict=True):
            begin = time.perf_counter()
            call()
            settle(device)
            if number:
                seconds.append(time.perf_counter() - begin)
    return taken


@contextmanager
def module_seconds(network: nn.Module, device: torch.device) -> Iterator[dict[str, float]]:
    """Seconds in each stage of `DENSE` while the context lasts, as far as its modules are called."""
    begun: dict[str, float] = {}
    spent: dict[str, float] = {}
    hooks = []
    for stage, names in DENSE.items():
        for name in names:

            def enter(*_: Any, name: str = name) -> None:
                settle(device)
                begun[name] = time.perf_counter()

            def leave(*_: Any, name: str = name, stage: str = stage) -> None:
                settle(device)
                spent[stage] = spent.get(stage, 0.0) + time.perf_counter() - begun[name]

            module = network.get_submodule(name)
            hooks += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        yield spent
    finally:
        for hook in hooks:
            hook.remove()


def counted_macs(call: Callable[[], Any]) -> float:
    """Multiply-adds torch's own counter sees in `call`; fused or compiled kernels escape it."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() / 2


def counts_fit(model: Any) -> bool:
    """Whether `DENSE` and `dense_work` are of this network: they are of the published encoder alone."""
    return model._network.config.encoder == "residual"


def roofline(model: Any, image: Any, guidance: Any, rates: dict[str, float]) -> dict[str, Any]:
    """The dense stages of one frame by `model.encode`: needed, done, and how fast.

    Returns:
        `stages`: for each its multiply-adds and bytes by hand, the least seconds they can take here, and the
        seconds they took where that can be told; `dense`: all of them, with the rate that was reached.
    """
    bf16 = model.precision == "bf16"
    peak = rates["gflops_bf16" if bf16 else "gflops_fp32"] * 1e9
    work = dense_work(model._network.config, *image.shape[-2:])
    size = 0.5 if bf16 else 1.0
    product = Product.of(model.device, torch.bfloat16 if bf16 else torch.float32)
    taken, beside = _seconds(model.device, lambda: model.encode(image, guidance), product.run)
    seconds = median(taken)
    with module_seconds(model._network, model.device) as spent:
        model.encode(image, guidance)
    done = counted_macs(lambda: model.encode(image, guidance))
    by_hand = sum(stage.macs for stage in work.values())
    # Less than a half by the counter: the kernels are of a kind it does not know.
    macs = done if done > by_hand / 2 else by_hand
    stages = {
        name: {
            "gmac": stage.macs / 1e9,
            "mb": stage.bytes * size / 1e6,
            "least_s": max(2 * stage.macs / peak, stage.bytes * size / (rates["copy_gb_s"] * 1e9)),
            "seconds": spent.get(name),
        }
        for name, stage in work.items()
    }
    return {
        "stages": stages,
        "dense": {
            "gmac_by_hand": by_hand / 1e9,
            "gmac_counted": done / 1e9,
            "seconds": seconds,
            "least_s": sum(stage["least_s"] for stage in stages.values()),
            "gflops": 2 * macs / seconds / 1e9,
            "of_matrix_product": median(
                2 * macs / own / (product.flops / other) for own, other in zip(taken, beside, strict=True)
            ),
        },
    }
