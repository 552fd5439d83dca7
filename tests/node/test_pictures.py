"""Movies, PNG, TIFF and previews beside the mattes, or instead of them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support.command_line import Command
from support.shots import TinyShot, write_image

from maggie_api.events import Finished, FrameDone, PictureDone, PictureFailed, from_line
from maggie_core.io.exr import Part, read_image, write_exr
from maggie_core.io.frames import open_source
from maggie_core.io.image import list_parts
from maggie_core.io.movie_writer import movie_comment
from maggie_core.io.timecode import packed_timecode, timecode_text
from maggie_core.mattes import read_mattes
from maggie_core.mattes.picture import MARGIN_PX
from maggie_node.cli.progress import StepLines
from maggie_node.preview import PreviewFrame, panel_size, preview_picture

FRAMES = range(1001, 1006)


@pytest.fixture
def matte(command: Command, kept_shot: TinyShot, tiny_model: Path):
    """Runs `matte` on the kept shot; returns the events by kind, and the result."""

    def run(*args: object, plate: object = kept_shot.plate, guidance: list[str] = kept_shot.guidance):
        result = command("matte", plate, *guidance, "--model", tiny_model, "--json", *args)
        return [from_line(line) for line in result.stdout.splitlines()], result

    return run


def of(kind: type, events: list) -> list:
    return [event for event in events if isinstance(event, kind)]


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory, kept_shot: TinyShot) -> str:
    """The kept shot's plate with a frame rate and timecodes, and pixels twice as wide as high."""
    folder = tmp_path_factory.mktemp("timed")
    for frame in FRAMES:
        plate = read_image(kept_shot.folder / f"plate.{frame}.exr")
        said = {
            "FramesPerSecond": Fraction(24000, 1001),
            "smpte:TimeCode": packed_timecode(f"01:00:00:{frame - 990:02d}"),
        }
        part = Part(None, plate.channels, plate.pixels, plate.data, plate.display, 2.0, said)
        write_exr(folder / f"plate.{frame}.exr", [part])
    return str(folder / "plate.####.exr")


def test_one_job_writes_mattes_movies_pictures_and_a_preview(matte, timed: str, tmp_path: Path):
    outputs = ("m.####.exr", "x.mov", "p.####.png")
    args = [word for name in outputs for word in ("-o", tmp_path / name)]

    events, result = matte(
        *args, "-o", f"ben={tmp_path}/b.webm", "--preview", tmp_path / "v.mp4", plate=timed
    )

    assert result.exit_code == 0, result.stderr
    made = {Path(each.path).name: each.frames for each in of(PictureDone, events)}
    assert made == dict.fromkeys(
        ["x_ana.mov", "x_ben.mov", "p_ana.####.png", "p_ben.####.png", "b.webm", "v.mp4"], 5
    )
    for name, most in {"x_ben.mov": 0.75 / 1023, "b.webm": 8 / 255}.items():
        movie = open_source(tmp_path / name)
        assert (movie.frames, movie.rate) == ((1, 2, 3, 4, 5), Fraction(24000, 1001))
        for frame in movie.frames:
            alphas, _ = read_mattes(tmp_path / f"m.{frame + 1000}.exr")
            read = movie.read(frame)
            alpha = read.pixels[..., 3]
            assert np.abs(alpha[:, :: alpha.shape[1] // 96] - alphas["ben"]).max() < most or name == "b.webm"
            assert timecode_text(read.metadata["smpte:TimeCode"]) == f"01:00:00:{frame + 10}"
            assert read.display.width * read.pixel_aspect == pytest.approx(192)
        movie.close()
    picture = read_image(tmp_path / "p_ana.1003.png").pixels[..., 3]
    assert np.abs(picture - read_mattes(tmp_path / "m.1003.exr")[0]["ana"]).max() <= 0.51 / 65535
    assert open_source(tmp_path / "v.mp4").frames == (1, 2, 3, 4, 5)


def test_a_job_of_a_movie_alone_leaves_the_movie_alone_and_knows_it_again(matte, tmp_path: Path):
    _, first = matte("-o", f"ana={tmp_path}/x.mov")
    before = (tmp_path / "x.mov").stat().st_mtime_ns

    again, _ = matte("-o", f"ana={tmp_path}/x.mov")
    other, _ = matte("-o", f"ana={tmp_path}/x.mov", "--rgb", "alpha")

    assert first.exit_code == 0, first.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "x.mov"]
    assert [each.cached for each in of(FrameDone, again)] == [True] * 5
    assert of(PictureDone, again) == [PictureDone(str(tmp_path / "x.mov"), 0)]
    assert again[-1] == Finished(0, 5, 0)
    assert of(PictureDone, other) == [PictureDone(str(tmp_path / "x.mov"), 5)]
    assert (tmp_path / "x.mov").stat().st_mtime_ns > before


def test_each_output_resumes_by_itself(matte, tmp_path: Path):
    matte("-o", tmp_path / "m.####.exr", "-o", f"ana={tmp_path}/p.####.png")
    (tmp_path / "p.1002.png").unlink()

    events, _ = matte(
        *("-o", tmp_path / "m.####.exr", "-o", f"ana={tmp_path}/p.####.png"),
        *("--preview", tmp_path / "v.gif"),
    )

    assert of(Finished, events) == [Finished(0, 5, 0)]
    made = {Path(each.path).name: each.frames for each in of(PictureDone, events)}
    assert made == {"p.####.png": 1, "v.gif": 5}


@pytest.mark.parametrize("name", ["x.mov", "x.webm", "x.1003.png", "x.1003.tif", "x.gif"])
def test_a_file_that_was_cut_off_is_made_again(matte, tmp_path: Path, name: str):
    asked = tmp_path / name.replace("1003", "####")
    args = ("--preview", asked) if name == "x.gif" else ("-o", f"ana={asked}")
    mattes = ("-o", tmp_path / "m.####.exr")
    matte(*mattes, *args)
    file = tmp_path / name
    whole = file.read_bytes()
    os.truncate(file, int(0.97 * len(whole)))

    events, _ = matte(*mattes, *args)

    assert [each.frames for each in of(PictureDone, events)] == [1 if "1003" in name else 5]
    assert file.stat().st_size == len(whole)


def test_a_job_that_was_stopped_goes_on_from_the_mattes_it_kept(matte, tmp_path: Path, monkeypatch):
    from maggie_node import pictures

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(pictures, "matte_picture", stop)
        stopped, _ = matte("-o", f"ana={tmp_path}/x.mov")
    kept = sorted(path.name for path in tmp_path.iterdir())

    events, result = matte("-o", f"ana={tmp_path}/x.mov")

    assert of(Finished, stopped)[0].cancelled
    assert kept == [".x.mov.mattes"]
    assert of(Finished, events) == [Finished(0, 5, 0)], result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.mov"]


def test_a_movie_with_a_frame_that_failed_is_not_written_and_the_old_one_stays(
    command: Command, shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    job = ("matte", shot.plate, *shot.guidance, "--model", tiny_model, "--json")
    outputs = (
        "-o",
        tmp_path / "m.####.exr",
        "-o",
        f"ana={tmp_path}/x.mov",
        "-o",
        f"ben={tmp_path}/p.####.png",
    )
    command(*job, *outputs)
    movie = (tmp_path / "x.mov").read_bytes()
    (shot.folder / "plate.1003.exr").write_bytes(b"broken")

    result = command(*job, *outputs)

    events = [from_line(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 3
    assert of(Finished, events)[0].pictures_failed == 2
    assert all("frames 1003 have no matte" in each.error for each in of(PictureFailed, events))
    assert (tmp_path / "x.mov").read_bytes() == movie
    assert sorted(path.name for path in tmp_path.glob("p.*")) == [f"p.{n}.png" for n in FRAMES if n != 1003]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_straight_premultiplied_and_alpha_are_what_they_say(matte, tmp_path: Path, suffix: str):
    seen = {}
    for rgb in ("straight", "premultiplied", "alpha"):
        path = tmp_path / rgb / f"p.####.{suffix}"
        matte("-o", tmp_path / "m.####.exr", "-o", f"ana={path}", "--rgb", rgb, "--frames", "1002")
        seen[rgb] = read_image(tmp_path / rgb / f"p.1002.{suffix}").pixels
    alpha = seen["straight"][..., 3]
    far = np.zeros_like(alpha, bool)
    rows, columns = np.nonzero(alpha > 0)
    far[: max(0, rows.min() - MARGIN_PX)], far[rows.max() + 1 + MARGIN_PX :] = True, True
    far[:, : max(0, columns.min() - MARGIN_PX)] = far[:, columns.max() + 1 + MARGIN_PX :] = True

    assert seen["alpha"].shape[-1] == 1
    assert np.abs(seen["alpha"][..., 0] - alpha).max() < 1e-4
    product = seen["straight"][..., :3] * alpha[..., None]
    assert np.abs(seen["premultiplied"][..., :3] - product).max() < 1e-4
    assert not seen["straight"][far].any()
    assert seen["straight"][alpha > 0][:, :3].max(axis=1).min() > 0  # the plate has no black


def test_a_plate_of_integers_keeps_its_own_values(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 256, (64, 96, 3)).astype(np.uint8)
    write_image(tmp_path / "plate.1001.png", codes, "uint8")

    command(
        *("matte", tmp_path / "plate.1001.png", "-o", f"ana={tmp_path}/p.1001.png", "--model", tiny_model),
        *("--guidance", f"ana={kept_shot.folder}/ana.1001.png"),
    )

    read = read_image(tmp_path / "p.1001.png").pixels
    inside = read[..., 3] > 0
    assert np.array_equal(np.rint(read[inside][:, :3] * 255), codes[inside])


def test_foreground_gives_pictures_each_persons_own_colour(matte, tmp_path: Path):
    args = ("-o", tmp_path / "m.####.exr", "-o", f"ana={tmp_path}/p.####.tif", "--frames", "1002")
    matte(*args)
    mixed = read_image(tmp_path / "p.1002.tif").pixels
    events, _ = matte(*args, "--foreground")

    own = read_image(tmp_path / "p.1002.tif").pixels
    assert of(PictureDone, events)[0].frames == 1  # the recipe of the mattes has changed
    solid, soft = own[..., 3] == 1, (own[..., 3] > 0.1) & (own[..., 3] < 0.9)
    assert np.abs(own[..., :3] - mixed[..., :3])[solid].max(initial=0) < 2e-3
    assert np.abs(own[..., :3] - mixed[..., :3])[soft].max() > 0.01


@pytest.mark.parametrize("output", ["x.avi", "x.mp4", "x.jpg", "x"])
def test_what_cannot_be_written_is_refused_in_one_line_that_lists_what_can(
    matte, tmp_path: Path, output: str
):
    _, result = matte("-o", tmp_path / output)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert all(word in result.stderr for word in (".exr", ".mov", ".webm", ".png", ".tif", ".mp4", ".gif"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("-o", "carl=x.mov"), "carl=.*nobody has that name, there is ana, ben"),
        (("-o", "ana=x.mov", "-o", "ben=x.mov"), "two outputs would write .*x.mov"),
        (("-o", "m.####.exr", "-o", "n.####.exr"), "a job has one sequence of mattes"),
        (("-o", "ana=m.####.exr"), "mattes hold everybody"),
        (("-o", "x.png"), "several frames need a frame token"),
        (("-o", "m.####.exr", "--preview", "v.mov"), "preview .* cannot be written"),
        (("-o", "x.mov", "--fps", "0"), '"fps" is 0'),
    ],
)
def test_outputs_that_make_no_sense_are_refused(matte, tmp_path: Path, monkeypatch, args, said: str):
    monkeypatch.chdir(tmp_path)

    _, result = matte(*args)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert re.search(said, result.stderr)


def test_a_picture_tells_how_it_was_made(command: Command, matte, tmp_path: Path):
    matte("-o", f"ana={tmp_path}/x.mov", "--preview", tmp_path / "v.gif", "--frames", "1001-1002")

    for name in ("x.mov", "v.gif"):
        said = json.loads(command("explain", tmp_path / name, "--json").stdout)
        assert said["frames"] == "1001-1002"
        assert said["licence"] and said["recipe"] and said["plate"].endswith("plate.####.exr")
    assert movie_comment(tmp_path / "x.mov")


def test_a_preview_shows_the_plate_the_checker_a_colour_each_and_the_number():
    shown = np.full((270, 480, 3), 0.5, np.float32)
    alphas = np.zeros((2, 270, 480), np.float32)
    alphas[0, 60:200, 40:200], alphas[1, 60:200, 280:440] = 1, 1

    drawn = preview_picture(PreviewFrame("1001", shown, alphas, ("ana", "ben")))
    other = preview_picture(PreviewFrame("1002", shown, alphas, ("ana", "ben")))

    plate, who, over, mattes = (
        drawn[:270, :480], drawn[:270, 480:], drawn[270:, :480], drawn[270:, 480:]
    )  # fmt: skip
    assert drawn.shape == (540, 960, 3)
    assert np.abs(plate[60:200] - 0.5).max() < 0.01
    assert len(np.unique(over[100:190, 210:270].round(2))) == 2  # two greys
    assert np.abs(over[70:190, 50:190] - 0.5).max() < 0.01
    assert np.abs(mattes[100, 100] - mattes[100, 300]).max() > 0.3 and not mattes[100, 240].any()
    assert np.abs(who[100, 100] - who[100, 300]).max() > 0.2
    changed = np.argwhere((drawn != other).any(axis=2))
    assert len(changed) and (changed[:, 1] < 100).all()


@pytest.mark.parametrize(("people", "lines"), [(2, 0), (14, 1), (40, 3)])
def test_names_of_a_crowd_cover_nobody(people: int, lines: int):
    shown = np.full((270, 480, 3), 0.5, np.float32)
    names = [f"person {place:02d}" for place in range(people)]

    drawn = preview_picture(PreviewFrame("1001", shown, np.zeros((people, 270, 480), np.float32), names))

    assert drawn.shape[1] == 960 and drawn.shape[0] % 2 == 0
    assert (drawn.shape[0] - 540) // 17 == lines
    under_names = drawn[30:270, 480:]
    assert bool((under_names != under_names[0, 0]).any()) == (lines == 0)


def test_a_preview_may_be_a_picture_a_frame(
    matte, command: Command, timed: str, kept_shot: TinyShot, tmp_path: Path
):
    events, _ = matte("-o", tmp_path / "m.####.exr", "--preview", tmp_path / "v.####.png", plate=timed)
    looked = command("preview", tmp_path / "m.####.exr", "-o", tmp_path / "w.png", "--frames", "1003")

    assert {Path(each.path).name: each.frames for each in of(PictureDone, events)} == {"v.####.png": 5}
    assert looked.exit_code == 0, looked.stderr
    assert (tmp_path / "v.1003.png").read_bytes() != (tmp_path / "v.1004.png").read_bytes()
    picture = list_parts(tmp_path / "w.png")[0]
    assert picture.pixel_aspect == 1  # panels of an anamorphic plate are stretched
    whole = command("preview", tmp_path / "m.####.exr", "-o", tmp_path / "w.png")
    assert whole.exit_code == 2 and "w.####.png" in whole.stderr


def test_a_sequence_says_what_its_frames_share_and_what_not(matte, command: Command, tmp_path: Path):
    matte("-o", tmp_path / "m.####.exr", "--frames", "1001-1003")
    matte("-o", tmp_path / "m.####.exr", "--frames", "1004", "--grow-px", "1")

    said = json.loads(command("explain", tmp_path / "m.####.exr", "--json").stdout)
    words = command("explain", tmp_path / "m.####.exr").stdout
    nothing = command("explain", tmp_path / "n.####.exr")

    one = json.loads(command("explain", tmp_path / "m.1004.exr", "--json").stdout)
    assert said["frames"] == "1001-1004" and said["model"] == one["model"]
    assert [each["frames"] for each in said["differs"]["settings"]] == ["1001-1003", "1004"]
    assert said["differs"]["settings"][1]["value"] == one["settings"]
    assert "(frames 1001-1003)" in words and one["weights_sha256"] in words
    assert nothing.exit_code == 2 and "matches no file" in nothing.stderr

    (tmp_path / "m.1002.exr").write_bytes(b"no picture")
    (tmp_path / "m.1003.exr").unlink()
    told = command("explain", tmp_path / "m.####.exr")
    said = json.loads(command("explain", tmp_path / "m.####.exr", "--json").stdout)
    assert told.exit_code == 3
    assert re.search(r"^missing +1003$", told.stdout, re.M) and "frame 1002 cannot be read: " in told.stdout
    assert (said["frames"], said["missing"], list(said["unreadable"])) == ("1001,1004", "1003", ["1002"])
    for frame in (1001, 1004):
        (tmp_path / f"m.{frame}.exr").write_bytes(b"no picture")
    told = command("explain", tmp_path / "m.####.exr")
    assert told.exit_code == 2 and "none of 3 files can be read: " in told.stderr


@pytest.mark.parametrize(
    ("plate", "panel"),
    [
        ((4096, 2160), (960, 506)),
        ((1080, 1920), (480, 854)),
        ((96, 64), (384, 256)),
        ((641, 359), (640, 360)),
    ],
)
def test_panels_are_even_never_too_large_and_never_too_small_to_read(plate, panel):
    assert panel_size(*plate) == panel


def test_pictures_are_of_sixteen_bits(matte, tmp_path: Path):
    matte("-o", f"ana={tmp_path}/p.####.tif", "--frames", "1001", "--rgb", "premultiplied")

    assert set(list_parts(tmp_path / "p.1001.tif")[0].types) == {"uint16"}


def test_a_person_reads_where_the_mattes_are_and_how_to_look_at_them(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    job = ("matte", kept_shot.plate, *kept_shot.guidance, "--model", tiny_model, "--frames", "1001-1002")
    told = command(*job, "-o", tmp_path / "m.####.exr").stderr.splitlines()
    words = shlex.split(told[-1].removeprefix("look at them: "))

    looked = command(*words[1:])

    assert told[-2] == f"mattes: {tmp_path}/m.####.exr"
    assert words[:2] == ["maggie-node", "preview"]
    assert looked.exit_code == 0, looked.stderr
    assert looked.stdout == f"{tmp_path}/m_preview.mp4: 2 frames\n"
    assert open_source(tmp_path / "m_preview.mp4").frames == (1, 2)


@pytest.mark.parametrize(
    ("plate", "output", "frame", "layout"),
    [
        ("portrait.exr", "hero_1080.exr", 1, "layers"),
        ("sh010_1080.exr", "shm.exr", 1080, "layers"),
        ("portrait.exr", "hero_1080.exr", 1, "files"),
        ("sh010_1080.exr", "hero_1080.exr", 1080, "layers"),
        ("plate.####.exr", "hero_1080.exr", 1002, "layers"),
    ],
)
def test_a_still_is_of_the_frame_it_was_made_from_whatever_number_its_name_ends_in(
    matte, command: Command, kept_shot: TinyShot, tmp_path: Path, plate: str, output: str, frame: int, layout
):
    other = tmp_path / "other_0777.exr"
    for path in (tmp_path / plate, other):
        for number in ("1002", "1003"):
            shutil.copy(kept_shot.folder / "plate.1002.exr", str(path).replace("####", number))
    masks = [word for n in kept_shot.names for word in ("--guidance", f"{n}={kept_shot.folder}/{n}.1002.png")]
    job = ("-o", tmp_path / output, "--frames", frame, "--layout", layout)
    _, made = matte(*job, plate=tmp_path / plate, guidance=masks)
    assert made.exit_code == 0, made.stderr

    for beside in (("--plate", tmp_path / plate), ("--plate", other), ()):
        looked = command("preview", tmp_path / output, "-o", tmp_path / "look.png", *beside)
        assert (looked.exit_code, looked.stderr) == (0, "")
        command("qc", tmp_path / output, *beside, "-o", tmp_path / "qc")
        said = json.loads((tmp_path / "qc" / "qc.json").read_text(encoding="utf-8"))
        assert said["frames"][0] == (777 if other in beside else frame)
        assert said["values"]["missing"][""][0] == 0
        assert not beside or said["values"]["unusable_input"][""][0] == 0


def test_a_step_is_mentioned_when_it_takes_long_and_only_then(monkeypatch):
    monkeypatch.setattr(StepLines, "AFTER_S", 0.05)
    said: list[str] = []
    with StepLines(said.append) as step:
        step("opening")
        step("loading")
        time.sleep(0.3)
        step("writing x.mov", 3, 9)
        time.sleep(0.3)
        step.end()
        time.sleep(0.1)

    assert said == ["loading ...", "writing x.mov: 3/9"]


def test_a_farms_tasks_write_mattes_and_its_last_step_the_pictures(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    args = ("matte", kept_shot.plate, *kept_shot.guidance, "--model", tiny_model, "--print-job")
    pictures = ("-o", f"ana={tmp_path}/x.mov", "--preview", tmp_path / "v.gif")
    document = tmp_path / "job.json"
    document.write_text(command(*args, "-o", tmp_path / "m.####.exr", *pictures).stdout, encoding="utf-8")

    made = command("farm", "openjd", document, "-o", tmp_path / "farm", "--chunk", 3)
    steps = json.loads((tmp_path / "farm" / "template.json").read_text(encoding="utf-8"))["steps"]
    job = tmp_path / "farm" / "job.json"
    task = command("farm", "task", job, "--frames", "1001-1003")
    early = command("farm", "pictures", job)
    left = {path.name for path in tmp_path.iterdir()}
    rest = command("farm", "task", job, "--frames", "1004-1005")
    last = command("farm", "pictures", job)

    assert made.exit_code == task.exit_code == rest.exit_code == 0, made.stderr + task.stderr + rest.stdout
    assert [step["name"] for step in steps] == ["Matte", "Pictures", "Check"]
    assert [step["dependencies"] for step in steps[1:]] == [
        [{"dependsOn": "Matte"}],
        [{"dependsOn": "Pictures"}],
    ]
    assert early.exit_code == 3 and "frames 1004-1005 have no matte" in early.stdout
    assert not left & {"x.mov", "v.gif"}
    assert last.exit_code == 0, last.stdout
    assert open_source(tmp_path / "x.mov").frames == (1, 2, 3, 4, 5)


def test_a_farm_refuses_a_job_of_pictures_alone(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    args = ("matte", kept_shot.plate, *kept_shot.guidance, "--model", tiny_model, "--print-job")
    document = tmp_path / "job.json"
    document.write_text(command(*args, "-o", f"ana={tmp_path}/x.mov").stdout, encoding="utf-8")

    refused = command("farm", "openjd", document, "-o", tmp_path / "farm")

    assert refused.exit_code == 2
    assert 'name them as its "output"' in refused.stderr
