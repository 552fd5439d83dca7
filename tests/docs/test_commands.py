"""Every command that a page shows is run, shortened by options, on small files, in the order of its page.

What is not run is read by the parser that would read it: `torchrun`, `openjd run`, scripts of benchmarks
(their tables take minutes), `pip install` (the network). Of Nuke, Blender, Deadline and OpenCue no parser is
here: the files that their lines name have to be there, and so for Docker. `maggie-node train` is run by
tests/training/test_documented_commands.py, `maggie-node panel` opens a window and is driven by tests/panel.
"""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import huggingface_hub
import pytest
from support.command_line import run_command
from support.documentation import NAMES, PAGES, ROOT, blocks, commands, unknown_words, words_of
from support.sources import python_files
from support.studio import open_studio, write_studio
from support.tiny import write_tiny_model
from support.tiny_sam2 import write_tiny_sam2

import maggie_node.demo as shipped
from maggie_core.weights import catalogue
from maggie_node.bench.cases import find_case
from maggie_node.cli import main

EXPERIMENTS = "docs/experiments.md"
SHORT: dict[tuple[str, ...], list[str]] = {
    ("matte",): ["--frames", "1001-1002"],
    ("evaluate",): ["--limit", "1", "--baselines", "mask"],
    ("synthesize", "bank"): [
        *("--figures", "2", "--puppets", "0", "--backgrounds", "2", "--size", "96", "--workers", "1"),
    ],
    ("synthesize", "samples"): ["--count", "1", "--size", "96"],
    ("synthesize", "sheet"): ["--count", "1", "--size", "64"],
    ("synthesize", "stills"): ["--train", "1", "--test", "1"],
    ("synthesize", "clips"): ["--train", "1", "--test", "0", "--frames", "2", "--workers", "1"],
    ("bench",): ["--repeat", "1"],
}
"""Options that shorten a command; of an option that is given twice the last one counts."""
WHOLE = {"--print-job", "--help-all", "--limit"}
"""Commands that have one of these are run as they are."""
SMALL_CASE = "default-64x96-n1"
FOUND = {("qc",): {0, 4}, ("verify",): {0, 3}}
"""Exit codes of what checks mattes: a random network makes poor ones."""
ONCE = {"doctor", "bench"}
"""They say the same on every page, or take long: run once."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_studio(tmp_path_factory.mktemp("studio"))


@pytest.fixture
def place(studio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A studio to work in; models by name are tiny ones, the shipped shot is two of its frames."""
    folder = open_studio(studio, tmp_path / "studio")
    tiny = write_tiny_model(tmp_path / "tiny")
    monkeypatch.chdir(folder)
    monkeypatch.setitem(catalogue.SHIPPED, "default", tiny)
    hub = shutil.copytree(tiny, tmp_path / "hub")
    next(hub.glob("*.safetensors")).rename(hub / "model.safetensors")
    tracker = write_tiny_sam2(tmp_path / "tracker")

    def fetched(repository: str, **_: object) -> str:
        return str(tracker if repository in catalogue.TRACKERS.values() else hub)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetched)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # where a shared worker is met
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("MAGGIE_WORKER", raising=False)
    shot = tmp_path / "shipped"
    (shot / "guidance").mkdir(parents=True)
    for path in [*shipped.SHOT.glob("*.100[12].*"), *shipped.SHOT.glob("guidance/*.100[12].*")]:
        (shot / path.relative_to(shipped.SHOT)).symlink_to(path)
    (folder / "maggie_node").mkdir()
    (folder / "maggie_node" / "demo_shot").symlink_to(shot)
    for function in (shipped.demo_job, shipped.scores, shipped.sheet):
        monkeypatch.setitem(function.__kwdefaults__, "shot", shot)
    return folder


done: set[str] = set()
"""Commands of `ONCE` that were run."""


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_of_a_page_runs(page: Path, place: Path, monkeypatch: pytest.MonkeyPatch):
    name = page.relative_to(ROOT).as_posix()
    lines = [*commands(page)]
    if name == EXPERIMENTS:  # the rows differ in their networks alone
        lines = [line for line in lines if "table3-stacked" in line or "table6-gru-none" in line]
    for line in lines:
        environment, words, target = words_of(line)
        with monkeypatch.context() as patch:
            for variable, value in environment.items():
                patch.setenv(variable, value)
            program = re.sub(r"[\d.]+$", "", Path(words[0]).name)
            OTHERS.get(program, unknown)(words) if program != "maggie-node" else ours(words[1:], target)


def ours(words: list[str], target: str | None) -> None:
    """Run a command of ours, shortened."""
    command = next((key for key in SHORT if tuple(words[: len(key)]) == key), tuple(words[:1]))
    if command == ("train",):
        return  # tests/training/test_documented_commands.py
    if command == ("panel",):
        main.commands["panel"].make_context("panel", words[1:], parent=click.Context(main))
        return
    words = [word.strip("[]").replace("1001-1100", "1001-1020") for word in words]  # the studio's frames
    if command == ("bench",):
        assert find_case(words[words.index("--case") + 1])  # tests/node/test_bench.py runs one of each kind
        words[words.index("--case") + 1] = SMALL_CASE
    if words and words[0] in ONCE:
        if words[0] in done:
            return
        done.add(words[0])
    frames = command == ("matte",) and "--frames" in words
    if not WHOLE & set(words) and not frames:
        words = [*words, *SHORT.get(command, [])]
    if command == ("evaluate",) and "runs/" in " ".join(words):
        words[words.index("--model") + 1] = "runs/mine/best"
    result = run_command(*words)
    assert result.exit_code in FOUND.get(command, {0}), f"{words}: {result.stderr}"
    if target is not None:
        path = Path(target).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(result.stdout, encoding="utf-8")


def unknown(words: list[str]) -> None:
    raise AssertionError(
        f"{words[0]} is none of {', '.join(OTHERS)}: say how it is tried, or name the block's language"
    )


def make(words: list[str]) -> None:
    assert unknown_words(" ".join(words)) == []


def python(words: list[str]) -> None:
    """A benchmark's own parser reads its options; other lines are modules or scripts that are there."""
    if words[1] != "-m":
        text = (ROOT / words[1]).read_text(encoding="utf-8")
        assert [word for word in words[2:] if word.startswith("-") and f'"{word}"' not in text] == []
        return
    if not words[2].startswith("benchmarks"):
        assert words[2] == "venv"
        return
    arguments = [word.strip("[]") for word in words[3:]]
    read = argparse.ArgumentParser.parse_args

    def only_read(parser: argparse.ArgumentParser, *_: object) -> None:
        read(parser, arguments)
        raise ReadError

    with pytest.MonkeyPatch.context() as patch, pytest.raises(ReadError):
        patch.setattr(argparse.ArgumentParser, "parse_args", only_read)
        importlib.import_module(words[2]).main()


class ReadError(Exception):
    """Nothing is wrong: the options were read, and nothing more is wanted."""


def pip(words: list[str]) -> None:
    """Extras of ours that are installed, and constraints, exist."""
    assert words[1] in ("install", "download")
    constraints = [Path(after).name for word, after in zip(words, words[1:], strict=False) if word == "-c"]
    assert [name for name in constraints if not (ROOT / name).is_file()] == []
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    asked = [extra for word in words for found in re.findall(r"\[(.*)\]", word) for extra in found.split(",")]
    assert [extra for extra in asked if extra not in extras] == []


def export(words: list[str]) -> None:
    """Somebody reads the variable."""
    variable = words[1].partition("=")[0]
    sources = python_files(ROOT / "core", ROOT / "maggie_node", ROOT / "hosts")
    assert variable == "NUKE_PATH" or any(variable in path.read_text(encoding="utf-8") for path in sources)


def torchrun(words: list[str]) -> None:
    from torch.distributed.run import get_args_parser

    read = get_args_parser().parse_args(words[1:])
    assert read.module and read.training_script == "maggie_node"


def openjd(words: list[str]) -> None:
    """`check` runs, `run` is read: tests/farm/test_openjd_runs.py runs templates."""
    from openjd.cli import _create_argparser as program

    parsed = program.create_argparser().parse_args(words[1:])
    assert Path(words[2]).is_file()
    if words[1] == "check":
        parsed.func(parsed)


def files_named(words: list[str]) -> None:
    """Files of the farm, made by the page's commands before."""
    named = [word for word in words[1:] if word.startswith("farm")]
    assert named and [name for name in named if not Path(name).exists()] == []


def docker(words: list[str]) -> None:
    """The file of an image exists; what runs in it is a command of ours."""
    if words[1] == "build":
        assert (ROOT / words[words.index("-f") + 1]).is_file()
    elif "..." not in words:
        inside = words[words.index("maggie-node") :]
        assert unknown_words(shlex.join(inside)) == []


def nuke(words: list[str]) -> None:
    """No Nuke is here: its script is."""
    assert words[1] == "-t" and (ROOT / "hosts" / "nuke" / Path(words[2]).name).is_file()


def blender(words: list[str]) -> None:
    """No parser of Blender's is here. `-b FILE -a` renders in the background; tests/hosts do it by `bpy`."""
    assert words[1:] == ["-b", "shot.blend", "-a"]


OTHERS: dict[str, Callable[[list[str]], None]] = {
    "make": make,
    "python": python,
    "pip": pip,
    "export": export,
    "torchrun": torchrun,
    "openjd": openjd,
    "docker": docker,
    "deadline": files_named,
    "deadlinecommand": files_named,
    "nuke": nuke,
    "blender": blender,
}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_python_of_a_page_is_python_and_imports_what_exists(page: Path):
    for block in blocks(page):
        if block.language != "python":
            continue
        compile(block.text, str(page), "exec")
        for module, names in re.findall(r"^from (maggie_\S+) import (.+)$", block.text, re.MULTILINE):
            there = importlib.import_module(module)
            assert [name for name in names.split(", ") if not hasattr(there, name)] == []


def test_every_command_of_ours_is_shown_on_some_page():
    shown = {
        tuple(words_of(line)[1][1:2]) for page in PAGES for line in commands(page) if "maggie-node" in line
    }

    assert {(name,) for name in main.commands} - shown <= {("panel",)}
