"""What takes longer: the timer's path under a real event loop, and a worker installed by the button."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.blenders import ROOT, build_extension, play, write_project

pytestmark = [pytest.mark.blender, pytest.mark.slow]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_extension(tmp_path_factory.mktemp("extension"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


def test_in_a_window_the_buttons_return_at_once_and_the_timer_does_the_rest(
    package: Path, project: Path, tmp_path: Path
):
    blender = shutil.which("blender")
    assert blender, "apt-get install --no-install-recommends blender xvfb xauth"
    with zipfile.ZipFile(package) as zipped:
        zipped.extractall(tmp_path / "packages" / "maggie_node")
    own = tmp_path / "own"
    own.mkdir(mode=0o700)
    names = ("BLENDER_USER_CONFIG", "BLENDER_USER_SCRIPTS", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "TMPDIR")
    env = {**os.environ, **dict.fromkeys(names, str(own))}
    env |= {"MAGGIE_PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    script = Path(__file__).with_name("blender_window.py")
    command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", blender, "--factory-startup"]
    command += ["--window-geometry", "0", "0", "1600", "1000", "--python", script, "--"]
    command += [tmp_path / "packages", project]

    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)

    assert (project / "report.json").exists(), done.stdout + done.stderr
    report = json.loads((project / "report.json").read_text("utf-8"))
    assert report["started"] == ["FINISHED"]
    assert report["busy at once"]
    assert report["beats"] > 5
    assert "rendering the mask ben" in report["texts"]
    assert report["ended"] == report["finished"] == "done"
    assert report["cancelled"] in ("cancelled", "done")  # a tiny network may be quicker than the button
    assert report["scenes"] == ["Shot"]
    assert len(list((project / "out" / "shot").glob("matte.*.exr"))) == 5  # one was taken away
    assert "matte.1003.exr is missing and renders as black" in report["missing"]


def test_a_worker_is_installed_by_venv_and_pip_and_found_afterwards(package: Path, project: Path):
    # A wheel that brings this very maggie-node and everything it needs, without downloading it all.
    wheel = project / "maggie_node_here-1.0-py3-none-any.whl"
    site = next((ROOT / ".venv" / "lib").glob("python3*/site-packages"))
    info = "maggie_node_here-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as zipped:
        zipped.writestr("maggie_node_here.pth", f"{site}\n{ROOT}\n{ROOT / 'core'}\n")
        zipped.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: maggie-node-here\nVersion: 1.0\n")
        zipped.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        zipped.writestr(f"{info}/RECORD", "")

    report, _ = play("an_installation", package, project, "4.5")

    assert report["shown"][0].endswith(f"-m venv {project / 'worker'}")
    assert report["shown"][1].endswith(f"-m pip install --upgrade {wheel}")
    assert report["installed"] == report["matte"] == ""
    assert "nothing.whl is no maggie-node that pip can install: name a wheel" in report["no such package"]
    assert report["shown without it"] == [report["no such package"]]
    assert report["broken package"].endswith(f"(all of it: {project / 'worker.log'})")
    assert report["remembered"] == str(project / "worker" / "bin" / "python")
