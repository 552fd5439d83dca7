"""Rendered people with alpha, one a picture: found, cut out, put into groups, and trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.command_line import run_command
from support.training_sets import painted_person, write_synthhuman

from maggie_api.errors import FrameError
from maggie_lab.datasets import find_samples
from maggie_lab.synthesis import sample_generator
from maggie_lab.synthesis.cut_people import CutPeople, cut_person
from maggie_lab.training.dataset import SceneSource


def test_pictures_are_found_and_said_what_they_show(tmp_path: Path):
    write_synthhuman(tmp_path / "SynthHuman", (0, 98_039, 98_040, 198_015, 198_016))

    samples = find_samples("synthhuman", tmp_path)

    assert [each.subset for each in samples] == ["face", "face", "body", "body", "upper"]
    assert samples[0].name == "0000000" and samples[0].frames[0].name == "rgb_0000000.png"
    assert samples[0].alphas[0][0] == tmp_path / "SynthHuman" / "alpha_0000000.png"
    assert len(find_samples("synthhuman", tmp_path, subset="face")) == 2


def test_a_picture_without_alpha_is_said(tmp_path: Path):
    write_synthhuman(tmp_path, (3, 4))
    (tmp_path / "alpha_0000004.png").unlink()
    with pytest.raises(FrameError, match=r"rgb_0000004\.png has no alpha: expected alpha_0000004\.png"):
        find_samples("synthhuman", tmp_path)


def test_a_cut_person_has_their_own_colour_where_the_wall_shows_through(tmp_path: Path):
    write_synthhuman(tmp_path, (3,))
    colour, alpha = painted_person(3)
    [sample] = find_samples("synthhuman", tmp_path)

    cut = cut_person(sample, 256).astype(np.float32) / 255

    mixed = (cut[..., 3] > 0.3) & (cut[..., 3] < 0.8)
    assert mixed.sum() > 50
    own = (colour[..., 1] - colour[..., 0])[(alpha > 0.3) & (alpha < 0.8)]
    wall = 0.6  # green over red of the wall, half of which is in a half covered pixel
    green = (cut[..., 1] - cut[..., 0])[mixed]
    assert abs(green.mean() - own.mean()) < 0.2 * wall


def test_groups_are_made_of_single_people(tmp_path: Path):
    write_synthhuman(tmp_path, (3, 4, 5))
    source = SceneSource(CutPeople(find_samples("synthhuman", tmp_path), size_px=128))

    made = [source.sample(sample_generator(1, k), k, frames=1, crop_px=64) for k in range(12)]

    alphas = [each["alphas"] for each in made if each is not None]
    assert max(each.shape[1] for each in alphas) >= 2
    assert all(each.sum(1).max() <= 1 + 1e-5 for each in alphas)
    again = source.sample(sample_generator(1, 2), 2, frames=1, crop_px=64)
    assert made[2] is not None and again is not None
    assert np.array_equal(made[2]["image"], again["image"])


def test_a_training_takes_the_pictures_as_they_are_and_groups_of_them(tmp_path: Path):
    write_synthhuman(tmp_path / "set", tuple(range(4)))
    run = run_command(
        "train", tmp_path / "run", "--data", f"synthhuman:{tmp_path / 'set'}", "--steps", 1, "--crop", 64,
        "--batch", 2, "--workers", 0, "--precision", "fp32",
    )  # fmt: skip

    assert run.exit_code == 0, run.stderr
    assert (tmp_path / "run" / "last" / "weights.safetensors").exists()
    assert "2 samples to learn from, 2 held out" in run.stderr
