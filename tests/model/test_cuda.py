"""The network on CUDA against the golden numbers and against the CPU: `make test-gpu`."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
import pytest
import torch
from support.golden_data import Case, state

from maggie_core.model import MatteModel, find_weights, from_state_dict
from maggie_core.sparse import Sites, native
from maggie_node.bench.cases import scene
from maggie_node.bench.paths import FastPath, Frames

THEIRS = ("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
"""What importing spconv may warn of."""
pytestmark = [pytest.mark.gpu, *(pytest.mark.filterwarnings(kind) for kind in THEIRS)]

CUDA = "cuda"
Precision = Literal["fp32", "bf16", "fp16"]
# Random weights decide nothing: rounding moves many of their alphas. So do bfloat16 and float16 on a CPU.
WITHIN: dict[Precision, tuple[float, float]] = {
    "fp32": (1e-3, 0.998),
    "bf16": (2 / 255, 0.7),
    "fp16": (2 / 255, 0.9),
}
"""Largest error of a pixel, and the share of pixels that stay below it."""
CASES = ("image_n1_64x96", "image_n2_128x160_mask8", "image_n3_128x160", "image_n5_256x320")
CLIPS = ("video_n2_128x160_l5", "video_n3_64x96_l4")
BACKENDS = ("native", "spconv")


@pytest.fixture(autouse=True)
def float32_is_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # as `load_model` has it


@cache
def model(kind: str, precision: Precision) -> MatteModel:
    return from_state_dict(state(kind)).to(CUDA, precision)


def assert_near(ours: torch.Tensor, golden: torch.Tensor, precision: Precision) -> None:
    error, share = WITHIN[precision]
    assert ((ours.cpu() - golden).abs() <= error).float().mean() >= share


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MAGGIE_SPARSE", request.param)
    return request.param


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("precision", WITHIN)
@pytest.mark.parametrize("name", CASES)
def test_an_image_gives_the_golden_matte(name: str, precision: Precision):
    case = Case(name)

    result = model("image", precision).predict_window(case.image, case.guidance)

    assert_near(result.alpha, case["refined"], precision)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("precision", WITHIN)
@pytest.mark.parametrize("name", CLIPS)
def test_a_window_gives_the_golden_mattes(name: str, precision: Precision):
    case = Case(name)

    result = model("video", precision).predict_window(case.image[:3], case.guidance[:3])

    assert_near(result.alpha, case["zero_w0_final"], precision)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("precision", WITHIN)
def test_the_default_model_gives_the_cpu_s_mattes(precision: Precision):
    on_cpu, on_cuda = mattes("cpu", "fp32"), mattes(CUDA, precision)

    assert ((on_cpu - on_cuda).abs() <= 2 / 255).float().mean() >= 0.999


def mattes(device: str, precision: Precision) -> torch.Tensor:
    """Of four frames of the default model; a CPU has one backend."""
    with pytest.MonkeyPatch.context() as patch:
        if device == "cpu":
            patch.setenv("MAGGIE_SPARSE", "native")
        weights = str(find_weights("default"))
        path = FastPath(weights, Frames(*scene(288, 512, 3)), device=device, precision=precision)
        return torch.stack([path.step().float().cpu() for _ in range(4)])


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("inputs", "outputs"), [(64, 32), (35, 24), (24, 1), (3, 8)])
@torch.inference_mode()
def test_spconv_gives_what_native_does(kind: torch.dtype, inputs: int, outputs: int):
    from maggie_core.sparse import spconv

    rng = np.random.default_rng(1)

    def random(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.standard_normal(shape)).to(CUDA, kind)

    fine = Sites.where(torch.from_numpy(rng.random((3, 66, 95)) < 0.3).to(CUDA))
    weight, bias = random(outputs, 3, 3, inputs) / (9 * inputs) ** 0.5, random(outputs)
    for sites in (fine, fine.coarse):
        for _ in range(2):  # the second time with the rules of the first
            rows = random(len(sites), inputs)
            assert_alike(
                spconv.submanifold_conv3(rows, weight, bias, sites),
                native.submanifold_conv3(rows, weight, bias, sites),
            )
    rows = random(len(fine.coarse), inputs)
    assert_alike(
        spconv.inverse_conv3(rows, weight, fine.coarse, fine),
        native.inverse_conv3(rows, weight, fine.coarse, fine),
    )


def assert_alike(ours: torch.Tensor, other: torch.Tensor) -> None:
    tolerance = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 8e-2}[ours.dtype]
    torch.testing.assert_close(ours, other, atol=tolerance, rtol=tolerance)
