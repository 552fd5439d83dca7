"""The Nuke of the tests behaves and refuses as it says, on every Python that a Nuke has."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from support.sources import quiet_environment

FAKE = Path(__file__).parent
PYTHONS = ("3.9", "3.10", "3.11", "3.13")
"""Nuke 14, 15, 16 and 17, and the VFX platform of 2026."""


def python(version: str) -> str:
    """An interpreter of a version, without packages of ours."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    installed = sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
    found = str(installed[-1]) if installed else shutil.which(f"python{version}")
    assert found, f"no Python {version} is installed: pyenv install {version}"
    return found


def names(file: str) -> list[str]:
    tree = ast.parse((FAKE / file).read_text(encoding="utf-8"))
    return [n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("case_")]


@cache
def results(interpreter: str, file: str, *flags: str) -> dict[str, str]:
    """What each case of a file came to, all of them in one process."""
    run = subprocess.run(
        [interpreter, "-W", "error", *flags, str(FAKE / file)],
        capture_output=True,
        text=True,
        timeout=300,
        env=quiet_environment(),
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("version", PYTHONS)
@pytest.mark.parametrize("case", names("cases.py"))
def test_nuke_without_packages(case: str, version: str):
    wrong = results(python(version), "cases.py", "-S")[case]

    assert not wrong, wrong


@pytest.mark.parametrize("case", names("render_cases.py"))
def test_nuke_renders(case: str):
    wrong = results(sys.executable, "render_cases.py")[case]

    assert not wrong, wrong


@pytest.mark.parametrize("version", PYTHONS)
def test_all_cases_were_run(version: str):
    assert list(results(python(version), "cases.py", "-S")) == names("cases.py")
    assert len(names("cases.py")) > 50 and len(names("render_cases.py")) > 20
