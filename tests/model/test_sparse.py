"""The native sparse convolutions against the dense ones they stand for."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from maggie_core.model.layers import Pointwise
from maggie_core.sparse import Sites, inverse_conv3, submanifold_conv3
from maggie_core.sparse.blocks import by_block, sizes_cost


def scene(maps: int = 2, height: int = 11, width: int = 14) -> Sites:
    return Sites.where(torch.rand(maps, height, width, generator=torch.Generator().manual_seed(3)) < 0.3)


def densify(rows: torch.Tensor, sites: Sites) -> torch.Tensor:
    return torch.stack([sites.scatter(column) for column in rows.unbind(1)], dim=1)


def test_a_submanifold_convolution_is_the_dense_one_at_its_sites():
    sites, weight, bias = scene(), torch.randn(5, 3, 3, 4), torch.randn(5)
    rows = torch.randn(len(sites), 4)

    with torch.no_grad():
        out = submanifold_conv3(rows, weight, bias, sites)

    m, y, x = sites.coords.unbind(1)
    dense = F.conv2d(densify(rows, sites), weight.permute(0, 3, 1, 2), bias, padding=1)
    torch.testing.assert_close(out, dense[m, :, y, x], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [(11, 14), (12, 16), (1, 1), (2, 3)])
def test_coarse_sites_are_those_a_strided_convolution_reaches(size: tuple[int, int]):
    active = torch.rand(3, *size, generator=torch.Generator().manual_seed(5)) < 0.2
    active[0, 0, 0] = True

    coarse = Sites.where(active).coarse

    reached = F.conv2d(active[:, None].float(), torch.ones(1, 1, 3, 3), stride=2, padding=1)[:, 0] > 0
    assert (coarse.height, coarse.width) == tuple(reached.shape[1:])
    assert torch.equal(coarse.coords, reached.nonzero())


def test_an_inverse_convolution_is_the_dense_transposed_one_at_the_fine_sites():
    fine, weight = scene(height=12, width=14), torch.randn(5, 3, 3, 4)
    coarse = fine.coarse
    rows = torch.randn(len(coarse), 4)

    with torch.no_grad():
        out = inverse_conv3(rows, weight, coarse, fine)

    m, y, x = fine.coords.unbind(1)
    dense = F.conv_transpose2d(
        densify(rows, coarse), weight.permute(3, 0, 1, 2), stride=2, padding=1, output_padding=1
    )
    torch.testing.assert_close(out, dense[m, :, y, x], atol=1e-5, rtol=1e-5)


def test_gradients_of_both_convolutions_are_right():
    fine = scene(maps=1, height=5, width=6)
    coarse = fine.coarse
    rows = torch.randn(len(fine), 2, dtype=torch.float64, requires_grad=True)
    coarse_rows = torch.randn(len(coarse), 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 3, 3, 2, dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(lambda r, w: submanifold_conv3(r, w, None, fine), (rows, weight))
    assert torch.autograd.gradcheck(lambda r, w: inverse_conv3(r, w, coarse, fine), (coarse_rows, weight))


def test_no_sites_give_no_rows():
    sites = Sites.where(torch.zeros(2, 8, 8, dtype=torch.bool))

    with torch.no_grad():
        out = submanifold_conv3(torch.zeros(0, 4), torch.randn(5, 3, 3, 4), None, sites)

    assert out.shape == (0, 5)
    assert len(sites.coarse) == 0


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_products_of_any_number_of_rows_come_in_few_sizes_where_sizes_cost(kind: torch.dtype):
    matrix = torch.randint(-4, 4, (6, 5), generator=torch.Generator().manual_seed(0)).to(kind)
    seen: set[int] = set()

    def product(out: torch.Tensor, block: torch.Tensor) -> None:
        seen.add(len(block))
        torch.mm(block, matrix, out=out)

    for count in (0, 1, 1000, 1024, 1025, 2999, 3000, 3001, 7777):
        rows = torch.arange(count * 6).view(count, 6).remainder(7).to(kind)
        found = by_block(product, rows.new_empty(count, 5), 3000, rows)
        assert torch.equal(found, rows @ matrix)
    assert seen <= {0, 1024, 2048, 3000} if sizes_cost(matrix) else {1, 1000, 2999} < seen


def test_half_precision_is_exact_where_its_numbers_are():
    sites = Sites.where(torch.rand(2, 90, 70, generator=torch.Generator().manual_seed(1)) < 0.4)
    rows, weight = torch.randint(-3, 4, (len(sites), 8)).float(), torch.randint(-1, 2, (1, 3, 3, 8)).float()
    layer = Pointwise(16, 4, bias=True).requires_grad_(False)
    layer.weight.copy_(torch.randint(-1, 2, layer.weight.shape))

    with torch.inference_mode():
        convolved, wide = submanifold_conv3(rows, weight, None, sites), layer(rows, rows)
        layer.bfloat16()
        rounded = submanifold_conv3(rows.bfloat16(), weight.bfloat16(), None, sites)

        assert torch.equal(rounded.float(), convolved)
        assert torch.equal(layer(rows, rows).float(), wide)
