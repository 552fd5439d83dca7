"""The README's Python runs as it stands; what the documentation names is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from support.command_line import run_command
from support.documentation import NAMES, PAGES, ROOT, commands, links, sections, unknown_words, words_of
from support.shots import write_shot
from support.tiny import write_tiny_model

from maggie_api.job import MatteJob
from maggie_core.mattes import read_mattes
from maggie_core.weights import catalogue
from maggie_node.job_inputs import open_shot

README = ROOT / "README.md"


def test_the_ten_lines_of_python_matte_a_shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    write_shot(tmp_path, frames=(1001, 1002))
    monkeypatch.setitem(catalogue.SHIPPED, "default", write_tiny_model(tmp_path / "model"))
    monkeypatch.chdir(tmp_path)

    exec(compile(code, str(README), "exec"), {})

    assert set(read_mattes(tmp_path / "matte.1002.exr")[0]) == {"ana", "ben"}


def test_the_first_command_of_the_readme_can_be_pasted_in_a_checkout(monkeypatch: pytest.MonkeyPatch):
    """What it reads is shipped. That it runs is tried by test_commands.py, on two frames."""
    monkeypatch.chdir(ROOT)
    line = next(line for line in commands(README) if "maggie-node " in line)

    printed = run_command(*words_of(line)[1][1:], "--print-job")
    shot = open_shot(MatteJob.from_json(printed.stdout), to_write=False)
    shot.require(shot.frames)

    assert shot.frames == tuple(range(1001, 1021))
    assert shot.guidance.keys == (1001,)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_and_picture_of_a_page_leads_to_a_file_and_a_section(page: Path):
    broken = []
    for link, anchor in links(page):
        target = page.parent / link if link else page
        if not target.exists() or (anchor and anchor not in sections(target)):
            broken.append(f"{link}#{anchor}")

    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_path_that_a_page_names_is_there(page: Path):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:core|maggie_node|hosts|benchmarks|docs|tests|tools)/[\w./-]+)`", text)

    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_that_a_page_shows_has_the_options_it_shows(page: Path):
    unknown = [line for line in commands(page) if unknown_words(line)]

    assert unknown == []


def test_the_tree_of_the_architecture_is_the_tree():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = text[text.index("## The tree") :].split("```text\n")[1].split("```")[0]
    named: set[str] = set()
    folder = ""
    for line in block.splitlines():
        words = re.match(r"( *)((?:[\w./]+ )*?[\w./]+)(?:  +|$)", line)
        if words is None:
            continue
        folder = words[2] if not words[1] else folder
        named |= {folder + word if words[1] else word for word in words[2].split()}

    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    for part in ("core/maggie_api", "core/maggie_core", "core/maggie_lab", "maggie_node"):
        folders = {f"{part}/{each.parent.name}/" for each in (ROOT / part).glob("*/*.py")}
        assert folders <= named, f"{folders - named} are not in the tree"


def test_the_arrows_of_the_architecture_are_the_contracts():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", text[text.index("## The arrows") :], re.MULTILINE)

    contracts = settings["tool"]["importlinter"]["contracts"]
    assert rows[1:] == [contract["name"] for contract in contracts]
    assert contracts[0]["layers"] == ["maggie_node", "maggie_lab", "maggie_core", "maggie_api"]
    drawn = re.findall(r"^(maggie_(?!panel)\w+) ", text.split("```text\n")[1].split("```")[0], re.MULTILINE)
    assert drawn == contracts[0]["layers"]
