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
    for share in (1, 0):
        build_bank(tmp_path / "halves", PLAN, share=share, shares=2)
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

    with pytest.raises(
        SettingsError,
        match=r"was made with another figures \(1, not 4\): give the options of then, or an empty folder",
    ):
        build_bank(tmp_path, PLAN)


def test_an_empty_folder_is_no_bank(tmp_path: Path):
    with pytest.raises(SettingsError, match="build the bank first"):
        Bank(tmp_path)


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_is_told_at_once_and_after_every_item(tmp_path: Path, small_chunks: None, workers: int):
    plan = BankPlan(figures=3, backgrounds=2, size_px=64, puppets=1)
    told: list[tuple[int, int]] = []

    build_bank(tmp_path, plan, workers=workers, tell=lambda done, of: told.append((done, of)))
    (tmp_path / "figures-00000.npy").unlink()
    again: list[tuple[int, int]] = []
    build_bank(tmp_path, plan, workers=workers, tell=lambda done, of: again.append((done, of)))

    assert told == [(done, 6) for done in range(7)]
    assert again == [(4, 6), (5, 6), (6, 6)]


def test_any_number_of_processes_draws_the_same_bank(tmp_path: Path, small_chunks: None):
    plan = BankPlan(figures=3, backgrounds=3, size_px=64, seed=4, puppets=2)
    for workers in (1, 3):
        build_bank(tmp_path / str(workers), plan, workers=workers)

    one, three = ({p.name: p.read_bytes() for p in (tmp_path / w).iterdir()} for w in ("1", "3"))

    assert len(one) == 7
    assert one == three


def test_a_bank_whose_record_has_the_old_name_of_images_goes_on(tmp_path: Path):
    build_bank(tmp_path, PLAN)
    record = (tmp_path / "bank.json").read_text()
    (tmp_path / "bank.json").write_text(record.replace('"images"', '"pictures"'))

    build_bank(tmp_path, PLAN)
