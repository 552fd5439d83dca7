"""The metrics against values computed by the published evaluation; see metrics.npz in tests/golden."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maggie_core.errors import InputError
from maggie_core.evaluation import Averages, dtssd, dtssd_e3, grad, image_errors, video_errors

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "metrics.npz")
RELATIVE = 1e-4
OURS = ("SAD", "MSE", "MAD", "Grad")


def case(kind: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    truth = GOLDEN[f"{kind}/{name}/gt_u8"].astype(np.float32) / np.float32(255)
    return GOLDEN[f"{kind}/{name}/pred"], truth


def column(metric: str, kind: str = "image") -> int:
    return list(GOLDEN[f"{kind}_metric_names"]).index(metric)


@pytest.mark.parametrize("metric", OURS)
@pytest.mark.parametrize("name", [str(name) for name in GOLDEN["image_cases"]])
def test_an_image_metric_equals_the_published_value(name: str, metric: str):
    errors = image_errors(*case("image", name))

    expected = GOLDEN[f"image/{name}/expected"][column(metric)]
    assert errors[metric].mean() == pytest.approx(expected, rel=RELATIVE, abs=1e-9)


@pytest.mark.parametrize("metric", OURS)
def test_an_instance_scored_alone_equals_the_published_value(metric: str):
    predicted, truth = case("image", "half_scale_pred")

    alone = [image_errors(predicted[k : k + 1], truth[k : k + 1])[metric][0] for k in range(len(truth))]

    expected = GOLDEN["image/half_scale_pred/expected_per_instance_alone"][:, column(metric)]
    assert alone == pytest.approx(expected, rel=RELATIVE)


def test_the_average_over_a_set_weighs_every_instance_the_same():
    averages = Averages()

    for name in GOLDEN["image_cases"]:
        averages.add(image_errors(*case("image", str(name))))

    means = averages.means(OURS)
    expected = {metric: GOLDEN["image/dataset_average"][column(metric)] for metric in OURS}
    assert means == pytest.approx(expected, rel=RELATIVE)


@pytest.mark.parametrize("metric", [*OURS, "dtSSD"])
@pytest.mark.parametrize("name", [str(name) for name in GOLDEN["video_cases"]])
def test_a_video_metric_equals_the_published_value(name: str, metric: str):
    errors = video_errors(*case("video", name))

    expected = GOLDEN[f"video/{name}/expected_paper"][column(metric, "video")]
    assert errors[metric].mean() == pytest.approx(expected, rel=RELATIVE)


@pytest.mark.parametrize("name", [str(name) for name in GOLDEN["video_cases"]])
def test_flicker_of_each_instance_equals_the_published_value(name: str):
    predicted, truth = case("video", name)

    flicker = [dtssd(predicted[:, k], truth[:, k]) for k in range(truth.shape[1])]

    assert flicker == pytest.approx(GOLDEN[f"video/{name}/dtSSD_per_instance_paper"], rel=RELATIVE)


def test_the_plain_scales_are_means_times_a_thousand():
    truth = np.zeros((1, 10, 20), np.float32)

    errors = image_errors(truth + np.float32(0.25), truth)

    assert errors["MAD_e3"] == pytest.approx([250.0])
    assert errors["MSE_e3"] == pytest.approx([62.5])


def test_plain_flicker_does_not_depend_on_length_or_size():
    step = np.tile(np.array([0.0, 0.1], np.float32), 8)

    short, long = (
        np.broadcast_to(step[:count, None, None], (count, side, side)) for count, side in ((4, 8), (16, 32))
    )

    assert dtssd_e3(short, np.zeros_like(short)) == pytest.approx(100, rel=1e-5)
    assert dtssd_e3(long, np.zeros_like(long)) == pytest.approx(100, rel=1e-5)


def test_a_single_frame_does_not_flicker():
    frame = np.ones((1, 4, 4), np.float32)

    assert dtssd(frame, np.zeros_like(frame)) == 0
    assert dtssd_e3(frame, np.zeros_like(frame)) == 0


def test_mattes_of_another_size_are_refused_with_both_sizes():
    with pytest.raises(InputError, match=r"\(4, 4\).*\(4, 5\).*one size"):
        grad(np.zeros((4, 4), np.float32), np.zeros((4, 5), np.float32))
