"""Limits: by name, changed by name, and as the documentation has them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from maggie_api.errors import SettingsError
from maggie_core.qc import MEASURES, limits_with
from maggie_core.qc.findings import number

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "qc.md"


def test_limits_are_changed_or_lifted_by_name():
    limits = limits_with([("flicker", 1.5), ("specks", None)])

    assert (limits["flicker"], limits["specks"]) == (1.5, None)
    assert limits["holes"] == MEASURES["holes"].limit


def test_a_limit_of_an_unknown_measure_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="did you mean holes"):
        limits_with([("hole", 1)])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -1.0])
def test_a_limit_that_nothing_can_exceed_or_everything_does_is_refused(value: float):
    with pytest.raises(SettingsError, match="the limit of flicker is .*: give a number from 0 up, or none"):
        limits_with([("flicker", value)])


def test_a_drift_counts_either_way_and_an_overlap_from_below():
    drift, overlap = MEASURES["area_drift"], MEASURES["iou"]

    assert drift.exceeds(-120, 100) and drift.exceeds(120, 100) and not drift.exceeds(-80, 100)
    assert overlap.exceeds(0.2, 0.4) and not overlap.exceeds(0.5, 0.4)


def test_the_documentation_has_every_measure_with_its_limit():
    rows = re.findall(r"^\| `(\w+)` \| .*? \| .*? \|\s*(.*?)\s*\|", DOCUMENTATION.read_text("utf-8"), re.M)
    limits = {
        name: "" if m.limit is None else ("≥ " if m.at_least else "") + number(m.limit)
        for name, m in MEASURES.items()
    }

    assert dict(rows) == limits
