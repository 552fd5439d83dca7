"""The cache from the command line: killed, shared, spoilt; and pins by name."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.command_line import Command
from support.shots import TinyShot, write_shot

from maggie_api.events import Event, FrameDone, Warning, from_line
from maggie_api.job import MaskGuidance, MatteJob, write_job
from maggie_core.io.image import read_image
from maggie_core.mattes import explain, read_mattes

FRAMES = range(1001, 1025)
CHAIN = ("--segment", "8", "--warmup", "2", "--smooth", "flow", "--refine", "guided", "--float")


@pytest.fixture(scope="module")
def long_shot(tmp_path_factory: pytest.TempPathFactory) -> TinyShot:
    return write_shot(tmp_path_factory.mktemp("long"), frames=FRAMES)


@pytest.fixture(scope="module")
def straight(long_shot: TinyShot, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mattes of a run that was never stopped and knew no cache, in a process of its own as all here."""
    out = tmp_path_factory.mktemp("straight")
    with start(long_shot, tiny_model, out) as process:
        process.communicate(timeout=120)
    assert process.returncode == 0
    return out


def start(shot: TinyShot, model: Path, out: Path, *options: object) -> subprocess.Popen[str]:
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
        [sys.executable, "-m", "maggie_node", *args, *CHAIN, *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def events(stdout: str) -> list[Event]:
    return [from_line(line) for line in stdout.splitlines()]


def done(stdout: str) -> dict[int, FrameDone]:
    return {event.frame: event for event in events(stdout) if isinstance(event, FrameDone)}


def assert_same_mattes(found: Path, straight: Path) -> None:
    names = sorted(path.name for path in straight.glob("*.exr"))
    assert sorted(path.name for path in found.glob("*.exr")) == names
    for name in names:
        ours, theirs = read_image(found / name), read_image(straight / name)
        assert ours.channels == theirs.channels
        assert ours.pixels.tobytes() == theirs.pixels.tobytes(), name
        assert explain(found / name)["recipe"] == explain(straight / name)["recipe"]


@pytest.mark.parametrize(
    "seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
def test_killed_again_and_again_and_resumed_the_pixels_are_those_of_the_straight_run(
    long_shot, tiny_model, straight, tmp_path, seed: int
):
    chance, killed = random.Random(seed), 0
    for _ in range(2):
        with start(long_shot, tiny_model, tmp_path, "--cache", tmp_path / "cache") as process:
            assert process.stdout is not None
            until = chance.randint(1, 8)
            for line in process.stdout:
                until -= isinstance(event := from_line(line), FrameDone) and not event.cached
                if not until:
                    break
            try:  # some moment of the next frame, whatever it is doing then
                process.wait(timeout=chance.uniform(0, 0.1))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                killed += 1

    with start(long_shot, tiny_model, tmp_path, "--cache", tmp_path / "cache") as process:
        stdout, _ = process.communicate(timeout=120)

    assert killed and process.returncode == 0
    assert any(event.reused != "nothing" for event in done(stdout).values())
    assert_same_mattes(tmp_path, straight)


def test_two_processes_at_once_on_one_cache(long_shot, tiny_model, straight, tmp_path):
    outs = [tmp_path / name for name in ("one", "two")]
    more = ("--cache", tmp_path / "cache", "--cache-gb", 0.002)
    running = [start(long_shot, tiny_model, out, *more) for out in outs]

    for process in running:
        stdout, _ = process.communicate(timeout=240)
        assert process.returncode == 0
        warned = {event.code for event in events(stdout) if isinstance(event, Warning)}
        assert "cache-not-kept" not in warned

    for out in outs:
        assert_same_mattes(out, straight)


def test_a_chunk_from_the_cache_is_told_frame_by_frame(long_shot, tiny_model, command: Command, tmp_path):
    common = [
        long_shot.plate,
        *long_shot.guidance,
        "--model",
        tiny_model,
        *CHAIN,
        "--cache",
        tmp_path / "cache",
    ]
    command("matte", *common, "-o", tmp_path / "a.####.exr", "--frames", "1001-1006")

    ran = command("matte", *common, "-o", tmp_path / "b.####.exr", "--frames", "1005-1007", "--explain-cache")

    assert ran.exit_code == 0, ran.stderr
    assert "frame 1005" in ran.stderr and "found the finished matte" in ran.stderr
    assert "found nothing (first time)" in ran.stderr or "the network's matte (first time)" in ran.stderr
    assert "found: the file 0, the finished matte 2, " in ran.stderr


def test_the_cache_folder_may_come_from_the_environment(
    kept_shot, tiny_model, command, tmp_path, monkeypatch
):
    monkeypatch.setenv("MAGGIE_CACHE", str(tmp_path / "cache"))

    ran = command(
        "matte", kept_shot.plate, *kept_shot.guidance, "--model", tiny_model, "-o", tmp_path / "m.####.exr"
    )

    assert ran.exit_code == 0, ran.stderr
    assert (tmp_path / "cache" / "CACHEDIR.TAG").exists()


@pytest.mark.parametrize(
    ("document", "option", "used"),
    [(None, None, "variable"), ("document", None, "document"), ("document", "option", "option")],
)
def test_a_job_s_cache_is_the_option_s_else_the_document_s_else_the_environment_s(
    kept_shot, tiny_model, command, tmp_path, monkeypatch, document: str | None, option: str | None, used: str
):
    monkeypatch.setenv("MAGGIE_CACHE", str(tmp_path / "variable"))
    guidance = tuple(MaskGuidance(name, kept_shot.mask(name)) for name in kept_shot.names)
    written = MatteJob(
        kept_shot.plate, "m.####.exr", guidance, model=str(tiny_model), frames="1001", cache=document
    )
    write_job(written, tmp_path / "job.json")

    ran = command("job", tmp_path / "job.json", *(["--cache", tmp_path / option] if option else []))

    assert ran.exit_code == 0, ran.stderr
    there = {name for name in ("variable", "document", "option") if (tmp_path / name).exists()}
    assert there == {used}


def test_a_cache_that_cannot_be_written_is_a_note_and_every_frame_is_there(
    kept_shot, tiny_model, command: Command, tmp_path
):
    (tmp_path / "cache").write_text("a file where the folder should be")

    ran = command(
        "matte",
        kept_shot.plate,
        *kept_shot.guidance,
        *("--model", tiny_model, "-o", tmp_path / "m.####.exr", "--cache", tmp_path / "cache"),
    )

    assert ran.exit_code == 0
    assert len(list(tmp_path.glob("*.exr"))) == 5
    assert ran.stderr.count("takes no files") == 1


def test_explaining_no_cache_is_refused(kept_shot, tiny_model, command: Command, tmp_path):
    ran = command(
        "matte", kept_shot.plate, *kept_shot.guidance, "-o", tmp_path / "m.####.exr", "--explain-cache"
    )

    assert ran.exit_code == 2
    assert "--cache DIR" in ran.stderr


def test_a_pin_is_delivered_as_it_is_and_named_in_the_header(
    kept_shot, tiny_model, command: Command, tmp_path
):
    common = ["matte", kept_shot.plate, *kept_shot.guidance, "--model", tiny_model]
    command(*common, "-o", tmp_path / "first.####.exr", "--frames", "1002")
    (tmp_path / "first.1002.exr").rename(tmp_path / "fix.1004.exr")

    pin = f"ana={tmp_path / 'fix.####.exr'}:maggie_ana.alpha"
    ran = command(*common, "-o", tmp_path / "m.####.exr", "--pin", pin)

    assert ran.exit_code == 0, ran.stderr
    pinned = read_mattes(tmp_path / "m.1004.exr")[0]["ana"]
    assert np.array_equal(pinned, read_mattes(tmp_path / "fix.1004.exr")[0]["ana"])
    assert explain(tmp_path / "m.1004.exr")["pins"] == ["ana"]
    assert explain(tmp_path / "m.1003.exr")["pins"] == []


def test_a_pin_painted_anew_makes_its_frames_anew(kept_shot, tiny_model, command: Command, tmp_path):
    common = ["matte", kept_shot.plate, *kept_shot.guidance, "--model", tiny_model]
    fix, pin = tmp_path / "fix.1004.png", ("--pin", f"ana={tmp_path / 'fix.####.png'}")
    fix.write_bytes(Path(kept_shot.mask("ana").replace("####", "1001")).read_bytes())
    command(*common, *pin, "-o", tmp_path / "m.####.exr")
    fix.write_bytes(Path(kept_shot.mask("ana").replace("####", "1003")).read_bytes())

    ran = command(*common, *pin, "-o", tmp_path / "m.####.exr", "--json")

    assert not done(ran.stdout)[1004].cached


@pytest.mark.parametrize("pin", ["ana", "=fix.####.exr", "ana="])
def test_a_pin_without_a_name_or_files_is_refused(kept_shot, command: Command, tmp_path, pin: str):
    ran = command("matte", kept_shot.plate, *kept_shot.guidance, "-o", tmp_path / "m.####.exr", "--pin", pin)

    assert ran.exit_code == 2
    assert "NAME=SEQUENCE" in ran.stderr
