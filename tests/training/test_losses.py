"""Every term of the published loss against numbers of the original program."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.golden_data import FOLDER
from torch import Tensor

from maggie_lab.training import terms
from maggie_lab.training.losses import over_scales, weighted_by
from maggie_lab.training.settings import LossWeights

RELATIVE = 1e-5
GOLDEN = np.load(FOLDER / "losses.npz")


def tensor(name: str) -> Tensor:
    values = torch.from_numpy(GOLDEN[name]).float()
    return values / 255 if name.endswith("_u8") else values


def maps(name: str) -> Tensor:
    """(T N, H, W)."""
    return tensor(name).flatten(0, 1)


def weights() -> tuple[Tensor, Tensor, Tensor]:
    """(T, N, H, W) weights of the scales 1, 4 and 8."""
    return tensor("w1"), tensor("w4"), terms.coarse_weights(tensor("a8_u8"), tensor("gt_u8"))


@pytest.mark.parametrize("kind", ["image", "video"])
@pytest.mark.parametrize("scale", [0, 1, 2], ids=["os1", "os4", "os8"])
@pytest.mark.parametrize(
    ("term", "name"), [(terms.l1, "rec"), (terms.laplacian, "lap"), (terms.gradient, "grad")]
)
def test_a_term_at_a_scale_is_as_published(kind: str, scale: int, term, name: str):
    prediction, os = (("a1_u8", "os1"), ("a4_u8", "os4"), ("a8_u8", "os8"))[scale]

    value = term(maps(prediction), maps("gt_u8"), weights()[scale].flatten(0, 1))

    assert float(value) == pytest.approx(float(GOLDEN[f"{kind}_loss_{name}_{os}"]), rel=RELATIVE)


@pytest.mark.parametrize("scale", [0, 1, 2], ids=["os1", "os4", "os8"])
def test_dtssd_at_a_scale_is_as_published(scale: int):
    prediction, os = (("a1_u8", "os1"), ("a4_u8", "os4"), ("a8_u8", "os8"))[scale]

    value = terms.dtssd(tensor(prediction), tensor("gt_u8"), weights()[scale])

    assert float(value) == pytest.approx(float(GOLDEN[f"video_loss_dtSSD_{os}"]), rel=RELATIVE)


@pytest.mark.parametrize(("kind", "frames"), [("image", 1), ("video", 3)])
def test_scales_and_terms_add_up_to_the_published_total(kind: str, frames: int):
    alphas = tuple(tensor(name).unsqueeze(0) for name in ("a1_u8", "a4_u8", "a8_u8"))
    scales = [(a, w.unsqueeze(0)) for a, w in zip(alphas, weights(), strict=True)]
    truth = tensor("gt_u8").unsqueeze(0)
    if frames == 1:  # the image loss sees the same maps as stills
        scales = [(a.transpose(0, 1), w.transpose(0, 1)) for a, w in scales]
        truth = truth.transpose(0, 1)

    found = over_scales(scales, truth)

    names = {"l1": "rec", "laplacian": "lap", "gradient": "grad"} | ({"dtssd": "dtSSD"} if frames > 1 else {})
    assert set(found) == set(names)
    for name, theirs in names.items():
        assert float(found[name]) == pytest.approx(float(GOLDEN[f"{kind}_loss_{theirs}"]), rel=RELATIVE)
    total = sum(weighted_by(found, LossWeights()).values())
    assert float(total) == pytest.approx(float(GOLDEN[f"{kind}_total"]), rel=RELATIVE)


def test_the_change_heads_losses_are_as_published():
    ahead, behind = (tensor(f"diff_{d}_logit")[0, :, 0] for d in "fb")
    change = tensor("delta_gt")

    values = {
        "temp_bce": terms.change_likelihood(ahead, behind, change),
        "temp_dtssd": terms.change_steadiness(ahead, behind, change),
        "temp": terms.temporal(ahead, behind, change),
    }

    for name, value in values.items():
        assert float(value) == pytest.approx(float(GOLDEN[f"temp_loss_{name}"]), rel=RELATIVE), name


def test_the_attention_loss_of_a_layer_is_as_published():
    value = terms.attention(tensor("att_weight"), tensor("att_mask") > 0, frames=3)

    assert float(value) == pytest.approx(float(GOLDEN["att_loss_one_layer"]), rel=RELATIVE)


def test_pyramids_of_images_that_are_not_square_have_a_loss():
    a, g = torch.rand(2, 48, 80, generator=torch.Generator().manual_seed(1)), torch.zeros(2, 48, 80)

    assert 0 < float(terms.laplacian(a, g, torch.ones_like(a))) < 10
