"""`benchmarks.speed`: every case it names exists, and its table says what was reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.speed import DEFAULT, PLOTS, SETS, TARGETS, draw, renewed, tables
from maggie_node.bench.cases import find_case


def row(seconds: float) -> dict[str, Any]:
    return {"device": "cpu", "seconds_fast": seconds, "seconds_fast_bf16": seconds}


@pytest.mark.parametrize("name", sorted({name for names in SETS.values() for name in names}))
def test_every_case_of_a_set_can_be_measured(name: str):
    assert find_case(name).name == name


def test_every_target_belongs_to_the_set_that_measures_them():
    assert {target.case for target in TARGETS} == set(SETS["targets"])


@pytest.mark.parametrize(("seconds", "said"), [(0.3, "yes"), (0.5, "no")])
def test_a_target_is_reached_or_not(seconds: float, said: str):
    table = tables({DEFAULT: row(seconds)})

    assert f"| default model, N=3, fp32, frames a second |  | >= 3 | {1 / seconds:.5g} | {said} |" in table


def test_a_page_s_table_is_renewed_and_the_rest_of_it_stays():
    page = "before\n<!-- targets -->\nold\n<!-- end -->\nbetween\n<!-- growth -->\nkept\n<!-- end -->\n"

    new = renewed(page, {DEFAULT: row(0.25)})

    assert "old" not in new and "| >= 3 | 4 | yes |" in new
    assert new.startswith("before\n<!-- targets -->\n|")
    assert new.endswith("|\n<!-- end -->\nbetween\n<!-- growth -->\nkept\n<!-- end -->\n")
    assert renewed(new, {DEFAULT: row(0.25)}) == new


def test_what_one_instance_more_costs_is_drawn(tmp_path: Path):
    ways: dict[str, Any] = {"fast": {"n1": 1.0, "n5": 1.1}, "alone": {"n1": 1.0, "n5": 5.0}}
    (case, *_) = PLOTS.values()
    row = {"case": case, "device": "cpu", "threads": 2, "seconds": ways, "ratio_to_n1": ways, "peak_mb": ways}

    draw(row, tmp_path / "growth.png")

    assert (tmp_path / "growth.png").stat().st_size > 10_000
    assert f"| {case} | alone | 5 | 5.00 | 5.00 | 5 |" in tables({case: row})
