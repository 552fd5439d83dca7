"""The demo: its job, its figures, its sheet. A small shot stands in for the shipped one where it can."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command_line import Command
from support.shots import write_image

from maggie_api.job import read_job
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.mattes import read_mattes
from maggie_node.cli.demo import JOB, MATTES, SHEET
from maggie_node.demo import SHOT, demo_job, display, scores, sheet

HEIGHT, WIDTH = 54, 96


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shot with the shipped one's file names; its masks are its truth, moved by two pixels."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "guidance").mkdir()
    window = Window(0, 0, WIDTH, HEIGHT)
    rows, columns = np.indices((HEIGHT, WIDTH))
    for frame in range(1001, 1005):
        ana = np.clip(14.5 - np.hypot(columns - 30 - frame % 10, rows - 27), 0, 1)
        ben = np.clip(12.5 - np.hypot(columns - 70, rows - 27), 0, 1)
        truth = np.stack([ana, ben], axis=-1).astype(np.float32)
        plate = np.full((HEIGHT, WIDTH, 3), 0.1, np.float32) + truth @ np.float32(
            [[0.6, 0.3, 0.2], [0.1, 0.4, 2]]
        )
        write_exr(folder / f"plate.{frame}.exr", [Part(None, ("R", "G", "B"), plate, window, window)])
        channels = ("ana.alpha", "ben.alpha")
        write_exr(folder / f"truth.{frame}.exr", [Part(None, channels, truth, window, window)])
        for plane, name in zip(np.moveaxis(truth, -1, 0), ("ana", "ben"), strict=True):
            mask = (np.roll(plane, 2, axis=1) > 0.5).astype(np.uint8)[..., None] * 255
            write_image(folder / "guidance" / f"{name}.{frame}.png", mask, "uint8")
    return folder


@pytest.fixture(scope="module")
def perfect_mattes(stand_in: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The truth itself under the names of mattes."""
    folder = tmp_path_factory.mktemp("mattes")
    for path in stand_in.glob("truth.*.exr"):
        (folder / path.name.replace("truth", "matte")).write_bytes(path.read_bytes())
    return folder / MATTES


def test_perfect_mattes_score_zero_and_the_raw_mask_does_not(stand_in: Path, perfect_mattes: Path):
    mask, mattes = scores(perfect_mattes, shot=stand_in)

    assert all(error == 0 for error in mattes.errors.values())
    assert list(mask.errors) == ["MAD", "Grad", "dtSSD"]
    assert all(error > 0 for error in mask.errors.values())


def test_the_sheet_shows_each_person_in_rows_of_frames_and_details(stand_in: Path, perfect_mattes: Path):
    image = sheet(perfect_mattes, subtitle="four frames", shot=stand_in)

    pixels = np.asarray(image)
    assert image.width > 5 * 400
    assert image.height > (4 + 2) * 225
    assert tuple(pixels[2, 2]) == (24, 25, 27)
    assert pixels.max() == 255


@pytest.mark.parametrize(("linear", "encoded"), [(0.0, 0.0), (0.18, 0.4614), (0.5, 0.7354), (-1.0, 0.0)])
def test_the_sheet_shows_middle_values_as_srgb(linear: float, encoded: float):
    assert display(np.full((1, 1, 3), linear)) == pytest.approx(encoded, abs=1e-3)


def test_the_job_of_the_demo_can_be_run_again_from_its_folder(tmp_path: Path):
    (tmp_path / JOB).write_text(demo_job(MATTES).to_json(), encoding="utf-8")

    job = read_job(tmp_path / JOB)

    assert job.output == str(tmp_path / MATTES)
    assert job.plate == str(SHOT / "plate.####.exr")


def test_the_shipped_shot_is_better_matted_than_masked(command: Command, tmp_path: Path):
    result = command("demo", "-o", tmp_path)

    assert result.exit_code == 0, result.stderr
    mask, mattes = scores(tmp_path / MATTES)
    assert mattes.errors["MAD"] < mask.errors["MAD"]
    assert mattes.errors["Grad"] < mask.errors["Grad"]
    assert mattes.errors["dtSSD"] < mask.errors["dtSSD"]
    with Image.open(tmp_path / SHEET) as sheet:
        assert sheet.width > 2000
    assert set(read_mattes(tmp_path / "matte.1001.exr")[0]) == {"ana", "ben"}
