"""Numbers that a farm job cannot mean are refused in one line, before anything is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from support.command_line import run_command

from maggie_node.cli.numbers import FiniteNumber


@pytest.fixture
def job(tmp_path: Path, write_shot: Callable[..., Path]) -> Path:
    return write_shot(tmp_path / "sh010")


@pytest.mark.parametrize(
    "words",
    [
        ["--seconds-per-frame", "nan"],
        ["--seconds-per-frame", "inf"],
        ["--seconds-per-frame", "-1"],
        ["--machines", "0"],
        ["--chunk", "0"],
        ["--limit", "flicker=nan"],
        ["--limit", "flicker=inf"],
        ["--limit", "flicker=-1"],
    ],
)
def test_an_option_that_is_no_number_of_its_kind_is_refused(job: Path, words: list[str]):
    run = run_command("farm", "openjd", job, "-o", job.parent / "farm", "--explain", *words)

    assert run.exit_code == 2, run.output
    assert len(run.stderr.splitlines()) == 1
    assert not (job.parent / "farm").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("segment_frames", "0"),
        ("segment_frames", "-3"),
        ("warmup_frames", "-1"),
        ("cache_gb", "0"),
        ("cache_gb", "1e999"),
        ("cache_gb", "NaN"),
    ],
)
@pytest.mark.parametrize("command", ["openjd", "task"])
def test_a_job_whose_numbers_have_no_meaning_is_refused_when_it_is_read(
    job: Path, command: str, field: str, value: str
):
    data = json.loads(job.read_text(encoding="utf-8")) | {field: "VALUE"}
    job.write_text(json.dumps(data).replace('"VALUE"', value), encoding="utf-8")
    words = ["--explain"] if command == "openjd" else ["--frames", "1001"]

    run = run_command("farm", command, job, *words)

    assert run.exit_code == 2, run.output
    assert len(run.stderr.splitlines()) == 1


def test_a_finite_number_keeps_its_range_and_refuses_what_no_range_catches():
    share = FiniteNumber(0, 1, min_open=True)

    assert share.convert("0.5", None, None) == 0.5
    for text in ("nan", "inf", "-inf", "0", "1.5", "half"):
        with pytest.raises(click.BadParameter):
            share.convert(text, None, None)
    with pytest.raises(click.BadParameter, match="nan is no finite number: give one above 0 up to 1"):
        share.convert("nan", None, None)
