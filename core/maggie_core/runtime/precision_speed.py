"""How fast this processor computes the network's convolutions in each number format.

A processor with matrix units, or with fast bfloat16 products, takes half the time in bfloat16; one that only
knows the format takes longer than in float32. Its feature flags do not tell which, so it is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch.nn.functional import conv2d

CHANNELS, HEIGHT, WIDTH = 64, 36, 64
"""A 3x3 convolution of the default network's middle, a quarter of its size there."""
REPEATS = 6
"""In turns, and the least counts."""
TELLING = 1.1
"""A factor from which one format is called slower than another; so short a measurement cannot tell less."""

TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
HalfPrecision = Literal["bf16", "fp16"]


@dataclass(frozen=True)
class PrecisionSpeed:
    """A number format compared with float32, on one thread of this machine's CPU."""

    precision: HalfPrecision
    ms: float
    """Milliseconds of processor time of the measured convolution."""
    fp32_ms: float

    @property
    def ratio(self) -> float:
        """Time in this format, over that in float32."""
        return self.ms / self.fp32_ms

    @property
    def is_slower(self) -> bool:
        return self.ratio > TELLING

    @property
    def is_faster(self) -> bool:
        return self.ratio < 1 / TELLING

    def __str__(self) -> str:
        """The measurement in words."""
        return (
            f"{self.ratio:.2g} times the time of fp32 (a 3x3 convolution of {CHANNELS} channels at "
            f"{WIDTH}x{HEIGHT}: {self.ms:.2g} ms against {self.fp32_ms:.2g} ms)"
        )


@cache
def cpu_speed(precision: HalfPrecision) -> PrecisionSpeed:
    """Measure a number format on the CPU, once per process; some 20 milliseconds, 0.2 s where it is slow.

    Measured is the processor time of a single thread: what other programs take of the machine does not count.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            runs = [_convolution(torch.float32), _convolution(TYPES[precision])]
            fp32, other = (
                1e3 * min(times) for times in zip(*(_turn(runs) for _ in range(REPEATS)), strict=True)
            )
    finally:
        torch.set_num_threads(threads)
    return PrecisionSpeed(precision, ms=other, fp32_ms=fp32)


def _convolution(kind: torch.dtype) -> Callable[[], object]:
    """The measured convolution, run once: the first run compiles its routine."""
    image = torch.ones(1, CHANNELS, HEIGHT, WIDTH, dtype=kind).to(memory_format=torch.channels_last)
    weight = torch.ones(CHANNELS, CHANNELS, 3, 3, dtype=kind)

    def run() -> object:
        return conv2d(image, weight, padding=1)

    run()
    return run


def _turn(runs: list[Callable[[], object]]) -> list[float]:
    seconds = []
    for run in runs:
        start = time.thread_time()
        run()
        seconds.append(time.thread_time() - start)
    return seconds
