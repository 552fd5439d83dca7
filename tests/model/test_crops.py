"""Work is done where something is undecided, and what comes out is what doing it everywhere gives."""

from __future__ import annotations

import pytest
import torch
from support.tiny import disc, tiny_model
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.crops import MOST_PADDING, Crops
from maggie_core.model.refinement import undecided
from maggie_core.model.temporal import coarse_mattes

HEIGHT, WIDTH = 320, 1024


def soft_discs(*places: tuple[float, float, float]) -> torch.Tensor:
    """(M, H, W) mattes with soft edges."""
    planes = torch.stack([torch.from_numpy(disc(WIDTH, HEIGHT, x, y, radius)) for x, y, radius in places])
    return F.avg_pool2d(planes, 5, stride=1, padding=2)


def test_a_map_that_needs_a_far_larger_crop_has_it_apart():
    alpha = soft_discs((100, 160, 20), (500, 160, 150), (300, 100, 24), (900, 200, 22))
    alpha[1, 160, 20] = alpha[1, 160, 1000] = 0.5

    places = Crops.around(alpha, None)

    assert [crops.maps for crops in places] == [[0, 2, 3], [1]]
    assert places[0].width < 120 < 900 < places[1].width
    assert 3 * places[1].height * places[1].width > MOST_PADDING


def test_crops_hold_all_that_is_undecided_and_go_back_where_they_were():
    alpha = soft_discs((10, 20, 20), (500, 160, 150), (1000, 310, 40), (300, 100, 0))

    again = torch.zeros_like(alpha)
    for crops in Crops.around(alpha, None):
        crops.put(again, crops.of(alpha))
        assert (crops.part.height, crops.part.width) == (HEIGHT, WIDTH)

    assert torch.equal(again[undecided(alpha)], alpha[undecided(alpha)])


@pytest.mark.parametrize("level", [-3.0, -0.6, 1.0])
def test_coarse_mattes_in_their_boxes_are_those_of_the_whole_picture(level: float):
    noise = torch.randn(3, 40, 64, generator=torch.Generator().manual_seed(2))
    logits = F.avg_pool2d(F.avg_pool2d(noise, 9, stride=1, padding=4), 5, stride=1, padding=2) * 30 + level

    mattes, boxes = coarse_mattes(logits)

    large = F.interpolate(logits[None], scale_factor=8, mode="bilinear", align_corners=False)[0]
    whole = (torch.tanh(large) + 1) / 2
    whole[whole >= 0.95] = 1
    for matte, expected, box in zip(mattes, whole, boxes, strict=True):
        torch.testing.assert_close(matte[box], expected[box], atol=1e-6, rtol=0)
        outside = expected.clone()
        outside[box] = 0
        smooth = F.avg_pool2d(outside[None], 7, stride=1, padding=3)
        assert smooth.max() < 0.2


def test_mattes_are_the_same_whether_all_maps_are_asked_for_or_not():
    generator = torch.Generator().manual_seed(8)
    model, image = tiny_model(), torch.rand(3, 3, HEIGHT, WIDTH, generator=generator)
    guidance = (soft_discs((100, 160, 30), (500, 160, 140), (900, 200, 22)) > 0.5).float()

    frames = [model.encode(frame, guidance) for frame in image]
    all_maps, mattes_alone = (model.window(frames, maps=maps) for maps in (True, False))

    assert undecided(all_maps.alpha).any()
    # To the last bit on most processors; on others products of another number of rows take another kernel.
    torch.testing.assert_close(mattes_alone.alpha, all_maps.alpha, atol=1e-6, rtol=0)
