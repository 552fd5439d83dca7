"""The worker from the command line: start, status, stop, and jobs that run in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.command_line import Command
from support.shots import TinyShot, write_shot
from support.workers import ROOT, environment, job_of, until

from maggie_api.events import Finished, FrameDone, Started, from_line
from maggie_api.job import MatteJob, write_job

FRAMES = range(1, 13)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the worker of this file is met; the first command that needs it starts it."""
    folder = tmp_path_factory.mktemp("worker") / "met"
    yield folder
    run("worker", "stop", "--at", folder)


@pytest.fixture
def document(kept_shot: TinyShot, tiny_model: Path, tmp_path: Path) -> Path:
    job = job_of(kept_shot, tmp_path / "out", tiny_model)
    write_job(job, tmp_path / "job.json")
    return tmp_path / "job.json"


def start(*args: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "maggie_node", *map(str, args)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment(), cwd=ROOT)


def run(*args: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command that gets a process of its own."""
    with start(*args) as process:
        said, complaint = process.communicate(timeout=120)
    return process.returncode, said, complaint


def test_start_finds_the_worker_that_is_there_and_stop_ends_it(tmp_path: Path, command: Command):
    at = ("--at", tmp_path / "met")

    first, second = (json.loads(run("worker", "start", *at, "--json")[1]) for _ in range(2))
    status = json.loads(command("worker", "status", *at, "--json").stdout)
    stop = command("worker", "stop", *at)

    assert first["running"]
    assert first["transport"] == "unix"
    assert first == second
    assert (status["running"], status["pid"], status["jobs"]) == (True, first["pid"], [])
    assert (stop.exit_code, stop.stdout) == (0, f"worker {first['pid']} has ended\n")
    assert json.loads(command("worker", "status", *at, "--json").stdout)["running"] is False
    again = command("worker", "stop", *at)
    assert (again.exit_code, again.stdout) == (0, f"no worker in {tmp_path / 'met'}\n")


def test_who_waits_for_the_output_of_start_does_not_wait_for_the_worker(tmp_path: Path):
    """A farm reads the command's pipes to their end: the worker must not hold them."""
    code, said, complaint = run("worker", "start", "--at", tmp_path / "met")

    assert (code, complaint) == (0, "")
    assert "in " + str(tmp_path / "met") in said
    assert run("worker", "stop", "--at", tmp_path / "met")[0] == 0


def test_a_job_in_a_worker_tells_the_same_as_one_in_its_own_process(
    folder: Path, document: Path, command: Command, tmp_path: Path
):
    here = command("job", document, "--json", "-o", tmp_path / "here" / "m.####.exr")
    code, said, complaint = run(
        "job", document, "--worker", folder, "--json", "-o", tmp_path / "there" / "m.####.exr"
    )

    assert (code, complaint) == (here.exit_code, here.stderr)
    assert code == 0
    assert all("the matte lost" in line for line in complaint.splitlines())  # an untrained model's
    ours, theirs = ([from_line(line) for line in text.splitlines()] for text in (here.stdout, said))
    assert [type(event) for event in ours] == [type(event) for event in theirs]
    assert isinstance(theirs[0], Started)
    # What a device is counts threads, and tests before may have changed those of this process.
    assert isinstance(ours[0], Started)
    assert [each.name for each in theirs[0].devices] == [each.name for each in ours[0].devices]
    assert replace(theirs[0], devices=()) == replace(ours[0], devices=())
    assert theirs[-1] == ours[-1] == Finished(5, 0, 0)
    for one, other in zip(ours, theirs, strict=True):
        if isinstance(one, FrameDone) and isinstance(other, FrameDone):
            assert Path(one.path).read_bytes() == Path(other.path).read_bytes()


def test_a_person_is_told_of_a_job_in_a_worker(folder: Path, document: Path):
    code, said, complaint = run("job", document, "--worker", folder)

    assert (code, said) == (0, "")
    assert "frame 1005" in complaint
    assert "5 mattes written" in complaint


@pytest.mark.parametrize("named", ["folder", "auto"])
def test_the_environment_may_name_the_worker(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command, named: str
):
    refused = tmp_path / "maggie-node"
    refused.mkdir(mode=0o755)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("MAGGIE_WORKER", str(refused) if named == "folder" else named)

    done = command("job", document)

    assert done.exit_code == 2
    assert f"{refused} is open to others (mode 755): chmod 700 it" in done.stderr


@pytest.mark.parametrize(
    ("change", "code", "sentence"),
    [
        ({"frames": "1-3"}, 2, "frames 1-3 are outside the shot"),
        ({"plate": "/no/such/plate.####.exr"}, 2, "plate"),
        ({"model": "no-such-model"}, 2, "no model called no-such-model"),
    ],
)
def test_a_job_fails_in_a_worker_as_it_does_here(
    folder: Path,
    kept_shot: TinyShot,
    tiny_model: Path,
    tmp_path: Path,
    command: Command,
    change: dict[str, str],
    code: int,
    sentence: str,
):
    job = job_of(kept_shot, tmp_path / "out", tiny_model)
    write_job(MatteJob(**{**job.__dict__, **change}), tmp_path / "job.json")

    here = command("job", tmp_path / "job.json")
    there = command("job", tmp_path / "job.json", "--worker", folder)

    assert (there.exit_code, there.stderr) == (here.exit_code, here.stderr)
    assert there.exit_code == code
    assert sentence in there.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_stop_cancels_the_job_in_the_worker(
    folder: Path, tiny_model: Path, tmp_path: Path, command: Command, number: signal.Signals
):
    long_shot = write_shot(tmp_path / "shot", frames=FRAMES)
    write_job(job_of(long_shot, tmp_path / "out", tiny_model), tmp_path / "job.json")
    with start("job", tmp_path / "job.json", "--worker", folder, "--json") as process:
        assert process.stdout is not None
        until(lambda: isinstance(from_line(process.stdout.readline()), FrameDone))

        process.send_signal(number)
        said, complaint = process.communicate(timeout=60)

    assert process.returncode == 130, complaint
    finished = from_line(said.splitlines()[-1])
    assert isinstance(finished, Finished)
    assert finished.cancelled
    assert finished.done == len(list((tmp_path / "out").iterdir())) < len(FRAMES)
    assert json.loads(command("worker", "status", "--at", folder, "--json").stdout)["jobs"] == []


def test_a_killed_worker_is_one_line_and_exit_code_3(tiny_model: Path, tmp_path: Path):
    long_shot = write_shot(tmp_path / "shot", frames=FRAMES)
    write_job(job_of(long_shot, tmp_path / "out", tiny_model), tmp_path / "job.json")
    with start("job", tmp_path / "job.json", "--worker", tmp_path / "met", "--json") as process:
        assert process.stdout is not None
        until(lambda: isinstance(from_line(process.stdout.readline()), FrameDone))

        os.kill(json.loads((tmp_path / "met" / "worker.json").read_text())["pid"], signal.SIGKILL)
        _, complaint = process.communicate(timeout=60)

    assert process.returncode == 3
    assert complaint.startswith(f"maggie-node: the worker in {tmp_path / 'met'} ended before the job did")
    assert complaint.count("\n") == 1


def test_stdio_takes_no_command(command: Command):
    assert command("worker").exit_code == 2
    assert command("worker", "--stdio", "start").exit_code == 2
