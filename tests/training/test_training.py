"""The step, the batches and the weights a training starts from."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny import WIDTHS, tiny_state

from maggie_api.errors import ModelError, SettingsError
from maggie_core.model import load_model
from maggie_core.model.encoder import DepthwiseConv
from maggie_core.model.network import Network
from maggie_lab.training.dataset import BankSource, ProcessShard, TrainingDataset, batches
from maggie_lab.training.folders import FolderSource, find_training_samples, held_out, set_apart
from maggie_lab.training.forward import TrainingBatch, predict
from maggie_lab.training.initial import publish_start
from maggie_lab.training.log import draw_log
from maggie_lab.training.loop import Trainer
from maggie_lab.training.losses import TERMS, published_loss
from maggie_lab.training.settings import LossWeights, TrainSettings, find_recipe
from maggie_lab.training.validation import validation
from maggie_lab.training.weights import export, start_from, with_temporal

FAST = TrainSettings(
    minutes=None, steps=4, batch=2, clip_batch=1, crops=((0.0, 64),), precision="fp32", video_from=1.0
)
PUBLISHED = replace(
    find_recipe("paper-image").settings, steps=40, batch=2, clip_batch=1, clip_frames=3, crops=((0.0, 64),),
    precision="fp32",
)  # fmt: skip


def tiny_network(**changes: object) -> Network:
    torch.manual_seed(0)
    return Network(replace(WIDTHS, **changes))  # type: ignore[arg-type]


def dataset_of(folder: Path, settings: TrainSettings, shard: ProcessShard | None = None) -> TrainingDataset:
    kind = "v-him2k5" if (folder / "fgr").is_dir() else "i-him50k"
    samples = find_training_samples(kind, folder)
    return TrainingDataset([FolderSource(samples, seed=settings.seed)], settings, shard or ProcessShard())


def first_batch(folder: Path, settings: TrainSettings) -> TrainingBatch:
    return next(batches(dataset_of(folder, settings), workers=0))


def equal(a: TrainingBatch, b: TrainingBatch) -> bool:
    return all(
        torch.equal(getattr(a, name), getattr(b, name)) for name in ("image", "guidance", "alpha", "slots")
    )


def test_workers_and_processes_do_not_change_what_a_batch_holds(stills: Path):
    whole = list(itertools.islice(batches(dataset_of(stills, FAST), workers=0), 4))

    by_workers = list(itertools.islice(batches(dataset_of(stills, FAST), workers=2), 4))
    second = list(itertools.islice(batches(dataset_of(stills, FAST, ProcessShard(1, 2)), workers=0), 2))
    later = next(batches(dataset_of(stills, FAST, ProcessShard(step=3)), workers=0))

    assert all(equal(a, b) for a, b in zip(whole, by_workers, strict=True))
    assert equal(second[0], whole[1]) and equal(second[1], whole[3])
    assert equal(later, whole[3])


def test_instances_play_random_ones_of_ten_slots(stills: Path):
    slots = [batch.slots for batch in itertools.islice(batches(dataset_of(stills, FAST), workers=0), 20)]

    used = torch.cat([rows.flatten() for rows in slots])
    assert set(used.tolist()) == set(range(10))
    assert all(len(set(row.tolist())) == len(row) for rows in slots for row in rows)


def test_clips_follow_stills_at_the_progress_the_settings_name(clips: Path):
    settings = replace(FAST, video_from=0.5, clip_stride=2)

    frames = [
        batch.image.shape[1] for batch in itertools.islice(batches(dataset_of(clips, settings), workers=0), 4)
    ]

    assert frames == [1, 1, 3, 3]


def test_a_network_without_state_sees_each_frame_of_a_clip_by_itself(clips: Path):
    net = tiny_network(gru="still", fusion="none")
    clip = first_batch(clips, replace(FAST, video_from=0.0, clip_batch=2))
    parts = [
        replace(clip, **{name: getattr(clip, name)[:, t : t + 1] for name in ("image", "guidance", "alpha")})
        for t in range(3)
    ]

    with torch.no_grad():
        predict(net.train(), clip, guide_by_truth=True)  # norms get their first statistics
        whole = predict(net.eval(), clip, guide_by_truth=True)
        alone = [predict(net, replace(part, change=None), guide_by_truth=True) for part in parts]

    torch.testing.assert_close(whole.alpha8, torch.cat([each.alpha8 for each in alone], dim=1))
    for scores in whole.attention:
        torch.testing.assert_close(scores.sum(dim=2), torch.ones_like(scores[..., 0]))


def test_scenes_of_a_bank_are_batches_too(tmp_path: Path):
    from maggie_lab.synthesis import BankPlan, build_bank

    build_bank(tmp_path, BankPlan(figures=2, backgrounds=2, size_px=96, seed=1))

    batch = next(batches(TrainingDataset([BankSource(tmp_path)], FAST, ProcessShard()), workers=0))

    assert batch.image.shape == (2, 1, 3, 64, 64)
    assert batch.present.any(dim=2).all()


def test_every_fiftieth_sample_is_held_out_and_the_same_ones_always(stills: Path):
    samples = find_training_samples("i-him50k", stills)

    rest, held = set_apart(samples)

    assert len(rest) + len(held) == len(samples) and held
    assert not {s.name for s in rest} & {s.name for s in held}
    with pytest.raises(SettingsError, match="none to validate with"):
        set_apart(samples[:1])


def test_the_published_loss_teaches_every_weight_of_the_image_network(stills: Path):
    batch = first_batch(stills, PUBLISHED)
    net = tiny_network(colour_priors=0, coarse_prior=0, temporal=False).train()
    torch.manual_seed(1)

    terms = published_loss(predict(net, batch, guide_by_truth=True, faults_guide=False), batch, LossWeights())
    sum(terms.values()).backward()

    assert set(terms) == {"l1", "laplacian", "gradient", "attention"}
    still = [n for n, p in net.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    # Slots and identities that nobody plays here, and keys' biases, which no softmax feels.
    assert [name for name in still if "in_proj_bias" not in name] == []


def test_the_published_video_loss_adds_the_terms_over_time(clips: Path):
    batch = first_batch(clips, replace(PUBLISHED, video_from=0.0))
    net = tiny_network(colour_priors=0, coarse_prior=0).train()

    terms = published_loss(predict(net, batch, guide_by_truth=False), batch, LossWeights())

    assert set(terms) == {"l1", "laplacian", "gradient", "attention", "dtssd", "temporal"}
    assert all(torch.isfinite(term) for term in terms.values())
    assert set(terms) <= set(TERMS)


def test_instances_that_do_not_count_add_nothing(stills: Path):
    batch = first_batch(stills, PUBLISHED)
    nobody = replace(batch, valid=torch.zeros_like(batch.present), alpha=torch.zeros_like(batch.alpha))
    net = tiny_network().train()

    with torch.no_grad():
        terms = published_loss(predict(net, nobody, guide_by_truth=True), nobody, LossWeights())

    assert float(terms["l1"]) < 1e-6 and float(terms["laplacian"]) < 1e-6


def test_where_nothing_is_undecided_a_square_is_looked_at(stills: Path):
    batch = first_batch(stills, FAST)
    solid = replace(batch, alpha=torch.ones_like(batch.alpha))

    prediction = predict(tiny_network(), solid, guide_by_truth=True, faults_guide=False)

    assert (
        prediction.region[..., :50, :50].all()
        and prediction.region.sum() == prediction.region[..., :50, :50].sum()
    )


def test_no_more_undecided_pixels_are_worked_through_than_allowed(stills: Path):
    batch = first_batch(stills, FAST)

    few = predict(tiny_network(), batch, guide_by_truth=True, most_sites=500).region.sum()

    assert 0 < few <= 500


def test_the_published_start_has_silent_blocks_and_sees_no_mask():
    net = tiny_network()

    publish_start(net)

    assert not net.encoder.conv1.module.weight_bar[:, 3:].any()
    assert net.encoder.conv1.module.weight_bar[:, :3].any()
    assert not any(block.bn2.weight.any() for block in net.encoder.layer2)
    assert (net.aspp.aspp1_bn.weight == 1).all()


def test_a_step_brings_the_loss_of_its_own_batch_down(stills: Path):
    batch = first_batch(stills, FAST)
    trainer = Trainer(
        replace(FAST, steps=40, schedule="one-cycle", warmup_steps=4), tiny_network(), device="cpu"
    )

    losses = [trainer.train_step([batch])["loss"] for _ in range(12)]

    assert losses[-1] < 0.8 * losses[0]


def test_dense_stages_run_in_bfloat16_and_logits_do_not(stills: Path):
    batch, net = first_batch(stills, FAST), tiny_network().train()

    with torch.no_grad():
        for _ in range(3):  # the norms of random weights settle
            predict(net, batch, guide_by_truth=True)
        exact = predict(net, batch, guide_by_truth=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = predict(net, batch, guide_by_truth=True)

    assert rough.logits8.dtype == rough.alpha1.dtype == torch.float32
    difference = (rough.logits8 - exact.logits8).abs().mean() / exact.logits8.abs().mean()
    assert 0 < difference < 0.25


def test_depthwise_convolutions_stay_in_float32_on_a_cpu():
    """Their gradient in bfloat16 takes four times as long there."""
    conv = DepthwiseConv(6, 3, stride=1, margin=1)
    x = torch.rand(2, 6, 9, 9, generator=torch.Generator().manual_seed(1))
    (exact,) = torch.autograd.grad(conv(x).square().sum(), conv.weight)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = conv(x)
    (gradient,) = torch.autograd.grad(found.square().sum(), conv.weight)

    assert found.dtype == torch.float32
    assert torch.equal(gradient, exact)


def test_fp16_without_a_cuda_device_is_said_in_one_line():
    with pytest.raises(SettingsError, match="fp16 needs a CUDA device"):
        Trainer(replace(FAST, precision="fp16"), tiny_network(), device="cpu")


def test_the_average_follows_the_weights_slowly_and_without_one_it_is_the_weights(stills: Path):
    batch = first_batch(stills, FAST)
    plain, averaged = (Trainer(replace(FAST, ema=ema), tiny_network(), device="cpu") for ema in (0.0, 0.9))

    for trainer in (plain, averaged):
        trainer.train_step([batch])

    weight = "encoder.conv1.module.weight_bar"
    assert torch.equal(plain.average.state_dict()[weight], plain.net.state_dict()[weight])
    assert not torch.equal(averaged.average.state_dict()[weight], averaged.net.state_dict()[weight])


def test_norms_are_frozen_from_the_progress_the_settings_name(stills: Path):
    batch = first_batch(stills, FAST)
    trainer = Trainer(replace(FAST, freeze_norms_from=0.25), tiny_network(), device="cpu")
    name = "encoder.bn1.running_mean"

    trainer.train_step([batch])
    moved = trainer.net.state_dict()[name].clone()
    trainer.train_step([batch])

    assert moved.any()
    assert torch.equal(trainer.net.state_dict()[name], moved)


def test_a_checkpoint_of_the_first_version_is_a_start(tmp_path: Path):
    state = tiny_state(seed=4)
    torch.save(
        {
            "net": state,
            "average": state,
            "optimiser": {},
            "step": 7,
            "elapsed_s": 1.0,
            "settings": {"seed": 1},
        },
        tmp_path / "checkpoint.pt",
    )

    start = start_from(str(tmp_path / "checkpoint.pt"))

    assert start.network.config == WIDTHS
    assert torch.equal(start.network.aspp.aspp1.weight, state["aspp.aspp1.weight"])


def test_exported_weights_are_the_networks_and_a_start_again(tmp_path: Path):
    net = tiny_network()

    export(net, tmp_path / "mine", {"name": "mine", "licence": "in-house", "commercial": True})

    info = load_model(str(tmp_path / "mine"), device="cpu").info
    assert (info.name, info.licence, info.commercial, info.kind) == ("mine", "in-house", True, "video")
    again = start_from(str(tmp_path / "mine"))
    assert (again.licence, again.commercial, again.network.config) == ("in-house", True, WIDTHS)
    assert torch.allclose(again.network.aspp.aspp1.weight, net.aspp.aspp1.weight, atol=1e-3)


def test_the_video_stage_keeps_the_image_stages_weights():
    image = tiny_network(temporal=False)

    video = with_temporal(image, WIDTHS, seed=3)

    theirs = video.state_dict()
    assert all(torch.equal(x, theirs[name]) for name, x in image.state_dict().items())
    assert any("os8_temp_module" in name for name in theirs)
    with pytest.raises(ModelError, match="another shape"):
        with_temporal(tiny_network(temporal=False, s8=24), WIDTHS, seed=3)


def test_held_out_errors_are_zero_for_a_network_that_is_never_wrong(stills: Path):
    samples = held_out(find_training_samples("i-him50k", stills)[:2], short_px=64)
    perfect = [replace(sample, alphas=sample.alphas * 0, guidance=sample.guidance * 0) for sample in samples]

    found = validation(lambda: perfect)(tiny_network().eval())
    real = validation(lambda: samples)(tiny_network().eval())

    assert found == {"MAD": 0.0, "MSE": 0.0}
    assert real["MAD"] > real["MSE"] > 0


def test_a_plot_of_the_log_needs_no_window(tmp_path: Path):
    rows = [
        {"step": float(k), "minutes": 0.0, "loss": 1 / k, "norm": 1.0, "rate": 0.1, "MAD": 3.0}
        for k in (1, 2)
    ]

    draw_log(rows, tmp_path / "log.png")

    from PIL import Image

    with Image.open(tmp_path / "log.png") as plot:
        assert np.asarray(plot).std() > 5
