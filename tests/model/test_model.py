"""Loading and running a model: any configuration, any number of people and frames, foreign weights."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file
from support.golden_data import Case, state
from support.tiny import WIDTHS, tiny_model, tiny_state

from maggie_api.errors import ModelError
from maggie_core.model import checkpoint, from_state_dict, load_model
from maggie_core.model.config import NetworkConfig, infer_config
from maggie_core.model.frame_window import TemporalState
from maggie_core.model.temporal import may_take_over


def clip(frames: int, people: int, *, height: int = 64, width: int = 96) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(frames, 3, height, width, generator=generator)
    guidance = torch.zeros(frames, people, height, width)
    for k in range(people):
        guidance[:, k, 8:56, (k * 8) % width : (k * 8) % width + 8] = 1
    return image, guidance


def test_the_published_configuration_is_read_from_the_published_tensors():
    assert infer_config(state("image")) == NetworkConfig()
    assert infer_config(state("video")) == NetworkConfig(temporal=True)


def test_loading_holds_the_weights_no_more_than_three_times(tmp_path: Path):
    """A process's memory is at its highest there if it does: the file, its tensors, and the network."""
    path = tmp_path / "published.safetensors"
    save_file(state("image"), path)
    program = """
import sys
from maggie_core.model import load_model
from maggie_node.bench.memory import own_peak_mb
load_model("default")
before = own_peak_mb()
load_model(sys.argv[1])
print(own_peak_mb() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )

    assert float(done.stdout) < 3.1 * path.stat().st_size / 1e6


def test_loading_leaves_the_caller_its_tensors():
    tensors = tiny_state()
    before = {name: tensor.clone() for name, tensor in tensors.items()}

    from_state_dict(tensors)

    assert tensors.keys() == before.keys()
    assert all(torch.equal(tensors[name], before[name]) for name in before)


def test_a_narrower_network_loads_through_the_same_code():
    model = from_state_dict(tiny_state())

    assert model._network.config == WIDTHS
    assert model.is_video
    assert model.info.parameters < 200_000


def test_an_image_network_is_recognised_by_its_names():
    assert not tiny_model(temporal=False).is_video


def test_features_reused_across_windows_equal_features_computed_anew():
    model, case = tiny_model(), Case("video_n2_128x160_l5")

    composed = model.predict_clip(case.image, case.guidance)

    previous, mattes = None, []
    for start in range(3):
        window = slice(start, start + 3)
        result = model.predict_window(case.image[window], case.guidance[window], previous=previous)
        previous = result.alpha[1]
        mattes += [result.alpha[0]] if start == 0 else []
        mattes += [previous] if start < 2 else [previous, result.alpha[2]]
    torch.testing.assert_close(composed, torch.stack(mattes), atol=1e-6, rtol=0)


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
@pytest.mark.parametrize("temporal", [True, False])
def test_a_clip_of_any_length_gives_a_matte_for_each_frame(frames: int, temporal: bool):
    image, guidance = clip(frames, 2)

    alphas = tiny_model(temporal=temporal).predict_clip(image, guidance)

    assert alphas.shape == (frames, 2, 64, 96)
    assert alphas.isfinite().all()


def test_what_is_left_of_a_frame_whose_matte_is_made_is_all_a_window_takes_of_its_first():
    image, guidance = clip(4, 2)
    model = tiny_model()
    whole = [model.encode(*pair) for pair in zip(image[1:], guidance[1:], strict=True)]
    previous = model.predict_window(image[:3], guidance[:3]).alpha[1]
    state = TemporalState(previous)

    result = model.window([model.release_fine(whole[0]), *whole[1:]], state=state, wanted="middle")

    assert torch.equal(result.alpha, model.window(whole, state=state, wanted="middle").alpha)
    with pytest.raises(ValueError, match="all of its features"):
        model.window([model.release_fine(frame) for frame in whole])


def test_a_middle_matte_is_the_same_whether_or_not_the_frame_after_is_asked_for():
    image, guidance = clip(4, 2)
    model = tiny_model()
    frames = [model.encode(*pair) for pair in zip(image[1:], guidance[1:], strict=True)]
    own = model.window(frames, maps=True).single
    # Everything the frame after says has been said before, and somewhere it hardly differs.
    previous = own[2].clone()
    state = TemporalState(previous)

    skipped = model.window(frames, state=state, wanted="middle")
    whole = model.window(frames, state=state, wanted="after first")

    alike = (own[1] != previous) & (previous > 0) & (own[1] < 1 / 255) & (previous < 1 / 255)
    assert alike.any()
    torch.testing.assert_close(whole.alpha[1], skipped.alpha[0], atol=1e-6, rtol=0)


def test_only_what_may_be_seen_is_looked_for_in_the_frame_after():
    before = torch.tensor([[[0.0, 1.0, 0.001, 0.999, 0.001, 0.999, 0.5, 0.0, 0.0]]])
    own = torch.tensor([[[0.002, 0.998, 0.002, 0.998, 0.5, 0.5, 0.6, 0.0, 0.5]]])
    changed = torch.tensor([[False] * 8 + [True]])

    wanted = may_take_over(own, before, changed)

    assert wanted.flatten().tolist() == [True, True, False, False, True, True, False, False, False]


def test_tensors_that_change_after_loading_change_no_matte():
    image, guidance = clip(3, 2)
    mine = {name: tensor.clone() for name, tensor in tiny_state().items()}
    model = from_state_dict(mine)
    expected = model.predict_clip(image, guidance)

    for tensor in mine.values():
        tensor.zero_()

    assert torch.equal(model.predict_clip(image, guidance), expected)


def test_masks_that_are_empty_throughout_give_zeros():
    image, guidance = clip(4, 2)

    alphas = tiny_model().predict_clip(image, guidance * 0)

    assert alphas.max() == 0


def test_masks_that_are_empty_for_a_while_lose_no_frame():
    image, guidance = clip(9, 1)
    guidance[2:7] = 0

    alphas = tiny_model().predict_clip(image, guidance)

    assert alphas.shape[0] == 9
    assert alphas[4].max() == 0
    assert alphas[0].max() > 0.3 and alphas[8].max() > 0.3


def test_more_people_than_slots_are_split_evenly_in_order():
    model = tiny_model()

    assert [len(group) for group in model._groups(10)] == [10]
    assert [len(group) for group in model._groups(13)] == [7, 6]
    assert [len(group) for group in model._groups(21)] == [7, 7, 7]
    assert torch.cat(model._groups(21)).tolist() == list(range(21))


def test_thirteen_people_are_matted_in_one_call():
    image, guidance = clip(3, 13)

    result = tiny_model().predict_window(image, guidance)

    assert result.alpha.shape == (3, 13, 64, 96)
    assert (result.alpha.amax(dim=(0, 2, 3)) > 0.2).all()


def test_guidance_at_an_eighth_equals_its_enlargement():
    image, guidance = clip(3, 2)
    small = guidance[..., ::8, ::8]
    large = small.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)

    assert torch.equal(tiny_model().predict_clip(image, small), tiny_model().predict_clip(image, large))


def test_a_size_that_is_no_multiple_of_the_stride_is_padded_and_cropped():
    image, guidance = clip(3, 2, height=70, width=101)

    result = tiny_model().predict_window(image, guidance, previous=torch.zeros(2, 70, 101))

    assert result.alpha.shape == (3, 2, 70, 101)
    assert result.change_forward is not None and result.change_forward.shape == (3, 70, 101)


def test_a_call_leaves_nothing_behind():
    image, guidance = clip(4, 2)
    model = tiny_model()

    first = model.predict_clip(image, guidance)
    model.predict_clip(image.flip(0), guidance)

    assert torch.equal(first, model.predict_clip(image, guidance))


@pytest.mark.parametrize(
    ("image", "guidance", "sentence"),
    [
        (torch.zeros(3, 64, 64), torch.zeros(3, 1, 64, 64), "needs to be \\(frames, 3, height, width\\)"),
        (torch.zeros(3, 3, 64, 64), torch.zeros(2, 1, 64, 64), "needed is \\(3, instances, height, width\\)"),
        (torch.zeros(3, 3, 64, 64), torch.zeros(3, 1, 30, 64), "needs the image's size or an eighth"),
        (torch.zeros(2, 3, 64, 64), torch.zeros(2, 1, 64, 64), "predict_clip takes any"),
    ],
)
def test_shapes_that_do_not_belong_together_are_refused(image, guidance, sentence: str):
    with pytest.raises(ModelError, match=sentence):
        tiny_model().predict_window(image, guidance)


def test_missing_and_foreign_names_are_named_in_one_line():
    weights = dict(tiny_state())
    del weights["encoder.conv1.module.weight_bar"]
    weights["classifier.weight"] = torch.zeros(3)

    with pytest.raises(ModelError) as caught:
        from_state_dict(weights)

    message = str(caught.value)
    assert "1 missing (encoder.conv1.module.weight_bar)" in message
    assert "1 unknown (classifier.weight)" in message
    assert "\n" not in message


def test_a_wrong_shape_is_named_with_both_sizes():
    weights = dict(tiny_state())
    weights["aspp.conv2.weight"] = torch.zeros(3, 3, 1, 1)

    with pytest.raises(ModelError, match=r"aspp.conv2.weight is \[3, 3, 1, 1\], needs \[24, 40, 1, 1\]"):
        from_state_dict(weights)


def test_tensors_no_result_depends_on_may_be_left_out():
    weights = {name: tensor for name, tensor in state("image").items() if "dummy" not in name}

    assert from_state_dict(weights).info.kind == "image"


def test_a_model_loads_from_a_file_and_from_a_folder(tmp_path: Path):
    save_file({k: v.half() for k, v in tiny_state().items() if v.ndim}, tmp_path / "narrow.safetensors")
    (tmp_path / "config.json").write_text(
        json.dumps({"name": "narrow", "licence": "MIT", "commercial": True})
    )

    by_folder = load_model(str(tmp_path), device="cpu")
    by_file = load_model(str(tmp_path / "narrow.safetensors"), device="cpu")

    assert (by_folder.info.name, by_folder.info.licence, by_folder.info.commercial) == ("narrow", "MIT", True)
    assert by_folder.info.sha256 == by_file.info.sha256


def test_weights_that_are_replaced_while_they_load_are_told_as_they_were_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(save(tiny_state(seed=1)))
    read, expected = path.read_bytes(), load_model(str(path), device="cpu").info
    digest = checkpoint.digest_tensors

    def replaced(*args: Any, **more: Any) -> str:
        path.write_bytes(save(tiny_state(seed=2)))
        return digest(*args, **more)

    monkeypatch.setattr(checkpoint, "digest_tensors", replaced)

    found = load_model(str(path), device="cpu").info

    assert (found.digest, found.sha256) == (expected.digest, hashlib.sha256(read).hexdigest())
    assert path.read_bytes() != read


@pytest.mark.parametrize(
    "odd",
    [
        {1: torch.ones(2)},
        {"weight": torch.eye(3).to_sparse()},
        {"weight": torch.empty(2, device="meta")},
        {"weight": 3},
        [torch.ones(2)],
    ],
)
def test_a_pickle_of_anything_but_named_tensors_is_said_in_one_line(tmp_path: Path, odd: object):
    torch.save(odd, tmp_path / "odd.pth")

    with pytest.raises(ModelError, match="holds no table of tensors: it needs to be a state_dict"):
        load_model(str(tmp_path / "odd.pth"), device="cpu")


def test_a_pickled_checkpoint_loads_without_running_its_code(tmp_path: Path):
    torch.save({"state_dict": tiny_state()}, tmp_path / "narrow.pth")

    assert load_model(str(tmp_path / "narrow.pth"), device="cpu").is_video


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"state_dict": Trap()}, tmp_path / "trap.pth")

    with pytest.raises(ModelError, match="cannot be read as weights"):
        load_model(str(tmp_path / "trap.pth"), device="cpu")
    assert not (tmp_path / "sprung").exists()


def test_weights_cut_short_are_refused(tmp_path: Path):
    save_file({k: v for k, v in tiny_state().items() if v.ndim}, tmp_path / "cut.safetensors")
    whole = (tmp_path / "cut.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(ModelError, match="fetch or copy it again"):
        load_model(str(tmp_path / "cut.safetensors"), device="cpu")


def test_an_unknown_model_or_device_is_said(tmp_path: Path):
    known = "default, generated, him50k, vim2k5"
    with pytest.raises(ModelError, match=f"no model called him51k: known are {known}"):
        load_model("him51k")
    with pytest.raises(ModelError, match="no device called gpu"):
        load_model("default", device="gpu")
    with pytest.raises(ModelError, match="has no config.json"):
        load_model(str(tmp_path))


@pytest.mark.parametrize("people, only", [(3, [1]), (5, [0, 3]), (14, [2, 11, 13])])
@pytest.mark.parametrize("wanted", ["all", "middle"])
def test_who_only_competes_gets_no_matte_and_changes_nobody_elses(people: int, only: list[int], wanted):
    image, guidance = clip(4, people)
    model = tiny_model()
    frames = [model.encode(*pair) for pair in zip(image[1:], guidance[1:], strict=True)]
    previous = model.predict_window(image[:3], guidance[:3]).alpha[1]

    everybody = model.window(frames, state=TemporalState(previous), wanted=wanted)
    some = model.window(frames, state=TemporalState(previous[only]), wanted=wanted, only=only)

    assert some.alpha.shape[1] == len(only)
    torch.testing.assert_close(some.alpha, everybody.alpha[:, only], atol=1e-6, rtol=0)
    without = model.window(
        [model.encode(i, g[only]) for i, g in zip(image[1:], guidance[1:], strict=True)],
        state=TemporalState(previous[only]),
        wanted=wanted,
    )
    assert not torch.allclose(some.alpha, without.alpha, atol=1e-4), "the others must still compete"
