"""Sets made of a user's folders: the published layouts, the same bytes always, no source in two splits."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.footage_folders import person, write_clips_of_people, write_stills

from maggie_api.errors import InputError, SettingsError
from maggie_core.io.integer_image import write_integer_image
from maggie_lab.datasets import find_samples, load_sample
from maggie_lab.recipes import LEVELS, ClipRecipe, SetPlan, StillRecipe, make_set, verify_set
from maggie_lab.recipes.composition import Person
from maggie_lab.recipes.footage import OpenFootage, find_foregrounds
from maggie_lab.recipes.pools import split_sources
from maggie_lab.recipes.writer import clip_name
from maggie_lab.srgb import to_encoded


@pytest.fixture(scope="module")
def stills(tmp_path_factory) -> SetPlan:
    root = tmp_path_factory.mktemp("stills")
    plan = SetPlan(*write_stills(root), root / "set", StillRecipe(), (3, 0, 1), (60, 0, 40), keep_layers=True)
    make_set(plan)
    return plan


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> SetPlan:
    root = tmp_path_factory.mktemp("clips")
    plan = SetPlan(*write_clips_of_people(root), root / "set", ClipRecipe(frames=4), (1, 0, 1), (50, 0, 50))
    make_set(plan)
    return plan


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_stills_are_found_as_the_published_sets_are(stills: SetPlan):
    train = find_samples("i-him50k", stills.out, split="train")
    test = find_samples("him2k", stills.out, split="test")

    assert [sample.name for sample in train] == ["00000", "00001", "00002"]
    assert [sample.variant for sample in test] == [str(k) for k in range(10)]
    assert {sample.subset for sample in test} == {"composition"}
    arrays = [load_sample(sample) for sample in test]
    assert len({each.guidance.tobytes() for each in arrays}) > 5
    for each in arrays:
        assert each.guidance.any((2, 3)).all()


def test_clips_are_found_as_the_published_sets_are(clips: SetPlan):
    train = find_samples("v-him2k5", clips.out, split="train")
    test = find_samples("v-him60", clips.out, split="test")

    assert [(sample.name, sample.subset) for sample in train] == [
        ("00000", "easy"),
        ("00500", "medium"),
        ("01500", "hard"),
    ]
    assert [sample.name for sample in test] == ["easy/00000", "medium/00000", "hard/00000"]
    arrays = load_sample(test[0])
    assert arrays.image.shape == (4, 3, 72, 96)
    inside = arrays.alphas > 0.5
    assert (arrays.guidance * inside).sum() / np.maximum(arrays.guidance, inside).sum() > 0.4
    assert not np.array_equal(arrays.guidance[0], arrays.guidance[1])


def test_every_clip_is_of_its_level_and_every_composite_adds_up(stills: SetPlan, clips: SetPlan):
    findings = [*verify_set(stills.out), *verify_set(clips.out)]

    assert [finding.problems for finding in findings] == [()] * 10
    assert [finding.found for finding in findings[4:]] == ["easy", "medium", "hard"] * 2
    assert [finding.difference for finding in findings[:4]] == [0] * 4
    assert max(finding.excess for finding in findings) == 0


def test_no_person_and_no_place_is_in_two_splits(stills: SetPlan, clips: SetPlan):
    for plan in (stills, clips):
        sources: dict[str, set[str]] = {"train": set(), "test": set()}
        for split in sources:
            for path in (plan.out / split).rglob("samples.jsonl"):
                for line in path.read_text().splitlines():
                    made = json.loads(line)
                    sources[split] |= {"fg " + person["source"] for person in made["people"]}
                    sources[split].add("bg " + made["background"]["source"])
        assert sources["train"] and sources["test"]
        assert not sources["train"] & sources["test"]


def test_a_set_is_the_same_for_any_number_of_processes_and_after_an_interruption(
    stills: SetPlan, tmp_path: Path
):
    expected = contents(stills.out)

    made = make_set(replace(stills, out=tmp_path / "two"), workers=2)
    assert made == 4
    assert contents(tmp_path / "two") == expected

    shutil.copytree(stills.out, tmp_path / "stopped")
    (tmp_path / "stopped" / "train" / "made" / "00001.json").unlink()
    (tmp_path / "stopped" / "train" / "images" / "00001.png").unlink()
    (tmp_path / "stopped" / "train" / "alphas" / "00001" / "9.png").write_bytes(b"left behind")
    assert make_set(replace(stills, out=tmp_path / "stopped")) == 1
    assert contents(tmp_path / "stopped") == expected


def test_a_set_can_grow_and_what_is_there_stays(clips: SetPlan, tmp_path: Path):
    shutil.copytree(clips.out, tmp_path / "set")

    made = make_set(replace(clips, out=tmp_path / "set", counts=(2, 0, 0), levels=("easy",)))

    assert made == 1
    before, after = contents(clips.out), contents(tmp_path / "set")
    assert {name for name in before if before[name] != after[name]} == {"train/samples.jsonl"}
    assert (tmp_path / "set" / "train" / "fgr" / "00001" / "00003.jpg").is_file()


def test_images_stay_apart_from_other_seeds(stills: SetPlan, tmp_path: Path):
    make_set(replace(stills, out=tmp_path, seed=1, counts=(1, 0, 0)))

    assert (tmp_path / "train" / "images" / "00000.png").read_bytes() != (
        stills.out / "train" / "images" / "00000.png"
    ).read_bytes()


def test_another_recipe_does_not_go_into_the_same_folder(stills: SetPlan, tmp_path: Path):
    with pytest.raises(SettingsError, match=r"was made with another most hidden \(0\.3, not 0\.1\)"):
        make_set(replace(stills, recipe=StillRecipe(most_hidden=0.1)))
    with pytest.raises(
        SettingsError,
        match=r"was made with another seed \(0, not 5\): give the options of then, or an empty folder",
    ):
        make_set(replace(stills, seed=5))
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(SettingsError, match="holds something else: choose an empty folder"):
        make_set(replace(stills, out=tmp_path))


def test_a_canvas_of_its_own_is_filled_by_the_background(stills: SetPlan, tmp_path: Path):
    make_set(replace(stills, out=tmp_path, recipe=StillRecipe(canvas=(50, 60)), counts=(1, 0, 0)))

    image = load_sample(find_samples("i-him50k", tmp_path, split="train")[0]).image
    assert image.shape == (1, 3, 60, 50)
    assert image.std() > 0.02


def test_unmixing_takes_the_old_background_out_of_soft_edges(tmp_path: Path):
    planes = person(0)
    alpha, red, green = planes[..., 3:], np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    mixed = to_encoded(alpha * red + (1 - alpha) * green)
    write_integer_image(tmp_path / "ana.png", np.concatenate([mixed, alpha], 2))
    (ana,) = find_foregrounds(tmp_path)

    as_shot, unmixed = (Person(ana, OpenFootage(ana), [0], unmix=unmix) for unmix in (False, True))

    soft = (as_shot.matte(0, 24, 32) > 60) & (as_shot.matte(0, 24, 32) < 250)
    assert as_shot.colour(0, 24, 32)[soft, 1].mean() > 100
    assert unmixed.colour(0, 24, 32)[soft, 1].mean() < 50


def test_what_cannot_be_drawn_is_said(clips: SetPlan, stills: SetPlan, tmp_path: Path):
    with pytest.raises(SettingsError, match=r"test gets . foreground sources and . backgrounds but needs 8"):
        make_set(replace(stills, out=tmp_path / "a", recipe=StillRecipe(people=(8, 8)), counts=(0, 0, 1)))
    with pytest.raises(SettingsError, match="holds stills only: clips need folders of frames"):
        make_set(replace(stills, out=tmp_path / "b", recipe=ClipRecipe()))
    never = replace(LEVELS["easy"], occlusion=(0.9, 1.0))
    with pytest.raises(InputError, match="no easy clip in 200 tries"):
        recipe = ClipRecipe(people=(2, 2), frames=1, canvas=(32, 24), levels=(never,))
        make_set(replace(clips, out=tmp_path / "c", recipe=recipe, levels=("easy",)))
    assert not list((tmp_path / "c").rglob("*.png"))


def test_names_of_training_clips_are_the_published_ones():
    assert clip_name("easy", 499) == "00499"
    assert [clip_name("medium", k) for k in (0, 999, 1000)] == ["00500", "01499", "03500"]
    assert clip_name("hard", 1999) == "03499"
    with pytest.raises(SettingsError, match="has names for 500 easy clips only"):
        clip_name("easy", 500)


def test_sources_are_shared_out_by_name_and_a_new_one_moves_few():
    names = [f"person{k}" for k in range(50)]

    split = split_sources(names, (80, 10, 10), 0)
    grown = split_sources([*names, "new"], (80, 10, 10), 0)

    assert [list(split.values()).count(each) for each in ("train", "val", "test")] == [40, 5, 5]
    assert sum(split[name] != grown[name] for name in names) <= 2
    assert split != split_sources(names, (80, 10, 10), 1)
    assert set(split_sources(["a", "b", "c"], (80, 10, 10), 0).values()) == {"train", "val", "test"}
