"""One task in this process: its frames, its exit code, its lines."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_line import run_command

from maggie_api.errors import FrameError
from maggie_api.events import Finished, FrameDone, FrameFailed
from maggie_api.job import MaskGuidance, MatteJob
from maggie_node.farm.task import Teller, task_job
from maggie_node.farm.trying import run_again

JOB = MatteJob(
    "p.#.exr",
    "m.#.exr",
    (MaskGuidance("ana", "a.#.png"),),
    frames="1001-1009x2,1020",
    shot_frames="1001-1020",
)


@pytest.mark.parametrize(
    ("asked", "chunk", "frames"),
    [
        ("1001-1005", None, "1001-1005x2"),
        ("1003-1007:2", None, "1003-1007x2"),
        ("1009,1020", None, "1009,1020"),
        ("1001", 3, "1001-1005x2"),
        ("1007", 8, "1007,1009,1020"),
    ],
)
def test_a_task_has_those_of_the_jobs_frames_that_the_farm_names(asked: str, chunk: int | None, frames: str):
    assert task_job(JOB, asked, chunk=chunk).frames == frames


def test_frames_that_are_none_of_the_jobs_are_refused():
    with pytest.raises(FrameError, match="frames 1010-1012 are none of the job's"):
        task_job(JOB, "1010-1012")


def lines_of(farm: str, *events: object) -> list[str]:
    said: list[str] = []
    teller = Teller(farm, said.append)  # pyright: ignore[reportArgumentType]
    for event in events:
        teller.tell(event)  # pyright: ignore[reportArgumentType]
    return said


def test_frames_that_fail_for_one_reason_are_one_line_of_failure():
    events = [FrameFailed(frame, "plate is\nbroken") for frame in (1004, 1005)]

    said = lines_of("openjd", *events, Finished(0, 0, 2))

    assert "openjd_fail: frames 1004-1005: plate is broken" in said
    assert said[-1] == "openjd_status: 0 made, 0 were there already, 2 failed"


def test_deadline_reads_whole_percents():
    assert "Progress: 100%" in lines_of("deadline", FrameDone(1, "m.1.exr", 0.5, cached=False))


def test_opencue_reads_plain_lines():
    assert lines_of("opencue", FrameDone(1, "m.1.exr", 0.0, cached=True)) == ["frame 1 was there already"]


@pytest.fixture
def job(tmp_path: Path, write_shot: Callable[..., Path]) -> Path:
    return write_shot(tmp_path, frames=range(1001, 1006))


def delivered(job: Path) -> list[str]:
    return sorted(path.name for path in (job.parent / "out").iterdir())


def test_a_task_delivers_its_frames_and_no_other(job: Path):
    run = run_command("farm", "task", job, "--frames", "1002-1003")

    assert run.exit_code == 0, run.output
    assert [path.name for path in sorted((job.parent / "out").iterdir())] == [
        "matte.1002.exr",
        "matte.1003.exr",
    ]
    assert run.stdout.splitlines()[1:3] == ["openjd_progress: 50.0", run.stdout.splitlines()[2]]
    assert "openjd_status: 2 made, 0 were there already, 0 failed" in run.stdout


def test_opencues_chunk_ends_with_the_range(job: Path):
    run = run_command("farm", "task", job, "--frames", "1004", "--chunk", 4, "--for", "opencue")

    assert run.exit_code == 0, run.output
    assert [path.name for path in sorted((job.parent / "out").iterdir())] == [
        "matte.1004.exr",
        "matte.1005.exr",
    ]


def test_a_broken_frame_is_an_exit_code_of_its_own(job: Path):
    (job.parent / "plate.1004.exr").write_bytes(b"no picture")

    run = run_command("farm", "task", job, "--frames", "1001-1005", "--for", "deadline")

    assert run.exit_code == 3
    assert "Error: frames 1004: " in run.stdout
    written = {path.name for path in (job.parent / "out").glob("matte.*.exr")}
    assert written == {f"matte.{frame}.exr" for frame in (1001, 1002, 1003, 1005)}


def test_bad_input_is_told_to_the_farm_too(job: Path):
    for path in job.parent.glob("ana.*"):
        path.unlink()

    run = run_command("farm", "task", job, "--frames", "1001-1005")

    assert run.exit_code == 2
    assert run.stdout.startswith("openjd_fail: ")
    assert len(run.stderr.splitlines()) == 1


def test_bad_input_is_not_tried_again(job: Path):
    for path in job.parent.glob("ana.*"):
        path.unlink()
    command = [sys.executable, "-m", "maggie_node", "farm", "task", job, "--frames", "1001-1005"]

    run = subprocess.run([*command, "--retries", "3"], capture_output=True, text=True, timeout=120)

    assert run.returncode == 2, run.stderr
    assert run.stdout.count("openjd_fail: ") == 1
    assert "trying again" not in run.stdout


@pytest.mark.parametrize(
    ("ends", "code", "tries"),
    [
        (["kill -9 $$", "exit 75", "exit 0"], 0, 3),
        (["kill -9 $$"] * 3, 75, 3),
        (["exit 3"], 3, 1),
        (["exit 5"], 5, 1),
        (["exit 130"], 130, 1),
    ],
)
def test_only_what_another_try_may_mend_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: list[str], code: int, tries: int
):
    lines = [f"{number}) {end} ;;" for number, end in enumerate(ends)]
    python = tmp_path / "python"
    python.write_text(
        "\n".join(
            [
                "#!/bin/sh",
                f"cd {tmp_path}",
                "tries=$(ls try.* 2>/dev/null | wc -l)",
                "touch try.$tries",
                "case $tries in",
                *lines,
                "esac",
            ]
        ),
        encoding="utf-8",
    )
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    said: list[str] = []

    assert run_again(["farm", "task"], retries=2, say=said.append, pause_s=0) == code

    assert len(list(tmp_path.glob("try.*"))) == tries
    assert len(said) == tries - 1


TRYING = """
import sys
from maggie_node.farm.trying import run_again
sys.executable = sys.argv[1]
sys.exit(run_again([], retries=2, say=print, pause_s=0))
"""


def test_a_farm_that_ends_a_task_ends_its_process_and_no_other_is_begun(tmp_path: Path):
    python = tmp_path / "python"
    python.write_text(
        f"#!/bin/sh\ntrap 'touch {tmp_path}/ended; exit 99' TERM\necho began\nsleep 20 >/dev/null &\nwait\n",
        "utf-8",
    )
    python.chmod(0o755)
    with subprocess.Popen([sys.executable, "-c", TRYING, python], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "began\n"
        run.terminate()
        assert run.wait(timeout=30) == 99
    assert (tmp_path / "ended").exists()
