"""`models` and `doctor`: what is there, what it is, whether it is sound."""

from __future__ import annotations

import json
from pathlib import Path

from support.command_line import Command
from support.tiny import write_tiny_model


def test_the_known_models_are_listed_with_their_licences(command: Command):
    rows = json.loads(command("models", "list", "--json").stdout)

    assert [row["name"] for row in rows] == ["default", "him50k", "vim2k5"]
    assert [row["commercial"] for row in rows] == [True, False, False]
    assert rows[1]["licence"] == "CC-BY-NC-4.0"


def test_a_model_says_what_it_is(command: Command, tiny_model: Path):
    facts = json.loads(command("models", "info", tiny_model, "--json").stdout)

    assert (facts["name"], facts["kind"], facts["licence"]) == ("tiny", "video", "Apache-2.0")
    assert facts["path"] == str(tiny_model / "tiny.safetensors")


def test_a_sound_model_is_called_sound(command: Command, tiny_model: Path):
    result = command("models", "verify", tiny_model)

    assert result.exit_code == 0
    assert "is sound" in result.stdout


def test_weights_that_are_not_those_of_the_config_are_found_out(command: Command, tmp_path: Path):
    model = write_tiny_model(tmp_path / "model")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    (model / "config.json").write_text(json.dumps({**config, "sha256": "0" * 64}), encoding="utf-8")

    result = command("models", "verify", model)

    assert result.exit_code == 2
    assert "its config.json says 000000000000" in result.stderr


def test_the_shipped_weights_are_sound(command: Command):
    result = command("models", "verify")

    assert result.exit_code == 0, result.stderr


def test_doctor_finds_everything_a_job_needs(command: Command):
    result = command("doctor", "--json")

    report = json.loads(result.stdout)
    assert report["problems"] == []
    assert result.exit_code == 0
    assert report["files"]["EXR"] == "writes and reads"
    assert "cg-config-v2.2.0" in report["color"]["configuration"]


def test_doctor_names_what_is_wrong_and_goes_on(command: Command, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("OCIO", str(tmp_path / "gone.ocio"))

    result = command("doctor")

    assert result.exit_code == 2
    assert "PROBLEM  color: " in result.stdout
    assert "gone.ocio" in result.stdout
    assert "writes and reads" in result.stdout
