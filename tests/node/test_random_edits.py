"""Whatever is edited, before, during and after a run: every delivered frame is that of a run from nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.edits.drawing import OPTIONS, values_of
from benchmarks.edits.shot import EditedShot
from benchmarks.edits.trial import OPTIONS_OF_A_TRIAL, Trial
from benchmarks.edits.ways import Way
from benchmarks.reliability import EDITS_OF_A_TRIAL, tried


def test_edits_of_a_shot_that_is_run_again_and_again(tmp_path: Path):
    ways: list[Way] = ["runner", "runner, models kept", "farm tasks"]
    with Trial(tmp_path, seed=5, ways=ways) as trial:
        while trial.edits < 24:
            assert trial.step() == ""

    assert trial.tally.frames > 24


@pytest.mark.slow
def test_edits_between_and_during_runs_of_every_kind():
    tallies = [tried(seed) for seed in range(101, 105)]

    assert [wrong for tally in tallies for wrong in tally.wrong] == []
    drawn = {kind for tally in tallies for kind, _, _ in tally.edits}
    assert {f"option {name}" for name in OPTIONS} <= drawn
    assert len(tallies) * OPTIONS_OF_A_TRIAL >= len(OPTIONS)
    assert all(tally.edits.total() >= EDITS_OF_A_TRIAL for tally in tallies)


def test_every_option_has_values_to_draw_from(tmp_path: Path):
    shot = EditedShot(tmp_path / "shot", random.Random(1))

    for option in OPTIONS.values():
        assert len(set(values_of(option, shot))) > 1, option.name
