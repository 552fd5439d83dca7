"""`models` and `doctor`: what is there, what it is, whether it is sound."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.command_line import Command
from support.shots import TinyShot
from support.tiny import WIDTHS, tiny_state, write_tiny_model
from support.tiny_sam2 import write_tiny_sam2

from maggie_api.events import FrameDone, FrameFailed, from_line
from maggie_core.model import save_weights
from maggie_core.model.checkpoint import build_network
from maggie_core.model.network import Network


def test_the_known_models_are_listed_with_their_licences(command: Command):
    rows = json.loads(command("models", "list", "--json").stdout)

    assert [row["name"] for row in rows] == [
        *("default", "generated", "him50k", "vim2k5"),
        *("sam2:tiny", "sam2:small", "sam2:base-plus", "sam2:large"),
    ]
    assert [row["commercial"] for row in rows] == [True, True, False, False] + [True] * 4
    assert [row["licence"] for row in rows] == (
        ["Apache-2.0"] * 2 + ["CC-BY-NC-4.0"] * 2 + ["Apache-2.0"] * 4
    )


def test_a_model_says_what_it_is(command: Command, tiny_model: Path):
    facts = json.loads(command("models", "info", tiny_model, "--json").stdout)

    assert (facts["name"], facts["kind"], facts["licence"]) == ("tiny", "video", "Apache-2.0")
    assert facts["path"] == str(tiny_model / "tiny.safetensors")


def test_the_default_model_says_what_it_learned_from_and_how_large_people_are(command: Command):
    told = command("models", "info").stdout

    assert "no photograph of a person" in told and "250 to 576" in told and "closed-form" in told


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


def test_a_tracker_that_is_not_that_of_its_config_is_found_out(command: Command, tmp_path: Path):
    folder = write_tiny_sam2(tmp_path / "sam2")
    assert command("models", "verify", f"sam2:{folder}").exit_code == 0
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "sha256": "0" * 64}), encoding="utf-8")

    result = command("models", "verify", f"sam2:{folder}")

    assert result.exit_code == 2
    assert "its config.json says 000000000000" in result.stderr


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-9]), "bytes, its header says"),
        (lambda file: file.write_bytes(bytes(3000)), "cannot be read as weights"),
        (lambda file: file.write_bytes(b"\x03" + bytes(7) + b'"a"'), "its header names no tensors"),
    ],
    ids=["cut short", "zeros", "no header"],
)
@pytest.mark.parametrize("kind", ["model", "tracker"])
def test_pulling_tells_of_a_damaged_file(
    command: Command, tmp_path: Path, tiny_model: Path, kind: str, spoil, sentence: str
):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    named = str(folder)
    if kind == "tracker":
        (folder / "tiny.safetensors").rename(folder / "model.safetensors")
        named = f"sam2:{folder}"
    assert command("models", "pull", named).exit_code == 0
    spoil(next(folder.glob("*.safetensors")))

    result = command("models", "pull", named)

    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr


@pytest.mark.parametrize("verb", ["info", "verify", "pull"])
def test_a_name_that_is_none_is_answered_with_those_of_models_and_trackers(command: Command, verb: str):
    result = command("models", verb, "him60k")

    assert result.exit_code == 2
    assert "no model or tracker called him60k: known are default, " in result.stderr
    assert "sam2:large" in result.stderr


def test_a_tracker_is_no_model(command: Command, kept_shot: TinyShot, tmp_path: Path):
    result = command(
        "matte", kept_shot.plate, "-o", tmp_path / "m.####.exr", *kept_shot.guidance, "--model", "sam2:tiny"
    )

    assert result.exit_code == 2
    assert "sam2:tiny is a tracker: give it as --tracker sam2:tiny" in result.stderr


def test_the_shipped_weights_are_sound(command: Command):
    result = command("models", "verify")

    assert result.exit_code == 0, result.stderr


def test_doctor_finds_everything_a_job_needs(command: Command):
    result = command("doctor", "--json")

    report = json.loads(result.stdout)
    assert report["problems"] == []
    assert result.exit_code == 0
    assert report["files"]["EXR"] == "writes and reads"
    assert report["precision"]["auto takes"] in ("fp32", "bf16")
    assert (
        report["precision"]["auto takes"] == "bf16" or "times the time of fp32" in report["precision"]["bf16"]
    )
    assert "cg-config-v2.2.0" in report["color"]["configuration"]


def test_doctor_names_what_is_wrong_and_goes_on(command: Command, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("OCIO", str(tmp_path / "gone.ocio"))

    result = command("doctor")

    assert result.exit_code == 2
    assert "PROBLEM  color: " in result.stdout
    assert "gone.ocio" in result.stdout
    assert "writes and reads" in result.stdout


DAMAGED = {
    "NaN": (lambda x: x * torch.nan, "weights hold NaN or infinity"),
    "infinity": (lambda x: torch.full_like(x, torch.inf), "weights hold NaN or infinity"),
    "zero": (torch.zeros_like, "weights are all zero"),
    "whole numbers": (lambda x: (100 * x).to(torch.int64), "is int64"),
    "times ten thousand": (lambda x: x * 1e4, "weights are too large"),
}


@pytest.mark.parametrize(("damage", "sentence"), DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_weights_are_not_called_sound_and_matte_nothing(
    command: Command, kept_shot: TinyShot, tmp_path: Path, damage, sentence: str
):
    model = write_tiny_model(tmp_path / "model")
    weights = load_file(model / "tiny.safetensors")
    save_file({name: damage(tensor.float()) for name, tensor in weights.items()}, model / "tiny.safetensors")

    verified = command("models", "verify", model)
    matted = command(
        "matte", kept_shot.plate, "-o", tmp_path / "m.####.exr", *kept_shot.guidance, "--model", model
    )

    for result in (verified, matted):
        assert result.exit_code == 2
        assert sentence in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.glob("*.exr"))


def test_a_frame_whose_matte_is_not_finite_fails_and_the_others_are_written(
    command: Command, kept_shot: TinyShot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = replace(WIDTHS, temporal=False)
    save_weights(build_network(tiny_state(config)), tmp_path / "image.safetensors")
    whole, seen = Network.features, []

    def features(self: Network, image: torch.Tensor, *args, **options):
        shortcuts, d8 = whole(self, image, *args, **options)
        seen.append(image)
        return shortcuts, torch.full_like(d8, torch.nan) if len(seen) == 3 else d8

    monkeypatch.setattr(Network, "features", features)

    result = command(
        "matte", kept_shot.plate, "-o", tmp_path / "m.####.exr", *kept_shot.guidance, "--json",
        "--model", tmp_path / "image.safetensors",
    )  # fmt: skip

    events = [from_line(line) for line in result.stdout.splitlines()]
    failed = [event for event in events if isinstance(event, FrameFailed)]
    assert result.exit_code == 3
    assert [event.frame for event in failed] == [1003]
    assert "matte of this frame is not finite" in failed[0].error
    assert sorted(path.name for path in tmp_path.glob("m.*.exr")) == [
        f"m.{frame}.exr" for frame in (1001, 1002, 1004, 1005)
    ]


def test_mattes_stay_when_the_same_weights_are_written_anew(
    command: Command, kept_shot: TinyShot, tmp_path: Path
):
    model = write_tiny_model(tmp_path / "model")
    args = ["matte", kept_shot.plate, "-o", tmp_path / "m.####.exr", *kept_shot.guidance, "--model", model]
    assert command(*args).exit_code == 0
    before = (model / "tiny.safetensors").read_bytes()

    weights = load_file(model / "tiny.safetensors")
    save_file(
        weights, model / "tiny.safetensors", metadata={"kind": "video", "gru": "both", "fusion": "both"}
    )
    again = [from_line(line) for line in command(*args, "--json").stdout.splitlines()]
    weights["decoder.layer3.0.weight"][0] += 0.1
    save_file(weights, model / "tiny.safetensors")
    other = [from_line(line) for line in command(*args, "--json").stdout.splitlines()]

    assert before != (model / "tiny.safetensors").read_bytes()
    assert [event.reused for event in again if isinstance(event, FrameDone)] == ["file"] * 5
    assert [event.reused for event in other if isinstance(event, FrameDone)] == ["nothing"] * 5
