"""`maggie-node evaluate` on small sets in the published layouts."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest
from click.testing import Result
from support.command_line import run_command
from support.published_sets import disc, write_clips, write_him2k
from support.tiny import write_tiny_model

from maggie_core.io.integer_image import write_integer_image
from maggie_lab.datasets import find_samples
from maggie_lab.evaluation.methods import baseline_methods
from maggie_lab.evaluation.run import SampleDone, score_samples

VARIANTS = ("r50_fpn_3x", "x101_fpn_3x")


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    """Two images of two people, with two sets of masks of which the second is a little off."""
    root = write_him2k(tmp_path / "HIM2K_M-HIM2K", variants=VARIANTS)
    for path in (root / f"masks_matched_{VARIANTS[1]}").rglob("01.png"):
        write_integer_image(path, np.roll(disc(1) > 0.5, 1, axis=1).astype(np.float32))
    return root


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    root = tmp_path / "V-HIM60"
    write_clips(root / "comp_easy", names=("00001",), frames=5, masks=True)
    return root


def write_mattes(root: Path, folder: Path) -> Path:
    """The masks of a set as if they were mattes: no network is needed to score them."""
    for variant in VARIANTS:
        shutil.copytree(root / f"masks_matched_{variant}", folder / variant)
    return folder


def evaluated(dataset: str, root: Path, mattes: Path, out: Path, *more: object) -> Result:
    """`maggie-node evaluate` of saved mattes alone."""
    options = ("--predictions", mattes, "--baselines", "none", "-o", out)
    return run_command("evaluate", dataset, root, *options, *more)


def result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


def row(folder: Path, method: str, *, part: int = 0) -> dict:
    (found,) = [row for row in result(folder)["parts"][part]["rows"] if row["method"] == method]
    return found


def test_a_model_stands_between_the_baselines_and_the_paper(stills: Path, tmp_path: Path):
    model = write_tiny_model(tmp_path / "model")

    run = run_command(
        "evaluate", "him2k", stills, "--model", model, "--baselines", "mask,blur", "-o", tmp_path / "out"
    )

    assert run.exit_code == 0, run.stderr
    table = run.stdout.splitlines()
    assert table[0] == (
        "him2k composition, paper protocol: 4 samples, 8 instances in all frames, "
        "mean ± sample deviation over 2 sets of masks"
    )
    names = [line.split("  ")[0] for line in table[2:]]
    assert names[:4] == [str(model), "mask", "blur", "paper: MGM-in-the-wild"]
    assert "12.93 ±0.28" in next(line for line in table if line.startswith("paper: MaGGIe "))
    assert "note: composition: 4 samples here, 16800 behind the paper's rows" in table
    assert (tmp_path / "out" / "table.txt").read_text() == run.stdout


def test_sets_of_masks_are_whole_evaluations_of_which_mean_and_deviation_are_told(
    stills: Path, tmp_path: Path
):
    evaluated("him2k", stills, write_mattes(stills, tmp_path / "mine"), tmp_path)

    (part,) = result(tmp_path)["parts"]
    single = [part["by_masks"][variant][0]["means"]["MAD"] for variant in VARIANTS]
    assert single[0] < single[1]
    assert part["rows"][0]["means"]["MAD"] == pytest.approx(mean(single), rel=1e-12)
    assert part["rows"][0]["deviations"]["MAD"] == pytest.approx(stdev(single), rel=1e-12)
    assert part["by_masks"]["r50_fpn_3x"][-1]["means"]["MAD"] == 13.2  # Table 12, MaGGIe with these masks


def test_one_set_of_masks_has_no_deviation(stills: Path, tmp_path: Path):
    mattes = write_mattes(stills, tmp_path / "mine")

    run = evaluated("him2k", stills, mattes, tmp_path, "--variant", "r50_fpn_3x")

    assert row(tmp_path, "mine")["deviations"] == {}
    assert "paper: MaGGIe, r50_fpn_3x" in run.stdout


def test_every_number_is_in_the_csv(stills: Path, tmp_path: Path):
    evaluated("him2k", stills, write_mattes(stills, tmp_path / "mine"), tmp_path)

    with (tmp_path / "numbers.csv").open() as file:
        lines = {(line["method"], line["masks"], line["metric"]): line for line in csv.DictReader(file)}
    ours = lines["mine", "", "MAD_e3"]
    assert float(ours["mean"]) == row(tmp_path, "mine")["means"]["MAD_e3"]
    assert (ours["samples"], ours["instances"], ours["protocol"]) == ("4", "8", "paper")
    assert lines["paper: MaGGIe", "", "Conn"]["deviation"] == "0.17"
    assert ("mine", "x101_fpn_3x", "Grad") in lines


def test_json_is_what_stands_in_the_file(stills: Path, tmp_path: Path):
    run = evaluated("him2k", stills, write_mattes(stills, tmp_path / "mine"), tmp_path, "--json")

    assert json.loads(run.stdout) == result(tmp_path)


def test_a_second_run_computes_nothing_and_says_the_same(stills: Path, tmp_path: Path):
    mattes = write_mattes(stills, tmp_path / "mine")

    first, second = (evaluated("him2k", stills, mattes, tmp_path / "out") for _ in range(2))

    assert first.stdout == second.stdout
    assert "there already" not in first.stderr
    assert second.stderr.count("was there already") == 4


def test_a_repainted_mask_is_scored_again_and_nothing_else(stills: Path, tmp_path: Path):
    mattes = write_mattes(stills, tmp_path / "mine")
    evaluated("him2k", stills, mattes, tmp_path / "out")
    write_integer_image(mattes / "x101_fpn_3x" / "comp" / "a" / "00.png", np.zeros((24, 32), np.float32))

    run = evaluated("him2k", stills, mattes, tmp_path / "out")

    again = [line.split()[0] for line in run.stderr.splitlines() if "there already" not in line]
    assert again == ["comp/x101_fpn_3x/a"]


def test_a_run_that_is_killed_goes_on_and_ends_with_the_same_result(stills: Path, tmp_path: Path):
    samples, methods = find_samples("him2k", stills), baseline_methods("mask,blur")
    seen: list[SampleDone] = []

    def die(done: SampleDone) -> None:
        seen.append(done)
        if len(seen) == 3:
            raise KeyboardInterrupt

    def scored(folder: str, tell=seen.append):
        return score_samples(
            samples, methods, dataset="him2k", protocol="paper", folder=tmp_path / folder, tell=tell
        )

    with pytest.raises(KeyboardInterrupt):
        scored("killed", die)
    (log,) = (tmp_path / "killed" / "scores").glob("*blur*.jsonl")
    log.write_bytes(log.read_bytes()[:-9])  # a crash in the middle of the last line
    seen.clear()

    continued = scored("killed")

    assert [done.computed for done in seen] == [0, 0, 1, 2]
    assert continued == scored("whole")


def test_other_protocols_and_methods_have_scores_of_their_own(clips: Path, tmp_path: Path):
    samples, methods = find_samples("v-him60", clips), baseline_methods("mask,blur")
    for protocol in ("paper", "release"):
        score_samples(samples, methods, dataset="v-him60", protocol=protocol, folder=tmp_path)

    assert len(list((tmp_path / "scores").iterdir())) == 4


def test_a_damaged_score_file_is_named_with_its_line(stills: Path, tmp_path: Path):
    mattes = write_mattes(stills, tmp_path / "mine")
    evaluated("him2k", stills, mattes, tmp_path / "out")
    (log,) = (tmp_path / "out" / "scores").iterdir()
    log.write_text(log.read_text().replace('{"sample": "comp/r50_fpn_3x/b"', "@"))

    run = evaluated("him2k", stills, mattes, tmp_path / "out")

    assert run.exit_code == 2
    assert "damaged in line 3" in run.stderr


def test_the_levels_of_clips_stand_apart(clips: Path, tmp_path: Path):
    write_clips(clips / "comp_hard", names=("00002",), frames=5, masks=True)

    run = evaluated("v-him60", clips, clips, tmp_path)

    assert [part["subset"] for part in result(tmp_path)["parts"]] == ["easy", "hard"]
    assert "v-him60 hard, paper protocol: 1 sample, 10 instances in all frames" in run.stdout
    assert row(tmp_path, "paper: MaGGIe", part=1)["means"]["dtSSD"] == 29.9
    ours = row(tmp_path, "V-HIM60")["means"]
    assert ours["MAD"] == ours["dtSSD"] == ours["MESSDdt"] == 0  # the truth scored as its own matte


def test_the_release_protocol_does_not_stand_beside_the_printed_tables(clips: Path, tmp_path: Path):
    run = evaluated("v-him60", clips, clips, tmp_path, "--protocol", "release")

    assert "paper: " not in run.stdout
    assert "note: the paper's rows were made under the paper protocol and are left out" in run.stdout


def test_a_clip_too_short_for_the_release_is_left_out_and_named(clips: Path, tmp_path: Path):
    write_clips(clips / "comp_hard", names=("00002",), frames=4, masks=True)

    run = evaluated("v-him60", clips, clips, tmp_path, "--protocol", "release")

    assert run.exit_code == 3
    assert "1 of 2 samples are left out, first hard/00002: the video has 4 frames" in run.stderr
    assert [part["subset"] for part in result(tmp_path)["parts"]] == ["easy"]


def test_a_damaged_image_is_left_out_and_the_others_are_scored(stills: Path, tmp_path: Path):
    mattes = write_mattes(stills, tmp_path / "mine")
    (stills / "images" / "comp" / "a.png").write_bytes(b"no image")

    run = evaluated("him2k", stills, mattes, tmp_path / "out")

    assert run.exit_code == 3
    assert "2 of 4 samples are left out" in run.stderr
    assert row(tmp_path / "out", "mine")["samples"] == 2


def test_an_image_without_any_guidance_counts_nowhere(stills: Path, tmp_path: Path):
    mattes = write_mattes(stills, tmp_path / "mine")
    for name in ("00.png", "01.png"):
        path = stills / f"masks_matched_{VARIANTS[0]}" / "comp" / "a" / name
        write_integer_image(path, np.zeros((24, 32), np.float32))

    run = evaluated("him2k", stills, mattes, tmp_path / "out", "--variant", VARIANTS[0])

    assert run.exit_code == 0
    assert "1 sample, 2 instances in all frames, 1 sample without guidance left out" in run.stdout


def test_saved_mattes_that_are_missing_superfluous_or_of_another_size_are_counted(
    clips: Path, tmp_path: Path
):
    mattes = tmp_path / "theirs"
    shutil.copytree(clips / "comp_easy" / "pha", mattes / "comp_easy")  # without the folder `pha`
    frame = mattes / "comp_easy" / "00001" / "00000"
    (frame / "01.png").unlink()
    write_integer_image(frame / "07.png", np.zeros((24, 32), np.float32))
    write_integer_image(frame / "00.png", disc(0, height=48, width=64).astype(np.float32))

    run = evaluated("v-him60", clips, mattes, tmp_path / "out")

    assert run.exit_code == 0
    assert "note: theirs: 1 mattes are missing and count as empty" in run.stdout
    assert "note: theirs: 1 mattes had another size than the truth and were resized" in run.stdout
    assert f"note: theirs: 1 files belong to no instance: {frame / '07.png'}" in run.stdout
    strict = evaluated("v-him60", clips, mattes, tmp_path / "out", "--strict")
    assert strict.exit_code == 3
    assert "1 mattes of easy/00001 missing, 1 superfluous and 1 of another size" in strict.stderr


def test_a_folder_without_mattes_says_which_files_it_needs(clips: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()

    run = evaluated("v-him60", clips, tmp_path / "empty", tmp_path / "out")

    assert run.exit_code == 2
    assert "comp_easy/pha/00001/00000/00.png" in run.stderr
    assert not (tmp_path / "out").exists()


def test_limit_takes_so_many_of_each_set_of_masks(stills: Path, tmp_path: Path):
    evaluated("him2k", stills, write_mattes(stills, tmp_path / "mine"), tmp_path, "--limit", 1)

    assert row(tmp_path, "mine")["samples"] == 2


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("him3k", "."), "no data set 'him3k'.*him2k"),
        (("him2k", "nowhere"), "nowhere is not a folder"),
        (("him2k", ".", "--subset", "hard"), "no subset 'hard': it has composition"),
        (("him2k", ".", "--baselines", "masks"), "no baseline 'masks': choose from mask, blur"),
        (("him2k", ".", "--model", "nothing"), "no model called nothing"),
        (("him2k", ".", "--protocol", "papers"), "'papers' is not one of 'paper', 'release'"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_one_line(
    asked: tuple[str, ...], said: str, stills: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(stills)

    run = run_command("evaluate", *asked, "-o", tmp_path / "out")

    assert run.exit_code == 2
    assert re.search(said, run.stderr)
    assert len(run.stderr.splitlines()) == 1
