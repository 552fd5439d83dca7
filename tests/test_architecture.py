"""The drawn arrows hold: who may import what, on which Python, and what the wheel carries."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = ROOT / "core" / "maggie_core"
NODE = ROOT / "maggie_node"
FOR_HOSTS = ("address", "client", "document", "hosting", "job", "protocol", "rpc")
"""Modules of maggie_node that Nuke and Blender import into their own interpreters."""


def python_files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def imported_roots(path: Path) -> set[str]:
    """First parts of everything a file imports, wherever in it."""
    roots: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            roots.add((node.module or "").partition(".")[0])
    return roots


def importers_of(*names: str) -> set[str]:
    """Product files that import one of `names`, relative to the repository."""
    files = python_files(CORE, NODE)
    return {path.relative_to(ROOT).as_posix() for path in files if imported_roots(path) & set(names)}


def test_only_io_knows_image_files_and_movies():
    strangers = {path for path in importers_of("OpenImageIO", "av") if "/maggie_core/io/" not in path}

    assert strangers == set()


def test_only_color_knows_ocio():
    strangers = {
        path for path in importers_of("PyOpenColorIO") if not path.startswith("core/maggie_core/color")
    }

    assert strangers == set()


def test_no_file_of_the_product_reads_a_pickle():
    assert importers_of("pickle", "dill", "joblib", "shelve") == set()


def test_the_version_stands_in_one_place():
    module = ast.parse((NODE / "__init__.py").read_text(encoding="utf-8"))

    assert [ast.unparse(node).partition(" =")[0] for node in module.body] == ["__version__"]
    assert "version =" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[tool.", 1)[0]


@pytest.mark.parametrize("name", FOR_HOSTS)
def test_what_a_host_imports_is_python_3_9(name: str):
    source = (NODE / f"{name}.py").read_text(encoding="utf-8")

    ast.parse(source, feature_version=(3, 9))


def interpreters() -> list[str]:
    """This Python, and the older ones of hosts as far as they are on this machine."""
    found = [sys.executable]
    for version in ("3.9", "3.10"):
        path = shutil.which(f"python{version}") or ""
        asks = [
            path,
            "-c",
            f"import sys; sys.exit(sys.version_info[:2] != {tuple(map(int, version.split('.')))})",
        ]
        if path and subprocess.run(asks, capture_output=True, env=quiet_environment()).returncode == 0:
            found.append(path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in ("3.9", "3.10"):
        installed = sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
        if installed and not any(version in path for path in found):
            found.append(str(installed[-1]))
    return found


def quiet_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


IMPORT_ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
from maggie_node.client import clean_environment, start_child
from maggie_node.hosting import Host, slugs
from maggie_node.job import MaskGuidance, MatteJob
from maggie_node.protocol import Finished, from_line, to_line
job = MatteJob("plate.exr", "matte.exr", (MaskGuidance("Ana", "ana.exr"),))
assert MatteJob.from_json(job.to_json()) == job
assert from_line(to_line(Finished(1, 0, 0))) == Finished(1, 0, 0)
assert clean_environment({"PATH": "/bin", "PYTHONHOME": "/nuke"}) == {"PATH": "/bin"}
foreign = {"torch", "numpy", "click", "rich", "OpenImageIO", "PyOpenColorIO", "maggie_core"}
foreign &= set(sys.modules)
assert not foreign, foreign
"""


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: Path(path).name)
def test_what_a_host_imports_works_alone_in_a_fresh_interpreter(python: str):
    run = subprocess.run(
        [python, "-W", "error", "-S", "-c", IMPORT_ALONE, str(ROOT)],
        capture_output=True,
        text=True,
        env=quiet_environment(),
    )

    assert run.returncode == 0, run.stderr


def test_help_is_there_before_the_network():
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from maggie_node.cli import main; "
            "foreign = {'torch', 'numpy', 'OpenImageIO', 'PyOpenColorIO', 'maggie_core'} & set(sys.modules); "
            "sys.exit(str(foreign) if foreign else 0)",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )

    assert run.returncode == 0, run.stderr


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_carries_both_packages_and_no_source_folder(wheel_names: set[str]):
    tops = {name.partition("/")[0] for name in wheel_names}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"maggie_core", "maggie_node"}
    assert {"maggie_core/errors.py", "maggie_node/job.py", "maggie_node/cli/matte.py"} <= wheel_names


def test_the_wheel_carries_the_default_weights_and_their_model_card(wheel_names: set[str]):
    weights = {name for name in wheel_names if name.startswith("maggie_core/weights/")}

    assert any(name.endswith(".safetensors") for name in weights), weights
    assert any(name.endswith(".md") for name in weights), weights


def test_the_wheel_carries_the_demo_shot(wheel_names: set[str]):
    plates = [name for name in wheel_names if name.startswith("maggie_node/demo_shot/plate.")]

    assert len(plates) >= 16
