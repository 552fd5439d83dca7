"""`maggie-node train`: what a training leaves in its folder, and how it goes on."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from support.command_line import Command, run_command
from support.tiny import WIDTHS, write_tiny_model
from support.training_sets import write_stills

from maggie_core.model import load_model
from maggie_core.model.layers import SpectralConv
from maggie_core.model.network import Network
from maggie_lab.training.checkpoint import read_checkpoint
from maggie_lab.training.folders import FolderSource
from maggie_lab.training.log import read_log

SMALL = ("--crop", 64, "--batch", 2, "--clips", 1, "--precision", "fp32", "--workers", 0)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(folder / "checkpoint.pt").net


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], **tolerance: float) -> bool:
    return all(torch.allclose(a[name], b[name], **tolerance) for name in a)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, stills: Path, tiny_model: Path) -> Path:
    """Six steps with the tiny network; the last two are on windows of three frames."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    result = run_command(
        "train", folder, "--data", f"i-him50k:{stills}", "--from", tiny_model, "--steps", 6,
        "--validate-every", 3, "--set", "ema=0.9", *SMALL,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    return folder


def test_a_training_leaves_weights_that_matte(trained: Path):
    for name in ("best", "last"):
        model = load_model(str(trained / name), device="cpu")

        alphas = model.predict_clip(torch.rand(1, 3, 64, 64), torch.ones(1, 1, 64, 64))
        assert alphas.shape == (1, 1, 64, 64)


def test_the_weights_say_how_they_were_made(trained: Path, tiny_model: Path, stills: Path):
    about = json.loads((trained / "last" / "config.json").read_text(encoding="utf-8"))

    assert (about["name"], about["kind"], about["from"]) == ("mine", "video", str(tiny_model))
    assert about["data"] == [f"i-him50k:{stills}"]
    assert about["trained"]["steps"] == about["trained"]["settings"]["steps"] == 6
    assert about["trained"]["settings"]["ema"] == 0.9
    assert len(about["from_sha256"]) == 64


def test_weights_from_a_users_data_allow_no_commercial_work_unless_said(trained: Path):
    about = json.loads((trained / "last" / "config.json").read_text(encoding="utf-8"))

    assert (about["licence"], about["commercial"]) == ("unknown", False)


def test_the_log_has_losses_and_held_out_errors_and_a_plot_of_them(trained: Path):
    rows = read_log(trained / "log.csv")

    assert [row["step"] for row in rows] == [3, 6]
    assert all(row["loss"] > 0 and row["MAD"] > 0 and row["norm"] > 0 for row in rows)
    assert all(row["dtssd"] > 0 for row in rows[1:])
    with Image.open(trained / "log.png") as plot:
        assert len(np.unique(np.asarray(plot.convert("L")))) > 50


def test_going_on_changes_no_setting(trained: Path, command: Command):
    result = command("train", trained, "--seed", 5)

    assert result.exit_code == 2
    assert "has begun with seed 1, not 5" in result.stderr


@pytest.mark.usefixtures("in_one_thread")
def test_a_killed_training_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, stills: Path, tiny_model: Path, command: Command
):
    options = ["--data", f"i-him50k:{stills}", "--from", tiny_model, "--steps", 12, "--validate-every", 3]
    straight = command("train", tmp_path / "straight", *options, *SMALL)
    assert straight.exit_code == 0, straight.stderr

    killed = tmp_path / "killed"
    arguments = [sys.executable, "-m", "maggie_node", "train", killed, *options, *SMALL]
    process = subprocess.Popen([str(a) for a in arguments], stderr=subprocess.DEVNULL, env=one_thread())
    until(lambda: (killed / "checkpoint.pt").is_file() or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    assert read_checkpoint(killed / "checkpoint.pt").step < 12
    resumed = command("train", killed)

    assert resumed.exit_code == 0, resumed.stderr
    assert multiprocessing.active_children() == [], "a process that makes batches has outlived the training"
    assert same(weights(killed), weights(tmp_path / "straight"), rtol=0, atol=0)
    kept, whole = (read_log(folder / "log.csv") for folder in (killed, tmp_path / "straight"))
    assert [row["loss"] for row in kept] == [row["loss"] for row in whole]


@pytest.mark.usefixtures("in_one_thread")
def test_two_processes_train_like_one_with_both_batches(
    tmp_path: Path, stills: Path, settled_model: Path, command: Command
):
    options = ["--data", f"i-him50k:{stills}", "--from", settled_model, "--steps", 1, "--validate-every", 0]
    one = command("train", tmp_path / "one", *options, *SMALL, "--accumulate", 2)
    assert one.exit_code == 0, one.stderr

    arguments = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments += ["-m", "maggie_node", "train", tmp_path / "two", *options, *SMALL, "--device", "cpu"]
    run = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, env=one_thread()
    )

    assert run.returncode == 0, run.stderr
    (alone,), (both,) = (read_log(tmp_path / name / "log.csv") for name in ("one", "two"))
    assert both["loss"] == pytest.approx(alone["loss"], rel=1e-3)
    assert both["norm"] == pytest.approx(alone["norm"], rel=1e-2)
    single, shared = weights(tmp_path / "one"), weights(tmp_path / "two")
    start = load_file(settled_model / "tiny.safetensors")
    learnt = [name for name in start if name.endswith((".weight", "weight_bar"))]
    moved = sum(float((single[name] - start[name]).abs().sum()) for name in learnt)
    apart = sum(float((single[name] - shared[name]).abs().sum()) for name in learnt)
    assert 0 < moved and apart < 0.05 * moved


@pytest.fixture(scope="module")
def settled_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny network with the spectral vectors of a trained one: a forward pass does not move them."""
    folder = write_tiny_model(tmp_path_factory.mktemp("settled"))
    network = Network(WIDTHS)
    network.load_state_dict(load_file(folder / "tiny.safetensors"))
    for module in network.modules():
        if isinstance(module, SpectralConv):
            for _ in range(300):
                module.folded_weight()
    save_file(network.state_dict(), folder / "tiny.safetensors")
    return folder


def test_an_interrupted_training_saves_where_it_was(
    tmp_path: Path, stills: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, command: Command
):
    from maggie_lab.training.loop import Trainer

    step = Trainer.train_step

    def step_and_ctrl_c(trainer: Trainer, *args: object) -> dict[str, float]:
        if trainer.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return step(trainer, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "train_step", step_and_ctrl_c)
    result = command(
        "train", tmp_path / "run", "--data", f"i-him50k:{stills}", "--from", tiny_model, "--steps", 40,
        "--validate-every", 0, *SMALL,
    )  # fmt: skip

    assert result.exit_code == 130
    assert "stopped; run it again to go on" in result.stderr
    assert read_checkpoint(tmp_path / "run" / "checkpoint.pt").step == 3
    assert (tmp_path / "run" / "last" / "weights.safetensors").is_file()


@pytest.mark.parametrize("workers", [0, 2])
def test_sigterm_to_the_process_group_saves_where_it_was(
    tmp_path: Path, stills: Path, tiny_model: Path, workers: int
):
    options = ["--data", f"i-him50k:{stills}", "--from", tiny_model, "--steps", 100_000]
    options += ["--validate-every", 0, *SMALL, "--workers", workers]
    arguments = [sys.executable, "-m", "maggie_node", "train", tmp_path / "run", *options]
    with subprocess.Popen(
        [str(a) for a in arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=one_thread(),
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any(line.startswith("step 1  ") for line in lines)
        os.killpg(process.pid, signal.SIGTERM)
        rest = list(lines)

    assert process.returncode == 130
    assert rest[-1].startswith("maggie-node: stopped; run it again to go on")
    assert not any("defect" in line or "Traceback" in line for line in rest)
    assert read_checkpoint(tmp_path / "run" / "checkpoint.pt").step >= 1
    assert (tmp_path / "run" / "last" / "weights.safetensors").is_file()


def test_a_signal_before_the_first_step_cancels_at_once(
    tmp_path: Path, stills: Path, monkeypatch: pytest.MonkeyPatch, command: Command
):
    from maggie_lab.training import run

    monkeypatch.setattr(run, "find_training_samples", lambda *_: os.kill(os.getpid(), signal.SIGTERM))

    result = command("train", tmp_path / "run", "--data", f"i-him50k:{stills}")

    assert result.exit_code == 130
    assert "cancelled" in result.stderr.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_a_finished_training_that_is_run_again_writes_nothing(trained: Path, command: Command):
    def state() -> dict[Path, tuple[int, bytes]]:
        files = [path for path in trained.rglob("*") if path.is_file()]
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = state()

    result = command("train", trained)

    assert result.exit_code == 0, result.stderr
    assert "is over after 6 steps; nothing is changed" in result.stderr
    assert state() == before


def test_weights_that_a_crash_took_are_written_again_byte_for_byte(
    trained: Path, tmp_path: Path, command: Command
):
    folder = tmp_path / "mine"
    shutil.copytree(trained, folder)
    shutil.rmtree(folder / "last")

    assert command("train", folder).exit_code == 0

    for name in ("weights.safetensors", "config.json"):
        assert (folder / "last" / name).read_bytes() == (trained / "last" / name).read_bytes()


@pytest.mark.parametrize("options", [("--steps", 5), ("--validate-every", 2)], ids=lambda each: each[0])
def test_a_finished_training_refuses_what_would_change_nothing(
    trained: Path, command: Command, options: tuple[object, ...]
):
    result = command("train", trained, *options)

    assert result.exit_code == 2
    assert "is over after 6 steps" in result.stderr and "changes nothing" in result.stderr


def test_what_is_held_out_stays_held_out(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch):
    from maggie_lab.training import run

    stills = write_stills(tmp_path / "stills")
    learnt: list[set[str]] = []
    train_on = run.train_on

    def watched(sources: list[FolderSource], *args: Any, **more: Any) -> bool:
        learnt.append({sample.name for sample in sources[0].samples})
        return train_on(sources, *args, **more)

    monkeypatch.setattr(run, "train_on", watched)
    options = ("--data", f"i-him50k:{stills}", "--from", tiny_model, *SMALL)
    first = run_command("train", tmp_path / "run", *options, "--steps", 1, "--validate-every", 5)
    held = set(read_checkpoint(tmp_path / "run" / "checkpoint.pt").about["held_out"][f"i-him50k:{stills}"])
    write_stills(stills, count=7)  # another sample: every fiftieth would be others now

    second = run_command("train", tmp_path / "run", "--steps", 2, "--validate-every", 0)

    assert first.exit_code == second.exit_code == 0, first.stderr + second.stderr
    assert held and not held & learnt[0] and not held & learnt[1]
    assert learnt[1] == learnt[0] | {"6"}


def test_a_training_that_began_without_held_out_samples_is_not_validated_later(
    tmp_path: Path, stills: Path, tiny_model: Path, command: Command
):
    options = ("--data", f"i-him50k:{stills}", "--from", tiny_model, *SMALL, "--steps", 1)
    assert command("train", tmp_path / "run", *options, "--validate-every", 0).exit_code == 0

    result = command("train", tmp_path / "run", "--steps", 2, "--validate-every", 1)

    assert result.exit_code == 2
    assert "has begun with validate_every 0, so no sample is held out" in result.stderr


@pytest.mark.parametrize("clips", [False, True], ids=["stills", "clips"])
def test_a_batch_of_one_trains(tmp_path: Path, stills: Path, tiny_model: Path, command: Command, clips: bool):
    size = ("--set", "video_from=0", "--set", "clip_frames=1", "--clips", 1) if clips else ("--batch", 1)

    result = command(
        "train", tmp_path / "run", "--data", f"i-him50k:{stills}", "--from", tiny_model, "--steps", 2,
        "--validate-every", 0, "--crop", 64, "--precision", "fp32", "--workers", 0, *size,
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    (row,) = read_log(tmp_path / "run" / "log.csv")
    assert 0 < row["loss"] < 100


def test_minutes_are_a_length(tmp_path: Path, stills: Path, tiny_model: Path, command: Command):
    result = command(
        "train", tmp_path / "run", "--data", f"i-him50k:{stills}", "--from", tiny_model, "--minutes", 0.001,
        "--validate-every", 0, *SMALL,
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    state = read_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert state.elapsed_s >= 0.06 and (state.settings["minutes"], state.settings["steps"]) == (0.001, None)


def test_a_training_says_what_it_does_from_the_beginning(
    tmp_path: Path, stills: Path, tiny_model: Path, command: Command
):
    result = command(
        "train", tmp_path / "run", "--data", f"i-him50k:{stills}", "--from", tiny_model, "--steps", 2, *SMALL,
        "--validate-every", 2,
    )  # fmt: skip

    said = [line.split("  ")[0] for line in result.stderr.splitlines()]
    assert said[:2] == ["starting", f"reading i-him50k:{stills}"]
    assert said[2] == "4 samples to learn from, 2 held out"
    assert said[3].endswith(f"M parameters, from {tiny_model}")
    assert said[4].startswith("on cpu, batches made by the training itself")
    assert said[5:] == ["step 1", "validating on held-out samples", "step 2"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no data: give bank:DIR"),
        (["--data", "photos:here"], "data is 'photos:here'"),
        (["--data", "i-him50k:nowhere"], "nowhere is not a folder"),
        (["--data", "i-him50k:STILLS", "--recipe", "best"], "no recipe called best"),
        (["--data", "i-him50k:STILLS", "--from", "nothing.safetensors"], "no model called nothing"),
        (
            ["--data", "i-him50k:STILLS", "--recipe", "paper-video", "--device", "cpu"],
            "name its weights with --from",
        ),
        (["--data", "i-him50k:STILLS", "--minutes", 1, "--steps", 1], "exclude each other"),
        (["--data", "i-him50k:STILLS", "--crop", 100], "a crop of 100 px"),
        (["--approved", "ana=ana.png"], "belong to --shot"),
        (
            ["--data", "i-him50k:STILLS", "--set", "hurry=3"],
            "'hurry=3' is not NAME=VALUE of a setting: known are minutes, steps, seed, ",
        ),
        (["--data", "i-him50k:STILLS", "--set", "look_share=3"], "did you mean looked_share?"),
        (["--data", "i-him50k:STILLS", "--set", "ema=much"], "ema is much"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_trained_is_said_in_one_line_and_leaves_nothing(
    tmp_path: Path, stills: Path, command: Command, options: list[object], said: str
):
    options = [str(option).replace("STILLS", str(stills)) for option in options]

    result = command("train", tmp_path / "run", *options)

    assert result.exit_code == 2, result.stderr
    *_, last = lines = result.stderr.splitlines()
    assert said in last and [line for line in lines if line.startswith("maggie-node:")] == [last]
    assert not (tmp_path / "run").exists()


def test_weights_that_forbid_commercial_work_cannot_be_made_to_allow_it(
    tmp_path: Path, stills: Path, command: Command
):
    start = write_tiny_model(tmp_path / "theirs", licence="CC-BY-NC-4.0", commercial=False)

    result = command(
        "train", tmp_path / "run", "--data", f"i-him50k:{stills}", "--from", start, "--commercial", *SMALL
    )

    assert result.exit_code == 5
    assert "does not allow commercial work" in result.stderr


@pytest.fixture
def in_one_thread() -> Iterator[None]:
    """Sums of floats depend on the number of threads, as `one_thread` has it for other processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def one_thread() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([".", "core"])}


def until(true, *, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
