"""A worker that many find: its folder, its token, its clients, its end."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.shots import TinyShot, write_shot
from support.workers import PATIENCE_S, ROOT, environment, job_of, line_to, shared, until, wire_to

from maggie_api.client import rpc
from maggie_api.client.address import (
    ADDRESS,
    LOCK,
    Address,
    connect,
    default_folder,
    private_folder,
    read_address,
    write_address,
)
from maggie_api.errors import FolderError
from maggie_core.mattes import read_mattes

FRAMES = range(1, 13)


@pytest.fixture(scope="module")
def long_shot(tmp_path_factory: pytest.TempPathFactory) -> TinyShot:
    return write_shot(tmp_path_factory.mktemp("long"), frames=FRAMES)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a worker that lives as long as the tests of this file."""
    folder = tmp_path_factory.mktemp("worker") / "met"
    with shared(folder):
        yield folder


@pytest.fixture(scope="module", autouse=True)
def silent(place: Path) -> Iterator[socket.socket]:
    """A connection that nobody says hello on, from the first test of this file to the last."""
    with line_to(place) as line:
        line.settimeout(PATIENCE_S)
        yield line


# The folder.


def test_the_folder_is_for_its_user_alone(place: Path):
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE((place / ADDRESS).stat().st_mode) == 0o600


def test_a_folder_that_is_open_to_others_is_refused(tmp_path: Path):
    (tmp_path / "open").mkdir(mode=0o755)

    with pytest.raises(FolderError, match=r"is open to others \(mode 755\): chmod 700 it"):
        private_folder(tmp_path / "open")


def test_a_folder_that_is_a_link_or_a_file_is_refused(tmp_path: Path):
    (tmp_path / "there").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "there")
    (tmp_path / "file").touch()

    for name in ("link", "file"):
        with pytest.raises(FolderError, match="is no folder"):
            private_folder(tmp_path / name)


def test_the_users_own_folder_is_the_sessions_or_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert default_folder() == tmp_path / "maggie-node"

    for useless in ("", "relative", str(tmp_path / "not there")):
        monkeypatch.setenv("XDG_RUNTIME_DIR", useless)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
        assert default_folder() == tmp_path / "tmp" / f"maggie-node-{os.getuid()}"


def test_an_address_that_a_dead_worker_left_is_nobodys(tmp_path: Path):
    folder = private_folder(tmp_path / "met")
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        write_address(folder, Address(1, "0", port=stranger.getsockname()[1], token="x"))
        (folder / LOCK).touch()

        assert connect(folder, timeout_s=1) is None


def test_a_folder_with_a_long_name_is_as_good(tmp_path: Path):
    folder = tmp_path / ("long" * 30)

    with shared(folder):
        address = read_address(folder)
        assert address is not None
        assert address.socket is not None
        assert stat.S_IMODE(Path(address.socket).parent.stat().st_mode) == 0o700
        with wire_to(folder) as wire:
            assert wire.hello()["result"]["transport"] == "unix"
    assert not Path(address.socket).parent.exists()


# Who comes in.


def test_a_port_needs_the_token_and_the_worker_lives_on_without(tmp_path: Path):
    folder = tmp_path / "met"
    with shared(folder, "--tcp"):
        address = read_address(folder)
        assert address is not None
        assert address.token is not None
        assert len(bytes.fromhex(address.token)) * 8 == 256

        wrong = [None, "", address.token[:-1], address.token[::-1], address.token.upper() + "x", "\udc80"]
        for token in wrong:
            with wire_to(folder) as wire:
                answer = wire.hello() if token is None else wire.hello(token=token)
                assert answer["error"]["code"] == rpc.WRONG_TOKEN
                assert address.token not in json.dumps(answer)
                wire.ended()  # no second try
        with wire_to(folder) as wire:
            assert wire.ask("status")["error"]["code"] == rpc.NO_HELLO
            wire.ended()
        with line_to(folder) as line:
            line.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert b"not JSON" in line.makefile("rb").read()
        with wire_to(folder) as wire:
            assert wire.hello(token=address.token)["result"]["transport"] == "tcp"
            assert wire.ask("status")["result"]["clients"] == 1


# Several clients.


def test_two_clients_take_turns(place: Path, long_shot: TinyShot, tiny_model: Path, tmp_path: Path):
    with wire_to(place) as one, wire_to(place) as other:
        wires = {"one": one, "other": other}
        jobs: dict[str, int] = {}
        for name, wire in wires.items():
            wire.hello(client=name)
            jobs[name] = wire.submit(job_of(long_shot, tmp_path / name, tiny_model))

        assert [wire.finish(jobs[name])["done"] for name, wire in wires.items()] == [len(FRAMES)] * 2

    when = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.exr")}
    order = [path.parent.name for path in sorted(when, key=lambda path: when[path])]
    assert max(len(list(run)) for _, run in itertools.groupby(order)) <= 3


def test_a_client_that_does_not_read_holds_up_nobody(
    place: Path, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    """Its answers wait in the worker up to a limit, then its requests wait, and nothing of it is lost."""
    asked = 60_000
    with line_to(place) as slow, wire_to(place) as other:
        status = b"".join(b'{"jsonrpc": "2.0", "id": %d, "method": "status"}\n' % n for n in range(asked))
        hello = rpc.request("hello", rpc.Hello(rpc.PROTOCOL, "slow"), "hello")
        sender = threading.Thread(target=slow.sendall, args=(hello + status,))
        sender.start()
        other.hello()

        job = other.submit(job_of(kept_shot, tmp_path, tiny_model))
        assert other.finish(job)["done"] == len(kept_shot.frames)
        assert sender.is_alive()  # the worker reads no more of it than it can answer

        lines = slow.makefile("rb")
        assert json.loads(lines.readline())["id"] == "hello"
        assert [json.loads(lines.readline())["id"] for _ in range(asked)] == list(range(asked))
        sender.join()


@pytest.mark.parametrize("keep", [False, True])
def test_the_job_of_a_client_that_is_gone_is_cancelled_unless_it_is_kept(
    place: Path, long_shot: TinyShot, tiny_model: Path, tmp_path: Path, keep: bool
):
    with wire_to(place) as wire:
        wire.hello()
        job = wire.submit(job_of(long_shot, tmp_path / "first", tiny_model), keep=keep)
        wire.event(job, "frame_done")

    with wire_to(place) as wire:
        wire.hello()
        last = wire.submit(job_of(long_shot, tmp_path / "last", tiny_model))
        assert wire.finish(last)["done"] == len(FRAMES)
        # Two clients took turns, so a job that went on has ended by now, but for a frame or two.
        until(lambda: job not in [each["job_id"] for each in wire.ask("status")["result"]["jobs"]])

    mattes = sorted((tmp_path / "first").glob("*.exr"))
    assert all(set(read_mattes(path)[0]) == {"ana", "ben"} for path in mattes)
    assert len(mattes) == len(FRAMES) if keep else len(mattes) < len(FRAMES)


def test_a_client_may_cancel_what_another_left(
    place: Path, long_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    with wire_to(place) as wire:
        wire.hello(client="Nuke of ana")
        job = wire.submit(job_of(long_shot, tmp_path, tiny_model), keep=True)
        wire.event(job, "frame_done")

    with wire_to(place) as wire:
        wire.hello()
        (listed,) = wire.ask("status")["result"]["jobs"]
        assert (listed["job_id"], listed["client"], listed["keep"]) == (job, "Nuke of ana", True)
        assert wire.ask("cancel", {"job_id": job})["result"] == {"cancelled": True}
        until(lambda: not wire.ask("status")["result"]["jobs"])

    assert len(list(tmp_path.glob("*.exr"))) < len(FRAMES)


# How it ends.


def test_without_a_job_it_ends_by_itself_also_with_a_client_there(tmp_path: Path):
    with shared(tmp_path / "met", "--idle-s", "0.2") as process, wire_to(tmp_path / "met") as wire:
        wire.hello()

        wire.ended()
        assert process.wait(PATIENCE_S) == 0
    assert {path.name for path in (tmp_path / "met").iterdir()} == {LOCK}


def test_a_second_one_leaves_at_once_and_a_killed_one_stands_in_nobodys_way(tmp_path: Path):
    folder = tmp_path / "met"
    command = [sys.executable, "-m", "maggie_node", "worker", "run", "--at", str(folder)]
    with shared(folder) as process:
        second = subprocess.run(command, env=environment(), cwd=ROOT, capture_output=True, timeout=PATIENCE_S)
        assert second.returncode == 0
        assert b"a worker is there already" in second.stderr
        process.send_signal(signal.SIGKILL)
        process.wait()

    assert (folder / ADDRESS).exists()
    with shared(folder), wire_to(folder) as wire:
        assert "result" in wire.hello()


def test_one_that_comes_late_does_not_take_the_place_of_one_that_was_found_and_stopped(tmp_path: Path):
    """Two clients start one each; one is found by both and stopped; the other one has only now got so far."""
    folder = tmp_path / "met"
    asked_ns = time.time_ns()
    with shared(folder):
        pass
    command = [sys.executable, "-m", "maggie_node", "worker", "run", "--at", str(folder)]

    late = subprocess.run(
        [*command, "--asked-ns", str(asked_ns)],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        timeout=PATIENCE_S,
    )

    assert (late.returncode, b"another worker was found meanwhile" in late.stderr) == (0, True)
    with shared(folder, "--asked-ns", str(time.time_ns())):
        pass


def test_the_end_is_told_to_every_client(tmp_path: Path, long_shot: TinyShot, tiny_model: Path):
    folder = tmp_path / "met"
    with shared(folder), wire_to(folder) as worker, wire_to(folder) as boss:
        worker.hello()
        boss.hello()
        job = worker.submit(job_of(long_shot, tmp_path / "out", tiny_model))
        worker.event(job, "frame_done")

        boss.ask("shutdown")

        assert worker.finish(job)["cancelled"]
        worker.ended()
        boss.ended()


def test_whoever_says_nothing_is_shown_out(silent: socket.socket):
    assert silent.recv(1) == b""
