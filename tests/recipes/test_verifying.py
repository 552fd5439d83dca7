"""`verify` finds what is wrong with a set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.command_line import run_command as command
from support.footage_folders import write_clips_of_people, write_stills
from support.published_sets import HEIGHT, WIDTH, disc, write_him2k, write_planes

from maggie_api.errors import FrameError
from maggie_core.io.integer_image import write_integer_image
from maggie_lab.recipes import ClipRecipe, SetPlan, make_set, verify_set


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("clips")
    footage = write_clips_of_people(root, people=4)
    recipe = ClipRecipe(people=(2, 2), frames=2)
    make_set(SetPlan(*footage, root / "set", recipe, (0, 0, 1), (0, 0, 1), keep_layers=True))
    return root / "set"


def test_a_clip_in_the_wrong_level_is_told_its_own(clips: Path, tmp_path: Path):
    shutil.copytree(clips, tmp_path / "set")
    (tmp_path / "set" / "test" / "comp_hard").rename(tmp_path / "set" / "test" / "comp_swap")
    (tmp_path / "set" / "test" / "comp_medium").rename(tmp_path / "set" / "test" / "comp_hard")
    (tmp_path / "set" / "test" / "comp_swap").rename(tmp_path / "set" / "test" / "comp_medium")

    easy, medium, hard = verify_set(tmp_path / "set")

    assert not easy.problems
    assert (medium.level, medium.found) == ("medium", "hard")
    assert (hard.level, hard.found) == ("hard", "medium")
    assert "medium means 5% to 30% hidden" in medium.problems[0]


def test_alphas_that_sum_to_more_than_one_are_found_in_any_published_set(tmp_path: Path):
    write_him2k(tmp_path, variants=("0", "1"))
    write_planes(tmp_path / "alphas" / "comp" / "b", [disc(0), np.maximum(disc(0) * 0.4, disc(1))])

    fine, bad = verify_set(tmp_path)

    assert (fine.problems, fine.occlusion, fine.difference) == ((), None, None)
    assert bad.name == "images/comp/b.png"
    assert bad.problems == ("alphas sum to 1.400",)


def test_an_image_that_is_not_its_layers_is_found(clips: Path, tmp_path: Path):
    shutil.copytree(clips, tmp_path / "set")
    write_integer_image(tmp_path / "set/test/comp_easy/fgr/00000/00001.png", np.zeros((72, 96, 3), np.uint8))

    first, *others = verify_set(tmp_path / "set")

    assert "the image differs from its layers by" in first.problems[0]
    assert not any(other.problems for other in others)


def test_alphas_that_are_not_what_is_seen_of_the_people_are_found(clips: Path, tmp_path: Path):
    shutil.copytree(clips, tmp_path / "set")
    path = tmp_path / "set/test/comp_hard/pha/00000/00000/00.png"
    shutil.copy(tmp_path / "set/test/comp_hard/whole/00000/00000/00.png", path)

    problems = [finding.problems for finding in verify_set(tmp_path / "set")]

    assert problems[:2] == [(), ()]
    assert any("are not what is seen of the whole mattes" in problem for problem in problems[2])


def test_files_of_several_sizes_and_folders_of_nothing_are_refused(tmp_path: Path):
    with pytest.raises(FrameError, match="holds no samples of any published layout"):
        list(verify_set(tmp_path))
    write_him2k(tmp_path, names=("a",))
    write_planes(tmp_path / "alphas" / "comp" / "a", [disc(0), np.zeros((HEIGHT, WIDTH + 1))])
    with pytest.raises(FrameError, match=r"01\.png is 33x24 but .*00\.png is 32x24"):
        list(verify_set(tmp_path))


def test_commands_make_and_verify_a_set(tmp_path: Path):
    fg, bg = write_stills(tmp_path)
    options = ("--train", 2, "--test", 1, "--shares", "50,0,50", "--people", "2-3", "--keep-layers")

    made = command("synthesize", "stills", fg, bg, "-o", tmp_path / "set", *options)
    again = command("synthesize", "stills", fg, bg, "-o", tmp_path / "set", *options)
    verified = command("synthesize", "verify", tmp_path / "set", "--json")

    assert (made.exit_code, again.exit_code, verified.exit_code) == (0, 0, 0), made.stderr
    assert "3 samples made, 0 were there" in made.stdout
    assert "0 samples made, 3 were there" in again.stdout
    assert [finding["people"] >= 1 for finding in json.loads(verified.stdout)] == [True] * 3


def test_verify_ends_with_4_when_something_is_violated(tmp_path: Path):
    write_him2k(tmp_path)
    write_planes(tmp_path / "alphas" / "comp" / "b", [disc(0), disc(0)])

    result = command("synthesize", "verify", tmp_path)

    assert result.exit_code == 4
    assert "PROBLEM  alphas sum to 2.000" in result.stdout
    assert "2 samples, 1 with problems" in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "nothing to make: say how many"),
        (("--train", 1, "--people", "4-2"), "begins with the larger number"),
        (("--train", 1, "--canvas", "large"), "'large' is not WIDTHxHEIGHT"),
        (("--train", 1, "--occlusion", "gentle=0-1"), "is not LEVEL=LEAST-MOST"),
    ],
)
def test_options_without_a_meaning_are_refused_in_one_line(tmp_path: Path, options, message):
    fg, bg = write_clips_of_people(tmp_path, people=2, frames=1)

    result = command("synthesize", "clips", fg, bg, "-o", tmp_path / "set", *options)

    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "set").exists()
