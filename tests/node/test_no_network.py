"""No command opens a connection, but those that fetch published weights."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import NoReturn

import pytest
from support.command_line import run_command
from support.shots import write_shot
from support.tiny import write_tiny_model

from maggie_core.model import load_model


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


def test_published_weights_that_are_not_cached_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """That the test above can fail: the network is reached by the functions that it watches."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Connection):
        load_model("him50k", device="cpu")
