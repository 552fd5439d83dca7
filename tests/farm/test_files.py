"""The files farms are given: against golden ones and farms' own libraries, and made without the network."""

from __future__ import annotations

import dataclasses
import html
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from openjd.model import decode_job_template
from support.command_line import run_command

from maggie_api.errors import JobError
from maggie_api.job import KeyGuidance, MaskGuidance, MatteJob, read_job, write_job
from maggie_core.io.frames import parse_frames
from maggie_core.shot.propagated import PropagatedGuidance
from maggie_node.farm.opencue import _on_a_line
from maggie_node.farm.places import moved, places_of, shot_name

GOLDEN = Path(__file__).parent / "golden"
ON_DISK = "/show/sh010"


@pytest.fixture
def shot(tmp_path: Path, write_shot: Callable[..., Path]) -> Path:
    """The job of ten frames in a folder of its own."""
    return write_shot(tmp_path / "sh010")


def golden(made: Path, name: str, folder: Path) -> None:
    """`made` is the golden file `name`, but for the folders and the user's number."""
    text = made.read_text(encoding="utf-8").replace(str(folder), ON_DISK)
    text = text.replace(str(folder.parent), "/show")
    text = text.replace(read_job(folder / "job.json").model, "/models/tiny")
    text = re.sub(r"<uid>\d+</uid>", "<uid>1000</uid>", text)
    assert text == (GOLDEN / name).read_text(encoding="utf-8")


def test_openjds_own_library_takes_the_template(shot: Path):
    needs = ["--memory", 16, "--gpus", 1, "--gpu-memory", 8, "--timeout", 90, "--env", "STUDIO=north"]
    run = run_command(
        "farm", "openjd", shot, "-o", shot.parent / "farm", "--chunk", 4, "--name", "sh010 v3", *needs
    )

    assert run.exit_code == 0, run.output
    made = json.loads((shot.parent / "farm" / "template.json").read_text(encoding="utf-8"))
    decoded = decode_job_template(template=made, supported_extensions=["TASK_CHUNKING"])
    assert decoded.name == "sh010 v3"
    golden(shot.parent / "farm" / "template.json", "openjd.json", shot.parent)
    golden(shot.parent / "farm" / "parameter_values.json", "openjd_values.json", shot.parent)


def test_the_farms_job_has_every_frame_written_out(shot: Path):
    run_command("farm", "openjd", shot, "-o", shot.parent / "farm")

    made = read_job(shot.parent / "farm" / "job.json")

    assert (made.frames, made.shot_frames) == ("1001-1010", "1001-1010")
    assert made.plate == read_job(shot).plate


def test_a_plate_that_grows_later_does_not_move_the_segments(shot: Path):
    run_command("farm", "openjd", shot, "-o", shot.parent / "farm")
    plate = shot.parent / "plate.1001.exr"
    (shot.parent / "plate.1000.exr").write_bytes(plate.read_bytes())

    assert read_job(shot.parent / "farm" / "job.json").shot_frames == "1001-1010"


def test_deadline_gets_two_jobs_for_its_command_line_plugin(shot: Path):
    folder = shot.parent / "farm"

    queue = ["--pool", "comp", "--group", "linux", "--priority", 60, "--limit-groups", "gpu,matte"]
    queue += ["--machine-limit", 8, "--gpu-affinity", "0,1", "--env", "STUDIO=north"]
    run = run_command("farm", "deadline", shot, "-o", folder, "--chunk", 4, "--limit", "flicker=1.5", *queue)

    assert run.exit_code == 0, run.output
    for name in ("matte_job.info", "matte_plugin.info", "qc_job.info", "qc_plugin.info"):
        golden(folder / name, f"deadline_{name}", shot.parent)


def test_deadline_gets_paths_with_blanks_in_its_own_quotes(shot: Path):
    folder = shot.parent / "a farm"

    run_command("farm", "deadline", shot, "-o", folder)

    arguments = (folder / "matte_plugin.info").read_text(encoding="utf-8").splitlines()[1]
    assert f"farm task <QUOTE>{folder / 'job.json'}<QUOTE> --frames <STARTFRAME>-<ENDFRAME>" in arguments


def test_opencues_own_library_serialises_the_outline(shot: Path, monkeypatch: pytest.MonkeyPatch):
    folder = shot.parent / "farm"
    for name in ("OUTLINE_CONFIG_FILE", "OL_CONFIG", "OL_OS", "OL_TAG_OVERRIDE"):
        monkeypatch.delenv(name, raising=False)

    run = run_command(
        *("farm", "opencue", shot, "-o", folder, "--chunk", 4, "--show", "ours", "--user", "artist"),
        *("--service", "gpu", "--memory", 16, "--gpus", 1, "--gpu-memory", 8, "--env", "STUDIO=north"),
    )

    assert run.exit_code == 0, run.output
    golden(folder / "job.xml", "opencue.xml", shot.parent)


def test_opencues_commands_mean_the_same_to_sh_and_on_windows(
    tmp_path: Path, write_shot: Callable[..., Path]
):
    job = write_shot(tmp_path / "a show" / "sh010")

    run = run_command("farm", "opencue", job, "-o", job.parent / "farm")

    assert run.exit_code == 0, run.output
    (command, _) = re.findall("<cmd>(.*?)</cmd>", (job.parent / "farm" / "job.xml").read_text("utf-8"))
    words = shlex.split(html.unescape(command))
    assert words[3] == str(job.parent / "farm" / "job.json")
    assert "'" not in command  # no quotation mark to cmd.exe
    assert _on_a_line("C:\\a show\\job.json") == "C:/a show/job.json"


@pytest.mark.parametrize("bad", ["$HOME", "50%", "a`b`", 'a"b'])
def test_a_name_that_a_shell_of_opencues_machines_expands_is_refused(shot: Path, bad: str):
    run = run_command("farm", "opencue", shot, "-o", shot.parent / f"farm {bad}")

    assert run.exit_code == 2
    assert "rename it" in run.stderr
    assert not (shot.parent / f"farm {bad}").exists()


def test_without_opencues_library_one_line_says_what_to_install(shot: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "outline", None)

    run = run_command("farm", "opencue", shot, "-o", shot.parent / "farm")

    assert run.exit_code == 2
    assert "pip install opencue-pyoutline packaging" in run.stderr
    assert not (shot.parent / "farm").exists()


WITHOUT_NETWORK = """
import sys
from click.testing import CliRunner
from maggie_node.cli import main
for farm in ("openjd", "deadline", "opencue"):
    run = CliRunner().invoke(main, ["farm", farm, sys.argv[1], "-o", sys.argv[2] + farm])
    assert run.exit_code == 0, run.output
assert "torch" not in sys.modules
"""


def test_files_are_made_without_loading_the_network(shot: Path):
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_NETWORK, str(shot), str(shot.parent / "farm-")],
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stderr


def test_a_plate_that_is_still_to_come_needs_its_frames_in_the_job(shot: Path):
    job = read_job(shot)
    there = shot.parent / "later.json"
    later = {**json.loads(job.to_json()), "plate": str(shot.parent / "later.####.exr")}
    there.write_text(json.dumps(later), encoding="utf-8")

    refused = run_command("farm", "openjd", there, "-o", shot.parent / "farm")
    there.write_text(json.dumps({**later, "shot_frames": "1-20"}), encoding="utf-8")
    taken = run_command("farm", "openjd", there, "-o", shot.parent / "farm")

    assert refused.exit_code == 2
    assert 'needs "shot_frames" in the job' in refused.stderr
    assert taken.exit_code == 0
    assert "plate frames 1-20 are not there yet" in taken.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"output": "matte.exr"}, "several frames need a frame token"),
        ({"frames": "1005-1012"}, "frames 1011-1012 are outside the shot, which is 1001-1010"),
        ({"frames": "no"}, "'no' is no frame range"),
    ],
)
def test_a_job_no_task_could_run_is_refused_before_it_is_sent(shot: Path, change: dict[str, str], said: str):
    data = {**json.loads(read_job(shot).to_json()), **change}
    shot.write_text(MatteJob.from_json(json.dumps(data)).to_json(), encoding="utf-8")

    run = run_command("farm", "openjd", shot, "-o", shot.parent / "farm")

    assert run.exit_code == 2
    assert said in run.stderr
    assert not (shot.parent / "farm").exists()


def test_an_unknown_limit_is_refused(shot: Path):
    run = run_command("farm", "deadline", shot, "-o", shot.parent / "farm", "--limit", "fliker=1")

    assert run.exit_code == 2
    assert "did you mean flicker?" in run.stderr


def test_a_left_out_frame_stays_left_out(shot: Path):
    (shot.parent / "plate.1004.exr").unlink()
    data = {**json.loads(read_job(shot).to_json()), "on_missing": "skip"}
    shot.write_text(json.dumps(data), encoding="utf-8")

    run_command("farm", "openjd", shot, "-o", shot.parent / "farm")

    made = read_job(shot.parent / "farm" / "job.json")
    assert parse_frames(made.shot_frames or "") == (1001, 1002, 1003, *range(1005, 1011))
    template = json.loads((shot.parent / "farm" / "template.json").read_text(encoding="utf-8"))
    assert template["parameterDefinitions"][2]["default"] == "1001-1003,1005-1010"


def test_a_plan_is_explained(shot: Path):
    run = run_command(
        "farm", "openjd", shot, "--chunk", 5, "--explain", "--seconds-per-frame", 90, "--machines", 2
    )

    assert run.exit_code == 0, run.output
    assert "2 tasks of 5 at most compute 20 frames for 10: 100 % overhead" in run.output
    assert re.search(r"1 +1001-1005 +5 +9\b", run.output)
    assert re.search(r"\b0\.40 machine hours, 0\.\d\d hours on 2 machines, at 90 s", run.output)


def test_the_plan_of_an_even_cut_and_a_full_one_differ(shot: Path):
    even = run_command("farm", "openjd", shot, "--chunk", 4, "--explain").output
    full = run_command("farm", "deadline", shot, "--chunk", 4, "--explain").output

    assert "1005-1007" in even
    assert "Chunks cost nothing here: every task ends where a segment ends." in full


def with_keys(job: Path, *, cache: Path | None, **keys: tuple[int, ...]) -> Path:
    """The job with key masks in place of masks in every frame."""
    document = read_job(job)
    for name, frames in keys.items():
        (job.parent / "keys").mkdir(exist_ok=True)
        for frame in frames:
            shutil.copy(job.parent / f"{name}.{frame}.png", job.parent / "keys")
    guidance = tuple(KeyGuidance(name, str(job.parent / "keys" / f"{name}.####.png")) for name in keys)
    changed = dataclasses.replace(document, guidance=guidance, cache=None if cache is None else str(cache))
    write_job(changed, job)
    return job


def test_people_are_followed_before_the_chunks_in_a_task_for_each_interval_between_common_keys(shot: Path):
    with_keys(shot, cache=shot.parent / "cache", ana=(1003, 1005, 1008), ben=(1003, 1008))

    run = run_command("farm", "openjd", shot, "-o", shot.parent / "farm", "--chunk", 4)

    assert run.exit_code == 0, run.output
    made = json.loads((shot.parent / "farm" / "template.json").read_text(encoding="utf-8"))
    decode_job_template(template=made, supported_extensions=["TASK_CHUNKING"])
    keys, matte = made["steps"][:2]
    (between,) = keys["parameterSpace"]["taskParameterDefinitions"]
    assert between["range"] == ["1001-1002", "1004-1007", "1009-1010"]
    assert matte["dependencies"] == [{"dependsOn": keys["name"]}]


def test_the_other_farms_follow_people_before_the_chunks_too(shot: Path):
    with_keys(shot, cache=shot.parent / "cache", ana=(1003,), ben=(1003,))

    runs = [run_command("farm", farm, shot, "-o", shot.parent / farm) for farm in ("deadline", "opencue")]

    assert [run.exit_code for run in runs] == [0, 0], runs
    plugin = (shot.parent / "deadline" / "keys_plugin.info").read_text(encoding="utf-8")
    assert "Arguments=farm propagate " in plugin and "--for deadline" in plugin
    outline = (shot.parent / "opencue" / "job.xml").read_text(encoding="utf-8")
    assert re.search(r'<depend type="LAYER_ON_LAYER"[^>]*>\s*<depjob>.*?</depjob>\s*<deplayer>matte', outline)
    assert re.search(r"<onlayer>keys</onlayer>", outline)


def test_key_masks_without_a_cache_are_a_note_and_no_step(shot: Path):
    with_keys(shot, cache=None, ana=(1003,), ben=(1003,))

    run = run_command("farm", "openjd", shot, "-o", shot.parent / "farm")

    assert run.exit_code == 0, run.output
    assert "the job has no cache, so that every task makes all masks anew" in run.stderr
    made = json.loads((shot.parent / "farm" / "template.json").read_text(encoding="utf-8"))
    assert [step["name"] for step in made["steps"]] == ["Matte", "Check"]


def test_tasks_find_the_masks_that_were_made_before_them(shot: Path, monkeypatch: pytest.MonkeyPatch):
    with_keys(shot, cache=shot.parent / "cache", ana=(1003, 1006), ben=(1003, 1006))

    made = [run_command("farm", "propagate", shot, "--frames", each) for each in ("1001-1002", "1004-1010")]
    monkeypatch.setattr(PropagatedGuidance, "_make", None)
    task = run_command("farm", "task", shot, "--frames", "1001-1010")

    assert [run.exit_code for run in made] == [0, 0], made
    assert "openjd_progress: 100.0" in made[1].stdout
    assert task.exit_code == 0, task.output
    assert len(list((shot.parent / "out").iterdir())) == 10


def test_following_people_for_a_farm_needs_keys_and_a_cache(shot: Path):
    run = run_command("farm", "propagate", shot)

    assert run.exit_code == 2
    assert "openjd_fail: the job needs key masks and a cache" in run.stdout


@pytest.mark.parametrize("unreadable", ["key", "plate at a key"])
def test_a_key_that_cannot_be_read_fails_the_step_that_follows_people(shot: Path, unreadable: str):
    with_keys(shot, cache=shot.parent / "cache", ana=(1003, 1006), ben=(1003, 1006))
    bad = shot.parent / ("keys/ana.1006.png" if unreadable == "key" else "plate.1006.exr")
    bad.write_bytes(b"no picture")

    run = run_command("farm", "propagate", shot, "--frames", "1004-1010")

    assert run.exit_code == 2, run.output
    assert bad.name in run.stderr
    assert "openjd_fail: no masks could be made of frames" in run.stdout


def test_a_licence_that_forbids_the_work_refuses_the_job_before_it_is_sent(shot: Path):
    data = {**json.loads(read_job(shot).to_json()), "model": "him50k", "commercial": True}
    shot.write_text(json.dumps(data), encoding="utf-8")

    runs = [
        run_command("farm", farm, shot, "-o", shot.parent / "farm")
        for farm in ("openjd", "deadline", "opencue")
    ]

    assert [run.exit_code for run in runs] == [5, 5, 5]
    assert all("does not allow commercial work" in run.stderr for run in runs)
    assert not (shot.parent / "farm").exists()


def test_the_job_names_the_colour_configuration_of_the_machine_it_was_sent_from(
    shot: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OCIO", "ocio://cg-config-v2.2.0_aces-v1.3_ocio-v2.4")

    run_command("farm", "openjd", shot, "-o", shot.parent / "farm")

    made = read_job(shot.parent / "farm" / "job.json")
    assert made.ocio == "ocio://cg-config-v2.2.0_aces-v1.3_ocio-v2.4"


def test_masks_without_a_file_are_a_wrong_path_or_still_to_come(shot: Path):
    for path in shot.parent.glob("ana.*.png"):
        path.unlink()
    masks = shot.parent / "ana.####.png"

    refused = run_command("farm", "openjd", shot, "-o", shot.parent / "farm")
    data = {**json.loads(read_job(shot).to_json()), "shot_frames": "1001-1010"}
    shot.write_text(json.dumps(data), encoding="utf-8")
    taken = run_command("farm", "openjd", shot, "-o", shot.parent / "later")

    assert refused.exit_code == 2
    assert f"guidance[0].sequence {masks} has no files: check the path" in refused.stderr
    assert not (shot.parent / "farm").exists()
    assert taken.exit_code == 0
    assert f"no file of guidance[0].sequence {masks} is there yet" in taken.stderr


def test_chunks_that_compute_half_again_as_much_are_told_without_being_asked(shot: Path):
    dear = run_command("farm", "openjd", shot, "-o", shot.parent / "farm", "--chunk", 5)
    free = run_command("farm", "deadline", shot, "-o", shot.parent / "farm", "--chunk", 4)

    assert (
        "note: chunks of 5 compute 20 frames for 10, 100 % overhead. Cheaper near it: --chunk" in dear.stderr
    )
    assert free.stderr == ""


@pytest.mark.parametrize(
    ("plate", "name"),
    [
        ("/show/sh010/plates/v003/plate.####.exr", "sh010 plate"),
        ("/show/plates/sh010_bg_v002.%04d.exr", "sh010_bg_v002"),
        ("C:\\show\\sc01\\2048x858\\bg.#.exr", "sc01 bg"),
        ("/films/clip.mov", "films clip"),
        ("/clip.mov", "clip"),
    ],
)
def test_a_job_is_called_after_its_shot(plate: str, name: str):
    assert shot_name(MatteJob(plate, "/out/m.#.exr", (MaskGuidance("ana", "/m/a.#.png"),))) == name


def test_a_job_of_another_system_is_moved_place_by_place():
    job = MatteJob(
        plate="C:\\sc01\\plate\\plate.####.exr",
        output="C:\\sc01\\out\\matte.####.exr",
        guidance=(
            MaskGuidance("ana", "C:\\sc01\\plate\\a.#.png"),
            KeyGuidance("ben", "C:\\sc01\\keys\\b.#.png"),
        ),
        model="C:\\models\\ours.safetensors",
        tracker="sam2:C:\\models\\sam2",
        preview="C:\\sc01\\out\\look.mp4",
    )
    names = {place.name: place.flow for place in places_of(job)}

    new = moved(
        job,
        {
            "plate": "/mnt/plate/",
            "masks": "",
            "output": "/mnt/out",
            "model": "/mnt/m.safetensors",
            "tracker": "/mnt/sam2",
        },
    )

    assert names == {
        "plate": "IN",
        "masks": "IN",
        "output": "OUT",
        "model": "IN",
        "tracker": "IN",
        "ocio": "IN",
        "cache": "NONE",
    }
    assert (new.plate, new.guidance[0].sequence) == ("/mnt/plate/plate.####.exr", "/mnt/plate/a.#.png")
    assert (new.output, new.preview) == ("/mnt/out/matte.####.exr", "/mnt/out/look.mp4")
    assert (new.model, new.guidance[1]) == ("/mnt/m.safetensors", job.guidance[1])
    assert new.tracker == "sam2:/mnt/sam2"
    with pytest.raises(JobError, match='did you mean "masks"'):
        moved(job, {"mask": "/mnt"})
