"""Networks and baselines see what the published evaluation shows them, and are brought back as it does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.published_sets import write_him2k
from support.tiny import tiny_model

from maggie_lab.datasets import find_samples
from maggie_lab.evaluation.methods import NetworkMethod, Scene, baseline_methods
from maggie_lab.evaluation.network_size import from_network_size, padded, to_network_size
from maggie_lab.evaluation.paper import paper_row_of_masks, paper_rows

RNG = np.random.default_rng(5)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1080, 1920), (576, 1024)),
        ((300, 400), (576, 768)),
        ((519, 700), (575, 776)),  # by rounding, as published
        ((576, 801), (576, 801)),
    ],
)
def test_the_short_side_becomes_576_and_fractions_of_pixels_are_cut_off(
    size: tuple[int, int], expected: tuple[int, int]
):
    image, guidance = np.zeros((1, 3, *size), np.float32), np.zeros((1, 2, *size), np.float32)

    small, masks = to_network_size(image, guidance)

    assert small.shape == (1, 3, *expected)
    assert masks.shape == (1, 2, *expected)


def test_images_are_resampled_between_neighbours_and_masks_are_picked():
    image = RNG.integers(0, 256, (1, 3, 1152, 1152)).astype(np.float32) / 255
    guidance = (RNG.random((1, 1, 1152, 1152)) > 0.5).astype(np.float32)

    small, masks = to_network_size(image, guidance)

    means = image.reshape(1, 3, 576, 2, 576, 2).mean((3, 5))
    assert np.abs(small - means).max() <= 1 / 255
    assert np.array_equal(masks, guidance[..., ::2, ::2])


def test_padding_is_black_right_and_below():
    planes = padded(np.ones((1, 1, 70, 64), np.float32))

    assert planes.shape == (1, 1, 128, 64)
    assert not planes[..., 70:, :].any()


def test_the_matte_comes_back_with_its_corners_in_place():
    alphas = RNG.random((2, 1, 40, 60)).astype(np.float32) * 0.8 + 0.1

    grown = from_network_size(alphas, (79, 119))

    # Aligned corners: every second pixel of a grid with twice the intervals is a pixel of the small one.
    assert grown[..., ::2, ::2] == pytest.approx(alphas, abs=1e-5)


def test_what_is_nearly_decided_is_decided():
    alphas = np.float32([0, 1 / 255, 1.01 / 255, 0.5, 253.9 / 255, 254 / 255, 1]).reshape(1, 1, 1, 7)

    (settled,) = from_network_size(alphas, (1, 7)).reshape(1, 7)

    assert settled.tolist() == pytest.approx([0, 0, 1.01 / 255, 0.5, 253.9 / 255, 1, 1])


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    sample = find_samples("him2k", write_him2k(tmp_path, variants=("0",)))[0]
    guidance = np.zeros((1, 2, 72, 96), np.float32)
    guidance[0, 0, 10:60, 8:40] = guidance[0, 1, 20:70, 50:80] = 1
    return Scene(sample, RNG.random((1, 3, 72, 96)).astype(np.float32), guidance, (36, 48))


def test_a_network_gets_black_padding_and_its_matte_is_cropped(scene: Scene):
    method = NetworkMethod(tiny_model(temporal=True), "none", "tiny")

    mattes = method.mattes(scene)

    canvas = torch.zeros(1, 3, 128, 128), torch.zeros(1, 2, 128, 128)
    canvas[0][..., :72, :96] = torch.from_numpy(scene.image)
    canvas[1][..., :72, :96] = torch.from_numpy(scene.guidance)
    expected = method.model.predict_clip(*canvas)[..., :72, :96].numpy()
    assert np.array_equal(mattes.alphas, from_network_size(expected, (36, 48)))


def test_an_image_network_sees_the_corner_of_each_cell_of_the_guidance(scene: Scene):
    method = NetworkMethod(tiny_model(temporal=False), "none", "tiny")
    corners = scene.guidance[..., ::8, ::8].repeat(8, -2).repeat(8, -1)

    assert not np.array_equal(corners, scene.guidance)
    assert np.array_equal(method.mattes(scene).alphas, method.mattes(replace(scene, guidance=corners)).alphas)


def test_the_last_step_is_part_of_the_method(scene: Scene):
    plain, refined = (NetworkMethod(tiny_model(), how, "tiny") for how in ("none", "guided"))

    assert plain.recipe != refined.recipe
    assert not np.array_equal(plain.mattes(scene).alphas, refined.mattes(scene).alphas)


def test_clips_are_steadied_where_the_method_says_so(scene: Scene):
    repeated = replace(scene, image=scene.image.repeat(3, 0), guidance=scene.guidance.repeat(3, 0))
    rolled = replace(
        repeated, guidance=np.stack([np.roll(g, 4 * t, -1) for t, g in enumerate(repeated.guidance)])
    )
    plain, smooth = (NetworkMethod(tiny_model(), "none", "tiny", how) for how in ("none", "flow"))

    change, steadier = (np.abs(np.diff(m.mattes(rolled).alphas, axis=0)).mean() for m in (plain, smooth))

    assert plain.recipe != smooth.recipe
    assert steadier < change


def test_baselines_see_the_masks_at_network_size(scene: Scene):
    mask, blur = baseline_methods("mask,blur")

    assert np.array_equal(mask.mattes(scene).alphas, from_network_size(scene.guidance, (36, 48)))
    assert mask.mattes(scene).alphas.shape == blur.mattes(scene).alphas.shape


def test_the_papers_rows_are_those_of_its_tables():
    composition = {row.method: row for row in paper_rows("him2k", "composition")}
    hard = {row.method: row for row in paper_rows("v-him60", "hard")}
    masks = paper_row_of_masks("natural", "r101_fpn_400e")

    assert (composition["MaGGIe"].means["MAD"], composition["MaGGIe"].deviations["MAD"]) == (12.93, 0.28)
    assert composition["InstMatt (public)"].means["MSE"] == 5.71
    assert hard["MaGGIe"].means["MESSDdt"] == 42.98
    assert hard["InstMatt"].means["MAD_f"] == 58.23  # only Table 14 has it
    assert masks is not None and masks.means["Conn"] == 11.49


@pytest.mark.parametrize(("dataset", "subset"), [("i-him50k", ""), ("v-him2k5", "easy"), ("him2k", "")])
def test_sets_the_paper_does_not_test_on_have_no_rows(dataset: str, subset: str):
    assert paper_rows(dataset, subset) == []
    assert paper_row_of_masks(subset, "0") is None
