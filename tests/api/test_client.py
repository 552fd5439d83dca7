"""What a host has of a worker: jobs, events, and a sentence when it dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.shots import TinyShot, write_shot
from support.sources import interpreters, quiet_environment
from support.workers import PATIENCE_S, ROOT, environment, job_of, shared, until

from maggie_api.client import worker as client
from maggie_api.client.worker import Worker, clean_environment, find, find_or_start, start_child
from maggie_api.errors import WorkerError
from maggie_api.events import Event, Finished, FrameDone, Started
from maggie_api.job import MaskGuidance, MatteJob, write_job
from maggie_core.mattes import read_mattes

FRAMES = range(1, 13)


@pytest.fixture(autouse=True)
def own_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of a test lies where a user's worker is."""
    folder = tmp_path_factory.getbasetemp() / "runtime"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("OCIO", raising=False)
    return folder / "maggie-node"


@pytest.fixture(scope="module")
def long_shot(tmp_path_factory: pytest.TempPathFactory) -> TinyShot:
    return write_shot(tmp_path_factory.mktemp("long"), frames=FRAMES)


@pytest.fixture(scope="module")
def child() -> Iterator[Worker]:
    """A child for all tests of this file that leave it as it was."""
    with start_child(env=environment(), name="the tests") as worker:
        yield worker


def frames_of(events: list[Event]) -> list[int]:
    return [event.frame for event in events if isinstance(event, FrameDone)]


def wait_for_frame(running: client.RunningJob) -> None:
    """Until a frame was delivered, as somebody who looks now and then."""
    events: list[Event] = []

    def look() -> bool:
        events.extend(running.poll())
        return bool(frames_of(events))

    until(look)


def test_a_job_is_submitted_and_followed(
    child: Worker, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    running = child.submit(job_of(kept_shot, tmp_path, tiny_model))

    events = list(running.events())

    assert isinstance(events[0], Started)
    assert frames_of(events) == list(kept_shot.frames)
    assert events[-1] == Finished(5, 0, 0)
    assert running.over
    assert running.poll() == list(running.events()) == []


def test_a_timer_may_look_whenever_it_likes(
    child: Worker, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    running = child.submit(job_of(kept_shot, tmp_path, tiny_model), priority="interactive")
    events: list[Event] = []

    def look() -> bool:
        events.extend(running.poll())
        return running.over

    until(look)

    assert events[-1] == Finished(5, 0, 0)


def test_a_job_is_cancelled_also_before_the_worker_has_heard_of_it(
    child: Worker, long_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    under_way = child.submit(job_of(long_shot, tmp_path / "a", tiny_model))
    early = child.submit(job_of(long_shot, tmp_path / "b", tiny_model))
    early.cancel()
    wait_for_frame(under_way)
    under_way.cancel()

    for running in (under_way, early):
        assert [event.cancelled for event in running.events() if isinstance(event, Finished)] == [True]
    assert child.status()["jobs"] == []


@pytest.mark.parametrize("how", ["events", "poll"])
def test_a_job_that_cannot_start_is_an_error_with_its_exit_code(
    child: Worker, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path, how: str
):
    running = child.submit(job_of(kept_shot, tmp_path, tiny_model, frames="1-3"))

    with pytest.raises(WorkerError, match="frames 1-3 are outside the shot") as failed:
        if how == "events":
            list(running.events())
        else:
            until(lambda: bool(running.poll()))

    assert failed.value.exit_code == 2
    assert running.over
    assert running.poll() == []


def test_a_relative_path_is_refused_before_anything_runs(
    child: Worker, kept_shot: TinyShot, tiny_model: Path
):
    job = job_of(kept_shot, Path("somewhere"), tiny_model)

    with pytest.raises(WorkerError, match='"output" is .* needs absolute paths'):
        list(child.submit(job).events())


def test_a_job_without_a_colour_configuration_takes_that_of_who_asks(
    child: Worker, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OCIO", "ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1")

    started = next(child.submit(job_of(kept_shot, tmp_path, tiny_model, frames="1001")).events())

    assert isinstance(started, Started)
    assert started.ocio.startswith("ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1")


def test_a_killed_worker_is_a_sentence_and_the_next_job_goes_on_in_a_new_one(
    long_shot: TinyShot, tiny_model: Path, tmp_path: Path, own_folder: Path
):
    with start_child() as worker:
        pid = worker.capabilities.pid
        job = job_of(long_shot, tmp_path, tiny_model)
        running = worker.submit(job)
        waiting = worker.submit(job)
        wait_for_frame(running)

        os.kill(pid, signal.SIGKILL)

        for each in (running, waiting):
            with pytest.raises(WorkerError, match="was killed by SIGKILL.*submit the job again") as died:
                list(each.events())
            assert died.value.exit_code == 3
            assert "\n" not in str(died.value)
        whole = sorted(path for path in tmp_path.iterdir() if path.suffix == ".exr")
        assert all(set(read_mattes(path)[0]) == {"ana", "ben"} for path in whole)

        events = list(worker.submit(job).events())
        assert worker.capabilities.pid != pid
        assert frames_of(events) == list(FRAMES)
        finished = events[-1]
        assert isinstance(finished, Finished)
        assert finished.skipped >= 1
        assert finished.done + finished.skipped == len(FRAMES)
    until(lambda: len(list(own_folder.glob("child-*.log"))) == 1)  # that of the one that was killed


def test_the_worker_of_a_killed_host_ends(long_shot: TinyShot, tiny_model: Path, tmp_path: Path):
    write_job(job_of(long_shot, tmp_path, tiny_model), tmp_path / "job.json")
    with subprocess.Popen(
        [sys.executable, "-c", HOST, str(ROOT / "core"), sys.executable, str(tmp_path / "job.json")],
        stdout=subprocess.PIPE,
        text=True,
    ) as host:
        assert host.stdout is not None
        pid = int(host.stdout.readline())
        assert host.stdout.readline() == "a frame is there\n"

        host.kill()

    until(lambda: not is_alive(pid))
    assert 0 < len(list(tmp_path.glob("*.exr"))) < len(FRAMES)
    assert list(tmp_path.glob("*.tmp")) == []


HOST = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from maggie_api.client.worker import start_child
from maggie_api.job import read_job
from maggie_api.events import FrameDone, Finished
worker = start_child(python=sys.argv[2], name="a host")
print(worker.capabilities.pid, flush=True)
for event in worker.submit(read_job(Path(sys.argv[3]))).events():
    if isinstance(event, FrameDone):
        print("a frame is there", flush=True)
print(event, flush=True)
worker.close()
"""


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


OLD_HOST = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from maggie_api.client.worker import WorkerError, find_or_start, start_child
from maggie_api.job import read_job
with start_child(python=sys.argv[2]) as worker:
    print(worker.capabilities.transport, worker.status()["jobs"])
with find_or_start(sys.argv[4], python=sys.argv[2]) as worker:
    running = worker.submit(read_job(Path(sys.argv[3])))
    print([event.event for event in running.events() if event.event != "warning"])
    try:
        list(worker.submit(read_job(Path(sys.argv[3])), priority="soon").events())
    except WorkerError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("worker") / "met"
    with shared(folder):
        yield folder


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: Path(path).name)
def test_a_host_of_an_older_python_runs_a_job(
    python: str, met: Path, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    write_job(job_of(kept_shot, tmp_path, tiny_model, frames="1001-1002"), tmp_path / "job.json")
    command = [python, "-W", "error", "-S", "-c", OLD_HOST]

    host = subprocess.run(
        [*command, str(ROOT / "core"), sys.executable, str(tmp_path / "job.json"), str(met)],
        capture_output=True,
        text=True,
        env=quiet_environment(),
        timeout=PATIENCE_S,
    )

    assert (host.returncode, host.stderr) == (0, "")
    assert host.stdout.splitlines() == [
        "stdio []",
        "['started', 'frame_done', 'frame_done', 'finished']",
        'submit: field "priority" is "soon": known are batch, interactive',
    ]


@pytest.mark.parametrize(
    ("python", "sentence"),
    [
        (
            "/no/such/python",
            "/no/such/python: no such file or directory: name the Python that has maggie-node",
        ),
        ("/bin/false", "did not start, it ended with code 1"),
        ("/bin/echo", "what answers is no worker of maggie-node"),
    ],
)
def test_a_worker_that_cannot_start_is_a_sentence(
    python: str, sentence: str, kept_shot: TinyShot, tmp_path: Path
):
    with start_child(python=python) as worker:
        running = worker.submit(job_of(kept_shot, tmp_path, tmp_path))

        with pytest.raises(WorkerError, match=sentence) as failed:
            list(running.events())

    assert failed.value.exit_code == 2


def test_the_reason_of_a_worker_that_cannot_start_is_in_the_sentence(tmp_path: Path):
    with start_child(env={"PATH": os.environ["PATH"]}, roots=[tmp_path / "gone"]) as worker:
        with pytest.raises(WorkerError, match=r"ended with code 2, its last words: .*gone.* does not exist"):
            worker.capabilities  # noqa: B018 - it waits


def long_job(tmp_path: Path) -> MatteJob:
    """A job whose document takes more than a MiB."""
    guidance = tuple(MaskGuidance(f"{n}", f"{'/aaaaaaaaa' * 100}/{n}.exr") for n in range(1100))
    return MatteJob(str(tmp_path / "p.exr"), str(tmp_path / "m.exr"), guidance)


def test_a_job_document_that_is_too_long_is_refused_before_it_is_sent(child: Worker, tmp_path: Path):
    running = child.submit(long_job(tmp_path))

    with pytest.raises(WorkerError, match=r"takes 1\.\d MiB and a worker reads 1 MiB: name fewer") as refused:
        list(running.events())

    assert refused.value.exit_code == 2 and "\n" not in str(refused.value)
    assert child.status()["jobs"] == []


def test_a_worker_that_reads_less_than_the_client_sends_refuses_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with start_child() as worker:
        monkeypatch.setattr(client.rpc, "MAX_LINE", 64 << 20)
        running = worker.submit(long_job(tmp_path))

        with pytest.raises(WorkerError, match="longer than 1 MiB") as refused:
            list(running.events())

        assert refused.value.exit_code == 2
        assert worker.status()["jobs"] == []


def test_a_host_gives_its_traps_to_nobody():
    trap = {
        "PYTHONHOME": "/nuke",
        "PYTHONPATH": "/nuke",
        "LD_LIBRARY_PATH": "/nuke",
        "DYLD_INSERT_LIBRARIES": "x",
    }
    trap |= {
        "QT_PLUGIN_PATH": "/nuke",
        "QT_QPA_PLATFORM": "x",
        "__PYVENV_LAUNCHER__": "x",
        "PYTHONSTARTUP": "x",
    }
    kept = {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "1",
        "OCIO": "/c.ocio",
        "OMP_NUM_THREADS": "2",
        "MAGGIE_X": "1",
    }

    assert clean_environment(trap | kept) == kept


def test_a_worker_starts_from_a_host_whose_environment_is_a_trap(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")

    with start_child() as worker:
        assert worker.capabilities.transport == "stdio"


# A shared worker.


@pytest.mark.parametrize("tcp", [False, True])
def test_two_that_start_one_at_once_get_the_same(tmp_path: Path, tcp: bool):
    folder = tmp_path / "met"
    workers = [find_or_start(folder, tcp=tcp, name=f"client {n}") for n in range(4)]

    try:
        assert len({worker.capabilities.pid for worker in workers}) == 1
        assert workers[0].capabilities.transport == ("tcp" if tcp else "unix")
    finally:
        workers[0].shutdown()
        for worker in workers:
            worker.close()
    assert find(folder) is None


def test_a_shared_worker_outlives_who_started_it_and_is_started_anew_when_it_died(
    kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    folder = tmp_path / "met"
    with find_or_start(folder) as first:
        pid = first.capabilities.pid
    with find_or_start(folder, name="another") as worker:
        assert worker.capabilities.pid == pid
        running = worker.submit(job_of(kept_shot, tmp_path / "out", tiny_model))
        until(lambda: running.id is not None)

        os.kill(pid, signal.SIGKILL)

        with pytest.raises(WorkerError, match="ended before the job did"):
            list(running.events())
        assert worker.capabilities.pid != pid
        worker.shutdown()


def test_a_job_sent_to_a_worker_that_just_left_goes_to_the_next_one(kept_shot: TinyShot, tmp_path: Path):
    """As an idle worker leaves: nobody sees it go before the next job is sent."""
    with find_or_start(tmp_path / "met") as worker:
        pid = worker.capabilities.pid
        os.kill(pid, signal.SIGSTOP)  # so that it has not read the job when it goes

        running = worker.submit(job_of(kept_shot, tmp_path / "out", Path("no/model")))
        os.kill(pid, signal.SIGKILL)

        with pytest.raises(WorkerError, match='"model" is .* needs absolute paths'):  # says the next one
            list(running.events())
        worker.shutdown()


def test_a_folder_open_to_others_is_a_sentence(tmp_path: Path):
    (tmp_path / "open").mkdir(mode=0o755)

    with find_or_start(tmp_path / "open") as worker, pytest.raises(WorkerError, match="chmod 700 it"):
        worker.capabilities  # noqa: B018 - it waits
    with pytest.raises(WorkerError, match="chmod 700 it"):
        find(tmp_path / "open")


def test_a_closed_worker_takes_no_job(kept_shot: TinyShot, tmp_path: Path):
    worker = start_child()
    pid = worker.capabilities.pid
    worker.close()

    with pytest.raises(WorkerError, match="was closed"):
        list(worker.submit(job_of(kept_shot, tmp_path, tmp_path)).events())
    until(lambda: not is_alive(pid))


@pytest.mark.parametrize("python", interpreters()[-1:], ids=lambda path: Path(path).name)
def test_a_worker_that_hangs_up_does_not_kill_a_host_without_handlers(python: str, tmp_path: Path):
    """Blender and Nuke need not ignore SIGPIPE, as Python by itself does."""
    welcome = {"protocol": 1, "version": "0", "pid": 1, "transport": "stdio", "capabilities": []}
    answer = json.dumps({"jsonrpc": "2.0", "id": 0, "result": welcome})
    hangs_up = tmp_path / "python"
    hangs_up.write_text(f"#!/bin/sh\nread hello\nexec 0<&-\necho '{answer}'\nexec sleep 1\n")
    hangs_up.chmod(0o700)
    write_job(MatteJob("/p.exr", "/m.exr", (MaskGuidance("a", "/a.exr"),)), tmp_path / "job.json")

    host = subprocess.run(
        [python, "-c", BARE_HOST, str(ROOT / "core"), str(hangs_up), str(tmp_path / "job.json")],
        capture_output=True,
        text=True,
        env=quiet_environment(),
        timeout=PATIENCE_S,
    )

    assert (host.returncode, host.stderr) == (0, "")
    assert "submit the job again" in host.stdout


BARE_HOST = """
import signal, sys
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from maggie_api.client.worker import WorkerError, start_child
from maggie_api.job import read_job
worker = start_child(python=sys.argv[2])
worker.capabilities
jobs = [worker.submit(read_job(Path(sys.argv[3]))) for _ in range(3)]
for running in jobs:
    try:
        list(running.events())
    except WorkerError as error:
        print(error)
"""
