"""No output of a job is one of its inputs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from support.command_line import Command
from support.shots import TinyShot, write_image

from maggie_api.errors import OutputError, SettingsError
from maggie_node.output_paths import check_outputs, folders_of, windows_fault


def test_outputs_beside_inputs_are_fine(tmp_path: Path):
    check_outputs({"matte.#.exr": [tmp_path / "matte.1.exr"]}, [tmp_path / "plate.1.exr"])


@pytest.mark.parametrize("through", ["plain", "dots", "link"])
def test_an_output_that_is_an_input_is_refused_however_it_is_written(tmp_path: Path, through: str):
    real = tmp_path / "real"
    real.mkdir()
    (real / "plate.1.exr").write_bytes(b"")
    (tmp_path / "link").symlink_to(real)
    asked = {"plain": real, "dots": real / ".." / "real", "link": tmp_path / "link"}[through]

    with pytest.raises(SettingsError, match=r"is also an input, .*plate\.1\.exr: the mattes need a name"):
        check_outputs({"plate.#.exr": [asked / "plate.1.exr"]}, [real / "plate.1.exr"])


def test_an_output_may_replace_a_link_to_an_input(tmp_path: Path):
    (tmp_path / "plate.1.exr").write_bytes(b"")
    os.symlink(tmp_path / "plate.1.exr", tmp_path / "matte.1.exr")

    check_outputs({"matte.#.exr": [tmp_path / "matte.1.exr"]}, [tmp_path / "plate.1.exr"])


@pytest.mark.parametrize(
    ("output", "more", "input_name"),
    [
        ("ana.####.exr", (), "ana.1001.exr"),
        ("roto.####.exr", ("--layout", "files"), "roto_ana.1001.exr"),
        ("roto.####.exr", (), "roto_ana.1001.exr"),
        ("still.####.exr", (), "still.1003.exr"),
    ],
)
def test_no_frame_of_any_layout_is_written_over_an_input(
    command: Command, shot: TinyShot, tiny_model: Path, output: str, more: tuple[str, ...], input_name: str
):
    guidance = shot.folder / input_name
    sequence = (
        guidance if "still" in input_name else guidance.with_name(guidance.name.replace("1001", "####"))
    )
    for frame in range(1001, 1006) if "####" in sequence.name else (1003,):
        write_image(
            guidance.with_name(guidance.name.replace("1001", str(frame))),
            np.ones((64, 96, 1), np.float32),
            "half",
        )
    before = guidance.read_bytes()

    result = command(
        *("matte", shot.plate, "-o", shot.folder / output, "--guidance", f"ana={sequence}"),
        *("--model", tiny_model, *more),
    )

    assert result.exit_code == 2
    assert "is also an input" in result.stderr
    assert guidance.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("m.1001.exr", ""),
        ("com10.1001.exr", ""),
        ("a:b.1001.exr", "':'"),
        ("a?<b>.exr", "'<' '>' '?'"),
        ("a\tb.exr", r"'\\t'"),
        ("m.1001.exr ", "a blank"),
        ("nul.1001.exr", "a device"),
        ("COM1", "a device"),
    ],
)
def test_names_that_windows_does_not_take(name: str, reason: str):
    found = windows_fault(name)

    assert bool(found) == bool(reason)
    assert re.search(reason, found)


def test_of_the_folders_made_for_a_job_that_is_refused_the_empty_ones_go(tmp_path: Path):
    (tmp_path / "old").mkdir()
    files = [tmp_path / name / "m.1.exr" for name in ("old", "new/full", "new/empty/deep")]

    with pytest.raises(SettingsError), folders_of(files):
        assert all(file.parent.is_dir() for file in files)
        files[1].write_bytes(b"")
        raise SettingsError("refused")

    assert {path.name for path in tmp_path.rglob("*")} == {"old", "new", "full", "m.1.exr"}


def test_a_folder_that_cannot_be_made_leaves_none_of_those_before_it(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")

    with (
        pytest.raises(OutputError, match=r"file/deep is no folder|cannot write"),
        folders_of([tmp_path / "new" / "m.exr", tmp_path / "file" / "deep" / "m.exr"]),
    ):
        pytest.fail("it cannot be written")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "none-such"), "none-such"),
        (("--frames", "1004-1005", "--guidance", "ben=EMPTY/ben.####.png"), "ben"),
        (("--device", "cuda:99"), "device"),
    ],
)
def test_nothing_of_a_refused_job_stays(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path, words: tuple[str, ...], said: str
):
    (tmp_path / "EMPTY").mkdir()
    write_image(tmp_path / "EMPTY" / "ben.1001.png", np.ones((64, 96, 1), np.uint8), "uint8")
    before = sorted(tmp_path.rglob("*"))
    outputs = ("-o", tmp_path / "new" / "m.####.exr", "--preview", tmp_path / "looks" / "x.mp4")

    result = command(
        *("matte", kept_shot.plate, *outputs, "--model", tiny_model, "--guidance"),
        *(f"ana={kept_shot.mask('ana')}", *(word.replace("EMPTY", f"{tmp_path}/EMPTY") for word in words)),
    )

    assert result.exit_code == 2 and said in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_of_masks_that_are_refused_stays_and_nothing_of_a_demo(
    command: Command, kept_shot: TinyShot, tmp_path: Path
):
    key = kept_shot.mask("ana").replace("####", "1002")
    key_job = command(
        *("matte", kept_shot.plate, "-o", "m.####.exr", "--key", f"ana={key}", "--model", "none-such"),
        "--print-job",
    )
    (tmp_path / "job.json").write_text(key_job.stdout, encoding="utf-8")

    refused = command("propagate", tmp_path / "job.json", "-o", tmp_path / "masks" / "k.####.png")
    no_demo = command("demo", "-o", tmp_path / "demo", "--device", "cuda:99")

    assert (refused.exit_code, no_demo.exit_code) == (2, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["job.json"]
