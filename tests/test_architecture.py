"""The drawn arrows hold: who may import what, on which Python, and what the wheel carries."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.sources import imported_roots, interpreters, python_files, quiet_environment

ROOT = Path(__file__).parent.parent
CORE = ROOT / "core"
API = CORE / "maggie_api"
"""What Nuke and Blender import into their own interpreters."""
NODE = ROOT / "maggie_node"
PANEL = ROOT / "maggie_panel"
"""Docks in Nuke."""


def importers_of(*names: str) -> set[str]:
    """Product files that import one of `names`, relative to the repository."""
    files = python_files(CORE, NODE, PANEL)
    return {path.relative_to(ROOT).as_posix() for path in files if imported_roots(path) & set(names)}


def test_only_io_knows_image_files_and_movies():
    strangers = {path for path in importers_of("OpenImageIO", "av") if "/maggie_core/io/" not in path}

    assert strangers == set()


def test_only_color_knows_ocio():
    strangers = {
        path for path in importers_of("PyOpenColorIO") if not path.startswith("core/maggie_core/color")
    }

    assert strangers == set()


def test_qt_comes_in_at_one_point():
    assert importers_of("PySide6", "PySide2", "shiboken6") == {"maggie_panel/qt.py"}


def test_no_file_of_the_product_reads_a_pickle():
    assert importers_of("pickle", "dill", "joblib", "shelve") == set()


def test_the_version_stands_in_one_place():
    module = ast.parse((NODE / "__init__.py").read_text(encoding="utf-8"))

    assert [ast.unparse(node).partition(" =")[0] for node in module.body] == ["__version__"]
    assert "version =" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[tool.", 1)[0]


@pytest.mark.parametrize("path", python_files(API, PANEL), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_host_imports_is_python_3_9(path: Path):
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


@pytest.mark.parametrize("path", python_files(API), ids=lambda path: path.relative_to(API).as_posix())
def test_what_a_host_imports_can_lie_under_any_name(path: Path):
    assert not imported_roots(path) & {"maggie_api", "maggie_core", "maggie_lab", "maggie_node"}


IMPORT_ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
from maggie_api.client.host_client import WorkerSession
from maggie_api.client.worker import clean_environment, start_child
from maggie_api.events import Finished, from_line, to_line
from maggie_api.job import MaskGuidance, MatteJob
from maggie_api.layer_names import slugs
from maggie_api.settings import MatteFile, MatteSettings, options_of
assert options_of(MatteFile)["layout"].choices[0] == "layers" and "overlap" in options_of(MatteSettings)
job = MatteJob("plate.exr", "matte.exr", (MaskGuidance("Ana", "ana.exr"),))
assert MatteJob.from_json(job.to_json()) == job
assert from_line(to_line(Finished(1, 0, 0))) == Finished(1, 0, 0)
assert clean_environment({"PATH": "/bin", "PYTHONHOME": "/nuke"}) == {"PATH": "/bin"}
foreign = {"torch", "numpy", "click", "rich", "OpenImageIO", "PyOpenColorIO", "maggie_core", "maggie_node"}
foreign &= set(sys.modules)
assert not foreign, foreign
"""


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: Path(path).name)
def test_what_a_host_imports_works_alone_in_a_fresh_interpreter(python: str):
    run = subprocess.run(
        [python, "-W", "error", "-S", "-c", IMPORT_ALONE, str(CORE)],
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


def test_the_wheel_carries_the_packages_and_no_source_folder(wheel_names: set[str]):
    tops = {name.partition("/")[0] for name in wheel_names}

    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "maggie_api",
        "maggie_core",
        "maggie_lab",
        "maggie_node",
        "maggie_panel",
    }
    assert {"maggie_api/errors.py", "maggie_api/job.py", "maggie_node/cli/matte.py"} <= wheel_names


def test_the_wheel_carries_the_default_weights_and_their_model_card(wheel_names: set[str]):
    weights = {name for name in wheel_names if name.startswith("maggie_core/weights/")}

    for model in ("default", "generated"):
        assert any(name.endswith(".safetensors") and f"/{model}/" in name for name in weights), weights
    assert any(name.endswith(".md") for name in weights), weights


def test_the_wheel_carries_the_template_of_the_qc_page(wheel_names: set[str]):
    assert "maggie_core/qc/page.html" in wheel_names


def test_the_wheel_carries_the_demo_shot(wheel_names: set[str]):
    plates = [name for name in wheel_names if name.startswith("maggie_node/demo_shot/plate.")]

    assert len(plates) >= 16
