"""What the tests of the command line share: a tiny model, tiny shots, and a way to run the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Command, run_command
from shots import TinyShot, write_shot
from tiny import write_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def kept_shot(tmp_path_factory: pytest.TempPathFactory) -> TinyShot:
    """Five frames, two people; tests do not change it."""
    return write_shot(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def shot(tmp_path: Path) -> TinyShot:
    """Five frames, two people; tests may break it."""
    return write_shot(tmp_path / "shot")


@pytest.fixture
def command() -> Command:
    """Run `maggie-node` in this process; stdout and stderr apart."""

    return run_command
