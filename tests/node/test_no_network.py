"""No command opens a connection, but those that fetch published weights."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import NoReturn

import pytest
from support.command_line import run_command
from support.shots import write_shot
from support.tiny import write_tiny_model
from support.tiny_sam2 import write_tiny_sam2

from maggie_core.model import load_model
from maggie_core.weights.catalogue import OFFICIAL, TRACKERS, fetch_tracker


class Connection(BaseException):
    """Somebody asked for the network; no Exception, so that nobody answers it with another way."""


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*where: object, **how: object) -> NoReturn:
        raise Connection(where)

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)


def test_a_shot_is_matted_checked_and_explained_without_a_connection(tmp_path: Path):
    shot, model = write_shot(tmp_path / "shot", frames=range(1, 3)), write_tiny_model(tmp_path / "model")
    mattes = tmp_path / "out" / "m.####.exr"
    for words in (
        (
            "matte",
            shot.plate,
            "-o",
            mattes,
            *shot.guidance,
            "--model",
            model,
            "--preview",
            tmp_path / "x.gif",
        ),
        ("verify", tmp_path / "out"),
        ("qc", mattes, "-o", tmp_path / "qc"),
        ("explain", tmp_path / "out" / "m.0001.exr"),
        ("models", "list"),
        ("doctor",),
    ):
        result = run_command(*words)
        assert result.exit_code in ((0, 4) if words[0] == "qc" else (0,)), result.output


def test_sam2_in_a_folder_follows_people_without_a_connection_and_is_never_fetched_to_matte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shot, model = write_shot(tmp_path / "shot", frames=range(1, 4)), write_tiny_model(tmp_path / "model")
    network = write_tiny_sam2(tmp_path / "sam2")
    key = shot.mask("ana").replace("####", "0002")
    words = ("matte", shot.plate, "-o", tmp_path / "m.####.exr", "--key", f"ana={key}", "--model", model)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    result = run_command(*words, "--tracker", f"sam2:{network}")
    assert result.exit_code == 0, result.output
    assert str(network) in run_command("explain", tmp_path / "m.0003.exr").stdout
    result = run_command(*words, "--tracker", "sam2:tiny")
    assert result.exit_code == 2
    assert "fetch it with maggie-node models pull sam2:tiny" in result.stderr
    with pytest.raises(Connection):
        fetch_tracker("sam2:tiny")
    (network / "model.safetensors").write_bytes(bytes(3000))
    result = run_command(*words, "--tracker", f"sam2:{network}", "--frames", "2", "--overwrite")
    assert result.exit_code == 2
    assert str(network) in result.stderr


def test_published_weights_that_are_not_cached_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """That the test above can fail: the network is reached by the functions that it watches."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Connection):
        load_model("him50k", device="cpu")


@pytest.mark.parametrize(("name", "repository"), [*OFFICIAL.items(), *TRACKERS.items()])
def test_a_fetch_that_was_cut_short_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, repository: str
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    cached = tmp_path / f"models--{repository.replace('/', '--')}"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("0" * 40, encoding="utf-8")
    (cached / "snapshots" / ("0" * 40)).mkdir(parents=True)
    (cached / "snapshots" / ("0" * 40) / "config.json").write_text("{}", encoding="utf-8")

    rows = json.loads(run_command("models", "list", "--json").stdout)
    assert next(row["path"] for row in rows if row["name"] == name) is None
    with pytest.raises(Connection):
        fetch_tracker(name) if name in TRACKERS else load_model(name, device="cpu")
