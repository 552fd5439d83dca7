"""Stopped at any moment, a job leaves whole files, and goes on from them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Command
from support.shots import TinyShot, write_shot

from maggie_api.events import Finished, FrameDone, from_line
from maggie_core.mattes import read_mattes

FRAMES = range(1, 31)


@pytest.fixture(scope="module")
def long_shot(tmp_path_factory: pytest.TempPathFactory) -> TinyShot:
    return write_shot(tmp_path_factory.mktemp("long"), frames=FRAMES)


def start(shot: TinyShot, model: Path, out: Path) -> subprocess.Popen[str]:
    args = [
        "matte",
        shot.plate,
        "-o",
        str(out / "m.####.exr"),
        *shot.guidance,
        "--model",
        str(model),
        "--json",
    ]
    return subprocess.Popen(
        [sys.executable, "-m", "maggie_node", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for_frame(process: subprocess.Popen[str], number: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        event = from_line(line)
        if isinstance(event, FrameDone) and event.frame >= number:
            return
    raise AssertionError(process.communicate())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
def test_a_stopped_job_leaves_whole_files_and_goes_on_from_them(
    long_shot: TinyShot, tiny_model: Path, tmp_path: Path, number: signal.Signals
):
    process = start(long_shot, tiny_model, tmp_path)
    wait_for_frame(process, 3)

    asked = time.monotonic()
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)

    files = sorted(tmp_path.glob("*.exr"))
    assert 3 <= len(files) < len(FRAMES)
    for path in files:
        assert set(read_mattes(path)[0]) == {"ana", "ben"}
    if number != signal.SIGKILL:
        assert process.returncode == 130, stderr
        assert time.monotonic() - asked < 10
        finished = from_line(stdout.splitlines()[-1])
        assert finished == Finished(done=len(files), skipped=0, failed=0, cancelled=True)
        assert [path for path in tmp_path.iterdir() if path.suffix != ".exr"] == []

    resumed = start(long_shot, tiny_model, tmp_path)
    stdout, stderr = resumed.communicate(timeout=120)

    assert resumed.returncode == 0, stderr
    done = [event for event in map(from_line, stdout.splitlines()) if isinstance(event, FrameDone)]
    assert [event.frame for event in done if event.cached] == list(range(1, len(files) + 1))
    assert len(list(tmp_path.glob("*.exr"))) == len(FRAMES)


def test_a_job_that_is_stopped_says_what_is_left(long_shot: TinyShot, tiny_model: Path, tmp_path: Path):
    words = ["matte", long_shot.plate, "-o", tmp_path / "m.####.exr", *long_shot.guidance]
    with subprocess.Popen(
        [sys.executable, "-m", "maggie_node", *map(str, words), "--model", str(tiny_model)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any(line.startswith("frame 2 ") for line in lines)
        process.send_signal(signal.SIGTERM)
        said = [line.strip() for line in lines]

    assert process.returncode == 130
    done = len(list(tmp_path.glob("*.exr")))
    assert f"cancelled: frames {done + 1}-30 left; run the same again to go on" in said


@pytest.mark.parametrize("step", ["submit", "result"])
def test_a_signal_while_a_file_is_handed_over_or_noted_loses_it_from_no_count(
    command: Command,
    kept_shot: TinyShot,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
):
    owner = ThreadPoolExecutor if step == "submit" else Future
    original, written = getattr(owner, step), []

    def interrupted(self: Any, *args: Any, **more: Any) -> Any:
        found = original(self, *args, **more)
        if step == "submit":
            is_file = self._thread_name_prefix == "writing"
        else:
            is_file = isinstance(found, tuple) and isinstance(found[-1], float)  # paths, and when
        if is_file and threading.current_thread() is threading.main_thread():
            written.append(found)
            if len(written) == 2:
                os.kill(os.getpid(), signal.SIGTERM)
        return found

    words = ("matte", kept_shot.plate, "-o", tmp_path / "m.####.exr", *kept_shot.guidance)
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, interrupted)
        stopped = command(*words, "--model", tiny_model, "--json")

    events = [from_line(line) for line in stopped.stdout.splitlines()]
    (finished,) = [event for event in events if isinstance(event, Finished)]
    told = [event.path for event in events if isinstance(event, FrameDone)]
    assert stopped.exit_code == 130 and finished.cancelled
    assert told == sorted(str(path) for path in tmp_path.glob("*.exr"))
    assert finished.done == len(told) > 0


def test_a_job_whose_events_nobody_reads_any_more_stops(
    long_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    with start(long_shot, tiny_model, tmp_path) as process:
        wait_for_frame(process, 2)

        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaint = process.stderr.read()

    assert process.returncode == 130
    assert "Traceback" not in complaint
    assert len(list(tmp_path.glob("*.exr"))) < len(FRAMES)
