"""The pages that users read, and the commands in them."""

from __future__ import annotations

import importlib.util
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from maggie_node.cli import main

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for where in (
        "*.md",
        "docs/**/*.md",
        "benchmarks/*.md",
        "core/**/*.md",
        "maggie_node/**/*.md",
        "tests/**/*.md",
    )
    for page in ROOT.glob(where)
)
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
_BLOCK = re.compile(r"^ *```([\w-]*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SHELL = ("", "bash")
"""Languages of blocks whose lines are commands; blocks of other things name their own."""


class Block(NamedTuple):
    """A block of code of a page, without its fences."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(match[1], textwrap.dedent(match[2])) for match in _BLOCK.finditer(text)]


def links(page: Path) -> list[tuple[str, str]]:
    """Path, seen from the page, and section of every link and picture that leads into the repository."""
    text = page.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", prose)
    return [(link, anchor) for link, anchor in found if "://" not in link]


def sections(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub and the site make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page: Path) -> Iterator[str]:
    """The lines of a page's shell blocks, continued lines in one, without comments.

    Of a block with lines that begin with `$`, those lines; what stands between them was printed.
    """
    for block in blocks(page):
        if block.language not in SHELL:
            continue
        lines = [line.strip() for line in block.text.replace("\\\n", " ").splitlines() if line.strip()]
        asked = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        for line in asked or lines:
            command = re.sub(r"(^|\s)#\s.*", "", line)
            if command:
                yield command


def words_of(line: str) -> tuple[dict[str, str], list[str], str | None]:
    """Environment, words and the file that stdout goes to, of a command line.

    The folder of an environment before `maggie-node` is taken off.
    """
    words = shlex.split(re.sub(r"(^|\s)#.*", "", line))  # shlex would end plate.####.exr at its first #
    environment = {}
    while words and re.match(r"[A-Z_]+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    target = None
    if ">" in words:
        at = words.index(">")
        target = words[at + 1]
        del words[at : at + 2]
    words[0] = words[0].removeprefix(".venv/bin/")
    return environment, words, target


def unknown_words(line: str) -> list[str]:
    """Words of a command line that no command of ours knows: subcommands, options, modules, targets."""
    _, words, _ = words_of(line)
    if words[0] == "make":
        targets = re.findall(r"^([\w. -]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        asked = [word for word in words[1:] if "=" not in word]
        return [word for word in asked if word not in " ".join(targets).split()]
    if words[:2] == ["python", "-m"]:
        return [] if importlib.util.find_spec(words[2]) else [words[2]]
    if words[0] != "maggie-node":
        return []
    command: click.Command = main
    words = words[1:]
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    options = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}
    given = [
        word.strip("[]").partition("=")[0]
        for word in words
        if re.match(r"\[?-", word) and not _is_number(word)
    ]
    missing = words[:1] if isinstance(command, click.Group) and given != ["--help"] else []
    return missing + [word for word in given if word not in options and word != "-"]


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", word) is not None
