"""The help of every command fits on a screen and shows an example; shells complete commands and options."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from click.shell_completion import get_completion_class
from support.command_line import run_command
from support.documentation import unknown_words

from maggie_node.cli import main

SCREEN_LINES, SCREEN_COLUMNS = 60, 80
"""A terminal on half of a full HD screen, in a font of usual size."""


def paths(group: click.Group = main, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command, groups included."""
    yield prefix
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from paths(command, (*prefix, name))
        else:
            yield (*prefix, name)


COMMANDS = [pytest.param(path, id=" ".join(path) or "maggie-node") for path in paths()]


@pytest.mark.parametrize("path", COMMANDS)
def test_the_help_of_a_command_fits_on_a_screen(path: tuple[str, ...]):
    lines = run_command(*path, "--help").stdout.splitlines()

    assert len(lines) <= SCREEN_LINES
    assert [line for line in lines if len(line) > SCREEN_COLUMNS] == []


@pytest.mark.parametrize("path", COMMANDS)
def test_the_help_of_a_command_shows_an_example_of_it(path: tuple[str, ...]):
    text = run_command(*path, "--help").stdout.split("\n", 1)[1]
    block = text.replace("\\\n", " ")
    examples = re.findall(r"^ +(maggie-node .*)$", block, re.MULTILINE)

    assert any(example.split()[: len(path) + 1] == ["maggie-node", *path] for example in examples), text
    assert [example for example in examples if "..." not in example and unknown_words(example)] == []


def test_all_options_of_a_long_command_are_shown_by_subject():
    text = run_command("matte", "--help-all").stdout

    shown = re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.MULTILINE)
    options = [p for p in main.commands["matte"].params if isinstance(p, click.Option) and not p.hidden]
    spelled = {name for option in options for name in option.opts}
    assert len(shown) == len(set(shown)) and set(shown) <= spelled | {"--help"}
    assert len(shown) == len(options) + 1
    assert [line for line in text.splitlines() if re.fullmatch(r"[A-Z].*:", line)] == [
        "Options:", "Guidance:", "Edges:", "Frames, model and cache:", "Pixels and colour:", "Files:",
    ]  # fmt: skip


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_what_completes_commands(shell: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("_MAGGIE_NODE_COMPLETE", f"{shell}_source")

    given = run_command()

    assert given.exit_code == 0
    assert "_MAGGIE_NODE_COMPLETE" in given.stdout and "maggie-node" in given.stdout


@pytest.mark.parametrize(
    ("words", "begun", "completed"),
    [
        ([], "ma", ["matte"]),
        (["farm"], "open", ["opencue", "openjd"]),
        (["matte", "plate.exr"], "--cry", ["--cryptomatte"]),
        (["matte", "plate.exr", "--layout"], "c", ["cryptomatte"]),
    ],
)
def test_what_is_begun_is_completed(words: list[str], begun: str, completed: list[str]):
    complete = get_completion_class("bash")
    assert complete is not None

    found = complete(main, {}, "maggie-node", "_MAGGIE_NODE_COMPLETE").get_completions(words, begun)

    assert sorted(item.value for item in found) == completed
