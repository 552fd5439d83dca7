"""Colour priors: they find an edge that the guidance missed, and never break where a side is missing."""

from __future__ import annotations

import pytest
import torch
from scipy.ndimage import binary_dilation, binary_erosion
from support.tiny import disc
from torch.nn import functional as F  # noqa: N812

from maggie_core.model import colour_prior_loops, colour_priors
from maggie_core.model.colour_priors import COLOUR_PRIOR_ALPHAS, _box, local_colours
from maggie_core.model.config import COLOUR_PRIOR_CHANNELS
from maggie_core.sparse import Sites

SIZE = (192, 256)


@pytest.fixture(params=["loops", "torch"])
def way(request, monkeypatch) -> str:
    """Both ways of computing colour priors on a CPU; the second is what a GPU has."""
    monkeypatch.setattr(colour_priors, "_is_compiled_for", lambda x: request.param == "loops")
    return request.param


def everywhere(image: torch.Tensor, guidance: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W): the colour priors of every pixel."""
    count, height, width = guidance.shape
    sites = Sites.where(torch.ones(count, height, width, dtype=torch.bool))
    rows = local_colours(image, guidance).at(sites, torch.arange(count), stride=1)
    return rows.view(count, height, width, -1).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def scene() -> tuple[torch.Tensor, torch.Tensor]:
    """An image (3, H, W) of a person of two colours before a noisy wall, and the true alpha (H, W)."""
    generator = torch.Generator().manual_seed(1)
    truth = torch.from_numpy(disc(SIZE[1], SIZE[0], 120, 96, 60))
    person = torch.tensor([0.7, 0.3, 0.2]).view(3, 1, 1).expand(3, *SIZE).clone()
    person[:, 96:] = torch.tensor([0.6, 0.5, 0.1]).view(3, 1, 1)
    wall = torch.tensor([0.3, 0.4, 0.6]).view(3, 1, 1) + 0.05 * torch.randn(3, *SIZE, generator=generator)
    return (truth * person + (1 - truth) * wall).clamp(0, 1), truth


@pytest.mark.parametrize(("grown_px", "channel"), [(3, 6), (7, 8), (14, 10), (-3, 6), (-7, 8), (-14, 10)])
def test_a_discriminant_finds_the_edge_that_the_guidance_missed(scene, way, grown_px, channel):
    image, truth = scene
    solid = truth.numpy() > 0.5
    change = binary_dilation if grown_px > 0 else binary_erosion
    mask = torch.from_numpy(change(solid, iterations=abs(grown_px))).float()

    found = (everywhere(image, mask[None])[0, channel] + 1) / 2

    near_edge = torch.from_numpy(
        binary_dilation(solid, iterations=15) & ~binary_erosion(solid, iterations=15)
    )
    error, before = ((x - truth)[near_edge].abs().mean() for x in (found, mask))
    assert error < 0.35 * before


def test_the_coarse_priors_are_the_fine_ones_made_small(scene, way):
    image, truth = scene
    mask = (truth > 0.5).float()[None]

    fine = F.avg_pool2d(everywhere(image, mask), 8)
    coarse = local_colours(image, mask).coarse

    assert coarse.shape == fine.shape == (1, COLOUR_PRIOR_CHANNELS, SIZE[0] // 8, SIZE[1] // 8)
    for channel in COLOUR_PRIOR_ALPHAS:
        assert (coarse - fine)[:, channel].abs().mean() < 0.06


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_where_a_side_is_missing_the_guidance_stands(scene, way, value):
    image, _ = scene

    priors = everywhere(image, torch.full((2, *SIZE), value))

    assert priors.isfinite().all()
    for channel in COLOUR_PRIOR_ALPHAS[1:]:
        assert torch.allclose(priors[:, channel], torch.tensor(2 * value - 1), atol=1e-4)


def test_instances_do_not_see_each_other(scene, way):
    image, truth = scene
    one, other = (truth > 0.5).float(), (truth < 0.1).float()

    together = everywhere(image, torch.stack([one, other]))

    assert torch.allclose(together[:1], everywhere(image, one[None]), atol=1e-5)
    assert torch.allclose(together[1:], everywhere(image, other[None]), atol=1e-5)


def test_priors_asked_for_near_the_guidance_are_those_of_the_whole_image(way):
    generator = torch.Generator().manual_seed(4)
    image = torch.rand(3, 384, 640, generator=generator)
    guidance = torch.zeros(2, 384, 640)
    guidance[0, 8:40, 16:40] = guidance[1, 100:110, 300:310] = 1

    everywhere, near = (local_colours(image, guidance, around_px=px) for px in (None, 30))

    looked_at = F.max_pool2d(guidance, 61, stride=1, padding=30)
    rows = F.max_pool2d(looked_at, 4).bool().flatten()
    assert torch.allclose(near.rows[rows], everywhere.rows[rows], atol=1e-5)
    cells = F.max_pool2d(looked_at, 8).bool().unsqueeze(1).expand_as(near.coarse)
    assert torch.allclose(near.coarse[cells], everywhere.coarse[cells], atol=1e-5)
    assert near.rows.count_nonzero() < 0.5 * everywhere.rows.count_nonzero()


@pytest.mark.parametrize("around_px", [None, 24])
def test_compiled_loops_compute_what_the_formulas_say(scene, monkeypatch, around_px):
    image, truth = scene
    guidance = torch.stack([truth > 0.5, truth < 0.1, torch.zeros_like(truth) > 0, truth > -1]).float()
    guidance[1, :, :200] = 0
    alone = torch.zeros_like(guidance[0])
    alone[:9, :9] = 1
    guidance = torch.cat([guidance, alone[None]])
    near = F.max_pool2d(guidance, 49, stride=1, padding=24) if around_px else torch.ones_like(guidance)
    ids = torch.arange(len(guidance))

    def computed(kind: torch.dtype) -> list[torch.Tensor]:
        shown, given = image.to(kind), guidance.to(kind)
        colours = local_colours(shown, given, around_px=around_px)
        rows = [colours.coarse.permute(0, 2, 3, 1)[F.max_pool2d(near, 8).bool()]]
        for stride in (1, 2, 4):
            sites = Sites.where(F.max_pool2d(near, stride).bool())
            rows.append(colours.at(sites, ids, stride=stride))
        return rows

    by_loops = computed(torch.float32)
    monkeypatch.setattr(colour_priors, "_is_compiled_for", lambda x: False)
    by_formulas = computed(torch.float64)

    assert all(found.dtype == torch.float32 for found in by_loops)
    for found, expected in zip(by_loops, by_formulas, strict=True):
        assert torch.allclose(found.double(), expected, atol=5e-5)


@pytest.mark.parametrize("radius", [2, 5, 14])
def test_the_compiled_box_is_the_same(radius):
    x = torch.rand(20, 33, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    found = colour_prior_loops._box(x.numpy(), radius)

    assert torch.allclose(torch.from_numpy(found).permute(2, 0, 1), _box(x.permute(2, 0, 1), radius))


@pytest.mark.parametrize("radius", [2, 5, 14])
def test_the_box_is_a_mean_over_a_window_with_zeros_beyond(radius):
    x = torch.rand(2, 3, 20, 33, generator=torch.Generator().manual_seed(0))

    expected = F.avg_pool2d(x, 2 * radius + 1, stride=1, padding=radius)

    assert torch.allclose(_box(x, radius), expected, atol=1e-6)
