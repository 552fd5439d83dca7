"""Every option of every command that continues a folder: it takes effect, or the command says that it cannot.

The tests go through the parameters that click knows, so that an option without a rule fails them.
"""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from support.command_line import run_command
from support.footage_folders import write_clips_of_people, write_stills

from maggie_api.errors import SettingsError
from maggie_core.io.integer_image import write_integer_image
from maggie_lab.synthesis import BankPlan, build_bank
from maggie_node.cli.synthesize import synthesize

CONTINUE_NOTHING = {"sheet", "verify"}
"""They write one file anew, or none."""


@dataclass(frozen=True)
class Rule:
    """What giving another value does in a folder that is there."""

    outcome: str
    """"refused", "grows" (what was there stays, more is made) or "same" (not a byte changes)."""
    args: tuple[object, ...] = ()
    says: str = ""
    """What the refusal names."""


def refused(*args: object, says: str) -> Rule:
    return Rule("refused", args, says)


def grows(*args: object) -> Rule:
    return Rule("grows", args)


def same(*args: object) -> Rule:
    return Rule("same", args)


FREE = {"workers": [same("--workers", 2)], "debug": [same("--debug")]}
FOLDERS = {
    "foregrounds": [refused("--FG", "other_fg", says="footage")],
    "backgrounds": [refused("--BG", "other_bg", says="footage")],
    "out": [],  # another folder is another set
    "train": [grows("--train", 3), refused("--train", 1, says="has 2 .*asking for 1 would leave them there")],
    "val": [grows("--val", 1)],
    "test": [grows("--test", 2), grows("--test", 0, "--train", 3)],
    "shares": [refused("--shares", "40,30,30", says="shares")],
    "people": [refused("--people", "1-2", says="people")],
    "canvas": [refused("--canvas", "64x48", says="canvas")],
    "unmix": [refused("--unmix", says="unmix")],
    "keep_layers": [refused("--keep-layers", says="keep layers")],
    "seed": [refused("--seed", 5, says="seed")],
    **FREE,
}
RULES: dict[str, dict[str, list[Rule]]] = {
    "bank": {
        "folder": [],
        "figures": [refused("--figures", 3, says="figures")],
        "puppets": [refused("--puppets", 2, says="puppets")],
        "backgrounds": [refused("--backgrounds", 3, says="backgrounds")],
        "size_px": [refused("--size", 96, says="size")],
        "seed": [refused("--seed", 5, says="seed")],
        "images": [refused("--images", "other_images", says="images")],
        "cutouts": [refused("--cutouts", "other_images", says="cutouts")],
        **FREE,
    },
    "samples": {
        "folder": [],
        "bank_folder": [refused("--bank", "other_bank", says="bank seed")],
        "count": [
            grows("--count", 3),
            refused("--count", 1, says="has 2 samples, and a count of 1 would leave them there"),
        ],
        "seed": [refused("--seed", 5, says="seed")],
        "clips": [grows("--clips", "--frames", 2)],
        "frames": [refused("--frames", 3, says="no effect without --clips")],
        "severity": [refused("--severity", "good", says="severity")],
        "size_px": [refused("--size", 96, says="size")],
        **FREE,
    },
    "stills": {
        **FOLDERS,
        "scale": [refused("--scale", "0.4-0.8", says="scale")],
        "most_hidden": [refused("--most-hidden", 0.1, says="most hidden")],
    },
    "clips": {
        **FOLDERS,
        "train": [grows("--train", 3, "--test", 0), refused("--train", 1, says="has 2 easy clips")],
        "levels": [grows("--level", "medium", "--level", "easy")],
        "scale": [refused("--scale", "1-1.2", says="scale")],
        "limits": [refused("--occlusion", "hard=0.4-0.9", says="occlusion")],
        "frames": [refused("--frames", 3, says="frames")],
    },
}
CASES = [
    pytest.param(command, rule, id=f"{command}-{name}-{rule.outcome}")
    for command, rules in RULES.items()
    for name, of_option in rules.items()
    for rule in of_option
]


@pytest.mark.parametrize("command", sorted(set(synthesize.commands) - CONTINUE_NOTHING))
def test_every_option_has_a_rule(command: str):
    known = {param.name for param in synthesize.commands[command].params}

    assert known == set(RULES[command])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs of all commands, and a folder made by each."""
    root = tmp_path_factory.mktemp("continued")
    cut = np.zeros((20, 16, 4))
    cut[4:, 4:12] = (0.8, 0.1, 0.1, 1)
    for name, count in (("images", 1), ("other_images", 2)):
        for index in range(count):
            write_integer_image(root / name / f"{index}.png", cut)
    build_bank(root / "a_bank", BankPlan(4, 3, 64, puppets=2))
    build_bank(root / "other_bank", BankPlan(4, 3, 64, puppets=2, seed=9))
    for name, people in (("", 8), ("other_", 10)):
        write_stills(root / f"{name}stills_in", people=people, places=people // 2)
        write_clips_of_people(root / f"{name}clips_in", people=people)
    shutil.copytree(root / "other_clips_in" / "fg", root / "other_clips_in" / "bg", dirs_exist_ok=True)
    for command in RULES:
        made = run(root, command, root / "made" / command)
        assert made.exit_code == 0, made.output
    return root


def run(root: Path, command: str, folder: Path, *args: object) -> Result:
    """Run a command on a folder with the options it was made with, and then with `args`."""
    given = list(args)
    inputs = {"--FG": root / f"{command}_in" / "fg", "--BG": root / f"{command}_in" / "bg"}
    if given and given[0] in inputs:
        inputs[str(given[0])] = root / f"other_{command}_in" / str(given[1])[-2:]
        given = []
    given = [root / str(each) if str(each).startswith("other_") else each for each in given]
    base: dict[str, list[object]] = {
        "bank": [folder, *"--figures 2 --puppets 1 --backgrounds 2 --size 64".split()]
        + ["--images", root / "images", "--cutouts", root / "images"],
        "samples": [folder, "--bank", root / "a_bank", *"--count 2 --size 64".split()],
        "stills": [*inputs.values(), "-o", folder, *"--train 2 --test 1 --shares 60,20,20".split()],
        "clips": [*inputs.values(), "-o", folder]
        + "--train 2 --test 1 --shares 60,20,20 --frames 2 --level easy".split(),
    }
    return run_command("synthesize", command, *base[command], *given)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("command, rule", CASES)
def test_an_option_takes_effect_or_says_that_it_cannot(root: Path, tmp_path: Path, command: str, rule: Rule):
    folder = tmp_path / "folder"
    shutil.copytree(root / "made" / command, folder)
    before = contents(folder)

    result = run(root, command, folder, *rule.args)

    after = contents(folder)
    if rule.outcome == "refused":
        assert result.exit_code == 2
        assert after == before
        (line,) = result.stderr.splitlines()
        assert re.search(rule.says, line)
        return
    assert result.exit_code == 0, result.output
    kept = {name for name in before if not name.endswith(("samples.jsonl", "recipe.json"))}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    if rule.outcome == "same":
        assert after == before
    else:
        assert len(after) > len(before)


def test_samples_with_a_bank_of_their_own_grow_by_the_bank_they_have(tmp_path: Path, monkeypatch):
    module = sys.modules["maggie_node.cli.synthesize"]  # the package has the command under this name
    monkeypatch.setattr(module, "_small_bank", small)

    first = run_command("synthesize", "samples", tmp_path, "--count", 1, "--size", 64)
    before = contents(tmp_path)
    more = run_command("synthesize", "samples", tmp_path, "--count", 2, "--size", 64)

    assert (first.exit_code, more.exit_code) == (0, 0)
    after = contents(tmp_path)
    assert {name: after[name] for name in before} == before
    assert len(after) > len(before)


def small(count: int, seed: int) -> BankPlan:
    return BankPlan(figures=1 + count, backgrounds=1, size_px=64, seed=seed)


def test_samples_of_an_unknown_make_and_of_a_bank_that_is_gone_are_refused(root: Path, tmp_path: Path):
    unknown, orphaned = tmp_path / "unknown", tmp_path / "orphaned"
    for folder in (unknown, orphaned):
        shutil.copytree(root / "made" / "samples", folder)
    (unknown / "stills.json").unlink()

    without_record = run(root, "samples", unknown)
    without_bank = run_command("synthesize", "samples", orphaned, "--count", 3, "--size", 64)

    assert "holds samples, and nothing says how they were made" in without_record.stderr
    assert "was made with another bank than" in without_bank.stderr
    assert {without_record.exit_code, without_bank.exit_code} == {2}
    assert not (orphaned / "bank").exists()


def test_a_damaged_record_is_named(root: Path, tmp_path: Path):
    shutil.copytree(root / "made" / "bank", tmp_path / "bank")
    (tmp_path / "bank" / "bank.json").write_text("{")

    result = run(root, "bank", tmp_path / "bank")

    assert result.exit_code == 2
    assert "bank.json is damaged" in result.stderr


def test_another_image_among_the_users_own_is_noticed(root: Path, tmp_path: Path):
    shutil.copytree(root / "images", tmp_path / "images")
    build_bank(tmp_path / "bank", BankPlan(2, 2, 64, images=str(tmp_path / "images")))
    write_integer_image(tmp_path / "images" / "new.png", np.zeros((30, 30, 3)))

    with pytest.raises(SettingsError, match=r"another images content \(1 files, .*, not 2 files, "):
        build_bank(tmp_path / "bank", BankPlan(2, 2, 64, images=str(tmp_path / "images")))


def test_footage_that_was_replaced_under_its_name_is_noticed(root: Path, tmp_path: Path):
    for name in ("stills_in", "made/stills"):
        shutil.copytree(root / name, tmp_path / name)
    for path in (tmp_path / "stills_in" / "bg").iterdir():
        write_integer_image(path, np.random.default_rng(0).random((72, 96, 3)))

    result = run_command(
        *("synthesize", "stills", tmp_path / "stills_in/fg", tmp_path / "stills_in/bg"),
        *("-o", tmp_path / "made/stills", "--train", 2, "--test", 1, "--shares", "60,20,20"),
    )

    assert result.exit_code == 2
    assert re.search(
        r"another footage \(place\d, one of the backgrounds of train, is new, gone or changed\)",
        result.stderr,
    )


def test_options_without_an_effect_on_anything_are_refused(tmp_path: Path):
    alone = run_command("synthesize", "sheet", tmp_path / "a.png", "--frames", 3)
    images = run_command("synthesize", "bank", tmp_path / "a", "--backgrounds", 1, "--images", tmp_path)

    assert "--frames has no effect without --clips" in alone.stderr
    assert "--images has no effect with --backgrounds 1" in images.stderr
    assert not list(tmp_path.iterdir())
