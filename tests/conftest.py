"""What tests share: a tiny model, tiny shots, a way to run the command.

Tests marked `gpu` are left out where there is no CUDA device, and those of the panel's window where Qt cannot
be loaded: a machine without its system libraries still runs all others.
"""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest
from support.command_line import Command, run_command
from support.shots import TinyShot, write_shot
from support.tiny import write_tiny_model

# How long an example takes is the machine's matter: a busy one is no fault of the code.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


def _qt_fault() -> str:
    """Why Qt cannot be loaded; empty where it can."""
    try:
        from PySide6 import QtWidgets  # noqa: F401
    except ImportError as error:
        return str(error)
    return ""


QT_FAULT = _qt_fault()
pytest_plugins = [] if QT_FAULT else ["pytestqt.plugin"]
collect_ignore = ["panel/test_panel_window.py"] if QT_FAULT else []


def pytest_report_header() -> list[str]:
    return [f"tests/panel/test_panel_window.py is left out: {QT_FAULT}"] if QT_FAULT else []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not _has_cuda():
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


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
