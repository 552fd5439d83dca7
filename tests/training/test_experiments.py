"""Every row of the paper's ablation tables can be trained, and its page in the docs is what the code says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.command_line import Command
from support.tiny import WIDTHS

from maggie_api.errors import SettingsError
from maggie_core.model.config import NetworkConfig
from maggie_core.model.network import Network
from maggie_lab.training.experiments import EXPERIMENTS, Experiment, experiment_tables, find_experiment
from maggie_lab.training.forward import TrainingBatch, predict
from maggie_lab.training.losses import training_loss

PAGE = Path(__file__).parents[2] / "docs" / "experiments.md"
VARIANTS = ("embed", "guidance", "queries", "temporal", "gru", "fusion")


def tiny(experiment: Experiment) -> Network:
    """The experiment's network at the tests' widths, without the extras that the paper does not have."""
    published = experiment.recipe.config
    torch.manual_seed(0)
    variant = {name: getattr(published, name) for name in VARIANTS}
    return Network(replace(WIDTHS, colour_priors=0, coarse_prior=0, **variant)).train()


def batch(frames: int) -> TrainingBatch:
    generator = torch.Generator().manual_seed(1)
    guidance = torch.zeros(2, frames, 2, 64, 64)
    guidance[:, :, 0, 8:40, 8:30] = 1
    guidance[:, :, 1, 20:60, 34:60] = 1
    change = torch.zeros(2, frames, 64, 64)
    change[..., 20:40, 20:40] = 1
    return TrainingBatch(
        image=torch.rand(2, frames, 3, 64, 64, generator=generator),
        guidance=guidance,
        alpha=0.8 * guidance,
        slots=torch.tensor([[3, 0], [1, 9]]),
        change=change,
    )


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS.keys())
def test_an_experiment_takes_a_step_forwards_and_backwards(experiment: Experiment):
    net, sample = tiny(experiment), batch(3 if experiment.is_video else 1)

    prediction = predict(net, sample, guide_by_truth=True)
    terms = training_loss(prediction, sample, experiment.recipe.settings)
    torch.stack(list(terms.values())).sum().backward()

    config, losses = experiment.recipe.config, experiment.recipe.settings.loss_weights
    assert all(term.isfinite() for term in terms.values())
    assert ("attention" in terms) == (losses.attention > 0 and config.queries == "attended")
    assert ("temporal" in terms) == config.fuses
    without = {name for name, p in net.named_parameters() if p.requires_grad and p.grad is None}
    assert not without


def test_the_rows_of_a_table_differ_only_in_what_the_table_is_about():
    def alike(prefix: str, *fields: str) -> set[NetworkConfig]:
        published = NetworkConfig()
        reset = {name: getattr(published, name) for name in fields}
        rows = [e.recipe.config for name, e in EXPERIMENTS.items() if name.startswith(prefix)]
        assert len(set(rows)) == len(rows) or not fields
        return {replace(config, **reset) for config in rows}

    assert alike("table3", "embed", "guidance") == {NetworkConfig()}
    assert alike("table4") == {NetworkConfig()}
    assert alike("table6", "gru", "fusion") == {NetworkConfig(temporal=True)}
    settings = {name: e.recipe.settings for name, e in EXPERIMENTS.items() if name.startswith("table4")}
    switches = {name: (s.loss_weights.attention, s.loss_weights.coarse_edges) for name, s in settings.items()}
    assert switches == {
        "table4-no-latt-no-w8": (0.0, False),
        "table4-no-latt-w8": (0.0, True),
        "table4-latt-no-w8": (5.0, False),
        "table4-latt-w8": (5.0, True),
    }


def test_an_unknown_experiment_is_said_with_those_there_are():
    with pytest.raises(SettingsError) as caught:
        find_experiment("table3-embedded-c4")

    message = str(caught.value)
    assert message.startswith("no experiment called table3-embedded-c4: known are table3-stacked, ")
    assert "table6-gru-bi-fusion-both" in message and "\n" not in message
    assert find_experiment("mgm-stacked").recipe.config.queries == "fixed"


def test_an_experiment_does_not_start_from_another_network(
    tmp_path: Path, stills: Path, tiny_model: Path, command: Command
):
    data = ("--data", f"i-him50k:{stills}", "--from", tiny_model, "--set", "precision=fp32")

    result = command("train", tmp_path / "run", "--experiment", "table3-stacked", *data)

    assert result.exit_code == 2
    assert "table3-stacked is about another network than that of" in result.stderr
    assert not (tmp_path / "run").exists()


def test_the_page_of_the_experiments_is_what_the_code_says():
    assert experiment_tables() in PAGE.read_text(encoding="utf-8")
