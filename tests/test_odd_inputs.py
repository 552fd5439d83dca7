"""Benchmarks of odd inputs and of faults: cases of every class, and that what is wrong is found."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.faults import Tally
from benchmarks.faults import Trial as FaultTrial
from benchmarks.faulty.faults import built
from benchmarks.odd.base import Base, Shot, write_image
from benchmarks.odd.judging import Case, fault_of
from benchmarks.odd.process import Ended, Forks
from benchmarks.odd_inputs import CLASSES, PROTOCOL, Results, Trial

WHOLE = Ended(0, 0, False, 1.0, 60.0, "", "")
PLAIN = {1001: {"ana": np.zeros((4, 6), np.float32)}}


@pytest.mark.parametrize(
    ("case", "ended", "fault"),
    [
        (Case([]), replace(WHOLE, hung=True), "hung"),
        (Case([]), replace(WHOLE, code=None, signal=11), "signal 11"),
        (Case([]), replace(WHOLE, stderr="Traceback (most recent"), "defect"),
        (Case([]), replace(WHOLE, stderr="maggie-node: a defect of ours"), "defect"),
        (Case([]), replace(WHOLE, code=1), "exit code 1"),
        (Case([]), replace(WHOLE, megabytes=5000.0), "5000 MB"),
        (Case([]), replace(WHOLE, code=2, stderr=""), "without a line"),
        (Case([], "refused"), WHOLE, "not refused"),
        (Case([], frames=(1001,)), WHOLE, "delivered"),
        (Case([], says="NaN"), WHOLE, "did not say"),
        (Case([], "as plain"), WHOLE, "0 frames"),
        (Case([]), WHOLE, ""),
    ],
)
def test_what_goes_wrong_is_found(tmp_path: Path, case: Case, ended: Ended, fault: str):
    shot = Shot(None, tmp_path)  # type: ignore[arg-type]

    assert fault in fault_of(case, ended, shot, PLAIN)
    assert fault or fault_of(case, ended, shot, PLAIN) == ""


@pytest.mark.slow
def test_odd_inputs_of_every_class(tmp_path: Path):
    with Forks(tmp_path) as forks:
        trial, results = Trial(tmp_path, forks, seed=3), Results()
        for name in (*CLASSES, PROTOCOL):
            assert len(list(trial.of(name, range(3), results))) == 3

    assert results.wrong == []


@pytest.mark.slow
def test_faults_cost_no_frame(tmp_path: Path):
    with Forks(tmp_path, LD_PRELOAD=str(built(tmp_path))) as forks:
        trial = FaultTrial(tmp_path, forks, seed=3)
        for number in range(8):
            trial.case(number)

    assert trial.tally.wrong == []
    assert trial.tally.faults.total() > 5
    assert Tally.of(json.loads(json.dumps(vars(trial.tally)))) == trial.tally


def test_pictures_are_the_same_whenever_they_are_written(tmp_path: Path):
    pixels = np.linspace(0, 1, 6 * 8 * 3, dtype=np.float32).reshape(6, 8, 3)

    def written() -> dict[str, bytes]:
        paths = [tmp_path / f"p.{suffix}" for suffix in ("png", "tif", "jpg", "dpx", "tga", "bmp", "webp")]
        for path in paths:
            write_image(path, pixels, kind="uint8")
        return {path.name: path.read_bytes() for path in paths}

    before = written()
    time.sleep(1.1)  # files count seconds

    assert [name for name, content in written().items() if content != before[name]] == []


def test_the_plain_shot_has_what_its_arrays_say(tmp_path: Path):
    base = Base(tmp_path / "base")

    assert base.masks["ana", 1001].sum() == 46 * 26
    assert base.plates[1001].shape == (72, 80, 3)
