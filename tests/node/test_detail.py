"""`--detail full` from the command line: what is asked, what takes effect, and what the files say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.command_line import Command
from support.tiny import write_shot

from maggie_api.events import FrameDone, Started, from_line
from maggie_core.mattes import explain, read_mattes


@pytest.fixture(scope="module")
def large_shot(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """A plate twice as large as the working grid."""
    folder = tmp_path_factory.mktemp("large")
    return write_shot(folder, frames=range(1001, 1004), width=192, height=128)


@pytest.fixture
def matte(command: Command, large_shot, tiny_model: Path, tmp_path: Path):
    """Matte the shot's second frame; returns the `Started`, the `FrameDone`, and the file."""
    plate, masks = large_shot
    guidance = [word for name, path in masks.items() for word in ("--guidance", f"{name}={path}")]

    def run(*more: object) -> tuple[Started, FrameDone, Path]:
        result = command(
            *("matte", plate, "-o", tmp_path / "m.####.exr", *guidance, "--json", "--model", tiny_model),
            *("--frames", "1002", *more),
        )
        assert result.exit_code == 0, result.stderr
        events = [from_line(line) for line in result.stdout.splitlines()]
        (started,) = [event for event in events if isinstance(event, Started)]
        (done,) = [event for event in events if isinstance(event, FrameDone)]
        return started, done, tmp_path / "m.1002.exr"

    return run


def test_native_detail_is_in_the_events_the_header_and_the_recipe(matte):
    _, _, path = matte("--working-px", "64")
    coarse, recipe = read_mattes(path)[0], explain(path)["recipe"]

    started, done, path = matte("--working-px", "64", "--detail", "full")
    _, again, _ = matte("--working-px", "64", "--detail", "full")

    assert (started.asked.detail, started.effective.detail) == ("full", "full")
    assert not done.cached and again.cached
    assert explain(path)["settings"]["detail"] == "full"
    assert explain(path)["recipe"] != recipe
    fine = read_mattes(path)[0]
    assert fine["ana"].shape == (128, 192)
    assert not np.array_equal(fine["ana"], coarse["ana"])


def test_a_plate_that_holds_nothing_more_says_so(matte):
    coarse = read_mattes(matte()[2])[0]

    started, _, path = matte("--detail", "full")

    assert (started.asked.detail, started.effective.detail) == ("full", "working")
    assert explain(path)["settings"]["detail"] == "working"
    assert all(np.array_equal(alpha, coarse[name]) for name, alpha in read_mattes(path)[0].items())
