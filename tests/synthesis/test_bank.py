from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maggie_api.errors import SettingsError
from maggie_lab.synthesis import Bank, BankPlan, DrawnBank, bank, build_bank, compose, sample_generator

PLAN = BankPlan(figures=4, backgrounds=4, size_px=96, seed=11)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank, "CHUNK", 2)


def test_halves_built_apart_make_the_bank_built_at_once(tmp_path: Path, small_chunks: None):
    for part in (1, 0):
        build_bank(tmp_path / "halves", PLAN, part=part, parts=2)
    build_bank(tmp_path / "whole", PLAN)

    halves, whole = Bank(tmp_path / "halves"), Bank(tmp_path / "whole")

    assert (halves.figures, halves.backgrounds) == (4, 4)
    for index in range(4):
        assert np.array_equal(halves.figure(index), whole.figure(index))
        assert np.array_equal(halves.background(index), whole.background(index))


def test_scenes_from_disk_and_from_memory_are_the_same(tmp_path: Path):
    build_bank(tmp_path, PLAN)

    stored = compose(sample_generator(0, 5), Bank(tmp_path), crop_px=64)
    drawn = compose(sample_generator(0, 5), DrawnBank(PLAN), crop_px=64)

    for name in stored:
        assert np.array_equal(stored[name], drawn[name])


def test_building_again_draws_nothing_that_is_there(tmp_path: Path):
    build_bank(tmp_path, PLAN)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npy")}

    build_bank(tmp_path, PLAN)

    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npy")} == before
    assert not list(tmp_path.glob(".*"))


def test_a_folder_with_another_bank_is_refused(tmp_path: Path):
    build_bank(tmp_path, BankPlan(figures=1, backgrounds=1, size_px=32))

    with pytest.raises(SettingsError, match="another plan; choose an empty folder"):
        build_bank(tmp_path, PLAN)


def test_an_empty_folder_is_no_bank(tmp_path: Path):
    with pytest.raises(SettingsError, match="build the bank first"):
        Bank(tmp_path)
