"""The README's Python runs as it stands; what the documentation names is there."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from support.shots import write_shot
from support.tiny import write_tiny_model

from maggie_core.mattes import read_mattes
from maggie_core.weights import catalogue
from maggie_node.cli import main

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = sorted(
    page for where in ("*.md", "docs/*.md", "benchmarks/*.md", "core/**/*.md") for page in ROOT.glob(where)
)
ids = [page.relative_to(ROOT).as_posix() for page in PAGES]


def test_the_ten_lines_of_python_matte_a_shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    write_shot(tmp_path, frames=(1001, 1002))
    monkeypatch.setattr(catalogue, "DEFAULT_FOLDER", write_tiny_model(tmp_path / "model"))
    monkeypatch.chdir(tmp_path)

    exec(compile(code, str(README), "exec"), {})

    assert set(read_mattes(tmp_path / "matte.1002.exr")[0]) == {"ana", "ben"}


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_link_of_a_page_leads_to_a_file(page: Path):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))

    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_path_that_a_page_names_is_there(page: Path):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:core|maggie_node|hosts|benchmarks|docs|tests|tools)/[\w./-]+)`", text)

    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_command_that_a_page_shows_has_the_options_it_shows(page: Path):
    unknown = [line for line in commands(page) if unknown_words(line)]

    assert unknown == []


def test_the_tree_in_contributing_is_the_tree():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = text[text.index("## The tree") :].split("```")[1]
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


def commands(page: Path) -> Iterator[str]:
    """Lines of a page's code blocks that call a command of ours."""
    for block in re.findall(r"```\w*\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            line = line.strip().removeprefix("$ ").removeprefix(".venv/bin/")
            if line.startswith(("maggie-node ", "python -m benchmarks", "make ")):
                yield line


def unknown_words(line: str) -> list[str]:
    """Words of a command line that no command of ours knows: subcommands, options, modules, targets."""
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return [word for word in words[1:] if word not in targets]
    if words[0] == "python":
        return [] if importlib.util.find_spec(words[2]) else [words[2]]
    command: click.Command = main
    words = words[1:]
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    options = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}
    given = [word.strip("[]").partition("=")[0] for word in words if word.strip("[").startswith("-")]
    missing = words[:1] if isinstance(command, click.Group) and given != ["--help"] else []
    return missing + [word for word in given if word not in options and word != "-"]
