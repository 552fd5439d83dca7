"""What changes while a training goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from maggie_api.errors import SettingsError
from maggie_lab.training.schedule import rate, truth_share
from maggie_lab.training.settings import PAPER_IMAGE, RECIPES, TrainSettings, find_recipe


def test_the_one_cycle_rate_is_pytorchs():
    settings = replace(PAPER_IMAGE, steps=400, warmup_steps=100)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        1.0,
        total_steps=400,
        pct_start=0.25,
        div_factor=25,
        final_div_factor=1e4,
        cycle_momentum=False,
    )

    for step in range(400):
        assert rate(settings, step=step, progress=step / 400) == pytest.approx(
            theirs.get_last_lr()[0], rel=1e-6
        )
        optimiser.step()
        theirs.step()


def test_the_published_rate_is_highest_at_the_end_of_a_thousand_steps():
    image = RECIPES["paper-image"].settings

    rates = [rate(image, step=step, progress=step / 52_000) for step in (0, 999, 51_999)]

    assert rates == pytest.approx([1 / 25, 1.0, 1 / 25e4])


def test_the_default_rate_rises_for_a_short_while_and_falls_to_a_hundredth():
    rates = [rate(TrainSettings(), step=0, progress=p) for p in (0.0, 0.02, 0.04, 1.0)]

    assert rates == pytest.approx([0.02, 0.5, 1.0, 0.01])


@pytest.mark.parametrize(("step", "share"), [(2999, 1.0), (3000, 0.5), (8999, 0.5), (9000, 0.0)])
def test_the_truth_guides_less_and_less_as_published(step: int, share: float):
    assert truth_share(PAPER_IMAGE, step=step, progress=0.5) == share


def test_crops_that_begin_together_take_turns():
    settings = TrainSettings(crops=((0.0, 128), (0.4, 160), (0.4, 320)))
    assert [settings.crop_px(0.3, number) for number in range(3)] == [128] * 3
    assert [settings.crop_px(0.9, number) for number in range(4)] == [160, 320, 160, 320]


def test_the_recipes_have_the_published_values():
    image, video = RECIPES["paper-image"].settings, RECIPES["paper-video"].settings

    assert (image.steps, image.batch, image.learning_rate, image.clip) == (52_000, 12, 1.5e-4, 0.01)
    assert (video.steps, video.clip_batch, video.clip_frames, video.learning_rate) == (10_000, 4, 8, 5e-5)
    assert (image.loss_weights.laplacian, image.loss_weights.gradient, image.loss_weights.attention) == (
        0.05,
        0.05,
        5.0,
    )
    assert RECIPES["paper-video"].needs_weights


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"batch": 0}, "batch is 0"),
        ({"crops": ((0.0, 100),)}, "a crop of 100 px"),
        ({"minutes": None}, "no length"),
        ({"schedule": "one-cycle"}, "one-cycle schedule counts steps"),
    ],
)
def test_settings_out_of_range_are_said_in_one_line(wrong: dict, said: str):
    with pytest.raises(SettingsError, match=said):
        TrainSettings(**wrong)


def test_an_unknown_recipe_is_answered_with_those_there_are():
    with pytest.raises(
        SettingsError, match="no recipe called paper: known are default, lite, paper-image, paper-video"
    ):
        find_recipe("paper")
