"""`maggie-node bench`: cases by name, measured in turns, with their memory."""

from __future__ import annotations

import json

import pytest
import torch
from support.command_line import Command

from maggie_api.errors import SettingsError
from maggie_core.model import from_state_dict
from maggie_node.bench.cases import STANDARD, find_case, scene
from maggie_node.bench.literal import LiteralModel
from maggie_node.bench.measure import interleaved
from maggie_node.bench.paths import Frames
from maggie_node.bench.shots import GROUPS
from maggie_node.bench.weights import fitted_weights

ASKED = (
    "video-576x1024-n5", "image-576x1024-n1", "video-576x1024-n2", "video-576x1024-n10", "video-576x1024-n20",
    "video-1080x1920-n5", "video-576x1024-n5-wide", "full-4096x2160-n3", "long-1000", "e2e-2k",
)  # fmt: skip


def test_the_standard_cases_are_listed(command: Command):
    listed = command("bench", "--list").stdout.split()

    assert listed == list(STANDARD)
    assert set(ASKED) <= set(listed)


@pytest.mark.parametrize("name", STANDARD)
def test_every_standard_case_can_be_asked_for(name: str):
    assert find_case(name).name == name


@pytest.mark.parametrize(
    "name", ["video", "video-576x1024", "video-576x1024-n0", "video-8x8-n1", "long-3", "e2e-4k", "n5"]
)
def test_a_case_that_is_not_there_is_refused_in_one_line(command: Command, name: str):
    result = command("bench", "--case", name)

    assert result.exit_code == 2
    assert result.stderr.startswith("maggie-node: ") and result.stderr.count("\n") == 1
    assert name in result.stderr


def test_the_longer_side_is_the_width():
    assert (find_case("image-1024x576-n2").height, find_case("image-576x1024-n2").height) == (576, 576)
    with pytest.raises(SettingsError):
        find_case("image-576x-n2")


def test_growth_is_of_the_video_network_unless_the_image_one_is_named():
    assert find_case("growth-576x1024").is_video and not find_case("growth-576x1024").alone
    assert not find_case("growth-image-576x1024-alone").is_video
    assert find_case("growth-image-576x1024-alone").alone


def test_a_scene_is_the_same_every_time_and_goes_back_and_forth():
    image, guidance = scene(120, 200, 3, frames=3)
    frames = Frames(image, guidance)

    assert image.shape == (3, 3, 128, 256) and guidance.shape == (3, 3, 128, 256)
    assert (scene(120, 200, 3, frames=3)[0] == image).all()
    assert guidance.any(axis=(2, 3)).all()
    order = [int((frames[k][0] * 255).sum().round()) for k in range(6)]
    assert order[:5] == [order[k] for k in (0, 1, 2, 1, 0)] and order[5] == order[1]


@pytest.mark.slow
def test_fitted_weights_leave_as_much_undecided_as_asked_for_in_both_paths():
    image, guidance = (torch.from_numpy(planes).float() for planes in scene(256, 448, 2))
    image = image / 255

    state, share = fitted_weights(image[[0, 3, 5]], guidance[[0, 3, 5]], video=True, band=0.06)
    literal = LiteralModel(state).predict(image[1:4], guidance[1:4])
    fast = from_state_dict(state).predict_window(image[1:4], guidance[1:4])

    assert share == pytest.approx(0.06, rel=0.05)
    assert float(literal.undecided.float().mean()) == pytest.approx(0.06, rel=0.4)
    assert ((literal.alpha - fast.alpha).abs() <= 2 / 255).float().mean() >= 0.998


def test_paths_take_turns_of_two_steps():
    turns: list[str] = []

    class Counting:
        def __init__(self, name: str):
            self.name = name

        def step(self) -> torch.Tensor:
            turns.append(self.name)
            return torch.zeros(1)

    rounds = interleaved({"literal": Counting("a"), "fast": Counting("b")}, 3, say=lambda text: None)

    assert turns == ["a", "a", "b", "b"] * 3
    low, high = rounds.spread("fast") or (0, 0)
    assert low <= (rounds.ratio("fast") or 0) <= high


def test_the_default_model_is_measured(command: Command):
    result = command("bench", "--case", "default-64x96-n1", "--repeat", 1, "--json")

    (found,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0, result.stderr
    assert found["weights"] == "default model" and found["size"] == "128x64"
    assert 0 < found["seconds_fast"] < 60 and 0 < found["seconds_fast_bf16"] < 60
    assert 50 < found["peak_mb_fast"] < 3000
    assert found["bf16_within_2_of_255"] > 0.9 and found["bf16_within_2_of_255_default_model"] is None
    assert found["ratio_fp32"] is None
    assert found["roofline"] == {}, "the dense stages are counted for the published encoder alone"
    assert min(found["machine"].values()) > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["image", "video"])
def test_the_published_widths_are_measured_against_the_literal_path(command: Command, kind: str):
    result = command("bench", "--case", f"{kind}-128x192-n2", "--repeat", 1, "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 0, result.stderr
    assert "random" in found["weights"] or "published (" in found["weights"]
    for name in ("ratio_fp32", "ratio_bf16", "seconds_fast", "seconds_literal"):
        assert found[name] > 0
    assert min(found["peak_mb_fast"], found["peak_mb_literal"]) > 200
    assert found["literal_within_2_of_255"] > 0.99
    assert found["bf16_within_2_of_255_default_model"] > 0.99


@pytest.mark.slow
def test_more_and_more_instances_are_measured_both_ways(command: Command):
    result = command("bench", "--case", "growth-image-64x96", "--repeat", 1, "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 0, result.stderr
    for way in ("fast", "literal"):
        assert list(found["ratio_to_n1"][way]) == ["n1", "n5", "n10", "n20"]
        assert found["ratio_to_n1"][way]["n1"] == 1
        assert min(found["seconds"][way].values()) > 0
    # So small a image is all people; still everybody has about as much to decide.
    assert max(found["undecided_share"].values()) < 3 * min(found["undecided_share"].values())


@pytest.mark.slow
def test_queries_are_fitted_to_both_passes_of_twenty_people():
    image, guidance = (torch.from_numpy(planes).float() for planes in scene(256, 448, 12))
    image = image / 255

    state, share = fitted_weights(image[[0, 3, 5]], guidance[[0, 3, 5]], video=True, band=0.06)
    fast = from_state_dict(state).predict_window(image[1:4], guidance[1:4])

    undecided = fast.undecided[1].float().mean(dim=(1, 2))
    assert share == pytest.approx(0.06, rel=0.05)
    assert float(undecided.mean()) == pytest.approx(0.06, rel=0.4)
    assert float(undecided[6:].mean()) < 2 * float(undecided[:6].mean())


@pytest.mark.slow
def test_a_whole_job_is_measured_by_part(command: Command):
    result = command("bench", "--case", "e2e-192x128-n2", "--repeat", 2, "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 0, result.stderr
    assert set(found["shares"]) == {
        "reading",
        "colour",
        "network",
        "last steps",
        "enlarging",
        "full-resolution detail",
        "writing",
    }
    assert set(found["parts"]) == set(GROUPS)
    assert min(found["parts"].values()) > 0
    assert found["overhead"] < 1


@pytest.mark.slow
def test_memory_is_followed_along_a_shot(command: Command):
    result = command("bench", "--case", "long-20", "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 0, result.stderr
    assert list(found["resident_mb"]) == [str(k) for k in range(2, 21, 2)]
    assert abs(found["growth_mb"]) < 100
