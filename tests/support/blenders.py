"""Real Blenders in processes of their own, with the extension installed from its zip."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from support.shots import write_shot
from support.tiny import write_tiny_model

ROOT = Path(__file__).parents[2]
NUMBERS = range(1001, 1007)
"""Of the plate in a project."""
BLENDERS = {"4.2": "-4.2", "4.5": "", "5.0": "-5.0", "5.2": "-5.2"}
"""Versions, and how their environments' names end."""


def build_extension(folder: Path) -> Path:
    """The zip, as the make targets build it: put together, zipped and validated by Blender's own tool."""
    build = [sys.executable, ROOT / "hosts/blender/build.py", ROOT / ".venv-blender", "-o", folder]
    subprocess.run([*build, "--repository"], check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.zip"))


def extension_part(folder: Path, name: str) -> ModuleType:
    """A module of the extension that knows no Blender, from what goes into the zip.

    Args:
        folder: an empty folder for the extension.
    """
    spec = spec_from_file_location("build_blender", ROOT / "hosts/blender/build.py")
    assert spec is not None
    assert spec.loader is not None
    build = module_from_spec(spec)
    spec.loader.exec_module(build)
    build.assemble(folder / "maggie_blender")
    package = ModuleType("maggie_blender")  # whose own __init__ needs Blender
    package.__path__ = [str(folder / "maggie_blender")]
    for loaded in [each for each in sys.modules if each.partition(".")[0] == package.__name__]:
        del sys.modules[loaded]
    sys.modules[package.__name__] = package
    return import_module(f"{package.__name__}.{name}")


def write_project(folder: Path) -> Path:
    """A folder with a small shot and a model."""
    write_shot(folder / "shot", frames=NUMBERS)
    write_tiny_model(folder / "tiny")
    return folder


def python_of(blender: str) -> Path:
    """The Python of a Blender's environment."""
    found = ROOT / f".venv-blender{BLENDERS[blender]}" / "bin" / "python"
    assert found.exists(), f"{found} is missing: run make .venv-blender, and make blenders for the slow tests"
    return found


def play(
    case: str, package: Path, folder: Path, blender: str, *, ends_with: int = 0, **env: str
) -> tuple[dict, str]:
    """What a case of blender_case.py reports, and what Blender wrote to stderr."""
    own = folder.parent / f"user {case}"
    own.mkdir(mode=0o700)
    env = {
        **os.environ,
        **env,
        "BLENDER_USER_RESOURCES": str(own),
        "XDG_RUNTIME_DIR": str(own),
        "XDG_CONFIG_HOME": str(own / "config"),
        "MAGGIE_PYTHON": sys.executable,
        "OMP_NUM_THREADS": "1",
    }
    command = [python_of(blender), ROOT / "tests/hosts/blender_case.py", case, package, folder]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == ends_with, done.stdout + done.stderr
    return json.loads((folder / "report.json").read_text("utf-8")), done.stderr
