"""The job document: written, read back, and refused by name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from maggie_api.errors import JobError
from maggie_api.job import (
    CryptomatteGuidance,
    IdMapGuidance,
    IdName,
    LayersGuidance,
    MaskGuidance,
    MatteJob,
    PersonOption,
    Pin,
    read_job,
    write_job,
)
from maggie_api.settings import MatteSettings

ANA = MaskGuidance("Ana", "ana.####.png")
PLAIN = MatteJob("plate.####.exr", "matte.####.exr", (ANA,))
EVERY_FIELD = MatteJob(
    plate="plate.####.exr",
    output="matte.####.exr",
    guidance=(
        MaskGuidance("Žofie", "zofie.####.exr", "mask.A"),
        LayersGuidance("layers.####.exr", ("Dan",)),
        IdMapGuidance("ids.####.png", (IdName(1, "Ben"), IdName(7, "Cyd"))),
        CryptomatteGuidance("crypto.####.exr", "CryptoObject", ("hero", "dog")),
    ),
    frames="1001-1100x2,1200",
    shot_frames="1001-1200",
    plate_layer="beauty",
    on_missing="hold",
    guidance_missing="empty",
    model="him50k",
    device="cuda:1",
    precision="bf16",
    commercial=True,
    ocio="ocio://default",
    colorspace="ACEScg",
    exposure_ev="auto",
    highlights="clip",
    working_px=512,
    detail="full",
    overlap="last",
    segment_frames="whole",
    warmup_frames=2,
    sum_to_one=True,
    layout="files",
    depth="float",
    compression="piz",
    data_window="tight",
    foreground=True,
    resume=False,
    cache="cache",
    cache_gb=2.5,
    carry_hidden=True,
    refine="guided",
    smooth="flow",
    pins=(Pin("Žofie", "fix.####.exr", "A"),),
)


@pytest.mark.parametrize("job", [PLAIN, EVERY_FIELD])
def test_a_job_reads_back_as_it_was_written(job: MatteJob):
    assert MatteJob.from_json(job.to_json()) == job


def test_a_whole_number_and_the_same_as_a_float_are_one_job():
    whole = dataclasses.replace(
        PLAIN, gamma=2, cache_gb=5, exposure_ev=1, per_person=(PersonOption("ana", "grow_px", 1),)
    )
    floats = dataclasses.replace(
        PLAIN, gamma=2.0, cache_gb=5.0, exposure_ev=1.0, per_person=(PersonOption("ana", "grow_px", 1.0),)
    )

    assert whole.to_json() == floats.to_json()


def test_the_schema_comes_first_so_that_a_person_sees_what_the_file_is():
    assert list(json.loads(PLAIN.to_json()))[0] == "schema"


def test_fields_left_out_take_their_defaults():
    text = json.dumps(
        {
            "schema": "maggie-job/1",
            "plate": "plate.####.exr",
            "output": "matte.####.exr",
            "guidance": [{"kind": "mask", "name": "Ana", "sequence": "ana.####.png"}],
        }
    )

    assert MatteJob.from_json(text) == PLAIN


def test_defaults_are_those_of_the_core():
    core = MatteSettings()

    for field in dataclasses.fields(core):
        assert getattr(PLAIN, field.name) == getattr(core, field.name), field.name


def changed(**fields: object) -> str:
    return json.dumps({**json.loads(PLAIN.to_json()), **fields})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (changed(gudance=[]), 'job: unknown field "gudance": did you mean "guidance"?'),
        (changed(zzz=1), 'job: unknown field "zzz": known are plate, output, '),
        (changed(plate="p\ud800.exr"), 'job: field "plate" has half of a surrogate pair in it'),
        (changed(output="m\0.exr"), 'job: field "output" has a zero byte in it'),
        (changed(ocio="o" * 300), 'job: field "ocio" is a path of 300 bytes with a name of 300'),
        (changed(cache_gb=1)[:-1] + ', "working_px": ' + "9" * 5000 + "}", "a number of 5000 digits"),
        (changed(working_px="576"), 'job: field "working_px" is "576": it must be a whole number'),
        (changed(working_px=True), 'job: field "working_px" is true: it must be a whole number'),
        (changed(working_px=576.5), 'job: field "working_px" is 576.5: it must be a whole number'),
        (changed(exposure_ev="bright"), 'field "exposure_ev" is "bright": it must be a number or "auto"'),
        (
            changed(segment_frames=None),
            'field "segment_frames" is null: it must be a whole number or "whole"',
        ),
        (changed(layout="layer"), 'job: field "layout" is "layer": did you mean "layers"?'),
        (changed(commercial=1), 'field "commercial" is 1: it must be true or false'),
        (changed(frames=[1001]), 'field "frames" is a list: it must be text'),
        (changed(guidance={}), 'field "guidance" is an object: it must be a list'),
        (changed(guidance=[]), "id map or Cryptomatte (--guidance, --key, --guidance-layers, "),
        (changed(guidance=["ana.png"]), 'field "guidance[0]" is "ana.png": it must be an object'),
        (
            changed(guidance=[{"name": "Ana"}]),
            '"guidance[0].kind" is missing: it is one of mask, layers, id_map',
        ),
        (changed(guidance=[{"kind": "masks"}]), '"guidance[0].kind" is "masks": did you mean "mask"?'),
        (changed(guidance=[{"kind": "mask", "name": "A"}]), 'field "guidance[0].sequence" is missing'),
        (
            changed(guidance=[{"kind": "mask", "name": "A", "sequence": "a", "chanel": "A"}]),
            'unknown field "guidance[0].chanel": did you mean "channel"?',
        ),
        (changed(plate=" "), 'field "plate" is empty'),
        (changed(schema="maggie-job/2"), 'schema is "maggie-job/2": this version reads "maggie-job/1"'),
        ("{}", 'no "schema" field'),
        ("[]", 'no "schema" field'),
        ("{", "not JSON at line 1 column 2"),
        (changed(exposure_ev=float("nan")), "NaN is not a JSON value"),
        (PLAIN.to_json().replace('"plate"', '"plate": "a", "plate"', 1), 'field "plate" is given twice'),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_job_that_says_something_else_is_refused_in_one_line_that_names_it(text: str, sentence: str):
    with pytest.raises(JobError) as refusal:
        MatteJob.from_json(text)

    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_paths_in_a_job_file_are_seen_from_its_own_folder(tmp_path: Path):
    write_job(EVERY_FIELD, tmp_path / "job.json")

    job = read_job(tmp_path / "job.json")

    assert job.plate == str(tmp_path / "plate.####.exr")
    assert job.guidance[3].sequence == str(tmp_path / "crypto.####.exr")
    assert job.cache == str(tmp_path / "cache")
    assert job.pins[0].sequence == str(tmp_path / "fix.####.exr")
    assert job.model == "him50k"
    assert job.ocio == "ocio://default"


def test_a_model_that_lies_beside_the_job_is_taken_as_a_file(tmp_path: Path):
    (tmp_path / "own.safetensors").write_bytes(b"")

    job = dataclasses.replace(PLAIN, model="own.safetensors").anchored(tmp_path)

    assert job.model == str(tmp_path / "own.safetensors")


def test_a_folder_that_is_called_like_a_model_is_taken_only_as_a_path(tmp_path: Path):
    (tmp_path / "default").mkdir()

    for model, meant in (("default", "default"), ("./default", str(tmp_path / "default"))):
        assert dataclasses.replace(PLAIN, model=model).anchored(tmp_path).model == meant


def test_an_absolute_path_stays_where_it_is(tmp_path: Path):
    elsewhere = str(tmp_path / "show" / "plate.####.exr")

    job = dataclasses.replace(PLAIN, plate=elsewhere).anchored(tmp_path / "other")

    assert job.plate == elsewhere


@pytest.mark.parametrize("content", [None, b"\xff\xfe{"])
def test_a_job_file_that_cannot_be_read_is_said_by_name(tmp_path: Path, content: bytes | None):
    if content is not None:
        (tmp_path / "job.json").write_bytes(content)

    with pytest.raises(JobError, match="job.json: .*give a job document"):
        read_job(tmp_path / "job.json")


def test_writing_a_job_leaves_nothing_but_the_job(tmp_path: Path):
    write_job(PLAIN, tmp_path / "job.json")

    assert [path.name for path in tmp_path.iterdir()] == ["job.json"]
