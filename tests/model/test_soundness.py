"""Weights that no trained network has are refused at loading, and no matte is given that is not finite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support.golden_data import state
from support.tiny import WIDTHS, tiny_state

from maggie_api.errors import ModelError
from maggie_core.model import MatteModel, from_state_dict, load_model, save_weights
from maggie_core.model.checkpoint import build_network, digest_tensors, read_state
from maggie_core.model.config import NetworkConfig
from maggie_core.model.network import Network
from maggie_core.model.soundness import LARGEST_STATISTIC, LARGEST_WEIGHT

State = dict[str, torch.Tensor]
CONV, NORM = "decoder.layer3.0.weight", "encoder.bn1"
SPECTRAL = "encoder.layer1.0.conv1.module"


def one(name: str, value: float) -> Callable[[State], None]:
    """Put `value` into one number of a tensor."""

    def damage(weights: State) -> None:
        weights[name].view(-1)[-1] = value

    return damage


def scaled(factor: float) -> Callable[[State], None]:
    def damage(weights: State) -> None:
        for name, tensor in weights.items():
            weights[name] = tensor * factor

    return damage


def zeroed(*names: str) -> Callable[[State], None]:
    def damage(weights: State) -> None:
        for name in names or weights:
            weights[name].zero_()

    return damage


def whole_numbers(weights: State) -> None:
    for name, tensor in weights.items():
        weights[name] = tensor.to(torch.int64)


def hidden_zero(weights: State) -> None:
    """A spectral norm that divides by zero although no tensor is all zero: u sees nothing of the weight."""
    bar, u = weights[f"{SPECTRAL}.weight_bar"], weights[f"{SPECTRAL}.weight_u"]
    u.zero_()
    u[0] = 1
    bar[0] = 0


DAMAGE = {
    "one NaN": (one(CONV, torch.nan), rf"NaN or infinity: {CONV}, all need to be finite: fetch or copy"),
    "one infinity": (one(f"{NORM}.bias", torch.inf), rf"NaN or infinity: {NORM}.bias"),
    "one minus infinity": (one(f"{NORM}.running_mean", -torch.inf), rf"infinity: {NORM}.running_mean"),
    "all NaN": (scaled(torch.nan), r"NaN or infinity: .* and \d+ more, all need to be finite"),
    "all infinity": (scaled(torch.inf), "NaN or infinity"),
    "all zero": (zeroed(), r"weights are all zero: .* and \d+ more, a trained network's are not"),
    "one layer of zeros": (zeroed(CONV), f"weights are all zero: {CONV}, "),
    "a spectral weight of zeros": (zeroed(f"{SPECTRAL}.weight_bar"), "weights are all zero"),
    "a spectral vector of zeros": (zeroed(f"{SPECTRAL}.weight_u"), "weights are all zero"),
    "a spectral norm of zero": (hidden_zero, "fold to NaN or infinity in encoder.layer1.0.conv1.weight"),
    "whole numbers": (
        whole_numbers,
        "is int64.*needs floating-point numbers: save the checkpoint as float16",
    ),
    "times ten thousand": (scaled(1e4), "weights are too large: .* reaches .*stay below 1,000"),
    "one large weight": (one(CONV, -1.01 * LARGEST_WEIGHT), f"too large: {CONV} reaches 1.01e\\+03, "),
    "one large statistic": (one(f"{NORM}.running_var", 1.01 * LARGEST_STATISTIC), "reaches 1.01e\\+06, "),
    "one variance below zero": (one(f"{NORM}.running_var", -0.1), f"below zero: {NORM}.running_var, "),
}


def damaged(damage: Callable[[State], None], weights: State) -> State:
    weights = {name: x.clone() for name, x in weights.items() if "num_batches_tracked" not in name}
    damage(weights)
    return weights


@pytest.mark.parametrize(("damage", "sentence"), DAMAGE.values(), ids=DAMAGE.keys())
def test_weights_of_no_trained_network_are_refused_in_one_line(damage, sentence: str, tmp_path: Path):
    save_file(damaged(damage, tiny_state()), tmp_path / "damaged.safetensors")

    with pytest.raises(ModelError, match=sentence) as caught:
        load_model(str(tmp_path / "damaged.safetensors"), device="cpu")

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["one NaN", "all zero", "whole numbers", "times ten thousand"])
def test_damaged_weights_of_the_published_layout_are_refused(name: str):
    damage, sentence = DAMAGE[name]

    with pytest.raises(ModelError, match=sentence):
        from_state_dict(damaged(damage, state("video")))


def test_numbers_too_large_for_half_precision_are_refused(tmp_path: Path):
    weights = damaged(one(CONV, 7e4), tiny_state())
    save_file({name: x.half() for name, x in weights.items()}, tmp_path / "half.safetensors")

    with pytest.raises(ModelError, match=f"NaN or infinity: {CONV}"):
        load_model(str(tmp_path / "half.safetensors"), device="cpu")


@pytest.mark.parametrize(
    "damage",
    [
        one(CONV, LARGEST_WEIGHT),
        one(f"{NORM}.running_var", LARGEST_STATISTIC),
        zeroed("decoder.diff_module.6.weight"),
        zeroed("encoder.layer1.0.bn2.weight", "encoder.layer1.0.bn2.bias"),
    ],
    ids=[
        "a weight at the bound",
        "a variance at the bound",
        "nothing ever changes",
        "a block that is its skip",
    ],
)
def test_unusual_weights_that_mean_something_load(damage):
    assert from_state_dict(damaged(damage, tiny_state())).is_video


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.float16])
def test_any_floating_point_type_loads(kind: torch.dtype):
    weights = {name: tensor.to(kind) for name, tensor in tiny_state().items()}

    model = from_state_dict(weights)

    assert {tensor.dtype for tensor in model._network.parameters()} == {torch.float32}


def test_a_network_for_training_is_checked_and_not_folded():
    network = build_network(tiny_state())

    expected = {name: x for name, x in tiny_state().items() if x.is_floating_point()}
    found = network.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert all(not found[name].any() for name in found.keys() - expected.keys())
    assert network.get_parameter(CONV).requires_grad
    assert not network.get_parameter(f"{SPECTRAL}.weight_u").requires_grad
    with pytest.raises(ModelError, match="all zero"):
        build_network(damaged(zeroed(), tiny_state()))


def test_a_coarse_prior_without_colour_priors_is_refused():
    with pytest.raises(ModelError, match="a coarse prior and no colour priors, which it needs"):
        NetworkConfig(coarse_prior=4)


# A matte that is not finite.


def broken_model(*, temporal: bool = True) -> MatteModel:
    """A model whose coarse features are NaN at one place, as after an overflow in half precision."""
    config = replace(WIDTHS, temporal=temporal)
    model = from_state_dict(tiny_state(config), metadata=config.metadata)
    whole = model._network.features

    def features(*args, **options):
        shortcuts, d8 = whole(*args, **options)
        d8[..., 2, 3] = torch.nan
        return shortcuts, d8

    model._network.features = features  # type: ignore[method-assign]
    return model


@pytest.mark.parametrize("temporal", [True, False])
def test_a_matte_that_is_not_finite_is_refused(temporal: bool):
    image = torch.rand(3, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    guidance = torch.zeros(3, 1, 64, 96)
    guidance[..., 8:56, 8:40] = 1

    with pytest.raises(
        ModelError, match=r"matte of this frame is not finite, .* in 0..1: verify the weights"
    ):
        broken_model(temporal=temporal).predict_clip(image, guidance)


# One digest for the same weights.


def test_the_same_weights_have_one_digest_in_any_file(tmp_path: Path):
    weights = {name: x for name, x in tiny_state().items() if "num_batches_tracked" not in name}
    save_file(weights, tmp_path / "plain.safetensors")
    save_file(
        dict(reversed(weights.items())),
        tmp_path / "told.safetensors",
        metadata={"fusion": "both", "note": "written later", "gru": "both", "kind": "video"},
    )
    torch.save({"state_dict": tiny_state()}, tmp_path / "pickled.pth")

    models = [load_model(str(path), device="cpu") for path in sorted(tmp_path.iterdir())]

    assert len({model.info.sha256 for model in models}) == 3
    assert len({model.digest for model in models}) == 1


def test_a_digest_changes_with_everything_that_may_change_a_matte():
    weights, metadata = dict(tiny_state()), WIDTHS.metadata
    changed = {name: x.clone() for name, x in weights.items()}
    changed[CONV].view(-1)[0] += 1e-6
    swapped = {
        **weights,
        f"{NORM}.bias": weights[f"{NORM}.weight"],
        f"{NORM}.weight": weights[f"{NORM}.bias"],
    }
    reshaped = {**weights, CONV: weights[CONV].flatten(1)}
    rounded = {name: x.half() for name, x in weights.items()}

    digests = [
        digest_tensors(each, metadata=metadata) for each in (weights, changed, swapped, reshaped, rounded)
    ]
    digests.append(digest_tensors(weights, metadata={**metadata, "fusion": "none"}))
    loaded = [from_state_dict(weights, instances=instances) for instances in ("together", "alone")]

    assert len(set(digests)) == 6
    assert [model.info.digest for model in loaded] == [digests[0]] * 2
    assert loaded[0].digest != loaded[1].digest


def test_tensors_that_no_result_depends_on_are_no_part_of_a_digest():
    weights = state("image")

    used = {name: x for name, x in weights.items() if "dummy" not in name and "num_batches" not in name}
    assert len(used) < len(weights)
    assert digest_tensors(used, metadata={}) == digest_tensors(weights, metadata={})


def test_the_same_network_is_saved_as_the_same_bytes(tmp_path: Path):
    network = Network(WIDTHS)

    for number in range(12):  # of three words in any order, the same one twelve times is no chance
        save_weights(network, tmp_path / f"{number}.safetensors")

    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    found, expected = read_state(tmp_path / "0.safetensors"), network.state_dict()
    assert all(torch.equal(tensor, expected[name].half()) for name, tensor in found.items())
    assert load_model(str(tmp_path / "0.safetensors"), device="cpu")._network.config == WIDTHS
