"""Two jobs that write the same frames: the second is refused, and a dead one holds nothing."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from node.test_interruption import start, wait_for_frame
from support.command_line import run_command
from support.shots import write_shot
from support.tiny import write_tiny_model

from maggie_api.errors import BusyError
from maggie_core.io.atomic import own_name
from maggie_node import claims
from maggie_node.claims import claimed

THEIRS = ".maggie-0badcafe-77-0123456789ab.lock"
"""Name of a claim of another machine."""


@pytest.mark.skipif(sys.platform == "win32", reason="no process can be stopped there")
def test_the_second_job_says_who_writes_the_frames_and_a_killed_one_holds_nothing(tmp_path: Path):
    shot, model = write_shot(tmp_path / "shot", frames=range(1, 5)), write_tiny_model(tmp_path / "model")
    out = tmp_path / "out"
    words = ["matte", shot.plate, "-o", out / "m.####.exr", *shot.guidance, "--model", model, "--frames"]
    first = start(shot, model, out)
    wait_for_frame(first, 1)
    first.send_signal(signal.SIGSTOP)  # so that it has not ended when the others begin

    same = run_command(*words, "1")
    second = run_command(*words, "1-2", "--gamma", "2")
    beside = run_command(*words[:3], out / "n.####.exr", *words[4:], "1")
    first.kill()
    first.communicate()
    third = run_command(*words, "1", "--gamma", "2")

    assert same.exit_code == 0 and f"process {first.pid} of" in same.stderr
    assert second.exit_code == 3
    assert f"are being written by another job, process {first.pid} of" in second.stderr.splitlines()[-1]
    assert (beside.exit_code, third.exit_code) == (0, 0)
    assert not list(out.glob(".maggie-*.lock"))


def lay(folder: Path, beat: int) -> None:
    words = {
        "output": "m.####.exr",
        "job": "x",
        "frames": "1-10",
        "who": "process 77 of eve on far",
        "beat": beat,
    }
    (folder / "new").write_text(json.dumps(words), encoding="utf-8")
    (folder / "new").replace(folder / THEIRS)


def test_another_machine_holds_its_frames_as_long_as_it_shows_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(claims, "WATCH_S", 1.0)
    lay(tmp_path, 0)
    with (
        claimed(tmp_path / "m.####.exr", (11, 12), job="y"),
        claimed(tmp_path / "n.####.exr", (1, 2), job="y"),
    ):
        assert (tmp_path / THEIRS).exists()

    over = threading.Event()

    def live() -> None:
        for beat in itertools.count(1):
            if over.wait(0.05):
                return
            lay(tmp_path, beat)

    lives = threading.Thread(target=live)
    lives.start()
    with (
        pytest.raises(BusyError, match="frames 9-10 of .* by another job, process 77 of eve on far"),
        claimed(tmp_path / "m.####.exr", (9, 10, 11), job="y"),
    ):
        pass
    over.set()
    lives.join()

    with claimed(tmp_path / "m.####.exr", (9, 10, 11), job="y"):
        assert not (tmp_path / THEIRS).exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_file_and_strangers_files_stop_nobody(tmp_path: Path):
    (tmp_path / THEIRS).write_text("[", encoding="utf-8")
    with (
        claimed(tmp_path / "m.####.exr", (1,), job="y"),
        claimed(tmp_path / "nowhere" / "m.####.exr", (1,), job="y"),
    ):
        pass


def test_what_a_killed_process_left_goes_also_where_no_file_is_written(tmp_path):
    name = own_name("tmp").replace(f"-{os.getpid()}-", "-999999999-")
    (tmp_path / name).touch()

    with claimed(tmp_path / "m.####.exr", (1,), job="a"):
        assert not (tmp_path / name).exists()
