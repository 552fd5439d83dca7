"""Limits: by name, changed by name, and as the documentation has them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from maggie_api.errors import SettingsError
from maggie_core.qc import MEASURES, Limit, limits_with

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "qc.md"


def test_limits_are_changed_or_lifted_by_name():
    limits = limits_with([("flicker", 1.5), ("specks", None), ("area_drift", Limit(-30, 40))])

    assert (limits["flicker"], limits["specks"]) == (Limit(high=1.5), Limit())
    assert limits["area_drift"] == Limit(-30, 40)
    assert limits["holes"] == MEASURES["holes"].limit


def test_a_plain_number_is_on_the_side_that_the_measure_has():
    limits = limits_with([("iou", 0.6), ("holes", 2), ("area_drift", 30), ("area", 5)])

    assert [str(limits[name]) for name in ("iou", "holes", "area_drift", "area")] == [
        *("at least 0.6", "at most 2", "-30 to +30", "at most 5")
    ]


def test_a_limit_of_an_unknown_measure_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="did you mean holes"):
        limits_with([("hole", 1)])


@pytest.mark.parametrize("limit", [Limit(-1, 5), Limit(low=float("nan")), Limit(5, 2)])
def test_a_range_that_no_value_lies_in_is_refused(limit: Limit):
    with pytest.raises(SettingsError, match="the limit of flicker is .*: give a number from 0 up, LOW..HIGH"):
        limits_with([("flicker", limit)])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -1.0])
def test_a_limit_that_nothing_can_exceed_or_everything_does_is_refused(value: float):
    with pytest.raises(
        SettingsError, match="the limit of flicker is .*: give a number from 0 up, LOW..HIGH, or none"
    ):
        limits_with([("flicker", value)])


def test_a_limit_says_on_which_side_a_value_is():
    drift, overlap = MEASURES["area_drift"].limit, MEASURES["iou"].limit

    assert [drift.edge(value) for value in (-60, -40, 90, 120)] == [-50, None, None, 100]
    assert [overlap.edge(value) for value in (0.2, 0.5)] == [0.25, None]


def test_the_worse_of_two_values_is_the_one_farther_beyond():
    drift, overlap, most = Limit(-50, 100), Limit(low=0.5), Limit(high=2)

    assert drift.gravity(-70) > drift.gravity(80)
    assert overlap.gravity(0.2) > overlap.gravity(0.9)
    assert most.gravity(5) > most.gravity(1)


def test_the_documentation_has_every_measure_with_its_limit():
    rows = re.findall(r"^\| `(\w+)` \| .*? \| .*? \|\s*(.*?)\s*\|", DOCUMENTATION.read_text("utf-8"), re.M)

    assert dict(rows) == {name: str(measure.limit) for name, measure in MEASURES.items()}
