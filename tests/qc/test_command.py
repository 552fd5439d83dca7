"""`maggie-node qc`: what it reads, writes, prints and returns."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.command_line import run_command
from support.shots import HEIGHT, WIDTH, TinyShot, write_image, write_shot
from support.tiny import write_tiny_model

from maggie_api.job import MaskGuidance, MatteJob, write_job
from maggie_core.guidance import make_instances
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, read_image, write_exr
from maggie_core.mattes import read_mattes, write_mattes

ONLY_FILES = [
    word
    for name in ("flicker", "iou", "area_drift", "centre_drift", "outside", "empty", "undecided", "edge_px")
    + ("inside_lost", "covers", "undecided_inside", "patches", "streaks", "apart", "flash")
    + ("left_out", "taken_in", "pop", "jolt", "chatter")
    + ("specks", "speck_count", "holes", "area_jump", "above_one", "seam", "seams")
    for word in ("--limit", f"{name}=none")
]
"""A network with random weights makes mattes that are no good; their files are."""


@pytest.fixture(scope="module")
def matted(tmp_path_factory: pytest.TempPathFactory) -> tuple[TinyShot, Path, Path]:
    """A shot matted by a tiny network, through the whole pipeline: the shot, the mattes' folder, the job."""
    folder = tmp_path_factory.mktemp("matted")
    shot = write_shot(folder / "shot", absent={"ben": {1003}})
    job = MatteJob(
        plate=shot.plate,
        output=str(folder / "out" / "matte.####.exr"),
        guidance=tuple(MaskGuidance(name, shot.mask(name)) for name in shot.names),
        model=str(write_tiny_model(folder / "model")),
        segment_frames=2,
    )
    write_job(job, folder / "job.json")
    assert run_command("job", folder / "job.json").exit_code == 0
    return shot, folder / "out", folder / "job.json"


@pytest.fixture
def mattes(matted: tuple[TinyShot, Path, Path], tmp_path: Path) -> str:
    """The same mattes for a test to break."""
    for file in matted[1].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return str(tmp_path / "matte.####.exr")


def test_what_a_job_delivered_is_checked_by_the_job_alone(matted, tmp_path: Path):
    _, _, job = matted
    result = run_command("qc", "--job", job, "-o", tmp_path / "qc", *ONLY_FILES)
    data = json.loads((tmp_path / "qc" / "qc.json").read_text(encoding="utf-8"))

    assert result.exit_code == 0, result.output
    assert "no fault found" in result.stdout
    assert (data["schema"], data["verdict"], data["segment_frames"]) == ("maggie-qc/2", "fine", 2)
    assert data["frames"] == [1001, 1002, 1003, 1004, 1005]
    assert data["instances"] == ["ana", "ben"]
    assert data["values"]["missing"][""] == [0, 0, 0, 0, 0]
    assert data["values"]["area"]["ben"][2] == 0
    assert len(data["values"]["change"]["ana"]) == 5 and data["values"]["change"]["ana"][0] is None


def test_a_limit_that_is_exceeded_ends_in_four_and_one_sentence(matted, tmp_path: Path):
    _, _, job = matted
    result = run_command("qc", "--job", job, "-o", tmp_path, *ONLY_FILES, "--limit", "area=0.5")

    assert result.exit_code == 4
    assert re.search(
        r"ana, frames .* covered area \S+ % of the image, allowed is at most 0.5:? ?", result.stdout
    )


def test_mattes_alone_can_be_checked_and_plate_and_guidance_add_to_it(matted, mattes: str, tmp_path: Path):
    shot = matted[0]
    alone = run_command("qc", mattes, "-o", tmp_path / "a", "--json", *ONLY_FILES)
    beside = run_command(
        "qc", mattes, "--plate", shot.plate, *shot.guidance, "-o", tmp_path / "b", "--json", *ONLY_FILES
    )
    few, many = (set(json.loads(result.stdout)["values"]) for result in (alone, beside))

    assert (alone.exit_code, beside.exit_code) == (0, 0)
    assert few < many
    assert {"outside", "guidance_area"} <= many - few


def test_missing_broken_and_foreign_frames_are_said_first(mattes: str, tmp_path: Path):
    Path(mattes.replace("####", "1002")).unlink()
    broken = Path(mattes.replace("####", "1004"))
    broken.write_bytes(broken.read_bytes()[:900])

    result = run_command("qc", mattes, "--frames", "1001-1006", "-o", tmp_path / "qc")

    assert result.exit_code == 4
    said = [line for line in result.stdout.splitlines() if re.match(r"frames? \d", line)]
    assert said[0].startswith("frames 1002,1006: missing frame: run the job again")
    assert said[0].endswith("or say with --frames which should be there")
    assert said[1].startswith("frame 1004: unreadable file")


def test_nothing_delivered_at_all_is_every_frame_missing_by_the_job_and_bad_input_without(
    matted, tmp_path: Path
):
    job = MatteJob.from_json(matted[2].read_text(encoding="utf-8"))
    nowhere = json.loads(job.to_json()) | {"output": str(tmp_path / "matte.####.exr")}
    (tmp_path / "job.json").write_text(json.dumps(nowhere), encoding="utf-8")

    by_job = run_command("qc", "--job", tmp_path / "job.json", "-o", tmp_path / "qc")
    without = run_command("qc", tmp_path / "matte.####.exr", "-o", tmp_path / "qc")

    assert by_job.exit_code == 4
    assert "frames 1001-1005: missing frame" in by_job.stdout
    assert without.exit_code == 2
    assert "matches no file" in without.stderr


def test_frames_of_a_job_can_be_checked_alone(matted, tmp_path: Path):
    words = ("--job", matted[2], "--frames", "1002-1003", "-o", tmp_path, "--json")
    result = run_command("qc", *words, *ONLY_FILES)

    assert json.loads(result.stdout)["frames"] == [1002, 1003]


def test_qc_writes_nothing_beside_the_mattes(matted, tmp_path: Path):
    before = sorted(file.name for file in matted[1].iterdir())
    run_command("qc", "--job", matted[2], "-o", tmp_path / "qc")

    assert sorted(file.name for file in matted[1].iterdir()) == before
    assert sorted(file.name for file in (tmp_path / "qc").iterdir()) == ["qc.html", "qc.json"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name the mattes"),
        (["MATTES", "--job", "JOB"], "drop mattes, or drop --job"),
        (["MATTES", "--limit", "flickr=1"], "did you mean flicker"),
        (["MATTES", "--limit", "flicker"], "is not NAME=VALUE"),
        (["MATTES", "--limit", "flicker=nan"], "the limit of flicker is nan"),
        (["MATTES", "--limit", "flicker=inf"], "the limit of flicker is inf"),
        (["MATTES", "--limit", "flicker=-1"], "the limit of flicker is -1"),
        (["MATTES", "--limit", "area_drift=40..-30"], "the limit of area_drift is 40..-30"),
        (["MATTES", "--limit", "flicker=.."], "is not NAME=VALUE"),
        (["MATTES", "--limit", "flicker=1"], "the limit of flicker needs plate"),
        (["MATTES", "--limit", "iou=0.5"], "the limit of iou needs guidance"),
        (["MATTES", "--limit", "left_out=0.5"], "the limit of left_out needs plate and guidance"),
        (["MATTES", "--limit", "stuck=1"], "the limit of stuck needs plate or guidance"),
        (["MATTES", "--segment", "0"], "neither a number of frames nor 'whole'"),
        (["MATTES", "--plate", "nowhere.####.exr"], "nowhere"),
        (["MATTES", "--frames", "1001-1009", "--shot-frames", "1001-1005"], "outside the shot"),
        (["nowhere/matte.####.exr"], "does not exist"),
        (["JOB"], "give a job as --job"),
        (["x.mov"], "is no EXR"),
    ],
)
def test_bad_input_ends_in_two_and_one_line(matted, tmp_path: Path, words: list[str], said: str):
    named = {"MATTES": str(matted[1] / "matte.####.exr"), "JOB": str(matted[2])}
    result = run_command("qc", *(named.get(word, word) for word in words), "-o", tmp_path / "qc")

    assert result.exit_code == 2
    assert said in result.stderr and len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "qc").exists()


def test_the_page_stands_alone_and_no_name_can_break_it(matted, tmp_path: Path):
    shot, _, job = matted
    data = json.loads(job.read_text(encoding="utf-8"))
    data["guidance"][0]["name"] = name = "<b>ana</b> & co"
    data["output"] = str(tmp_path / "matte.####.exr")
    (tmp_path / "job.json").write_text(json.dumps(data), encoding="utf-8")
    run_command("job", tmp_path / "job.json")
    run_command("qc", "--job", tmp_path / "job.json", "-o", tmp_path / "qc")
    page = (tmp_path / "qc" / "qc.html").read_text(encoding="utf-8")

    assert name not in page and "&lt;b&gt;ana&lt;/b&gt; &amp; co" in page
    assert "<script" not in page and "http" not in page and "@import" not in page
    assert "<polyline" in page and "data:image/jpeg;base64," in page
    assert page.count("seam before") >= 2


def test_a_damaged_mask_is_a_finding_of_its_frame_and_the_others_are_checked(matted, tmp_path: Path):
    shot, _, job = matted
    data = json.loads(job.read_text(encoding="utf-8"))
    for frame in shot.frames:
        mask = Path(shot.mask("ana").replace("####", f"{frame:04d}"))
        content = mask.read_bytes()
        (tmp_path / f"ana.{frame:04d}{mask.suffix}").write_bytes(content[:40] if frame == 1003 else content)
    data["guidance"][0]["sequence"] = str(tmp_path / f"ana.####{Path(shot.mask('ana')).suffix}")
    (tmp_path / "job.json").write_text(json.dumps(data), encoding="utf-8")

    result = run_command("qc", "--job", tmp_path / "job.json", "-o", tmp_path / "qc", *ONLY_FILES)

    assert result.exit_code == 4
    assert "frame 1003: plate or mask that cannot be used" in result.stdout
    assert "ana.1003" in (tmp_path / "qc" / "qc.html").read_text(encoding="utf-8")
    values = json.loads((tmp_path / "qc" / "qc.json").read_text(encoding="utf-8"))["values"]
    assert [value is None for value in values["iou"]["ana"]] == [False, False, True, False, False]


@pytest.mark.parametrize("with_plate", [True, False])
def test_masks_of_the_size_of_a_plate_s_data_window_are_compared_where_they_lie(
    matted, mattes: str, tmp_path: Path, with_plate: bool
):
    """Mattes equal to their masks; the plate stores 5 columns more on the left and 3 fewer on the right."""
    shot, out, _ = matted
    names = tuple(shot.names)
    for frame in shot.frames:
        plate = read_image(shot.folder / f"plate.{frame}.exr")
        wide = np.pad(plate.pixels, ((0, 0), (5, 0), (0, 0)))[:, :-3]
        window = Window(-5, 0, WIDTH + 2, HEIGHT)
        write_exr(tmp_path / f"plate.{frame}.exr", [Part(None, ("R", "G", "B"), wide, window, plate.display)])
        planes = []
        for name in names:
            mask = read_image(shot.folder / f"{name}.{frame}.png").pixels
            wide = np.pad(mask, ((0, 0), (5, 0), (0, 0)))[:, :-3]
            write_image(tmp_path / f"{name}.{frame}.png", np.round(wide * 255).astype(np.uint8), "uint8")
            planes.append(mask[..., 0])
        write_mattes(
            tmp_path / "out" / f"m.{frame}.exr",
            np.stack(planes),
            instances=make_instances(names),
            geometry=Geometry(plate.display, plate.display),
            plate=plate,
            provenance={} if with_plate else {"plate_window": [-5, 0, WIDTH + 2, HEIGHT]},
        )
    given = ["--plate", tmp_path / "plate.####.exr"] if with_plate else []
    given += [word for name in names for word in ("--guidance", f"{name}={tmp_path}/{name}.####.png")]

    run_command("qc", tmp_path / "out" / "m.####.exr", *given, "-o", tmp_path / "qc")

    values = json.loads((tmp_path / "qc" / "qc.json").read_text(encoding="utf-8"))["values"]
    assert set(values["iou"]) == set(names)
    assert all(value == 1 for name in names for value in values["iou"][name] if value is not None)
    assert sum(value is not None for value in values["iou"]["ana"]) == len(shot.frames)
    assert set(values["unusable_input"][""]) == {0}


def test_a_plate_of_another_format_is_said(matted, mattes: str, tmp_path: Path):
    shot, _, _ = matted
    for frame in shot.frames:
        write_image(tmp_path / f"plate.{frame}.exr", np.zeros((HEIGHT, WIDTH - 8, 3), np.float32), "half")

    result = run_command(
        "qc", mattes, "--plate", tmp_path / "plate.####.exr", "-o", tmp_path / "qc", *ONLY_FILES
    )

    assert result.exit_code == 4
    assert "88x64 and its mattes are 96x64" in result.stdout + (tmp_path / "qc" / "qc.html").read_text(
        "utf-8"
    )


@pytest.mark.parametrize("layout", ["multipart", "files", "cryptomatte"])
def test_every_layout_of_a_job_is_checked(matted, tmp_path: Path, layout: str):
    data = json.loads(matted[2].read_text(encoding="utf-8"))
    data |= {"layout": layout, "output": str(tmp_path / "matte.####.exr"), "frames": "1002-1004"}
    (tmp_path / "job.json").write_text(json.dumps(data), encoding="utf-8")
    assert run_command("job", tmp_path / "job.json").exit_code == 0

    result = run_command("qc", "--job", tmp_path / "job.json", "-o", tmp_path / "qc", *ONLY_FILES)

    assert result.exit_code == 0, result.output


def test_a_frame_with_a_pinned_alpha_is_made_like_the_others(matted, tmp_path: Path):
    pin = np.zeros((HEIGHT, WIDTH, 1), np.float32)
    pin[14:48, 16:34] = 1
    write_image(tmp_path / "hand.1003.exr", pin, "half")
    data = json.loads(matted[2].read_text(encoding="utf-8"))
    data |= {
        "output": str(tmp_path / "matte.####.exr"),
        "pins": [{"name": "ana", "sequence": str(tmp_path / "hand.####.exr")}],
    }
    (tmp_path / "job.json").write_text(json.dumps(data), encoding="utf-8")
    assert run_command("job", tmp_path / "job.json").exit_code == 0
    assert read_mattes(tmp_path / "matte.1003.exr")[1]["pins"] == ["ana"]

    result = run_command("qc", "--job", tmp_path / "job.json", "-o", tmp_path / "qc", *ONLY_FILES)

    assert result.exit_code == 0, result.output


def test_one_frame_in_one_file_is_a_shot_too(matted, tmp_path: Path):
    data = json.loads(matted[2].read_text(encoding="utf-8"))
    data |= {"output": str(tmp_path / "matte.exr"), "frames": "1002"}
    (tmp_path / "job.json").write_text(json.dumps(data), encoding="utf-8")
    assert run_command("job", tmp_path / "job.json").exit_code == 0

    result = run_command("qc", "--job", tmp_path / "job.json", "-o", tmp_path / "qc", "--json", *ONLY_FILES)

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["frames"] == [1002]


def test_a_range_has_two_sides_and_both_are_said(matted, tmp_path: Path):
    result = run_command(
        *("qc", "--job", matted[2], "-o", tmp_path, *ONLY_FILES, "--limit", "area_drift=-2..2", "--json")
    )
    data = json.loads(result.stdout)
    values = [value for who in data["values"]["area_drift"].values() for value in who if value is not None]

    assert (data["measures"]["area_drift"]["low"], data["measures"]["area_drift"]["high"]) == (-2, 2)
    beyond = any(value < -2 or value > 2 for value in values)
    assert result.exit_code == (4 if beyond else 0)
    assert beyond and all("allowed is -2 to +2" in finding["text"] for finding in data["findings"])


def test_the_short_result_is_what_is_wrong_and_the_page_and_the_long_one_has_the_table(
    matted, tmp_path: Path
):
    short = run_command("qc", "--job", matted[2], "-o", tmp_path, *ONLY_FILES)
    long = run_command("qc", "--job", matted[2], "-o", tmp_path, *ONLY_FILES, "--verbose")

    last = f"no fault found (5 frames, 2 instances); page: {tmp_path / 'qc.html'}\n"
    assert short.stdout == "note: too few pairs of frames to judge the seams by\n" + last
    assert "covered area, % of the image" in long.stdout and long.stdout.endswith(short.stdout)


def test_mattes_without_masks_are_told_to_be_compared_with_none(matted, mattes, tmp_path: Path):
    shot, _, _ = matted
    alone = run_command("qc", mattes, "-o", tmp_path / "qc", *ONLY_FILES)
    beside = run_command("qc", mattes, *shot.guidance, "-o", tmp_path / "qc", *ONLY_FILES)

    assert "note: mattes are not compared with masks" in alone.stdout
    assert "not compared" not in beside.stdout


def test_a_fine_page_shows_a_few_frames(matted, tmp_path: Path):
    run_command("qc", "--job", matted[2], "-o", tmp_path, *ONLY_FILES)
    page = (tmp_path / "qc.html").read_text(encoding="utf-8")

    assert ">fine<" in page
    assert page.count("data:image/jpeg;base64,") == 8  # four frames: plate and alphas


@pytest.mark.slow
def test_the_demo_shots_own_faults_are_named(tmp_path: Path):
    """Seen beside the true alphas: ben's neck is bitten behind ana's hair in 1016 and 1017, haze hangs loose
    beside him in 1011 and 1015, and half of his hair is lost in 1019, when he flickers by 2 px. Ana's hand,
    which her mask lacks in 1016, is mended from the frames beside it.
    """
    from maggie_node.demo import demo_job

    write_job(demo_job(str(tmp_path / "matte.####.exr")), tmp_path / "job.json")
    assert run_command("job", tmp_path / "job.json").exit_code == 0

    result = run_command("qc", "--job", tmp_path / "job.json", "-o", tmp_path / "qc", "--json")
    found = {(f["measure"], f["instance"]): f for f in json.loads(result.stdout)["findings"]}

    assert result.exit_code == 4
    assert {1016, 1017} <= set(found["patches", "ben"]["frames"])
    assert found["apart", "ben"]["frames"] == [1011, 1015]
    assert found["left_out", "ben"]["frames"] == [1019]
    assert found["flicker", "ben"]["frames"] == [1019]
    assert "ana" not in {name for _, name in found}
    assert not {"inside_lost", "covers", "holes", "streaks", "empty"} & {measure for measure, _ in found}
