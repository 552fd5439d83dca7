"""Layers: which hold masks, what the mattes' are called, how many a script takes."""

from __future__ import annotations

import pytest
from support.nuke_plugin import part

from maggie_api.errors import HostError
from maggie_core.guidance.instances import make_instances

layers = part("layers")


def test_layers_are_called_as_the_worker_calls_them():
    names = ["Ana", "ana", "1st AD", "Zoë Ünal", "alpha", "x" * 80, "李"]

    assert layers.matte_layers(names) == [instance.layer for instance in make_instances(names)]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["ana", " "], "no name"),
        (["ana", "ben", "ana"], "two instances are called 'ana'"),
        ([f"p{i}" for i in range(65)], "65 instances: the node takes 64"),
    ],
)
def test_names_that_cannot_be_layers_are_said(names: list[str], sentence: str):
    with pytest.raises(HostError, match=sentence):
        layers.matte_layers(names)


def test_channels_stay_within_nukes_limit():
    there = [f"l{i}.a" for i in range(1020)]

    layers.check_room(["maggie_a", "maggie_b", "maggie_c"], there)
    with pytest.raises(HostError, match="1020 channels and Nuke takes 1023: 4 more"):
        layers.check_room(["maggie_a", "maggie_b", "maggie_c", "maggie_d"], there)
    layers.check_room(["l1"], [*there, "l1.alpha", "x.a", "y.a"])


@pytest.mark.parametrize(
    ("channels", "masks"),
    [
        (["rgba.red", "rgba.green", "rgba.blue", "rgba.alpha", "depth.Z"], []),
        (["rgba.alpha", "hero.alpha", "extra.a"], [("hero", "hero"), ("extra", "extra")]),
        (["hero.red", "hero.green", "hero.blue", "hero.alpha"], [("hero", "hero.alpha")]),
        (["ids.anna", "ids.ben"], [("anna", "ids.anna"), ("ben", "ids.ben")]),
        (["diffuse.red", "diffuse.green", "diffuse.blue"], []),
        (["maggie_ana.alpha"], [("ana", "maggie_ana")]),
        (["CryptoObject00.red", "CryptoObject00.alpha", "rotopaint_mask.a", "mask.a"], []),
    ],
)
def test_masks_are_found_among_layers(channels: list[str], masks: list[tuple[str, str]]):
    assert layers.masks_in(channels) == masks
