"""Which number format a processor computes fast, by measurement."""

from __future__ import annotations

import time

import torch
from torch.nn.functional import conv2d

from maggie_core.runtime import precision_speed
from maggie_core.runtime.precision_speed import PrecisionSpeed, cpu_speed


def test_the_measurement_agrees_with_a_larger_convolution_about_which_format_is_slower():
    speeds = [cpu_speed("bf16"), cpu_speed("fp16")]
    apart = max(speeds, key=lambda speed: abs(speed.ratio - 1))  # the one that is plainly slower or faster

    ours, theirs = _seconds(torch.float32), _seconds(precision_speed.TYPES[apart.precision])

    assert (apart.ratio > 1) == (theirs > ours)
    assert "ms against" in str(apart)


def test_it_is_made_once_and_leaves_the_threads_as_they_were():
    threads = torch.get_num_threads()

    assert cpu_speed("bf16") is cpu_speed("bf16")
    assert torch.get_num_threads() == threads


def test_a_tenth_more_is_no_slower_format():
    assert not PrecisionSpeed("bf16", ms=1.05, fp32_ms=1.0).is_slower
    assert PrecisionSpeed("bf16", ms=1.5, fp32_ms=1.0).is_slower


def _seconds(kind: torch.dtype) -> float:
    """Least processor time of a convolution of another width and size."""
    image, weight = torch.ones(1, 32, 72, 96, dtype=kind), torch.ones(32, 32, 3, 3, dtype=kind)
    least = float("inf")
    for _ in range(4):
        start = time.process_time()
        conv2d(image, weight, padding=1)
        least = min(least, time.process_time() - start)
    return least
