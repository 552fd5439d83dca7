"""Cores, garbage mattes and edge options on the command line, in jobs, headers and recipes."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from support.command_line import Command
from support.guidance_files import write_image
from support.nuke_plugin import write_sequences
from support.shots import TinyShot
from support.tiny import write_tiny_model

from maggie_api.errors import InputError, JobError
from maggie_api.events import FrameDone, Warning, enlarged_text, from_line
from maggie_api.job import Hold, MaskGuidance, MatteJob, PersonOption
from maggie_api.settings import EdgeSettings
from maggie_core.guidance import HoldSource
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.io.image import read_image
from maggie_core.mattes import explain, read_mattes
from maggie_node import runner
from maggie_node.worker.allowed_paths import check_paths

BOX = np.zeros((64, 96), np.float32)
BOX[20:40, 14:26] = 1


def printed(command: Command, *options: str) -> dict:
    result = command(
        "matte", "/p.####.exr", "-o", "/m.####.exr", "--guidance", "ana=/a.png", *options, "--print-job"
    )
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_options_are_for_everybody_or_for_one_person(command: Command):
    job = printed(
        command,
        *(
            "--trust",
            "0.5",
            "--trust",
            "ana=1",
            "--grow-px",
            "ana=-1.5",
            "--gamma",
            "1.2",
            "--trust",
            "ben=auto",
        ),
        *("--core", "ana=/core.####.exr:hero.A", "--garbage", "/all.png", "--garbage", "*=/more.exr"),
    )

    assert (job["trust"], job["gamma"], job["grow_px"]) == (0.5, 1.2, 0.0)
    assert [(each["name"], each["option"], each["value"]) for each in job["per_person"]] == [
        ("ana", "trust", 1.0),
        ("ben", "trust", "auto"),
        ("ana", "grow_px", -1.5),
    ]
    assert job["core"] == [{"sequence": "/core.####.exr", "name": "ana", "part": "hero.A"}]
    assert [(each["name"], each["sequence"]) for each in job["garbage"]] == [
        ("*", "/all.png"),
        ("*", "/more.exr"),
    ]
    again = MatteJob.from_json(json.dumps(job))
    assert again.edges_of("ana") == EdgeSettings(trust=1.0, grow_px=-1.5, gamma=1.2)
    assert again.edges_of("cy") == EdgeSettings(trust=0.5, gamma=1.2)


def test_a_bare_command_leaves_edges_alone(command: Command):
    job = MatteJob.from_json(json.dumps(printed(command)))

    assert job.edges_of("ana") == EdgeSettings()
    assert (job.core, job.garbage, job.per_person) == ((), (), ())


def test_the_help_says_which_side_is_which(command: Command):
    text = " ".join(command("matte", "--help-all").stdout.split())

    assert "alpha is 1 INSIDE this matte" in text
    assert "alpha is 0 OUTSIDE this matte" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--trust", "1.5"], 'field "trust" is 1.5: it lies between 0 and 1, or is auto'),
        (["--trust", "ana=2"], 'field "trust" is 2.0'),
        (["--gamma", "much"], "'much' is not a number; write VALUE for everybody, NAME=VALUE for one"),
        (["--grow-px", "=3"], "'=3' is neither VALUE nor NAME=VALUE"),
        (["--core", "ana="], "'ana=' is not [NAME=]SEQUENCE[:PART]"),
        (["--gamma", "ana=2", "--gamma", "ana=3"], "gives gamma of ana again: keep one"),
    ],
)
def test_what_has_no_meaning_is_said(command: Command, options: list[str], said: str):
    result = command("matte", "p.exr", "-o", "m.exr", "--guidance", "ana=a.png", *options, "--print-job")

    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (PersonOption("ana", "grow", 1.0), 'did you mean "grow_px"'),
        (PersonOption("ana", "gamma", "auto"), "is auto: gamma is a number"),
    ],
)
def test_a_job_names_options_that_exist(option: PersonOption, said: str):
    with pytest.raises(JobError, match=said):
        MatteJob("p.exr", "m.exr", (MaskGuidance("ana", "a.png"),), per_person=(option,))


def test_paths_of_holds_are_paths_of_the_job(tmp_path: Path):
    job = MatteJob(
        "p.exr", "m.exr", (MaskGuidance("ana", "a.png"),), core=(Hold("c.exr"),), garbage=(Hold("g.exr"),)
    )

    anchored = job.anchored(tmp_path)

    assert [path for _, path in anchored.sequences()] == [
        str(tmp_path / name) for name in ("a.png", "c.exr", "g.exr")
    ]
    with pytest.raises(InputError, match=r"core\[0\]\.sequence"):
        check_paths(replace(anchored, core=(Hold("/elsewhere/c.exr"),)), (str(tmp_path),))


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("ana.####.exr", None),
        ("layered.####.exr", "hero.A"),
        ("layered.####.exr", "hero"),
        ("ids.####.exr", "ana"),
        ("ids.####.exr", None),  # the object that is called as the person
        ("map.png", "7"),
    ],
)
def test_a_core_comes_in_every_form_that_guidance_takes(tmp_path: Path, file: str, part: str | None):
    write_sequences(tmp_path)
    truth = np.zeros((64, 96), np.float32)
    truth[10:50, 12:34] = 1
    write_image(tmp_path / "map.png", (truth * 7).astype(np.uint8), kind="uint8")
    display = Window(0, 0, 96, 64)

    plane = HoldSource("core", "ana", str(tmp_path / file), part=part).plane(1001, Geometry(display, display))

    np.testing.assert_array_equal(plane, truth)


def test_a_part_that_is_nowhere_is_said(tmp_path: Path):
    write_sequences(tmp_path)

    with pytest.raises(InputError, match="channel 'hreo' is not in the mask: it has hero"):
        HoldSource("core", "ana", str(tmp_path / "layered.####.exr"), part="hreo")
    with pytest.raises(InputError, match="has no object 'anna': it has ana"):
        HoldSource("core", "ana", str(tmp_path / "ids.####.exr"), part="anna")


def run(job: MatteJob) -> dict[int, FrameDone]:
    events: list = []
    runner.run(job, emit=events.append)
    return {event.frame: event for event in events if isinstance(event, FrameDone)}


def test_a_run_holds_says_so_in_the_header_and_redoes_what_a_repainted_core_changes(
    kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    for frame in kept_shot.frames:
        write_image(tmp_path / f"core.{frame}.exr", BOX, channels=("A",), kind="half")
    write_image(tmp_path / "keep.exr", 1 - BOX, channels=("A",), kind="half")
    job = MatteJob(
        kept_shot.plate,
        str(tmp_path / "out" / "m.####.exr"),
        tuple(MaskGuidance(name, kept_shot.mask(name)) for name in kept_shot.names),
        model=str(tiny_model),
        device="cpu",
        cache=str(tmp_path / "cache"),
    )
    run(job)

    held = replace(
        job,
        core=(Hold(str(tmp_path / "core.####.exr"), "ana"),),
        garbage=(Hold(str(tmp_path / "keep.exr"), "ben"),),
        per_person=(PersonOption("ben", "soften_px", 1.5),),
    )
    first = run(held)
    again = run(held)
    write_image(tmp_path / "core.1003.exr", BOX * 0, channels=("A",), kind="half")
    repainted = run(held)

    assert {event.reused for event in first.values()} == {"matte"}  # the network did not run
    assert all(event.cached for event in again.values())
    assert [frame for frame, event in repainted.items() if not event.cached] == [1003]
    alphas, _ = read_mattes(tmp_path / "out" / "m.1002.exr")
    assert alphas["ana"][BOX == 1].min() == 1
    assert alphas["ben"][BOX == 1].max() == 0
    header = explain(tmp_path / "out" / "m.1002.exr")
    assert header["core"] == [{"sequence": str(tmp_path / "core.####.exr"), "name": "ana", "part": None}]
    assert header["garbage"][0]["name"] == "ben"
    assert header["per_person"] == [{"name": "ben", "option": "soften_px", "value": 1.5}]
    assert header["settings"]["trust"] == "auto"


def test_what_is_for_nobody_or_lacks_files_stops_the_job(
    kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    write_image(tmp_path / "core.1001.exr", BOX, channels=("A",), kind="half")
    shutil.copy(tmp_path / "core.1001.exr", tmp_path / "still.exr")
    write_image(tmp_path / "cropped.exr", BOX[:50, :90], channels=("A",), kind="half")
    guidance = tuple(MaskGuidance(name, kept_shot.mask(name)) for name in kept_shot.names)
    job = MatteJob(
        kept_shot.plate, str(tmp_path / "m.####.exr"), guidance, model=str(tiny_model), device="cpu"
    )
    wrong = [
        (
            {"core": (Hold(str(tmp_path / "core.####.exr"), "ana"),)},
            "core of ana has no file for frame 1002-1005",
        ),
        ({"core": (Hold(str(tmp_path / "still.exr"), "cy"),)}, "a core is of cy and the shot has ana, ben"),
        (
            {"per_person": (PersonOption("cy", "gamma", 2.0),)},
            "gamma is set for cy and the shot has ana, ben",
        ),
        ({"garbage": (Hold(str(tmp_path / "m.####.exr")),)}, "matches no file"),
        (
            {"core": (Hold(str(tmp_path / "still.exr")),)},
            "so say whose it is, as --core ana=SEQUENCE",
        ),
        ({"garbage": (Hold(str(tmp_path / "cropped.exr"), "ana"),)}, "is 90x50 but the plate is 96x64"),
    ]

    for changed, said in wrong:
        with pytest.raises(InputError, match=said):
            run(replace(job, **changed))  # type: ignore[arg-type]

    assert not list(tmp_path.glob("m.*"))


def test_a_garbage_matte_that_is_meant_the_other_way_round_is_told(
    kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    mask = read_image(Path(kept_shot.mask("ana").replace("####", "1001"))).pixels[..., 0]
    write_image(tmp_path / "wrong.exr", 1 - mask, channels=("A",), kind="half")
    write_image(tmp_path / "right.exr", mask, channels=("A",), kind="half")
    job = MatteJob(
        kept_shot.plate,
        str(tmp_path / "m.####.exr"),
        (MaskGuidance("ana", kept_shot.mask("ana")),),
        model=str(tiny_model),
        device="cpu",
        frames="1001",
    )

    def told(garbage: str) -> list[str]:
        events: list = []
        held = replace(job, garbage=(Hold(str(tmp_path / garbage), "ana"),))
        runner.run(held, emit=events.append)
        return [e.text for e in events if isinstance(e, Warning) and e.code == "garbage-cuts"]

    (said,) = told("wrong.exr")
    assert said.startswith("the garbage matte cuts 100 % off the mask of ana in frame 1001")
    assert told("right.exr") == []


def test_who_is_enlarged_is_told_by_events_header_progress_and_explain(
    command: Command, kept_shot: TinyShot, tmp_path: Path
):
    model = write_tiny_model(tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "person_px": [60, 90]}))
    words = ["matte", kept_shot.plate, "-o", tmp_path / "m.####.exr", *kept_shot.guidance, "--model", model]

    result = command(*words, "--frames", "1001", "--json")
    scaled = command(*words, "--frames", "1002")
    off = command(*words, "--frames", "1003", "--scale", "off")

    (done,) = [event for event in map(from_line, result.stdout.splitlines()) if isinstance(event, FrameDone)]
    assert {each.name for each in done.enlarged} == {"ana", "ben"}
    assert all(each.factor > 1 for each in done.enlarged)
    assert explain(tmp_path / "m.1001.exr")["enlarged"] == [asdict(each) for each in done.enlarged]
    text = enlarged_text(done.enlarged)
    assert f"from frame 1002 on the network sees enlarged: {text}" in scaled.stderr
    assert "ana x" in command("explain", tmp_path / "m.1001.exr").stdout
    assert "sees enlarged" not in off.stderr
