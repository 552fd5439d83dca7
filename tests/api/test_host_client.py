"""What hosts share: the worker found and followed, and files told from names."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.shots import TinyShot, write_shot
from support.workers import job_of

from maggie_api.client.host_client import Progress, WorkerSession
from maggie_api.client.python import check_python, find_python, remember_python
from maggie_api.client.worker import start_child
from maggie_api.errors import GuidanceError, HostError
from maggie_api.layer_names import slugs
from maggie_api.sequences import compact_frames, expand_output, matte_path, missing_mattes, parse_frames
from maggie_core.guidance.instances import make_instances
from maggie_node import __version__


@pytest.fixture(autouse=True)
def nobody_s_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A user who never configured anything, on a machine without the command."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("MAGGIE_PYTHON", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def host() -> Iterator[WorkerSession]:
    host = WorkerSession("a test", python=sys.executable, shared=False)
    yield host
    host.close()


def test_a_job_is_followed_to_its_end(
    host: WorkerSession, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    told: list[Progress] = []

    end = host.submit(job_of(kept_shot, tmp_path, tiny_model)).wait(told.append)

    assert (end.state, end.done, end.total, end.fraction) == ("done", 5, 5, 1.0)
    assert end.text == "5 of 5 mattes are there"
    assert end.started is not None and [i.slug for i in end.started.instances] == ["ana", "ben"]
    assert told[0].state == "waiting" and told[0].text and told[-1] == end
    assert missing_mattes(str(tmp_path / "m.####.exr"), range(1001, 1006)) == []


def test_a_failing_frame_is_named_with_its_reason_and_the_others_are_there(
    host: WorkerSession, tiny_model: Path, tmp_path: Path
):
    shot = write_shot(tmp_path / "shot", frames=range(1001, 1009))
    (tmp_path / "shot" / "plate.1008.exr").write_bytes(b"not an EXR")

    end = host.submit(job_of(shot, tmp_path, tiny_model, segment_frames=4, warmup_frames=0)).wait()

    assert end.state == "failed" and end.failed and end.done == 8 - end.failed
    (error,) = end.errors
    assert error.startswith("frame") and "plate.1008.exr" in error and "\n" not in error
    assert missing_mattes(str(tmp_path / "m.####.exr"), range(1001, 1009))[-1] == 1008


def test_a_job_that_cannot_start_ends_in_its_sentence(
    host: WorkerSession, kept_shot: TinyShot, tmp_path: Path
):
    end = host.submit(job_of(kept_shot, tmp_path, tmp_path / "no model")).wait()

    assert end.state == "failed" and "no model" in end.text
    assert end.errors == (end.text,)


def test_a_cancelled_job_says_what_is_there(host: WorkerSession, tiny_model: Path, tmp_path: Path):
    shot = write_shot(tmp_path / "shot", frames=range(1001, 1041))
    follow = host.submit(job_of(shot, tmp_path, tiny_model))

    end = follow.wait(lambda progress: progress.done < 2, every_s=0.01)

    assert end.state == "cancelled" and end.over
    assert 2 <= end.done < 40
    assert end.text == f"cancelled: {end.done} of 40 mattes are there, and they are whole"
    at_once = host.submit(job_of(shot, tmp_path / "none", tiny_model)).wait(lambda progress: False)
    assert at_once.text in ("cancelled: no mattes are there", "cancelled: 0 of 40 mattes are there")


def test_an_exception_of_the_host_cancels_the_job_and_goes_on(
    host: WorkerSession, tiny_model: Path, tmp_path: Path
):
    shot = write_shot(tmp_path / "shot", frames=range(1001, 1041))
    follow = host.submit(job_of(shot, tmp_path, tiny_model))

    def quit_at(progress: Progress) -> None:
        if progress.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow.wait(quit_at, every_s=0.01)

    assert follow.wait().state == "cancelled"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_worker_is_a_sentence_and_the_next_job_has_a_new_one(tiny_model: Path, tmp_path: Path):
    shot = write_shot(tmp_path / "shot", frames=range(1001, 1041))
    host = WorkerSession("a test", python=sys.executable, shared=False)

    follow = host.submit(job_of(shot, tmp_path, tiny_model))
    assert host._worker is not None
    pid = host._worker.capabilities.pid
    while not follow.poll().done:
        assert not follow.poll().over, follow.poll().text
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)

    died = follow.wait()
    after = host.submit(job_of(shot, tmp_path, tiny_model)).wait()
    host.close()

    assert died.state == "failed" and "worker" in died.text and "\n" not in died.text
    assert after.state == "done" and after.done == 40


def test_the_python_is_the_configured_the_environment_s_or_the_remembered_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(HostError, match="no python with maggie-node is known: install maggie-node"):
        find_python()
    remember_python(sys.executable)
    assert find_python() == sys.executable

    monkeypatch.setenv("MAGGIE_PYTHON", str(tmp_path / "gone"))
    with pytest.raises(HostError, match=r"\$MAGGIE_PYTHON names the python .*gone, which is not there"):
        find_python()
    assert find_python(sys.executable) == sys.executable


@pytest.mark.parametrize("named", ["configured", "environment", "remembered"])
def test_a_python_that_is_a_command_on_path_starts_a_worker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str
):
    program = tmp_path / "bin" / "python-of-the-show"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    if named == "environment":
        monkeypatch.setenv("MAGGIE_PYTHON", program.name)
    elif named == "remembered":
        remember_python(program.name)

    found = find_python(program.name if named == "configured" else "")

    assert found == str(program)
    assert check_python(found) == __version__
    with start_child(python=found if named == "remembered" else program.name) as worker:
        assert worker.capabilities.version == __version__
    if named == "environment":
        with start_child() as worker:
            assert worker.capabilities.version == __version__


def test_the_python_beside_the_command_is_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))

    assert Path(find_python()).parent.resolve() == Path(sys.executable).parent.resolve()


def test_an_interpreter_is_asked_what_it_has(tmp_path: Path):
    assert check_python(sys.executable) == __version__

    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(HostError, match="has no maggie-node .*No module named"):
        check_python(str(bare))
    with pytest.raises(HostError, match="does not run"):
        check_python(str(tmp_path / "gone"))


@pytest.mark.parametrize("output", ["m.####.exr", "m.%04d.exr", "m.%d.exr", "m.@@@.exr", "shot_#.v2.exr"])
@pytest.mark.parametrize("frame", [-3, 7, 1001, 123456])
def test_files_are_named_as_the_worker_names_them(output: str, frame: int):
    assert matte_path(f"/mattes/{output}", frame) == expand_output(f"/mattes/{output}", frame)


def test_one_file_is_one_frame():
    assert matte_path("/mattes/m.exr", 5) == Path("/mattes/m.exr")


@given(st.sets(st.integers(-50, 2000), min_size=1))
def test_ranges_read_back_as_the_frames_they_name(frames: set[int]):
    assert parse_frames(compact_frames(frames)) == tuple(sorted(frames))


@given(st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=6, unique=True))
def test_slugs_are_those_the_worker_gives(names: list[str]):
    try:
        instances = make_instances(names)
    except GuidanceError:
        return

    assert slugs(names) == [instance.slug for instance in instances]
