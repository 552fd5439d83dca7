"""Every script of benchmarks/ can be imported, says what it does, and is one that `make bench` runs."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import RUNS

FOLDER = Path(__file__).parent.parent / "benchmarks"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))
BY_HAND = {"clip_errors", "last_steps", "limits", "per_shot", "photographs", "stills", "strands"}
"""They take minutes of training or a folder of the user's own, or look into what a table does not show."""


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_benchmark_explains_itself(name: str, monkeypatch: pytest.MonkeyPatch, capsys):
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(sys, "argv", [f"benchmarks.{name}", "--help"])

    with pytest.raises(SystemExit) as ended:
        module.main()

    assert ended.value.code == 0
    assert f"python -m benchmarks.{name}" in (module.__doc__ or "")
    assert "usage:" in capsys.readouterr().out


def test_make_bench_runs_every_benchmark_that_needs_nothing():
    assert {module.removeprefix("benchmarks.") for module, _ in RUNS} == set(SCRIPTS) - BY_HAND
