"""Weights fitted to one shot: approved frames improve the others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.command_line import Command, run_command

from maggie_api.job import MatteJob, read_job, write_job
from maggie_api.sequences import parse_frames
from maggie_core.guidance import MaskSequence, combine
from maggie_core.model import load_model
from maggie_core.shot.matter import FrameFailure, ShotMatter
from maggie_lab.training.per_shot import ShotSource, approved_frames
from maggie_node.demo import PEOPLE, SHOT, demo_job
from maggie_node.job_inputs import open_shot

ALPHAS = f"{SHOT}/truth.####.exr:ana.alpha"
APPROVED, OTHERS = "1004,1010,1016", (1007, 1013)
TRUTH = combine([MaskSequence(name, SHOT / "truth.####.exr", channel=f"{name}.alpha") for name in PEOPLE])


def small_job() -> MatteJob:
    """The demo shot at a third of its size, every frame by itself but for its neighbours."""
    return replace(
        demo_job("matte.####.exr"),
        working_px=180,
        segment_frames=1,
        warmup_frames=1,
        refine="none",
        smooth="none",
    )


def matter_of(job: MatteJob, model: str) -> ShotMatter:
    shot = open_shot(job)
    loaded = load_model(model, device="cpu")
    return ShotMatter(loaded, shot.plate, shot.guidance, shot.settings, shot_frames=shot.shot_frames)


def error(job: MatteJob, model: str) -> float:
    """MAD times 1000 over the frames nobody approved."""
    matter, errors = matter_of(job, model), []
    for result in matter.run(OTHERS):
        assert not isinstance(result, FrameFailure), result
        truth = np.stack([mask.pixels for mask in TRUTH.masks(result.frame)])
        errors.append(np.abs(result.alphas - truth).mean())
    return 1000 * float(np.mean(errors))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shot")
    write_job(small_job(), folder / "job.json")
    truth = [f"{name}={SHOT / 'truth.####.exr'}:{name}.alpha" for name in PEOPLE]
    result = run_command(
        "train", folder / "run", "--from", "default", "--shot", folder / "job.json",
        "--approved", truth[0], "--approved", truth[1], "--frames", APPROVED,
        "--steps", 16, "--batch", 3, "--crop", 128, "--device", "cpu",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    return folder


def test_three_approved_frames_improve_the_others(fitted: Path):
    job = read_job(fitted / "job.json")

    before, after = error(job, "default"), error(job, str(fitted / "run" / "last"))

    assert after < 0.95 * before


def test_fitted_weights_are_small_and_say_what_they_were_fitted_to(fitted: Path):
    weights = fitted / "run" / "last" / "weights.safetensors"
    about = json.loads((weights.parent / "config.json").read_text(encoding="utf-8"))
    start = load_model("default", device="cpu").info

    assert weights.stat().st_size < 16e6
    assert (about["licence"], about["commercial"]) == (start.licence, start.commercial)
    assert (about["refine"], about["smooth"]) == (start.refine, start.smooth)
    assert (tuple(about["person_px"]), about["first_look"]) == (start.person_px, start.first_look)
    assert about["encoder_from"] == start.encoder_from != ""
    assert (about["from"], about["from_sha256"]) == ("default", start.sha256)
    assert (about["recipe"], about["approved_frames"]) == ("shot", list(parse_frames(APPROVED)))
    assert about["data"] == [str(SHOT / "plate.####.exr")]


def test_a_folder_of_a_shot_takes_no_other_frames(fitted: Path, command: Command):
    shot = ("--shot", fitted / "job.json", "--approved", f"ana={ALPHAS}", "--frames", "1004,1010")

    other = command("train", fitted / "run", *shot)
    none = command("train", fitted / "run")

    assert other.exit_code == none.exit_code == 2
    assert "holds a training on other frames" in other.stderr
    assert "is fitted to a shot" in none.stderr


def test_who_has_no_approved_alpha_guides_but_teaches_nothing():
    ana = combine([MaskSequence("ana", SHOT / "truth.####.exr", channel="ana.alpha")])
    matter = matter_of(small_job(), "default")

    source = ShotSource(approved_frames(matter, ana, [1016]))  # where they meet: both are in most crops
    rng = np.random.default_rng(0)
    samples = [source.sample(rng, 0, frames=1, crop_px=128) for _ in range(10)]

    both = [each for each in samples if each is not None and each["guidance"].shape[1] == 2]
    assert len(both) > 5
    assert all(each["guidance"].shape == (1, 2, 128, 128) for each in both)
    assert all(each["valid"].tolist() == [[True, False]] for each in both)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--frames", "1004"], "needs --approved"),
        (["--approved", f"ana={ALPHAS}"], "needs --approved"),
        (["--approved", f"eve={ALPHAS}", "--frames", "1004"], "approved alphas are of eve"),
        (["--approved", f"ana={ALPHAS}", "--frames", "1031"], "frames 1031 are approved"),
        (["--approved", f"ana={ALPHAS}", "--frames", "1004", "--data", "bank:b"], "takes no recipe"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_said_in_one_line(
    tmp_path: Path, command: Command, options: list[str], said: str
):
    write_job(small_job(), tmp_path / "job.json")

    result = command("train", tmp_path / "run", "--shot", tmp_path / "job.json", *options)

    assert result.exit_code == 2, result.stderr
    *_, last = lines = result.stderr.splitlines()
    assert said in last and [line for line in lines if line.startswith("maggie-node:")] == [last]
    assert not (tmp_path / "run").exists()
