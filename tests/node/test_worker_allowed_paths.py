"""Paths that a job in a worker may name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from support.shots import TinyShot
from support.workers import child, job_of

from maggie_api.client import rpc
from maggie_api.errors import PathError
from maggie_api.job import SEQUENCES, Hold, MaskGuidance, MatteJob, Pin
from maggie_api.serialization import to_data
from maggie_api.settings import MODEL_NAMES
from maggie_node.worker.allowed_paths import check_paths, real_roots


@pytest.fixture
def show(tmp_path: Path) -> Path:
    """A folder that jobs may use, beside one they may not."""
    for name in ("show", "secret"):
        (tmp_path / name).mkdir()
        for frame in (1, 2):
            (tmp_path / name / f"plate.{frame:04d}.exr").touch()
    return tmp_path / "show"


def job_in(folder: Path) -> MatteJob:
    ana = MaskGuidance("ana", str(folder / "ana.####.png"))
    return MatteJob(str(folder / "plate.####.exr"), str(folder / "out" / "m.####.exr"), (ana,))


def refusal(job: MatteJob, *roots: Path) -> str:
    with pytest.raises(PathError) as refused:
        check_paths(job, real_roots(roots))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_job_inside_is_fine_also_where_nothing_is_yet(show: Path):
    check_paths(dataclasses.replace(job_in(show), cache=str(show / "cache")), real_roots([show]))


def test_without_roots_everything_absolute_is_fine(show: Path):
    check_paths(job_in(show.parent / "secret"), ())


@pytest.mark.parametrize("field", ["plate", "output", "cache", "model", "ocio"])
def test_every_path_has_to_be_inside(show: Path, field: str):
    outside = str(show.parent / "secret" / "x.exr")

    said = refusal(dataclasses.replace(job_in(show), **{field: outside}), show)

    assert said == f'job: field "{field}" is {outside}: this worker may use {show} only'


def test_guidance_has_to_be_inside(show: Path):
    mask = MaskGuidance("ana", str(show.parent / "secret" / "ana.####.png"))

    assert 'field "guidance[0].sequence"' in refusal(
        dataclasses.replace(job_in(show), guidance=(mask,)), show
    )


def test_pins_have_to_be_inside(show: Path):
    pin = Pin("ana", str(show.parent / "secret" / "ana.####.exr"))

    assert 'field "pins[0].sequence"' in refusal(dataclasses.replace(job_in(show), pins=(pin,)), show)

    for kind in ("core", "garbage"):
        held = dataclasses.replace(job_in(show), **{kind: (Hold(pin.sequence, "ana"),)})
        assert f'field "{kind}[0].sequence"' in refusal(held, show)


def test_no_other_field_of_a_job_is_a_path():
    """A new field that names a file has to be added to `allowed_paths.py` and to this test."""
    types = {field.name: str(field.type) for field in dataclasses.fields(MatteJob)}
    paths = {"plate", "output", "preview", "cache", "model", "tracker", "ocio"}
    others = {"frames", "shot_frames", "plate_layer", "device", "colorspace", "compression"}

    assert {name for name, kind in types.items() if "str" in kind} == paths | others
    assert {name for name, kind in types.items() if "tuple" in kind} == {*SEQUENCES, "per_person", "pictures"}


@pytest.mark.parametrize(
    "path", ["{show}/../secret/m.####.exr", "{show}/out/../../secret/m.exr", "{show}er/m.exr"]
)
def test_dots_and_look_alikes_lead_nowhere(show: Path, path: str):
    refusal(dataclasses.replace(job_in(show), output=path.format(show=show)), show)


def test_a_link_to_a_folder_outside_is_outside(show: Path):
    (show / "linked").symlink_to(show.parent / "secret")

    said = refusal(dataclasses.replace(job_in(show), plate=str(show / "linked" / "plate.####.exr")), show)

    assert f"which is {show.parent / 'secret'}" in said


def test_a_folder_called_like_a_model_is_not_the_model(show: Path, monkeypatch: pytest.MonkeyPatch):
    (show.parent / "default").mkdir()
    monkeypatch.chdir(show.parent)

    check_paths(dataclasses.replace(job_in(show), model="default"), real_roots([show]))


@pytest.mark.parametrize("name", ["plate.####.exr", "plate.%04d.exr", "plate.1-3####.exr", "plate.0003.exr"])
def test_one_frame_that_leads_outside_is_enough(show: Path, name: str):
    (show / "plate.0003.exr").symlink_to(show.parent / "secret" / "plate.0001.exr")

    said = refusal(dataclasses.replace(job_in(show), plate=str(show / name)), show)

    assert f"{show / 'plate.0003.exr'}, which is {show.parent / 'secret' / 'plate.0001.exr'}" in said


def test_links_inside_and_links_of_others_are_fine(show: Path):
    (show / "plate.0003.exr").symlink_to(show / "plate.0001.exr")
    (show / "reference.0003.exr").symlink_to(show.parent / "secret" / "plate.0001.exr")

    check_paths(job_in(show), real_roots([show]))


def test_a_root_may_itself_be_a_link(show: Path):
    (show.parent / "x").symlink_to(show)

    check_paths(job_in(show.parent / "x"), real_roots([show.parent / "x"]))


@pytest.mark.parametrize("path", ["plate.exr", "", "~/plate.exr", "/x\0/plate.exr", "\udcff.exr"])
def test_a_path_that_is_not_absolute_is_refused(show: Path, path: str):
    job = job_in(show)
    object.__setattr__(job, "plate", path)

    refusal(job)


@pytest.mark.parametrize("model", MODEL_NAMES)
def test_names_are_no_paths(show: Path, model: str):
    job = dataclasses.replace(job_in(show), model=model, ocio="ocio://default")

    check_paths(job, real_roots([show]))


@pytest.mark.parametrize("model", ["~", "~root", "../secret", "secret/model"])
def test_a_model_that_is_a_path_has_to_be_absolute(show: Path, model: str):
    assert 'field "model"' in refusal(dataclasses.replace(job_in(show), model=model), show)


@pytest.mark.parametrize(("tracker", "allowed"), [("tiny", True), ("{}/sam2", True), ("/secret/sam2", False)])
def test_a_tracker_is_a_name_or_a_folder_that_is_allowed(show: Path, tracker: str, allowed: bool):
    job = dataclasses.replace(job_in(show), tracker=f"sam2:{tracker.format(show)}")

    if allowed:
        check_paths(job, real_roots([show]))
    else:
        assert 'field "tracker" is /secret/sam2' in refusal(job, show)


def test_a_worker_with_roots_says_so_and_refuses_the_rest(
    kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    job = to_data(job_of(kept_shot, tmp_path / "out", tiny_model))

    with child("--root", str(kept_shot.folder), "--root", str(tiny_model)) as (wire, _):
        assert wire.hello()["result"]["roots"] == [str(kept_shot.folder), str(tiny_model)]
        answer = wire.ask("submit", {"job": job})

        assert answer["error"]["code"] == rpc.NOT_ALLOWED
        assert 'field "output"' in answer["error"]["message"]
        assert wire.ask("status")["result"]["jobs"] == []
    assert not (tmp_path / "out").exists()
