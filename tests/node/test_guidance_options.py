"""How guidance is written on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from support.command_line import Command
from support.shots import TinyShot

from maggie_api.job import CryptomatteGuidance, MaskGuidance
from maggie_core.io.image import read_image
from maggie_node.cli.guidance import parse_cryptomatte, parse_mask


@pytest.mark.parametrize(
    ("spec", "mask"),
    [
        ("ana=ana.####.png", MaskGuidance("ana", "ana.####.png")),
        ("Ana B.=masks/ana.%04d.exr:mask.A", MaskGuidance("Ana B.", "masks/ana.%04d.exr", "mask.A")),
        ("ana=C:/shots/ana.####.exr", MaskGuidance("ana", "C:/shots/ana.####.exr")),
        ("ana=C:\\shots\\ana.####.exr:A", MaskGuidance("ana", "C:\\shots\\ana.####.exr", "A")),
        ("ana=c:ana.exr", MaskGuidance("ana", "c:ana.exr")),
        ("D:/shots/hero.####.png", MaskGuidance("hero", "D:/shots/hero.####.png")),
        ("masks/hero_####.png", MaskGuidance("hero", "masks/hero_####.png")),
        ("a=b/hero.####.exr", MaskGuidance("a", "b/hero.####.exr")),
        ("shots/x=1/hero.exr", MaskGuidance("hero", "shots/x=1/hero.exr")),
        ("ana=x=1/hero.exr", MaskGuidance("ana", "x=1/hero.exr")),
    ],
)
def test_a_mask_is_a_name_a_sequence_and_perhaps_a_channel(spec: str, mask: MaskGuidance):
    assert parse_mask(spec) == mask


@pytest.mark.parametrize(
    ("spec", "source"),
    [
        ("c.####.exr", CryptomatteGuidance("c.####.exr")),
        ("c.####.exr:CryptoObject", CryptomatteGuidance("c.####.exr", "CryptoObject")),
        ("Z:/c.####.exr:View.Crypto", CryptomatteGuidance("Z:/c.####.exr", "View.Crypto")),
    ],
)
def test_a_cryptomatte_is_a_sequence_and_perhaps_a_layer(spec: str, source: CryptomatteGuidance):
    assert parse_cryptomatte(spec) == source


def guidance_of(command: Command, *options: str) -> list[dict]:
    result = command("matte", "p.####.exr", "-o", "m.####.exr", *options, "--print-job")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["guidance"]


def test_guidance_keeps_the_order_it_was_typed_in(command: Command):
    sources = guidance_of(
        command,
        "--id-map",
        "i.png",
        "--guidance",
        "b=b.png",
        "--guidance-layers",
        "l.exr",
        "--guidance",
        "a=a.png",
    )

    assert [source.get("name", source["kind"]) for source in sources] == ["id_map", "b", "layers", "a"]


def test_instances_are_chosen_from_the_source_before_them(command: Command):
    one, two, ids = guidance_of(
        command,
        *("--cryptomatte", "one.exr", "--instance", "hero", "--instance", "dog"),
        *("--cryptomatte", "two.exr:Asset", "--instance", "cat"),
        *("--id-map", "i.png", "--instance", "3=Ben"),
    )

    assert one["instances"] == ["hero", "dog"]
    assert (two["layer"], two["instances"]) == ("Asset", ["cat"])
    assert ids["names"] == [{"id": 3, "name": "Ben"}]


def test_an_instance_may_be_named_before_its_only_source(command: Command):
    (source,) = guidance_of(command, "--instance", "hero", "--cryptomatte", "one.exr")

    assert source["instances"] == ["hero"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--guidance", "a=a.png", "--instance", "x"), "--instance chooses from"),
        (("--id-map", "i.png", "--instance", "Ben"), "'Ben' is not ID=NAME"),
        (("--guidance", "="), "is not NAME=SEQUENCE"),
    ],
)
def test_guidance_that_makes_no_sense_is_refused_in_one_line(
    command: Command, options: tuple[str, ...], sentence: str
):
    result = command("matte", "p.####.exr", "-o", "m.####.exr", *options, "--print-job")

    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert sentence in line


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        (("--segment", "whole"), "segment_frames", "whole"),
        (("--segment", "12"), "segment_frames", 12),
        (("--warmup", "0"), "warmup_frames", 0),
        (("--exposure-ev", "auto"), "exposure_ev", "auto"),
        (("--exposure-ev", "-1.5"), "exposure_ev", -1.5),
        (("--float",), "depth", "float"),
        (("--half",), "depth", "half"),
        ((), "depth", "half"),
        (("--overwrite",), "resume", False),
        ((), "resume", True),
        (("--layout", "files"), "layout", "files"),
        (("--data-window", "tight"), "data_window", "tight"),
        (("--overlap", "shared"), "overlap", "shared"),
        (("--guidance-missing", "hold"), "guidance_missing", "hold"),
        (("--plate-layer", "beauty"), "plate_layer", "beauty"),
    ],
)
def test_every_option_is_a_field_of_the_job(
    command: Command, options: tuple[str, ...], field: str, value: object
):
    result = command(
        "matte", "p.####.exr", "-o", "m.####.exr", "--guidance", "a=a.png", *options, "--print-job"
    )

    assert json.loads(result.stdout)[field] == value


def test_an_offset_belongs_to_the_guidance_before_it_or_to_all(command: Command):
    def offsets(*options: str) -> list[int]:
        return [source["offset"] for source in guidance_of(command, *options)]

    a, b = ("--guidance", "a=a.####.png"), ("--id-map", "b.####.png")
    assert offsets(*a, *b) == [0, 0]
    assert offsets(*a, "--guidance-offset", "-1000", *b) == [-1000, 0]
    assert offsets("--guidance-offset", "5", *a, *b, "--guidance-offset", "7") == [5, 7]


def test_masks_that_are_numbered_otherwise_give_the_same_mattes(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    for frame in kept_shot.frames:
        source = kept_shot.folder / f"ana.{frame}.png"
        (tmp_path / f"ana.{frame - 1000:04d}.png").write_bytes(source.read_bytes())
    end = ("--model", tiny_model, "--frames", "1001-1002")

    def matte(name: str, *guidance: object) -> Result:
        return command("matte", kept_shot.plate, "-o", tmp_path / f"{name}.####.exr", *guidance, *end)

    guidance = ("--guidance", f"ana={tmp_path / 'ana.####.png'}")
    refused = matte("none", *guidance)
    assert refused.exit_code == 2
    assert "has the frames 1-5 and the plate 1001-1005" in refused.stderr
    assert "give --guidance-offset -1000 after it" in refused.stderr

    astray = matte("none", *guidance, "--guidance-offset", "50")
    assert "give --guidance-offset -1000 after it" in astray.stderr

    assert matte("moved", *guidance, "--guidance-offset", "-1000").exit_code == 0
    assert matte("same", "--guidance", f"ana={kept_shot.mask('ana')}").exit_code == 0
    moved, same = (read_image(tmp_path / f"{name}.1002.exr").pixels for name in ("moved", "same"))
    assert np.array_equal(moved, same)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "still.gif",
            "the plate is one picture, frame 1: name the one mask file of that picture instead of a",
        ),
        (
            "still.png",
            "the plate is one picture, frame 1: name the one mask file of that picture instead of a",
        ),
        ("moving.gif", "moving.gif is an animation: give its pictures as a sequence, or as a movie"),
    ],
)
def test_a_plate_of_one_picture_beside_numbered_masks_is_told_what_it_needs(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path, name: str, said: str
):
    first, *more = (Image.new("RGB", (96, 64), colour) for colour in ("red", "green"))
    first.save(tmp_path / name, **({"save_all": True, "append_images": more} if "moving" in name else {}))
    start = ("matte", tmp_path / name, "-o", tmp_path / "m.####.exr", "--model", tiny_model, "--guidance")

    refused = command(*start, f"ana={kept_shot.mask('ana')}")

    assert refused.exit_code == 2
    assert said in refused.stderr and "--guidance-offset" not in refused.stderr
    if "still" in name:
        assert command(*start, f"ana={kept_shot.mask('ana').replace('####', '1001')}").exit_code == 0


def test_a_name_with_a_slash_is_a_name_where_its_files_are_there(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.png").touch()
    (tmp_path / "x=1").mkdir()
    (tmp_path / "x=1" / "m.png").touch()

    assert parse_mask("crowd/left=m.png") == MaskGuidance("crowd/left", "m.png")
    assert parse_mask("./x=1/m.png") == MaskGuidance("m", "./x=1/m.png")
