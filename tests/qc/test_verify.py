"""`maggie-node verify`: what it finds in delivered mattes, and how it ends."""

from __future__ import annotations

import json
import re
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
from support.command_line import run_command
from support.shots import write_shot
from support.tiny import write_tiny_model

from maggie_api.job import MaskGuidance, MatteJob, write_job
from maggie_core.io.exr import Part, read_image, write_exr
from maggie_core.io.movie_writer import MovieHeader, movie_writer
from maggie_core.io.picture import picture_comment


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with job.json, the mattes it delivers in `out` and what it needs."""
    folder = tmp_path_factory.mktemp("delivered")
    shot = write_shot(folder / "shot", frames=range(1, 5))
    job = MatteJob(
        plate=shot.plate,
        output=str(folder / "out" / "m.####.exr"),
        guidance=tuple(MaskGuidance(name, shot.mask(name)) for name in shot.names),
        model=str(write_tiny_model(folder / "model")),
    )
    write_job(job, folder / "job.json")
    assert run_command("job", folder / "job.json").exit_code == 0
    return folder


@pytest.fixture
def out(delivered: Path, tmp_path: Path) -> Path:
    """The mattes, for a test to break."""
    for file in (delivered / "out").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def rewrite(
    file: Path, *, value: float | None = None, metadata: dict[str, str] | None = None, shift: int = 0
):
    """The file with a pixel of another value, other header fields, or a moved data window."""
    image = read_image(file)
    pixels = image.pixels.copy()
    if value is not None:
        pixels[3, 4, 0] = value
    data = image.data.__class__(image.data.x + shift, image.data.y, image.data.width, image.data.height)
    header = image.metadata | (metadata or {})
    write_exr(file, [Part(None, image.channels, pixels, data, image.display, metadata=header)])


def test_what_a_job_delivered_is_right_as_a_folder_and_by_the_job(delivered: Path):
    for words in ((delivered / "out",), ("--job", delivered / "job.json")):
        result = run_command("verify", *words)
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.endswith("4 frames, all right\n")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.unlink(), "frame 2: missing: run the job again"),
        (lambda file: file.write_bytes(file.read_bytes()[:-40]), "frame 2: "),
        (lambda file: rewrite(file, value=np.nan), "frame 2: the matte of ana has 1 values that are NaN"),
        (lambda file: rewrite(file, value=1.5), "frame 2: the matte of ana has values from 0 to 1.5"),
        (lambda file: rewrite(file, shift=5), "frame 2: its data window 96x64+5+0 lies outside the plate"),
        (
            lambda file: rewrite(file, shift=5, metadata={"maggie/plate_window": '["a", 0, 96, 64]'}),
            "frame 2: its data window 96x64+5+0 lies outside the plate",
        ),
        (lambda file: rewrite(file, metadata={"maggie/model": "other"}), "frame 2: made otherwise .*: model"),
        (
            lambda file: (file.parent / "m.00002.exr").write_bytes(file.read_bytes()),
            "frame 2: it is there twice",
        ),
        (
            lambda file: shutil.copy(file.with_name("m.0003.exr"), file),
            "frame 2: its header says that it is frame 3",
        ),
    ],
    ids=["missing", "cut short", "nan", "above one", "window", "plate window", "recipe", "twice", "renamed"],
)
def test_a_frame_that_is_not_right_is_named_and_the_end_is_three(out: Path, spoil, said: str):
    spoil(out / "m.0002.exr")

    result = run_command("verify", out)

    assert result.exit_code == 3, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 2 and lines[1].endswith("4 frames, 1 not right")
    head, _, tail = said.partition(".*")
    assert lines[0].startswith(head) and tail in lines[0]


def test_frames_of_another_recipe_are_told_by_the_job(delivered: Path, tmp_path: Path):
    data = json.loads((delivered / "job.json").read_text(encoding="utf-8")) | {"gamma": 1.5}
    (delivered / "other.json").write_text(json.dumps(data), encoding="utf-8")

    result = run_command("verify", "--job", delivered / "other.json")

    assert result.exit_code == 3, result.output
    assert "frames 1-4: not what the job makes now: run it again" in result.stdout


def test_a_file_for_each_person_and_two_sequences_in_one_folder(delivered: Path, out: Path):
    job = delivered / "job.json"
    data = json.loads(job.read_text(encoding="utf-8")) | {
        "layout": "files",
        "output": str(out / "f.####.exr"),
    }
    (delivered / "files.json").write_text(json.dumps(data), encoding="utf-8")
    assert run_command("job", delivered / "files.json").exit_code == 0

    assert run_command("verify", out).stdout.count("4 frames, all right") == 2
    (out / "f_ben.0003.exr").unlink()
    result = run_command("verify", out)

    assert result.exit_code == 3
    assert "f.####.exr: 4 frames, 1 not right" in result.stdout


@pytest.fixture(scope="module")
def other_job(tmp_path_factory: pytest.TempPathFactory, delivered: Path) -> Path:
    """What a job of the same settings delivers of another plate: PNG, and EXR in two layouts."""
    folder = tmp_path_factory.mktemp("other")
    shot = write_shot(folder / "shot", frames=range(1, 5))
    for frame in range(1, 5):
        shutil.copy(shot.plate.replace("####", f"{5 - frame:04d}"), folder / f"plate.{frame:04d}.exr")
    data = json.loads((delivered / "job.json").read_text(encoding="utf-8"))
    data |= {"plate": str(folder / "plate.####.exr"), "output": str(folder / "m.####.exr"), "pictures": []}
    data["pictures"] = [{"path": str(folder / "x.####.png")}]
    for changed in ({}, {"output": str(folder / "f.####.exr"), "layout": "files", "pictures": []}):
        (folder / "job.json").write_text(json.dumps(data | changed), encoding="utf-8")
        assert run_command("job", folder / "job.json").exit_code == 0
    return folder


def test_frames_of_two_jobs_in_one_sequence_are_told(out: Path, pictures: Path, other_job: Path):
    shutil.copy(other_job / "m.0003.exr", out)
    mixed = run_command("verify", out)
    shutil.copytree(pictures, out / "pictures")
    shutil.copy(other_job / "x_ana.0003.png", out / "pictures")
    mixed_pictures = run_command("verify", out / "pictures" / "x_ana.####.png")

    for result in (mixed, mixed_pictures):
        assert result.exit_code == 3, result.output
        assert result.stdout.startswith("frame 3: made from another plate, or from other masks, than")
        assert result.stdout.endswith("4 frames, 1 not right\n")


def test_people_of_two_jobs_in_one_frame_are_told(other_job: Path, tmp_path: Path):
    for name in ("f_ana.0001.exr", "f_ben.0001.exr"):
        shutil.copy(other_job / name, tmp_path)
    rewrite(tmp_path / "f_ben.0001.exr", metadata={"maggie/recipe": "of another job"})
    assert "frame 1: its files are of several jobs" in run_command("verify", tmp_path).stdout

    rewrite(tmp_path / "f_ben.0001.exr", metadata={"maggie/slugs": '["ben"]'})
    rewrite(tmp_path / "f_ana.0001.exr", metadata={"maggie/slugs": '["ana"]'})
    assert "frame 1: it is there twice" in run_command("verify", tmp_path).stdout


def test_a_still_whose_name_ends_in_a_number_is_no_renamed_frame(delivered: Path, tmp_path: Path):
    data = json.loads((delivered / "job.json").read_text(encoding="utf-8"))
    data |= {"frames": "2", "shot_frames": "2", "output": str(tmp_path / "shot_010.exr")}
    data["pictures"] = [{"path": str(tmp_path / "still_020.png"), "instance": "ana"}]
    (tmp_path / "job.json").write_text(json.dumps(data), encoding="utf-8")
    assert run_command("job", tmp_path / "job.json").exit_code == 0

    result = run_command("verify", tmp_path)

    assert result.exit_code == 0, result.output
    assert result.stdout == "".join(
        f"{tmp_path / name}: 1 frame, all right\n" for name in ("shot_010.exr", "still_020.png")
    )


def test_one_readable_file_of_a_sequence_is_said_by_the_sequence(out: Path):
    for frame in (1, 3, 4):
        (out / f"m.{frame:04d}.exr").write_bytes(b"no picture")

    assert f"{out / 'm.####.exr'}: 4 frames, 3 not right" in run_command("verify", out).stdout


def test_a_file_that_is_no_matte_is_not_said_to_be_missing(tmp_path: Path):
    file = tmp_path / "notes"
    file.write_text("x", encoding="utf-8")

    for words in (file, file / "m.####.exr"):
        result = run_command("verify", words)
        assert result.exit_code == 2
        assert "does not exist" not in result.stderr


@pytest.mark.parametrize("words", [[], ["EMPTY"], ["nowhere/m.####.exr"], ["EMPTY", "--job", "job.json"]])
def test_nothing_to_verify_ends_in_two_and_one_line(tmp_path: Path, words: list[str]):
    result = run_command("verify", *(str(tmp_path) if word == "EMPTY" else word for word in words))

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def write_movie(path: Path, pictures: int, *, said: dict[str, Any] | None = None) -> Path:
    comment = "" if said is None else json.dumps({"maggie": said})
    with movie_writer(path, MovieHeader(Fraction(24), comment=comment)) as write:
        for k in range(pictures):
            write(np.full((32, 48, 4 if path.suffix == ".mov" else 3), k / 10, np.float32))
    return path


@pytest.mark.parametrize("name", ["x.mov", "x.gif"])
def test_a_movie_is_read_to_its_end_and_has_the_frames_that_it_names(tmp_path: Path, name: str):
    said = {"frames": "1001-1004", "recipe": "ab"}
    whole = write_movie(tmp_path / "whole" / name, 4, said=said)
    short = write_movie(tmp_path / "short" / name, 3, said=said)

    right, wrong = run_command("verify", whole), run_command("verify", short)
    folder = run_command("verify", whole.parent)
    asked = run_command("verify", whole, "--frames", "1001-1006")

    assert (right.exit_code, right.stdout) == (0, f"{whole}: 4 frames, all right\n")
    assert (folder.exit_code, folder.stdout) == (0, right.stdout)
    assert wrong.exit_code == 3
    assert wrong.stdout.startswith("it has 3 pictures for 4 frames: run the job again\n")
    assert (asked.exit_code, "it has the frames 1001-1004" in asked.stdout) == (3, True)


def test_a_movie_that_is_damaged_or_of_others_is_not_right_and_another_kind_is_no_matte(tmp_path: Path):
    cut = write_movie(tmp_path / "cut.mov", 8, said={"frames": "1-8", "recipe": "ab"})
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    foreign = write_movie(tmp_path / "foreign.mov", 2)

    results = [run_command("verify", each) for each in (cut, foreign, tmp_path / "x.####.png")]

    assert [each.exit_code for each in results] == [3, 3, 2]
    assert "not written by maggie-node" in results[1].stdout
    assert "matches no file" in results[2].stderr
    assert "no matte or picture" in run_command("verify", tmp_path / "x.####.dpx").stderr


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, delivered: Path) -> Path:
    """A folder of pictures that a job wrote: PNG and TIFF of two people, and a movie of one."""
    folder = tmp_path_factory.mktemp("pictures")
    data = json.loads((delivered / "job.json").read_text(encoding="utf-8"))
    paths = [{"path": str(folder / "x.####.png")}, {"path": str(folder / "t.####.tif")}]
    data["pictures"] = [*paths, {"path": str(folder / "m.mov"), "instance": "ana"}]
    (delivered / "pictures.json").write_text(json.dumps(data), encoding="utf-8")
    assert run_command("job", delivered / "pictures.json").exit_code == 0
    return folder


def test_pictures_that_a_job_delivered_are_right(pictures: Path):
    result = run_command("verify", pictures)

    assert (result.exit_code, result.stderr) == (0, "")
    names = ("t_ana.####.tif", "t_ben.####.tif", "x_ana.####.png", "x_ben.####.png", "m.mov")
    assert result.stdout == "".join(f"{pictures / name}: 4 frames, all right\n" for name in names)


def stored_again(file: Path, *, kind: str = "uint16", scale: int = 1) -> None:
    """The picture as another program stores it: its header, and other numbers or another size."""
    image: Any = oiio.ImageBuf(str(file))
    if scale > 1:
        roi = oiio.ROI(0, image.spec().width // scale, 0, image.spec().height // scale)
        image = oiio.ImageBufAlgo.resize(image, roi=roi)
        image.specmod().attribute("ImageDescription", picture_comment(file))
    assert image.write(str(file), kind)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.unlink(), "missing"),
        (lambda file: file.write_bytes(file.read_bytes()[:-400]), "cannot be read to its end"),
        (lambda file: file.write_bytes(b""), "not written by maggie-node, or damaged"),
        (
            lambda file: shutil.copy(file.with_name("x_ana.0003.png"), file),
            "its header says that it is frame 3",
        ),
        (lambda file: shutil.copy(file.with_name("x_ben.0002.png"), file), "made otherwise .*: instance"),
        (lambda file: stored_again(file, kind="uint8"), "stored it anew, as uint8"),
        (lambda file: stored_again(file, scale=2), r"it is 48x32, and was written as \[96, 64\]"),
    ],
    ids=["missing", "cut short", "empty", "another frame", "another person", "eight bits", "another size"],
)
def test_a_picture_that_is_not_right_is_named(
    pictures: Path, tmp_path: Path, spoil, said: str, capfd: pytest.CaptureFixture[str]
):
    shutil.copytree(pictures, tmp_path / "out")
    spoil(tmp_path / "out" / "x_ana.0002.png")

    capfd.readouterr()
    result = run_command("verify", tmp_path / "out" / "x_ana.####.png")

    assert result.exit_code == 3, result.output
    assert "libpng" not in capfd.readouterr().err
    assert re.match(f"frame 2: .*{said}", result.stdout), result.stdout
    assert result.stdout.endswith("4 frames, 1 not right\n")


def test_a_movie_that_another_program_has_made_smaller_is_not_right(tmp_path: Path):
    movie = write_movie(tmp_path / "x.mov", 2, said={"frames": "1-2", "recipe": "ab", "size": [96, 64]})

    result = run_command("verify", movie)

    assert result.exit_code == 3
    assert "it is 48x32, and was written as [96, 64]: run the job again" in result.stdout
