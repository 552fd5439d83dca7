"""The numbers of the published network, case by case, within the tolerances its golden data state."""

from __future__ import annotations

from functools import cache, partial

import pytest
import torch
from support.golden_data import Case, state
from torch import Tensor

from maggie_core.model import MatteModel, from_state_dict
from maggie_core.model.network import _normal
from maggie_core.sparse import Sites

IMAGE_CASES = [
    "image_n1_64x96",
    "image_n2_128x160_mask8",
    "image_n3_128x160",
    "image_n3_128x160_emptyslot",
    "image_n5_256x320",
]
VIDEO_CASES = ["video_n2_128x160_l5", "video_n3_64x96_l4"]


@pytest.fixture(autouse=True)
def two_threads():
    """Sums are added up in another order with another number of threads, and random weights amplify that."""
    count = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(count)


@cache
def model(kind: str) -> MatteModel:
    return from_state_dict(state(kind))


def assert_close(ours: Tensor, golden: Tensor, absolute: float, relative: float = 1e-4) -> None:
    torch.testing.assert_close(ours, golden, atol=absolute, rtol=relative)


def assert_coarse(ours: Tensor, golden: Tensor) -> None:
    # Coverage is snapped to one from 0.95 on: of a value that near to it, rounding decides.
    lower, upper = torch.minimum(ours, golden), torch.maximum(ours, golden)
    at_the_step = ((lower - 0.95).abs() <= 5e-5) & (upper == 1)
    error = torch.where(at_the_step, 0, upper - lower)
    assert at_the_step.sum() <= 5
    assert error.max() <= 1e-3
    assert (error <= 1e-4).float().mean() >= 0.995


def assert_final(ours: Tensor, golden: Tensor) -> None:
    assert ((ours - golden).abs() <= 1e-3).float().mean() >= 0.998


def assert_region(ours: Tensor, golden: Tensor) -> None:
    assert (ours != golden).float().mean() <= 2e-4


@pytest.mark.parametrize("name", IMAGE_CASES)
def test_an_image_case_gives_the_golden_matte(name: str):
    case = Case(name)

    result = model("image").predict_window(case.image, case.guidance)

    assert_final(result.alpha, case["refined"])
    assert_region(result.undecided, case.bits("U_bits", *result.undecided.shape))
    if "alpha_os8" in case.arrays:
        assert_coarse(result.alpha_os8, case["alpha_os8"])


def test_the_dense_stages_give_the_golden_features():
    case, net = Case("image_n3_128x160"), model("image")._network
    ids = torch.arange(3) + 1

    with torch.inference_mode():
        embedding = net.embed(case.guidance, ids)
        shortcuts, x5 = net.encoder(torch.cat([_normal(case.image), embedding], dim=1))
        frame = model("image").encode(case.image[0], case.guidance[0])
        features, queries, _ = net.decoder.refine_OS8.attend(frame.d8, frame.cells[None], torch.arange(3))
        logits, f8, _ = net.coarse_logits(features, queries, None)

    assert_close(shortcuts[0][..., ::4, ::4], case["fea1_s4"], 2e-4)
    assert_close(shortcuts[1][..., ::2, ::2], case["fea2_s2"], 2e-4)
    for index, key in enumerate(("fea3", "fea4", "fea5"), start=2):
        assert_close(shortcuts[index], case[key], 2e-4)
    assert_close(x5, case["emb"], 2e-4)
    with torch.inference_mode():
        assert_close(net.aspp(x5), case["aspp"], 2e-4)
    assert_close(frame.d8, case["d8"], 2e-4)
    assert_close(f8, case["F8"], 2e-4)
    assert_close(queries, case["Q"][0, :3], 2e-4)
    assert_close(logits, case["L8"], 2e-3)


def test_the_sparse_stage_gives_the_golden_rows():
    case, net = Case("image_n3_128x160"), model("image")._network
    sites = Sites.where(case.bits("U_bits", 3, 128, 160))
    fine = model("image").encode(case.image[0], case.guidance[0]).fine
    assert fine is not None

    with torch.inference_mode():
        fea1, fea2 = (partial(net.fine_rows, fine.entering, stride) for stride in (1, 2))
        logit4, logit1, sites4 = net.decoder.detail_rows(
            sites,
            [fea1, fea2, fine.fea3, case["F8"]],
            case["Q"][0, :3],
        )

    assert torch.equal(sites4.coords, case["S4_coords"].long())
    assert torch.equal(sites.coarse.coords, case["S2_coords"].long())
    assert torch.equal(sites4.coarse.coords, case["S8_coords"].long())
    assert len(sites) == int(case["S1_count"])
    assert_close(logit4, case["S4_logit"], 1e-3)
    assert_close(logit1, case["S1_logit"], 1e-3)


def test_both_fine_mattes_and_the_fusion_weight_are_the_golden_ones():
    case = Case("image_n3_128x160")

    result = model("image").predict_window(case.image, case.guidance)

    assert_final(result.alpha_os4, case["alpha_os4"])
    assert_final(result.alpha_os1, case["alpha_os1"])


@pytest.mark.parametrize("name", VIDEO_CASES)
@pytest.mark.parametrize("mode", ["zero", "carry"])
def test_video_windows_give_the_golden_mattes(name: str, mode: str):
    case = Case(name)
    previous = hidden = None

    for start in range(len(case.image) - 2):
        window = slice(start, start + 3)
        result = model("video").predict_window(
            case.image[window], case.guidance[window], previous=previous, hidden=hidden
        )
        key = f"{mode}_w{start}"
        if f"{key}_alpha_os8" in case.arrays:
            assert_coarse(result.alpha_os8, case[f"{key}_alpha_os8"])
            assert_region(result.undecided, case.bits(f"{key}_U_bits", *result.undecided.shape))
        if f"{key}_diff_f" in case.arrays:
            assert_final(result.change_forward[..., ::2, ::2], case[f"{key}_diff_f"])
            assert_final(result.change_backward[..., ::2, ::2], case[f"{key}_diff_b"])
        if f"{key}_before_temporal" in case.arrays:
            assert_final(result.single, case[f"{key}_before_temporal"])
            assert_close(result.hidden[:, ::4], case[f"{key}_mem"], 1e-3)
        # The two modes part after the first window, so the file holds its matte once.
        assert_final(result.alpha, case["zero_w0_final" if start == 0 else f"{key}_final"])
        previous = result.alpha[1]
        hidden = result.hidden[0] if mode == "carry" else None


@pytest.mark.parametrize("name", VIDEO_CASES)
@pytest.mark.parametrize("mode", ["zero", "carry"])
def test_a_clip_is_composed_as_published(name: str, mode: str):
    case = Case(name)

    clip = model("video").predict_clip(case.image, case.guidance, carry_hidden=mode == "carry")

    step = 2 if mode == "carry" else 1
    assert_final(clip[..., ::step, ::step], case[f"{mode}_composed"])
