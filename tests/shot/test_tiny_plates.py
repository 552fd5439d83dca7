"""Plates with a short side of 64 and less: the shipped model's alpha lies where the mask does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.people import Somebody, mattes, people_clip
from maggie_core import load_model

SIZES = (64, 64), (96, 64), (64, 48), (48, 64), (110, 62), (40, 40)


@pytest.mark.slow
def test_on_tiny_plates_alpha_follows_the_mask(tmp_path: Path):
    model, rng = load_model("default", device="cpu"), np.random.default_rng(1)
    errors: list[float] = []
    of_masks: list[float] = []
    for n in range(30):
        width, height = SIZES[n % len(SIZES)]
        tall = float(rng.uniform(0.45, 0.95)) * height
        seed, at = int(rng.integers(100)), float(rng.uniform(0.3, 0.7)) * width
        folder = tmp_path / str(n)
        folder.mkdir()
        who = Somebody(seed, tall, at, height * 0.5 + tall / 2)
        job, truth = people_clip(folder, [[who]], size=(width, height))

        ((alphas, _),) = mattes(job, model, scale="auto")

        shared, either = (np.sum(of(alphas[0], truth[0, 0])) for of in (np.minimum, np.maximum))
        assert shared / either > 0.85, f"plate {n}: {width}x{height}, person {seed}, {tall:.0f} pixels tall"
        errors.append(float(np.abs(alphas[0] - truth[0, 0]).mean()))
        of_masks.append(float(np.abs((truth[0, 0] > 0.5) - truth[0, 0]).mean()))
    assert np.mean(errors) < 0.75 * np.mean(of_masks)
