"""What the tests of training share: small data sets on disk in the published layouts, and tiny weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import Command, run_command
from support.tiny import write_tiny_model
from support.training_sets import write_clips, write_stills


@pytest.fixture(scope="session")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stills(tmp_path_factory.mktemp("stills"))


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def command() -> Command:
    """Run `maggie-node` in this process; stdout and stderr apart."""
    return run_command
