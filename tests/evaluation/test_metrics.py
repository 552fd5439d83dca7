"""The metrics against values computed by the published evaluation; see metrics.npz in tests/golden."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maggie_api.errors import InputError
from maggie_lab.evaluation import (
    FLICKER_METRICS,
    IMAGE_METRICS,
    Averages,
    Protocol,
    image_errors,
    image_metrics,
    truth_trimap,
    video_errors,
    video_metrics,
)
from maggie_lab.evaluation.flicker import truth_flow
from maggie_lab.evaluation.metrics import window_errors

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "metrics.npz")
PUBLISHED_NAMES = {"MAD_fg": "MAD_f", "MAD_unk": "MAD_u", "MAD_bg": "MAD_b"}
"""What the published log calls the columns of its tables."""


def case(kind: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    truth = GOLDEN[f"{kind}/{name}/gt_u8"].astype(np.float32) / np.float32(255)
    return GOLDEN[f"{kind}/{name}/pred"], truth


def named(values: np.ndarray, kind: str) -> dict[str, float]:
    """A row of the golden file by our names."""
    names = [PUBLISHED_NAMES.get(str(name), str(name)) for name in GOLDEN[f"{kind}_metric_names"]]
    return dict(zip(names, values.tolist(), strict=True))


def assert_published(found: dict[str, float], expected: dict[str, float]) -> None:
    chosen = {name: found[name] for name in expected}
    assert chosen == pytest.approx(expected, rel=1e-4, abs=1e-9, nan_ok=True)


image_cases = pytest.mark.parametrize("name", [str(name) for name in GOLDEN["image_cases"]])
video_cases = pytest.mark.parametrize("name", [str(name) for name in GOLDEN["video_cases"]])
protocols = pytest.mark.parametrize("protocol", ["paper", "release"])


@image_cases
def test_the_metrics_of_an_image_are_the_published_ones(name: str):
    found = image_metrics(*case("image", name))

    assert_published(found, named(GOLDEN[f"image/{name}/expected"], "image"))


@image_cases
def test_a_given_trimap_counts_as_the_estimated_one(name: str):
    found = image_metrics(*case("image", name), GOLDEN[f"image/{name}/trimap"])

    assert_published(found, named(GOLDEN[f"image/{name}/expected"], "image"))


@image_cases
def test_an_instance_scored_alone_has_its_published_value(name: str):
    predicted, truth = case("image", name)
    for k, expected in enumerate(GOLDEN[f"image/{name}/expected_per_instance_alone"]):
        found = image_metrics(predicted[k : k + 1], truth[k : k + 1])

        assert_published(found, named(expected, "image"))


def test_the_average_over_a_set_weighs_every_instance_the_same():
    averages = Averages()

    for name in GOLDEN["image_cases"]:
        averages.add(image_errors(*case("image", str(name))))

    assert_published(averages.means(), named(GOLDEN["image/dataset_average"], "image"))


def test_averages_of_parts_merge_into_the_average_of_the_whole():
    parts, whole = [Averages(), Averages()], Averages()
    for number, name in enumerate(GOLDEN["image_cases"]):
        errors = image_errors(*case("image", str(name)))
        parts[number % 2].add(errors)
        whole.add(errors)

    parts[0].merge(parts[1])

    assert parts[0].means() == pytest.approx(whole.means(), rel=1e-12)
    assert parts[0].counts == whole.counts


@pytest.mark.parametrize("kind", ["image", "video"])
def test_trimaps_are_the_published_ones(kind: str):
    for name in GOLDEN[f"{kind}_cases"]:
        _, truth = case(kind, str(name))
        expected = GOLDEN[f"{kind}/{name}/trimap"]

        found = [truth_trimap(alpha) for alpha in truth.reshape(-1, *truth.shape[-2:])]

        assert np.array_equal(np.reshape(found, expected.shape), expected)


@video_cases
@protocols
def test_the_metrics_of_a_video_are_the_published_ones(name: str, protocol: Protocol):
    found = video_metrics(*case("video", name), protocol=protocol)

    assert_published(found, named(GOLDEN[f"video/{name}/expected_{protocol}"], "video"))


@video_cases
def test_every_window_of_the_release_adds_what_the_public_program_adds(name: str):
    windows = list(window_errors(*case("video", name), protocol="release"))

    expected = GOLDEN[f"video/{name}/release_windows"]
    assert len(windows) == len(expected)
    for window, row in zip(windows, expected, strict=True):
        means = {metric: values.mean() if len(values) else np.nan for metric, values in window.items()}
        assert_published(means, named(row, "video"))


@video_cases
@pytest.mark.parametrize("metric", ["dtSSD", "MESSDdt"])
def test_the_flicker_of_each_instance_is_the_published_one(name: str, metric: str):
    errors = video_errors(*case("video", name), protocol="paper")

    expected = GOLDEN[f"video/{name}/{metric}_per_instance_paper"]
    assert errors[metric] == pytest.approx(expected, rel=1e-4)


def test_the_motion_of_the_truth_is_the_published_flow_in_whole_pixels():
    _, truth = case("video", "walk")

    found = np.stack([truth_flow(truth[:, k]) for k in range(truth.shape[1])])

    assert np.array_equal(found, np.rint(GOLDEN["video/walk/flow"]))


def test_motion_worked_out_beforehand_changes_nothing():
    predicted, truth = case("video", "walk")
    flow = [truth_flow(truth[:, k]) for k in range(truth.shape[1])]

    for protocol in ("paper", "release"):
        given = video_errors(predicted, truth, protocol=protocol, flow=flow)

        assert np.array_equal(given["MESSDdt"], video_errors(predicted, truth, protocol=protocol)["MESSDdt"])


def test_a_few_metrics_are_the_same_as_among_all():
    predicted, truth = case("video", "walk")
    few = ("dtSSD_e3", "Conn")

    chosen = video_errors(predicted, truth, names=few)

    assert tuple(chosen) == few
    everything = video_errors(predicted, truth)
    assert all(np.array_equal(chosen[name], everything[name]) for name in few)


def moving_error(*, steps_px: int) -> tuple[np.ndarray, np.ndarray]:
    """A textured square that moves right over four frames, and a matte whose error moves along with it."""
    texture = np.random.default_rng(3).random((40, 40)).astype(np.float32).repeat(2, 0).repeat(2, 1)
    truth = np.zeros((4, 1, 120, 160), np.float32)
    for t in range(4):
        left = 20 + steps_px * t
        truth[t, 0, 20:100, left : left + 80] = 0.3 + 0.7 * texture
    return truth * np.float32(0.5), truth


def test_an_error_that_moves_with_the_person_is_steady_where_the_motion_is_looked_up_as_meant():
    errors = video_errors(*moving_error(steps_px=4), protocol="paper")

    assert errors["MESSDdt_fixed"][0] < 0.2 * errors["MESSDdt"][0]


def test_the_protocols_measure_a_steady_video_by_their_windows():
    frames = np.zeros((30, 1, 8, 8), np.float32)
    frames[::2, 0, 2:4] = 1

    paper, release = (
        video_metrics(frames, np.zeros_like(frames), protocol=protocol) for protocol in ("paper", "release")
    )

    # metrics.md, section 5: sqrt(29) against 26 windows of one pair and one of three.
    assert paper["dtSSD"] / release["dtSSD"] == pytest.approx(29**0.5 / ((26 + 3**0.5) / 27), rel=1e-6)


def test_the_plain_scales_are_means_times_a_thousand():
    truth = np.zeros((1, 10, 20), np.float32)

    metrics = image_metrics(truth + np.float32(0.25), truth)

    assert metrics["MAD_e3"] == pytest.approx(250)
    assert metrics["MSE_e3"] == pytest.approx(62.5)


def test_plain_flicker_does_not_depend_on_length_or_size():
    step = np.tile(np.array([0.0, 0.1], np.float32), 8)
    for count, side in ((4, 8), (16, 32)):
        video = np.broadcast_to(step[:count, None, None, None], (count, 1, side, side))

        errors = video_errors(video, np.zeros_like(video))

        assert errors["dtSSD_e3"] == pytest.approx([100], rel=1e-5)


def test_a_single_frame_has_no_flicker_to_measure():
    frame = np.ones((1, 2, 16, 16), np.float32)

    averages = Averages()
    averages.add(video_errors(frame, np.zeros_like(frame)))

    assert averages.count("MAD") == 2
    assert averages.count("dtSSD") == 0
    assert np.isnan(averages.means()["dtSSD"])


@protocols
def test_all_metrics_have_their_names(protocol: Protocol):
    video = np.zeros((5, 1, 16, 16), np.float32)

    assert tuple(image_metrics(video[0], video[0])) == IMAGE_METRICS
    assert tuple(video_metrics(video, video, protocol=protocol)) == (*IMAGE_METRICS, *FLICKER_METRICS)


def test_a_lone_speck_far_from_the_person_counts():
    truth = np.zeros((1, 200, 200), np.float32)
    truth[0, 10:40, 10:40] = 1
    predicted = truth.copy()
    predicted[0, 190, 190] = 1

    metrics = image_metrics(predicted, truth)

    assert metrics["SAD"] == pytest.approx(1e-3)
    assert metrics["MAD_b"] > 0
    assert metrics["MAD_f"] == metrics["MAD_u"] == 0


GOOD = np.zeros((2, 4, 5), np.float32)


@pytest.mark.parametrize(
    ("predicted", "truth", "trimap", "said"),
    [
        (GOOD[:, :, :4], GOOD, None, r"the matte is \(2, 4, 4\) but the truth is \(2, 4, 5\).*one size"),
        (GOOD[0], GOOD, None, r"the matte is \(4, 5\).*\(instances, height, width\)"),
        (GOOD[:0], GOOD[:0], None, r"the matte is \(0, 4, 5\).*none of them 0"),
        (GOOD.astype(np.uint8), GOOD, None, "the matte is uint8.*divide whole numbers by 255"),
        (GOOD, GOOD + 255, None, "the truth has values from 255 to 255"),
        (GOOD + np.nan, GOOD, None, "the matte has values from nan"),
        (GOOD, GOOD, GOOD[:1], r"the trimap is \(1, 4, 5\) but the truth is \(2, 4, 5\)"),
        (GOOD, GOOD, GOOD + 128, "the trimap has other values than 0 background"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_line(predicted, truth, trimap, said: str):
    with pytest.raises(InputError, match=said) as caught:
        image_metrics(predicted, truth, trimap)

    assert "\n" not in str(caught.value)


def test_a_video_too_short_for_the_release_says_how_long_it_must_be():
    video = np.zeros((4, 1, 8, 8), np.float32)

    with pytest.raises(InputError, match="4 frames.*release protocol needs 5"):
        video_metrics(video, video, protocol="release")


def test_an_unknown_protocol_is_named():
    video = np.zeros((5, 1, 8, 8), np.float32)

    with pytest.raises(InputError, match="protocol is 'papers'.*paper or release"):
        video_metrics(video, video, protocol="papers")  # type: ignore[arg-type]
