from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command_line import run_command

from maggie_api.errors import InputError
from maggie_lab.datasets import find_samples, load_sample
from maggie_lab.synthesis import Bank, BankPlan, build_bank
from maggie_lab.synthesis.making import SamplePlan, draw_sample, make_samples

PLAN = BankPlan(figures=6, backgrounds=4, size_px=96, seed=2, puppets=3)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    build_bank(folder, PLAN)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_one_process_and_three_write_the_same_files(drawn: Path, tmp_path: Path):
    plans = [SamplePlan(drawn, tmp_path / name, count=6, seed=4, size_px=64) for name in ("one", "three")]

    made = [make_samples(plan, workers=workers) for plan, workers in zip(plans, (1, 3), strict=True)]

    assert made == [6, 6]
    assert files(tmp_path / "one") == files(tmp_path / "three")


def test_stills_are_read_as_they_were_drawn(drawn: Path, tmp_path: Path):
    make_samples(SamplePlan(drawn, tmp_path, count=3, seed=4, size_px=64))

    found = find_samples("him2k", tmp_path)

    assert [sample.variant for sample in found] == ["generated"] * 3
    for index, sample in enumerate(found):
        stored = load_sample(sample)
        alone = draw_sample(Bank(drawn), seed=4, index=index, size_px=64, frames=0)
        assert np.array_equal(stored.image, alone["image"])
        assert np.abs(stored.alphas - alone["alphas"]).max() < 0.51 / 255


def test_clips_are_read_with_their_guidance(drawn: Path, tmp_path: Path):
    make_samples(SamplePlan(drawn, tmp_path, count=2, seed=4, size_px=64, frames=3))

    found = find_samples("v-him2k5", tmp_path)

    assert len(found) == 2
    for sample in found:
        stored = load_sample(sample)
        assert len(stored.image) == 3
        assert stored.guidance.shape == stored.alphas.shape
        assert stored.guidance.any()


def test_what_is_there_is_not_made_again(drawn: Path, tmp_path: Path):
    make_samples(SamplePlan(drawn, tmp_path, count=2, size_px=64))

    assert make_samples(SamplePlan(drawn, tmp_path, count=3, size_px=64)) == 1


def test_a_bank_takes_images_and_cut_outs_of_the_user(tmp_path: Path):
    (tmp_path / "own").mkdir()
    red = np.zeros((40, 30, 4), np.uint8)
    red[8:, 5:25] = (200, 20, 20, 255)
    Image.fromarray(red).save(tmp_path / "own" / "red.png")
    Image.fromarray(np.full((50, 70, 3), 90, np.uint8)).save(tmp_path / "own" / "wall.jpg", quality=100)
    (tmp_path / "cut").mkdir()
    (tmp_path / "own" / "red.png").rename(tmp_path / "cut" / "red.png")
    plan = BankPlan(2, 2, 64, images=str(tmp_path / "own"), cutouts=str(tmp_path / "cut"))

    build_bank(tmp_path / "bank", plan)
    bank = Bank(tmp_path / "bank")

    assert np.abs(bank.background(1).astype(int) - 90).max() <= 2
    cut = bank.figure(1)
    assert (cut[cut[..., 3] > 250][:, :3].mean(0) - (200, 20, 20)).max() < 4
    assert 0.3 < (cut[..., 3] > 127).mean() < 0.8


def test_a_cut_out_without_alpha_is_refused(tmp_path: Path):
    Image.fromarray(np.full((20, 20, 3), 90, np.uint8)).save(tmp_path / "flat.png")

    with pytest.raises(InputError, match=r"flat.png: its alpha is the same everywhere"):
        build_bank(tmp_path / "bank", BankPlan(2, 1, 32, cutouts=str(tmp_path)))


def test_a_small_bank_has_few_puppets_and_backgrounds(tmp_path: Path):
    made = run_command("synthesize", "bank", tmp_path, "--figures", 5, "--size", 64)

    assert made.stdout == f"{tmp_path}: 5 figures, 1 puppet, 5 backgrounds\n"


def test_the_commands_draw_a_bank_samples_and_a_sheet(tmp_path: Path):
    bank, out = tmp_path / "bank", tmp_path / "samples"
    size = ("--size", "64")

    made = run_command("synthesize", "bank", bank, "--figures", 4, "--backgrounds", 3, "--puppets", 2, *size)
    written = run_command("synthesize", "samples", out, "--bank", bank, "--count", 2, *size)
    sheet = run_command(
        "synthesize", "sheet", tmp_path / "s.jpg", "--bank", bank, "--count", 2, "--clips", *size
    )

    assert [result.exit_code for result in (made, written, sheet)] == [0, 0, 0]
    assert made.stderr.splitlines() == ["0 of 9 items", "9 of 9 items"]
    assert "2 samples made" in written.output
    assert len(find_samples("him2k", out)) == 2
    with Image.open(tmp_path / "s.jpg") as image:
        assert image.size == (2 * 3 * 64, 3 * 64)
