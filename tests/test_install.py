"""Installing: pages that name only what exists, constraints, the Makefile, Dockerfiles, a host's button."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from maggie_api.client.python import pip_words
from maggie_api.errors import HostError

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
SOURCES = [
    path
    for folder in ("core", "maggie_node", "maggie_panel", "hosts")
    for path in (ROOT / folder).rglob("*.py")
]
DOCKERFILES = sorted((ROOT / "docker").iterdir())
BY_NAME = re.compile(r"""pip3? install\b[^\n`]*[ '"]maggie-node\b""")
OURS = re.compile(r"""pip3? (?:install|download)\b[^\n`]*(?:maggie_node-|'\.\[|install \. )[^\n`]*""")


def test_no_page_and_no_sentence_installs_from_an_index_that_does_not_have_it():
    found = {
        path.name: BY_NAME.findall(path.read_text(encoding="utf-8"))
        for path in (*PAGES, *SOURCES)
        if path.name != "CHANGELOG.md"
    }

    assert {name: lines for name, lines in found.items() if lines} == {}


def test_every_installation_on_a_page_says_which_torch():
    lines = [line for page in PAGES for line in OURS.findall(page.read_text(encoding="utf-8"))]

    assert len(lines) >= 8
    told = ("constraints", "--no-index", "whl/cu")
    assert [line for line in lines if not any(each in line for each in told)] == []


def test_the_small_torch_is_the_version_that_was_tested():
    pins, small = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("constraints.txt", "constraints-cpu.txt")
    )
    (version,) = re.findall(r"^torch==(\S+)$", pins, re.MULTILINE)

    assert f'\ntorch=={version}+cpu; sys_platform != "darwin"\n' in small
    assert "\n-c constraints.txt\n" in small


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_has_nothing_to_say_about_a_dockerfile(file: Path):
    run = subprocess.run([Path(sys.executable).parent / "hadolint", file], capture_output=True, text=True)

    assert (run.returncode, run.stdout) == (0, "")


def test_dockerfiles_copy_and_name_files_that_are_there():
    for file in DOCKERFILES:
        text = file.read_text(encoding="utf-8")
        (constraints,) = re.findall(r"-c /src/(\S+)", text)
        assert (ROOT / constraints).is_file()
        assert f"-f docker/{file.name} ." in text


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"python3.11": True, "python3": True}, "python3.11"),
        ({"python3.11": False, "python3.12": True}, "python3.12"),
        ({"python3.11": False, "python3": False, "python": True}, "python"),
        ({"python3": False}, ""),
    ],
    ids=["the first", "a shim without its version", "the last", "none"],
)
def test_make_takes_the_first_python_that_runs_and_is_new_enough(
    tmp_path: Path, there: dict[str, bool], chosen: str
):
    for name, is_good in there.items():
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {0 if is_good else 1}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    for tool in ("sh", "make"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    # Not the environment: a suite that make itself runs would hand its own flags and PYTHON on.
    run = subprocess.run(
        [tmp_path / "make", "-n", "wheel"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    if chosen:
        assert run.stdout.startswith(f"{chosen} -m pip wheel ")
    else:
        assert "install one, or name it with PYTHON=" in run.stderr


def test_a_button_installs_a_wheel_a_folder_or_from_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)  # a machine without NVIDIA's driver
    wheel = tmp_path / "dist" / "maggie_node-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.touch()

    assert pip_words(str(wheel)) == [str(wheel)]
    (wheel.parent / "constraints-cpu.txt").touch()
    tested = ["-c", str(wheel.parent / "constraints-cpu.txt")]
    assert pip_words(str(wheel)) == [*tested, str(wheel)]
    assert pip_words(str(wheel.parent)) == [*tested, "--find-links", str(wheel.parent), "maggie-node"]
    (wheel.parent / "torch-2.13.0-cp311-cp311-linux_x86_64.whl").touch()
    assert pip_words(str(wheel.parent)) == ["--no-index", "--find-links", str(wheel.parent), "maggie-node"]
    assert pip_words(str(ROOT)) == ["-c", str(ROOT / "constraints-cpu.txt"), str(ROOT)]
    assert pip_words("https://pip.studio/simple") == [
        "--index-url",
        "https://pip.studio/simple",
        "maggie-node",
    ]
    assert pip_words("maggie-node==1.0") == ["maggie-node==1.0"]


@pytest.mark.parametrize("source", ["", "/nowhere/maggie_node-1.0-py3-none-any.whl", "gone.whl", "/"])
def test_a_button_refuses_what_pip_could_only_fail_at(source: str):
    with pytest.raises(HostError, match="name a wheel"):
        pip_words(source)
