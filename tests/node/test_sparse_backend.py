"""`$MAGGIE_SPARSE`: who computes sparse convolutions, and where that is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.command_line import Command
from support.shots import TinyShot

from maggie_api.errors import SettingsError
from maggie_core.sparse import Sites, chosen, submanifold_conv3


def test_native_is_chosen_unless_something_else_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MAGGIE_SPARSE", raising=False)
    assert chosen(torch.device("cuda")) == "native"

    monkeypatch.setenv("MAGGIE_SPARSE", "native")
    assert chosen(torch.device("cpu")) == "native"


def test_a_cpu_refuses_spconv(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MAGGIE_SPARSE", "spconv")
    sites = Sites.where(torch.ones(1, 4, 4, dtype=torch.bool))

    with torch.inference_mode(), pytest.raises(SettingsError, match="needs a CUDA device and this is cpu"):
        submanifold_conv3(torch.ones(16, 2), torch.ones(3, 3, 3, 2), None, sites)


def test_a_job_on_a_cpu_refuses_spconv_in_one_line(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MAGGIE_SPARSE", "spconv")
    plate, out = kept_shot.plate, tmp_path / "m.####.exr"

    result = command("matte", plate, "-o", out, *kept_shot.guidance, "--model", tiny_model, "--device", "cpu")

    assert result.exit_code == 2
    assert (
        result.stderr.strip()
        .splitlines()[-1]
        .endswith("spconv needs a CUDA device and this is cpu: unset it")
    )
    assert not list(tmp_path.iterdir())


def test_a_backend_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MAGGIE_SPARSE", "minkowski")

    with pytest.raises(SettingsError, match="'minkowski': it is native or spconv"):
        chosen(torch.device("cuda"))


def test_gradients_are_always_native(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MAGGIE_SPARSE", "spconv")
    sites = Sites.where(torch.ones(1, 4, 4, dtype=torch.bool))
    weight = torch.ones(3, 3, 3, 2, requires_grad=True)

    submanifold_conv3(torch.ones(16, 2), weight, None, sites).sum().backward()

    assert weight.grad is not None
