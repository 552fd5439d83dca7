"""The paper's ablations as variants of one network, and instances matted together or one at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.tiny import WIDTHS, tiny_model, tiny_state

from maggie_api.errors import ModelError
from maggie_core.model import MatteModel, from_state_dict, load_model, save_weights
from maggie_core.model.config import NetworkConfig, infer_config
from maggie_core.model.encoder import StackedGuidance
from maggie_core.model.frame_window import WindowResult
from maggie_core.model.network import Network
from maggie_core.model.temporal import ConvGru, fuse_window

VARIANTS = {
    "embedded in one channel": {"embed": 1},
    "embedded in five channels": {"embed": 5},
    "stacked": {"guidance": "stacked"},
    "stacked, with one plane per slot": {"guidance": "stacked", "queries": "fixed"},
    "image, stacked": {"guidance": "stacked", "temporal": False},
    "no GRU, no fusion": {"gru": "none", "fusion": "none"},
    "single GRU, no fusion": {"gru": "single", "fusion": "none"},
    "GRU both ways, no fusion": {"gru": "both", "fusion": "none"},
    "fusion forward": {"fusion": "forward"},
    "fusion backward": {"fusion": "backward"},
    "no GRU, fusion both ways": {"gru": "none"},
    "every frame by itself": {"gru": "still", "fusion": "none"},
    "EfficientNet-Lite0": {"encoder": "lite0"},
    "EfficientNet-Lite0, stacked": {"encoder": "lite0", "guidance": "stacked"},
}


def variant(**fields: object) -> MatteModel:
    config = replace(WIDTHS, **fields)
    return from_state_dict(tiny_state(config), metadata=config.metadata)


def clip(frames: int, people: int, *, height: int = 64, width: int = 96) -> tuple[torch.Tensor, torch.Tensor]:
    image = torch.rand(frames, 3, height, width, generator=torch.Generator().manual_seed(1))
    guidance = torch.zeros(frames, people, height, width)
    for k in range(people):
        guidance[:, k, 8:56, (k * 8) % width : (k * 8) % width + 8] = 1
    return image, guidance


def encoder_calls(model: MatteModel, frames: int, people: int) -> int:
    calls = []
    hook = model._network.encoder.register_forward_hook(lambda *_: calls.append(1))
    model.predict_clip(*clip(frames, people))
    hook.remove()
    return len(calls)


@pytest.mark.parametrize("fields", VARIANTS.values(), ids=VARIANTS.keys())
def test_a_saved_variant_loads_by_its_path_alone_and_mattes_as_before(tmp_path: Path, fields: dict):
    torch.manual_seed(2)
    network = Network(replace(WIDTHS, **fields)).half().float().eval()
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    save_weights(network, tmp_path / "variant.safetensors")
    loaded = load_model(str(tmp_path / "variant.safetensors"), device="cpu")

    found = loaded._network.config
    assert {name: getattr(found, name) for name in fields} == fields
    assert loaded.is_video == network.config.temporal
    before = from_state_dict(state, metadata=network.config.metadata).predict_clip(*clip(3, 2))
    assert torch.equal(loaded.predict_clip(*clip(3, 2)), before)
    assert before.shape == (3, 2, 64, 96)
    assert before.isfinite().all()


def test_the_published_network_needs_no_word_beside_its_tensors():
    image = replace(WIDTHS, temporal=False, change=NetworkConfig().change)

    for config in (WIDTHS, image, replace(WIDTHS, guidance="stacked")):
        assert infer_config(tiny_state(config)) == config


def test_a_variant_of_an_unknown_name_is_said():
    with pytest.raises(ModelError, match="gru is triple: known are none, single, both, still"):
        NetworkConfig(gru="triple")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ModelError, match="fusion is sideways: known are none, forward, backward, both"):
        from_state_dict(tiny_state(), metadata={"kind": "video", "fusion": "sideways"})


def test_an_embedding_that_is_lost_is_missing_and_not_a_stacked_network():
    weights = dict(tiny_state())
    del weights["encoder.mask_embed_layer.weight"]

    with pytest.raises(ModelError, match=r"1 missing \(encoder.mask_embed_layer.weight\)"):
        from_state_dict(weights)


def test_stacked_masks_keep_apart_and_meet_only_in_a_shared_slot():
    guidance = torch.rand(2, 3, 4, 5)

    planes = StackedGuidance(6)(guidance, torch.tensor([5, 2, 2]))

    assert planes.shape == (2, 6, 4, 5)
    assert torch.equal(planes[:, 4], guidance[:, 0])
    assert torch.equal(planes[:, 1], torch.maximum(guidance[:, 1], guidance[:, 2]))
    assert planes[:, [0, 2, 3, 5]].abs().max() == 0


def test_fixed_queries_are_a_last_layer_with_one_plane_per_slot():
    net = variant(guidance="stacked", queries="fixed", coarse_prior=0, colour_priors=0, gru="none")._network
    d8, cells = torch.rand(1, WIDTHS.s8, 4, 6), torch.ones(1, 3, 4, 6, dtype=torch.bool)
    slots = torch.tensor([7, 0, 3])

    with torch.no_grad():
        features, queries, weights = net.decoder.refine_OS8.attend(d8, cells, slots)
        logits, f8, _ = net.coarse_logits(features, queries, None)
        planes = torch.nn.functional.conv2d(f8, net.decoder.refine_OS8.fixed_queries.weight[..., None, None])

    assert weights == []
    torch.testing.assert_close(logits, planes[:, slots])


def test_a_single_gru_knows_the_past_and_a_bidirectional_one_the_future_too():
    torch.manual_seed(0)
    both = ConvGru(4).requires_grad_(False)
    single = ConvGru(4, gru="single").requires_grad_(False)
    single.load_state_dict(both.state_dict())
    x = torch.rand(3, 4, 5, 6)
    changed = x.clone()
    changed[2] += 1

    assert torch.equal(single(x)[0][:2], single(changed)[0][:2])
    assert not torch.equal(both(x)[0][0], both(changed)[0][0])
    assert torch.equal(single(x)[1], both(x)[1])


def test_a_network_that_sees_every_frame_by_itself_mattes_it_the_same_in_any_company():
    model = variant(gru="still", fusion="none")
    image, guidance = clip(4, 2)

    found = model.predict_clip(image, guidance)

    assert model.is_video and model.window_frames == 1
    for t in range(4):
        assert torch.equal(found[t : t + 1], model.predict_clip(image[t : t + 1], guidance[t : t + 1]))
    assert encoder_calls(model, 4, 2) == 4


def test_a_network_that_sees_every_frame_by_itself_takes_nothing_over():
    with pytest.raises(ModelError, match=r"gru still.*fusion is both: it needs to be none"):
        NetworkConfig(temporal=True, gru="still")


def test_fusion_takes_over_from_the_neighbours_of_its_directions():
    alphas = torch.tensor([0.1, 0.5, 0.9]).view(3, 1, 1, 1)
    previous, same = torch.full((1, 1, 1), 0.2), torch.zeros(3, 1, 1)

    def fused(fusion) -> list[float]:
        return [
            round(a, 3) for a in fuse_window(alphas, previous, same, same, fusion=fusion).flatten().tolist()
        ]

    assert fused("forward") == [0.1, 0.2, 0.2]
    assert fused("backward") == [0.1, 0.9, 0.9]
    assert fused("both") == [0.1, 0.5, 0.5]


def test_without_fusion_a_frame_keeps_its_own_matte():
    def matted(fusion) -> WindowResult:
        config = replace(WIDTHS, fusion=fusion)
        state = tiny_state(config)
        if config.fuses:
            state["decoder.diff_module.6.weight"].zero_()  # nothing ever seems to change
        model = from_state_dict(state, metadata=config.metadata)
        return model.predict_window(*clip(3, 2), previous=torch.full((2, 64, 96), 0.3))

    kept, fused = matted("none"), matted("forward")

    assert torch.equal(kept.alpha, kept.single)
    torch.testing.assert_close(fused.alpha[1:], torch.full((2, 2, 64, 96), 0.3))


def test_the_temporal_state_may_be_carried_or_absent():
    image, guidance = clip(5, 2)

    assert variant(gru="none").predict_window(image[:3], guidance[:3]).hidden is None
    for gru in ("none", "single"):
        model = variant(gru=gru)
        carried = model.predict_clip(image, guidance, carry_hidden=True)
        assert torch.equal(carried, model.predict_clip(image, guidance)) == (gru == "none")


@pytest.mark.parametrize("temporal", [True, False])
def test_one_instance_alone_is_one_instance_together(temporal: bool):
    config = replace(WIDTHS, temporal=temporal)
    together, alone = (from_state_dict(tiny_state(config), instances=i) for i in ("together", "alone"))
    image, guidance = clip(4, 1)

    assert torch.equal(together.predict_clip(image, guidance), alone.predict_clip(image, guidance))
    ours, theirs = (m.predict_window(image[:3], guidance[:3]) for m in (alone, together))
    for name, value in vars(theirs).items():
        assert value is None or torch.equal(getattr(ours, name), value)


def test_every_instance_alone_is_matted_as_if_it_were_the_only_one():
    alone = from_state_dict(tiny_state(), instances="alone")
    image, guidance = clip(5, 3, height=70, width=101)

    mattes = alone.predict_clip(image, guidance, carry_hidden=True)
    window = alone.predict_window(image[:3], guidance[:3])
    following = alone.predict_window(
        image[1:4], guidance[1:4], previous=window.alpha[1], hidden=window.hidden[0]
    )

    for k in range(3):
        only = tiny_model().predict_clip(image, guidance[:, k : k + 1], carry_hidden=True)
        assert torch.equal(mattes[:, k : k + 1], only)
    # A window by itself multiplies other numbers of rows at once than a clip: the last bit may differ.
    by_window = torch.stack([*window.alpha[:2], following.alpha[1]])
    torch.testing.assert_close(by_window, mattes[:3], rtol=0, atol=1e-6)


def test_passes_grow_with_the_instances_alone_and_not_together():
    together, alone = tiny_model(), from_state_dict(tiny_state(), instances="alone")

    assert [encoder_calls(together, 4, people) for people in (1, 2, 5, 13)] == [4, 4, 4, 4]
    assert [encoder_calls(alone, 4, people) for people in (1, 2, 5, 13)] == [4, 8, 20, 52]


def test_a_stream_of_instances_alone_is_read_once_and_never_far_ahead():
    image, guidance = clip(7, 2)
    given = []

    def pairs():
        for number, pair in enumerate(zip(image, guidance, strict=True)):
            given.append(number)
            yield pair

    for number, _ in enumerate(from_state_dict(tiny_state(), instances="alone").stream(pairs())):
        assert max(given) <= number + 2
    assert given == list(range(7))


def test_no_frames_alone_give_no_mattes():
    assert list(from_state_dict(tiny_state(), instances="alone").stream([])) == []
