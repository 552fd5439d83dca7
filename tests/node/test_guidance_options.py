"""How guidance is written on the command line."""

from __future__ import annotations

import json

import pytest
from support.command_line import Command

from maggie_api.job import CryptomatteGuidance, MaskGuidance
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
