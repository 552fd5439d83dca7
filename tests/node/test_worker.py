"""A real worker over stdio: what it answers, and what it lives through."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.shots import TinyShot, write_shot
from support.tiny import write_tiny_model
from support.workers import PATIENCE_S, ROOT, Wire, child, environment, job_of

from maggie_api.client import rpc
from maggie_api.job import write_job
from maggie_api.serialization import to_data
from maggie_core.mattes import read_mattes

FRAMES = range(1, 13)
NOISE = """
import ctypes, os, sys
class Noise:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print("noise from Python")
            os.write(1, b"noise to descriptor 1\\n")
            libc = ctypes.CDLL(None)
            libc.puts(b"noise from C")
            libc.fflush(None)
sys.meta_path.insert(0, Noise())
"""
"""A library that prints, in every way there is, when the network is imported."""


@pytest.fixture(scope="module")
def long_shot(tmp_path_factory: pytest.TempPathFactory) -> TinyShot:
    return write_shot(tmp_path_factory.mktemp("long"), frames=FRAMES)


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("noise")
    (folder / "sitecustomize.py").write_text(NOISE)
    return folder


@pytest.fixture(scope="module")
def wire(noise: Path) -> Iterator[Wire]:
    """A worker for all tests of this file that leave it as it was; its libraries print, into `noise`/said."""
    noisy = environment(PYTHONPATH=str(noise), OMP_NUM_THREADS="2")
    with (
        open(noise / "said", "ab") as said,
        child(env=noisy, stderr=said) as (wire, _),
    ):
        answer = wire.hello()
        assert answer["result"]["transport"] == "stdio"
        yield wire


@pytest.fixture
def fresh() -> Iterator[Wire]:
    """A worker that nobody has said hello to."""
    with child() as (wire, _):
        yield wire


def code(answer: dict[str, Any]) -> int:
    return answer["error"]["code"]


def pixels(folder: Path) -> dict[str, list[np.ndarray]]:
    """Everything in the mattes of a folder, by file; every file is whole."""
    return {path.name: [*read_mattes(path)[0].values()] for path in sorted(folder.glob("*.exr"))}


def same(some: dict[str, list[np.ndarray]], others: dict[str, list[np.ndarray]]) -> bool:
    """Whether all files have the same pixels, bit for bit."""
    return some.keys() == others.keys() and all(
        np.array_equal(one, other)
        for name in some
        for one, other in zip(some[name], others[name], strict=True)
    )


def test_nothing_works_before_hello(fresh: Wire):
    for method in ("status", "submit", "cancel", "shutdown"):
        answer = fresh.ask(method)

        assert code(answer) == rpc.NO_HELLO
        assert "say hello first" in answer["error"]["message"]
    assert fresh.hello()["result"]["protocol"] == rpc.PROTOCOL


@pytest.mark.parametrize("version", [2, 0, "1", 1.5, None, True])
def test_a_client_of_another_version_gets_one_clear_error(fresh: Wire, version: Any):
    answer = fresh.ask("hello", {"protocol": version, "colour": "what version 2 may have"})

    assert code(answer) == rpc.OTHER_PROTOCOL
    assert "speaks protocol 1" in answer["error"]["message"]
    assert code(fresh.ask("status")) == rpc.NO_HELLO


def test_it_answers_before_the_network_is_there(
    fresh: Wire, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    fresh.hello()

    job = fresh.submit(job_of(kept_shot, tmp_path, tiny_model))
    status = fresh.ask("status")["result"]

    assert [(each["job_id"], each["state"]) for each in status["jobs"]] == [(job, "computing")]
    assert status["models"] == []
    assert fresh.notices == []


def test_stdout_is_protocol_whatever_a_library_prints(
    wire: Wire, noise: Path, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    job = wire.submit(job_of(kept_shot, tmp_path, tiny_model))

    assert wire.finish(job)["done"] == 5  # and every line before it was JSON-RPC
    said = (noise / "said").read_text()
    assert all(f"noise {how}" in said for how in ("from Python", "to descriptor 1", "from C"))


def test_events_are_those_of_the_command(wire: Wire, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path):
    job = wire.submit(job_of(kept_shot, tmp_path, tiny_model))
    wire.finish(job)

    events = [event for event in wire.events(job) if event["event"] != "warning"]
    assert [event["event"] for event in events] == ["started", *["frame_done"] * 5, "finished"]
    assert [event["frame"] for event in events[1:-1]] == list(kept_shot.frames)
    assert [Path(event["path"]).is_file() for event in events[1:-1]] == [True] * 5


# The queue.


def test_a_cancelled_job_leaves_whole_files_and_delivers_no_frame_after_the_one_under_way(
    wire: Wire, long_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    job = wire.submit(job_of(long_shot, tmp_path, tiny_model))
    wire.event(job, "frame_done")

    assert wire.ask("cancel", {"job_id": job})["result"] == {"cancelled": True}
    before = len(wire.events(job))
    finished = wire.finish(job)

    after = [event["event"] for event in wire.events(job)[before:] if event["event"] != "warning"]
    assert after in (["finished"], ["frame_done", "finished"])  # of the frame under way, and the end
    assert finished["cancelled"]
    assert finished["done"] == len(pixels(tmp_path)) < len(FRAMES)
    assert [path for path in tmp_path.iterdir() if path.suffix != ".exr"] == []
    assert wire.ask("cancel", {"job_id": job})["result"] == {"cancelled": False}

    again = wire.submit(job_of(long_shot, tmp_path, tiny_model))
    assert wire.finish(again)["skipped"] == finished["done"]
    assert len(pixels(tmp_path)) == len(FRAMES)


def test_a_job_cancelled_while_it_waits_ends_at_once(
    wire: Wire, long_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    first = wire.submit(job_of(long_shot, tmp_path / "a", tiny_model))
    second = wire.submit(job_of(long_shot, tmp_path / "b", tiny_model))
    wire.event(first, "started")
    states = [job["state"] for job in wire.ask("status")["result"]["jobs"]]

    wire.ask("cancel", {"job_id": second})
    wire.ask("cancel", {"job_id": first})

    assert states == ["computing", "waiting"]
    assert wire.finish(second) == {
        "event": "finished",
        "done": 0,
        "skipped": 0,
        "failed": 0,
        "cancelled": True,
        "pictures_failed": 0,
    }
    assert wire.finish(first)["cancelled"]
    assert not (tmp_path / "b").exists()


def test_a_scrubbed_frame_goes_ahead_of_a_batch_and_the_batch_goes_on(
    wire: Wire, long_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    batch = wire.submit(job_of(long_shot, tmp_path / "batch", tiny_model))
    wire.event(batch, "frame_done")

    scrub = wire.submit(job_of(long_shot, tmp_path / "scrub", tiny_model, frames="5"), priority="interactive")
    wire.event(scrub, "started")
    while wire.event(scrub)["event"] != "finished":
        pass
    jobs = [note["params"]["job_id"] for note in wire.notices]
    began = jobs.index(scrub)
    done_before = jobs[:began].count(batch) - 1

    assert set(jobs[began:]) == {scrub}  # from its first event to its last the batch did nothing
    assert done_before < len(FRAMES)
    assert wire.finish(batch)["done"] == len(FRAMES)
    assert same(pixels(tmp_path / "scrub"), {"m.0005.exr": pixels(tmp_path / "batch")["m.0005.exr"]})


def test_jobs_of_one_client_run_in_order(wire: Wire, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path):
    jobs = [wire.submit(job_of(kept_shot, tmp_path / name, tiny_model, frames="1001-1002")) for name in "abc"]

    for job in jobs:
        wire.finish(job)

    told = [note["params"]["job_id"] for note in wire.notices if note["params"]["job_id"] in jobs]
    assert told == sorted(told)


def test_a_job_that_cannot_start_says_why_in_one_line_with_its_exit_code(
    wire: Wire, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    licensed = write_tiny_model(tmp_path / "nc", licence="CC BY-NC 4.0", commercial=False)
    wrong = {
        2: job_of(kept_shot, tmp_path, tiny_model, frames="1-3"),
        5: job_of(kept_shot, tmp_path, licensed, commercial=True),
    }

    for exit_code, job in wrong.items():
        failed = wire.event(wire.submit(job), "finished")
        assert failed["event"] == "failed"
        assert failed["exit_code"] == exit_code
        assert "\n" not in failed["error"]
    assert wire.ask("status")["result"]["jobs"] == []


def test_a_model_stays_in_memory_until_its_file_changes(wire: Wire, kept_shot: TinyShot, tmp_path: Path):
    model = write_tiny_model(tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    names: list[str] = []

    for name in ("first", "second"):
        (model / "config.json").write_text(json.dumps(config | {"name": name}))
        job = wire.submit(job_of(kept_shot, tmp_path / name, model, frames="1001"))
        assert wire.event(job, "started")["model"] == name
        wire.finish(job)
        names = wire.ask("status")["result"]["models"]

    assert names == ["first", "second"]


def test_the_pixels_are_those_of_the_command(
    wire: Wire, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    """Also those of a second job, with another one between its frames."""
    write_job(
        job_of(kept_shot, tmp_path / "command", tiny_model, refine="closed-form"), tmp_path / "job.json"
    )
    command = [sys.executable, "-m", "maggie_node", "job", str(tmp_path / "job.json")]
    subprocess.run(command, check=True, env=environment(OMP_NUM_THREADS="2"), capture_output=True)

    for name in ("first", "second"):
        batch = wire.submit(job_of(kept_shot, tmp_path / name, tiny_model, refine="closed-form"))
        wire.event(batch, "frame_done")
        scrub = wire.submit(
            job_of(kept_shot, tmp_path / f"scrub {name}", tiny_model, frames="1004"), priority="interactive"
        )
        wire.finish(scrub)
        wire.finish(batch)

    assert same(pixels(tmp_path / "first"), pixels(tmp_path / "command"))
    assert same(pixels(tmp_path / "second"), pixels(tmp_path / "command"))


# What nobody should say.


def test_a_thousand_malformed_requests_are_refused_and_it_lives(
    wire: Wire, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    chance = random.Random(4)
    good = to_data(job_of(kept_shot, tmp_path, tiny_model))
    refused = 0

    for number in range(1000):
        line = malformed(chance, good, f"bad {number}")
        wire.send(line.replace(b"\n", b" ") + b"\n")
    wire.send(b'{"jsonrpc": "2.0", "id": "the end", "method": "status"}\n')
    while (message := wire.next()).get("id") != "the end":
        assert message["error"]["code"] in range(-32768, -31999), message
        assert message["error"]["message"].strip()
        assert "\n" not in message["error"]["message"]
        refused += 1

    assert refused == 1000
    assert message["result"]["jobs"] == []
    job = wire.submit(job_of(kept_shot, tmp_path, tiny_model, frames="1001"))
    assert wire.finish(job)["done"] == 1


def malformed(chance: random.Random, job: dict[str, Any], number: str) -> bytes:
    """A line that no worker may take: bytes, JSON, or a request with something wrong in it."""
    nonsense: list[Any] = [
        None,
        True,
        1,
        -7,
        1e300,
        10**400,
        "",
        "x" * 5000,
        [],
        [[]],
        {},
        {"a": {"b": []}},
        "\ud800",
    ]
    kind = chance.randrange(6)
    if kind == 0:
        return b"!" + chance.randbytes(chance.randrange(0, 200))
    if kind == 1:
        return json.dumps(chance.choice([each for each in nonsense if not isinstance(each, dict)])).encode()
    request: dict[str, Any] = {
        "jsonrpc": "2.0",
        "id": number,
        "method": "submit",
        "params": {"job": dict(job)},
    }
    if kind == 2:
        del request[chance.choice(["jsonrpc", "method", "params"])]
    elif kind == 3:
        wrong = [each for each in nonsense if not isinstance(each, dict)]
        request[chance.choice(["jsonrpc", "method", "params"])] = chance.choice(wrong)
    elif kind == 4:
        field = chance.choice(
            ["plate", "output", "guidance", "working_px", "resume", "schema", "no_such_field"]
        )
        request["params"]["job"][field] = chance.choice([{}, [[]], 1.5, {"a": {"b": []}}])
    else:
        request["params"] |= {
            chance.choice(["priority", "keep", "job", "extra"]): chance.choice([3, "x", [], [[]]])
        }
    return json.dumps(request).encode()


def test_a_line_longer_than_a_mebibyte_is_refused_and_the_next_one_answered(wire: Wire):
    wire.send(b'{"jsonrpc": "2.0", "id": 1, "method": "' + b"x" * (3 << 20) + b'"}\n')

    refusal = wire.next()
    assert code(refusal) == rpc.NO_REQUEST
    assert "longer than 1 MiB" in refusal["error"]["message"]
    assert "result" in wire.ask("status")


def test_a_job_nobody_submitted_cannot_be_cancelled(wire: Wire):
    assert code(wire.ask("cancel", {"job_id": 10**9})) == rpc.NO_JOB
    assert code(wire.ask("cancel", {"job_id": 0})) == rpc.NO_JOB


def test_a_relative_path_is_refused(wire: Wire, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path):
    data = to_data(job_of(kept_shot, tmp_path, tiny_model))

    for field in ("plate", "output", "model", "cache", "ocio"):
        answer = wire.ask("submit", {"job": data | {field: "some/thing.exr"}})

        assert code(answer) == rpc.NOT_ALLOWED
        assert f"\"{field}\" is 'some/thing.exr'" in answer["error"]["message"]


# How it ends.


def test_it_ends_when_its_host_does_and_leaves_whole_files(
    long_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    with child() as (wire, process):
        wire.hello()
        job = wire.submit(job_of(long_shot, tmp_path, tiny_model))
        wire.event(job, "frame_done")

        assert process.stdin is not None
        process.stdin.close()

        assert wire.finish(job)["cancelled"]
        wire.ended()
        assert process.wait(PATIENCE_S) == 0
    assert 0 < len(pixels(tmp_path)) < len(FRAMES)
    assert [path for path in tmp_path.iterdir() if path.suffix != ".exr"] == []


@pytest.mark.parametrize("how", ["shutdown", "SIGTERM"])
def test_it_ends_when_it_is_asked_to(how: str):
    with child() as (wire, process):
        wire.hello()

        if how == "shutdown":
            assert wire.ask("shutdown")["result"] == {}
        else:
            process.send_signal(signal.SIGTERM)

        wire.ended()
        assert process.wait(PATIENCE_S) == 0


def test_it_ends_when_its_host_is_killed_even_if_somebody_else_has_the_pipe(tmp_path: Path):
    """A host may have given the pipe's end to another child, so that the worker never reads its end."""
    source, target = os.pipe()
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, str(ROOT)],
        stdin=source,
        stdout=subprocess.PIPE,
        env=environment(),
        pass_fds=[target],
    )
    os.close(source)
    with host:
        assert host.stdout is not None
        os.write(target, rpc.request("hello", {"protocol": 1}, 1))
        assert b'"transport": "stdio"' in host.stdout.readline()

        host.kill()

        assert host.stdout.read() == b""  # the worker was the last who had this
    os.close(target)


HOST = """
import subprocess, sys
subprocess.run([sys.executable, "-m", "maggie_node", "worker", "--stdio"], cwd=sys.argv[1])
"""
