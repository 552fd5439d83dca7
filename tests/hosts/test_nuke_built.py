"""What `make nuke-plugin` delivers works alone, and what is in it is Python 3.9 and nothing else."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.nuke_plugin import API, PLUGIN, ROOT, Case, pythons, write_config, write_sequences
from support.sources import imported_roots


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, unpacked from the zip somewhere else."""
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, str(ROOT / "hosts" / "build_nuke.py"), "-o", str(folder / "dist")]
    archive = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder / "studio")
    shutil.rmtree(folder / "dist")
    return folder / "studio" / "maggie-node-nuke"


@pytest.mark.parametrize("python", pythons(), ids=lambda path: Path(path).name)
def test_the_delivered_folder_is_all_a_nuke_needs(built: Path, tmp_path: Path, python: str):
    write_sequences(tmp_path / "shot")
    write_config(tmp_path / "config.ocio")
    case = Case(tmp_path / "shot", tmp_path / "case", tmp_path / "config.ocio", python=python)
    case.more["plugin"] = str(built)

    out = case.run("""
        start()
        made = node("ana", "ben")
        press(made, "find")
        import maggie_api, maggie_nuke
        out.update(job=plans(made)[0].job.frames, said=messages())
        out["from"] = [os.path.dirname(os.path.dirname(each.__file__)) for each in (maggie_api, maggie_nuke)]
        foreign = {"torch", "numpy", "OpenImageIO", "maggie_core", "maggie_node"}
        out["foreign"] = sorted(foreign & set(sys.modules))
    """)

    assert out["job"] == "1001-1006" and out["said"] == []
    assert out["from"] == [str(built), str(built)]
    assert out["foreign"] == []


def test_the_self_test_is_delivered_and_the_shared_folder_unchanged(built: Path):
    def contents(folder: Path) -> dict[str, bytes]:
        files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    assert (built / "selftest.py").is_file() and (built / "LICENSE").is_file()
    assert contents(built / "maggie_api") == contents(API)


def test_a_folder_that_was_copied_in_part_is_said(built: Path, tmp_path: Path):
    (tmp_path / "maggie_nuke").mkdir()
    for path in (built / "init.py", built / "maggie_nuke" / "__init__.py"):
        shutil.copy2(path, tmp_path / path.relative_to(built))

    ran = subprocess.run([sys.executable, "init.py"], cwd=tmp_path, capture_output=True, text=True)

    assert ran.returncode == 0
    assert "lacks the folder maggie_api: copy the whole folder of the plug-in again" in ran.stderr


def test_an_older_nuke_starts_without_it_and_says_why(built: Path):
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    old = sorted(home.glob("3.[78].*/bin/python"))
    for python in old:
        ran = subprocess.run([str(python), "init.py"], cwd=built, capture_output=True, text=True)

        assert ran.returncode == 0
        assert "MaGGIe needs Nuke 14 or later" in ran.stderr


@pytest.mark.parametrize("path", sorted(PLUGIN.rglob("*.py")), ids=lambda path: path.name)
def test_only_the_standard_library_and_python_3_9_go_into_nuke(path: Path):
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))

    assert imported_roots(path) <= sys.stdlib_module_names | {"nuke", "maggie_api", "maggie_nuke"}
