"""The shipped weights beat what needs no network, on scenes they never learned from."""

from __future__ import annotations

import pytest
import torch

from maggie_core import load_model
from maggie_lab.evaluation import BASELINES, Averages, image_errors
from maggie_lab.synthesis import heldout_set

METRICS = ("MAD_e3", "Grad")


@pytest.fixture(scope="module")
def means() -> dict[str, dict[str, float]]:
    """Mean MAD_e3 and Grad of the default model and of every baseline over twelve held-out stills."""
    model, scores = load_model("default", device="cpu"), {}
    for sample in heldout_set(12, seed=5, size_px=256, clip_every=0):
        image, guidance = torch.from_numpy(sample.image), torch.from_numpy(sample.guidance)
        found = {"default": model.predict_clip(image, guidance)[0].numpy()}
        for name, baseline in BASELINES.items():
            masks = [baseline(sample.image[0], mask) for mask in sample.guidance[0]]
            found[name] = torch.stack([torch.as_tensor(mask) for mask in masks]).numpy()
        for name, alphas in found.items():
            scores.setdefault(name, Averages()).add(image_errors(alphas, sample.alphas[0], names=METRICS))
    return {name: average.means() for name, average in scores.items()}


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("metric", METRICS)
def test_the_default_model_beats_what_needs_no_network(
    means: dict[str, dict[str, float]], baseline: str, metric: str
):
    assert means["default"][metric] < means[baseline][metric]


def test_the_default_model_is_small_and_free_to_use():
    info = load_model("default", device="cpu").info

    assert info.parameters <= 8_000_000
    assert (info.kind, info.licence, info.commercial) == ("video", "Apache-2.0", True)
