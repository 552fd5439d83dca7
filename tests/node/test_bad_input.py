"""Whatever is wrong: one line on stderr, the right exit code, nothing half-written."""

from __future__ import annotations

import os
import re
import resource
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.command_line import Command
from support.shots import TinyShot, write_deep_exr, write_image, write_shot
from support.tiny import write_tiny_model

from maggie_api.job import MatteJob
from maggie_core.mattes import read_mattes

Breaker = Callable[[TinyShot, Path, list[str]], None]
"""Breaks a shot, its model folder, or the arguments of the command."""


def replace(args: list[str], old: str, new: str) -> None:
    args[:] = [new if arg == old else arg for arg in args]


def missing_plate(shot: TinyShot, model: Path, args: list[str]) -> None:
    replace(args, shot.plate, str(shot.folder / "nothing.####.exr"))


def missing_mask(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--guidance", f"eve={shot.folder / 'eve.####.png'}"]


def missing_mask_frame(shot: TinyShot, model: Path, args: list[str]) -> None:
    (shot.folder / "ana.1003.png").unlink()


def missing_mask_of_a_neighbour(shot: TinyShot, model: Path, args: list[str]) -> None:
    missing_mask_frame(shot, model, args)
    args += ["--frames", "1001-1002"]


def missing_plate_of_a_neighbour(shot: TinyShot, model: Path, args: list[str]) -> None:
    (shot.folder / "plate.1003.exr").unlink()
    args += ["--frames", "1001-1002"]


def mask_of_another_shape(shot: TinyShot, model: Path, args: list[str]) -> None:
    for frame in shot.frames:
        write_image(shot.folder / f"ana.{frame}.png", np.zeros((64, 64, 1), np.uint8), "uint8")


def no_masks(shot: TinyShot, model: Path, args: list[str]) -> None:
    del args[args.index("--guidance") :]


def same_name_twice(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--guidance", f"ana={shot.mask('ben')}"]


def unknown_colorspace(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--colorspace", "ACEScgg"]


def missing_ocio(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--ocio", str(shot.folder / "config.ocio")]


def unreadable_exr(shot: TinyShot, model: Path, args: list[str]) -> None:
    for frame in shot.frames:
        (shot.folder / f"plate.{frame}.exr").write_bytes(b"this is no EXR at all")


def cut_exr(shot: TinyShot, model: Path, args: list[str]) -> None:
    for frame in shot.frames:
        path = shot.folder / f"plate.{frame}.exr"
        path.write_bytes(path.read_bytes()[:100])


def deep_exr(shot: TinyShot, model: Path, args: list[str]) -> None:
    for frame in shot.frames:
        write_deep_exr(shot.folder / f"plate.{frame}.exr")


def unknown_model(shot: TinyShot, model: Path, args: list[str]) -> None:
    replace(args, str(model), "maggy")


def cut_weights(shot: TinyShot, model: Path, args: list[str]) -> None:
    weights = model / "tiny.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])


def foreign_weights(shot: TinyShot, model: Path, args: list[str]) -> None:
    (model / "tiny.safetensors").write_bytes(b"{}")


def frames_out_of_range(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--frames", "1004-1010"]


def no_frame_range(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--frames", "first-last"]


def movie_output(shot: TinyShot, model: Path, args: list[str]) -> None:
    args[args.index("-o") + 1] = str(shot.folder.parent / "out" / "m.avi")


def output_without_number(shot: TinyShot, model: Path, args: list[str]) -> None:
    args[args.index("-o") + 1] = str(shot.folder.parent / "out" / "m.exr")


def output_over_the_plate(shot: TinyShot, model: Path, args: list[str]) -> None:
    args[args.index("-o") + 1] = shot.plate


def output_below_a_file(shot: TinyShot, model: Path, args: list[str]) -> None:
    args[args.index("-o") + 1] = str(shot.folder / "plate.1001.exr" / "m.####.exr")


def working_size_of_nothing(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--working-px", "0"]


def unknown_compression(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--compression", "htj2k"]


def misspelt_option(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--exposure", "1"]


def the_word_for_guidance_in_other_programs(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--mask", "ana.png"]


def wildcard(shot: TinyShot, model: Path, args: list[str]) -> None:
    args[:1] = [shot.plate.replace("####", str(frame)) for frame in shot.frames]


def absent_device(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--device", "cuda:99"]


def no_frames_at_all(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--frames", ""]


def stray_dated_file(shot: TinyShot, model: Path, args: list[str]) -> None:
    (shot.folder / "plate.20261129.exr").write_bytes((shot.folder / "plate.1001.exr").read_bytes())


def long_plate_name(shot: TinyShot, model: Path, args: list[str]) -> None:
    replace(args, shot.plate, str(shot.folder / ("p" * 300 + ".####.exr")))


def long_matte_name(shot: TinyShot, model: Path, args: list[str]) -> None:
    args[args.index("-o") + 1] = str(shot.folder.parent / "out" / ("m" * 244 + ".####.exr"))
    args += ["--layout", "files"]


def line_break_in_the_output(shot: TinyShot, model: Path, args: list[str]) -> None:
    args[args.index("-o") + 1] = str(shot.folder.parent / "out" / "a\nb.####.exr")


def endless_cache(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--cache", str(shot.folder.parent / "out"), "--cache-gb", "1e300"]


def level_of_nothing(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--compression", "dwaa:nan"]


def level_out_of_range(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--compression", "zip:-5"]


def claimed_size(shot: TinyShot, model: Path, args: list[str]) -> None:
    for frame in shot.frames:
        path = shot.folder / f"plate.{frame}.exr"
        content = path.read_bytes()
        for name in (b"dataWindow", b"displayWindow"):
            at = content.index(name + b"\0box2i\0") + len(name) + 11
            content = content[:at] + struct.pack("<4i", 0, 0, 199_999, 199_999) + content[at + 16 :]
        path.write_bytes(content)


def too_little_memory(shot: TinyShot, model: Path, args: list[str]) -> None:
    args += ["--max-memory-gb", "0.1"]


def config_of_other_types(shot: TinyShot, model: Path, args: list[str]) -> None:
    (model / "config.json").write_text('{"person_px": "64"}')


TABLE: list[tuple[Breaker, int, str]] = [
    (missing_plate, 2, r"nothing\.####\.exr"),
    (missing_mask, 2, r"eve\.####\.png"),
    (missing_mask_frame, 2, "ana has no file for frame 1003: render"),
    (
        missing_mask_of_a_neighbour,
        2,
        r"ana has no file for frame 1003 \(the mattes of 1001-1002 need them\): r",
    ),
    (
        missing_plate_of_a_neighbour,
        2,
        r"frames 1003 \(the mattes of 1001-1002 need them\) are missing beside",
    ),
    (mask_of_another_shape, 2, "ana is 64x64 but the plate is 96x64"),
    (no_masks, 2, "no guidance: give at least one .* --guidance"),
    (no_frames_at_all, 2, "'' is no frame range"),
    (stray_dated_file, 2, r"1001-1005,20261129.*--shot-frames 1001-1005$"),
    (long_plate_name, 2, r'"plate" is a path of .* with a name of 309'),
    (long_matte_name, 2, "has a name of 257 bytes"),
    (line_break_in_the_output, 2, '"output" has a line break'),
    (endless_cache, 2, r"1e\+300 GB"),
    (level_of_nothing, 2, "'dwaa:nan': the level of dwaa is"),
    (level_out_of_range, 2, "'zip:-5': the level of zip is 1..9"),
    (config_of_other_types, 2, r'config\.json: person_px is "64": it must be two whole numbers'),
    (claimed_size, 2, "plate.*200000x200000 pixels, more than this machine holds"),
    (too_little_memory, 2, r"96x64 with 2 people needs 0\.\d GB .* 0\.1 GB are allowed"),
    (same_name_twice, 2, "'ana' is given twice"),
    (unknown_colorspace, 2, "ACEScgg.*ACEScg"),
    (missing_ocio, 2, r"config\.ocio"),
    (unreadable_exr, 2, r"plate\.1001\.exr"),
    (cut_exr, 2, r"plate\.1001\.exr"),
    (deep_exr, 2, "deep"),
    (unknown_model, 2, "maggy: known are default"),
    (cut_weights, 2, r"tiny\.safetensors"),
    (foreign_weights, 2, r"tiny\.safetensors"),
    (frames_out_of_range, 2, "1006-1010 .* 1001-1005"),
    (no_frame_range, 2, "first-last"),
    (movie_output, 2, r"m\.avi.*matte\.####\.exr"),
    (output_without_number, 2, r"m\.####\.exr"),
    (output_over_the_plate, 2, "also an input"),
    (output_below_a_file, 3, r"cannot write .*m\.1001\.exr: .* is no folder"),
    (working_size_of_nothing, 2, "working size is 0"),
    (unknown_compression, 2, "htj2k"),
    (misspelt_option, 2, "No such option.*exposure-ev"),
    (
        the_word_for_guidance_in_other_programs,
        2,
        "No such option '--mask': masks are --guidance NAME=SEQUENCE",
    ),
    (wildcard, 2, r"from .*plate\.1002\.exr on: if they come of a wildcard, .* plate\.####\.exr instead"),
    (absent_device, 2, "cuda:99"),
]


@pytest.mark.parametrize(("spoil", "code", "sentence"), TABLE, ids=[row[0].__name__ for row in TABLE])
def test_it_is_said_in_one_line_and_nothing_is_written(
    command: Command, shot: TinyShot, tmp_path: Path, spoil: Breaker, code: int, sentence: str
):
    model = write_tiny_model(tmp_path / "model")
    args = [shot.plate, "-o", str(tmp_path / "out" / "m.####.exr"), "--model", str(model), *shot.guidance]
    spoil(shot, model, args)
    before = files_below(tmp_path)

    result = command("matte", *args)

    assert result.exit_code == code, result.stderr
    *steps, line = result.stderr.splitlines()
    assert line.startswith("maggie-node: ")
    assert all(step.endswith("...") for step in steps), steps  # what takes longer than two seconds
    assert result.stdout == ""
    assert re.search(sentence, line), line
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("words", [(), ("farm",), ("models",)])
def test_a_bare_command_shows_its_help_line_by_line(command: Command, words: tuple[str, ...]):
    result = command(*words)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) > 5
    assert result.stderr.startswith("Usage: maggie-node")


def test_names_that_a_stream_cannot_carry_are_escaped_and_read_back(kept_shot: TinyShot, tmp_path: Path):
    plate = tmp_path / os.fsdecode(b"pl\xe4te.exr")
    args = [sys.executable, "-m", "maggie_node", "matte", plate, "-o", tmp_path / "m.exr", "--print-job"]
    args += ["--guidance", f"アナ={kept_shot.mask('ana')}"]

    result = subprocess.run(args, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "cp1252"})

    assert result.returncode == 0, result.stderr
    job = MatteJob.from_json(result.stdout.decode("cp1252"))
    assert (job.guidance[0].name, job.plate) == ("アナ", str(plate))


def test_a_plate_whose_name_is_no_utf8_is_matted(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    folder = tmp_path / os.fsdecode(b"sh\xf6t")
    folder.mkdir()
    for frame in (1001, 1002):
        (folder / f"plate.{frame}.exr").write_bytes((kept_shot.folder / f"plate.{frame}.exr").read_bytes())
    args = ("-o", folder / "m.####.exr", "--guidance", f"アナ={kept_shot.mask('ana')}", "--model", tiny_model)

    result = command("matte", folder / "plate.####.exr", *args, "--json")

    assert result.exit_code == 0, result.stderr
    assert command("explain", folder / "m.1002.exr").exit_code == 0
    assert "sh\\udcf6t" in result.stdout


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("licence", "model"), [("CC-BY-NC-4.0", "him50k"), ("CC-BY-NC-4.0", "vim2k5"), ("unknown", None)]
)
def test_weights_that_forbid_commercial_work_are_refused_before_anything_is_fetched(
    command: Command, kept_shot: TinyShot, tmp_path: Path, licence: str, model: str | None
):
    spec = model or write_tiny_model(tmp_path / "model", licence="unknown", commercial=False)
    args = ("-o", tmp_path / "m.####.exr", *kept_shot.guidance, "--model", spec, "--commercial")

    result = command("matte", kept_shot.plate, *args)

    assert result.exit_code == 5
    assert licence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.glob("*.exr")) == []


@pytest.mark.parametrize("text", ["", "{", '{"schema": "maggie-job/9"}', '{"schema": "maggie-job/1"}'])
def test_a_document_that_is_no_job_is_said_by_its_name(command: Command, tmp_path: Path, text: str):
    (tmp_path / "job.json").write_text(text, encoding="utf-8")

    result = command("job", tmp_path / "job.json")

    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "job.json" in line


def test_a_file_that_is_no_matte_cannot_be_explained(command: Command, kept_shot: TinyShot):
    result = command("explain", kept_shot.folder / "plate.1001.exr")

    assert result.exit_code == 2
    assert "has no maggie header" in result.stderr


def test_debug_adds_where_it_came_from(command: Command, kept_shot: TinyShot, tmp_path: Path):
    args = (
        kept_shot.plate,
        "-o",
        tmp_path / "m.####.exr",
        *kept_shot.guidance,
        "--model",
        "maggy",
        "--debug",
    )

    result = command("matte", *args)

    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("maggie-node: no model called maggy")


def test_a_folder_where_a_matte_should_be_costs_that_frame_alone(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    (tmp_path / "m.1002.exr").mkdir()

    result = command(
        "matte", kept_shot.plate, "-o", tmp_path / "m.####.exr", *kept_shot.guidance, "--model", tiny_model
    )

    assert result.exit_code == 3
    assert "frame 1002 failed: cannot write" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        f"m.{frame}.exr" for frame in (1001, 1003, 1004, 1005)
    ]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None] | None]]:
    """A folder that takes a few mattes and then no more, and what a process must do to feel it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode == 0:
        yield folder, None
        subprocess.run(["umount", str(folder)], check=True)
        return
    yield folder, limit_file_size


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def run_matte(
    shot: TinyShot, model: Path, out: Path, before: Callable[[], None] | None
) -> subprocess.CompletedProcess:
    args = [
        "matte",
        shot.plate,
        "-o",
        str(out / "m.####.exr"),
        "--float",
        *shot.guidance,
        "--model",
        str(model),
    ]
    return subprocess.run(
        [sys.executable, "-m", "maggie_node", *args],
        capture_output=True,
        text=True,
        preexec_fn=before,  # noqa: PLW1509 - one thread, and the limit must hold for the child alone
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_a_full_disk_ends_the_job_with_whole_files_only(
    small_disk: tuple[Path, Callable[[], None] | None], tiny_model: Path, tmp_path: Path
):
    folder, before = small_disk
    shot = write_shot(tmp_path / "shot", frames=range(1, 11))

    run = run_matte(shot, tiny_model, folder, before)

    lines = [line for line in run.stderr.splitlines() if line.startswith("maggie-node: ")]
    complaints = [line for line in lines if not line.startswith("maggie-node: note: ")]
    assert run.returncode == 3, run.stderr
    assert len(complaints) == 1, run.stderr
    assert "cannot write" in complaints[0]
    assert "space" in complaints[0]
    assert "Traceback" not in run.stderr
    left = sorted(folder.iterdir())
    assert len(left) < 10
    for path in left:
        assert set(read_mattes(path)[0]) == {"ana", "ben"}


def test_a_limit_on_file_size_ends_the_job_with_nothing_half_written(
    kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    run = run_matte(kept_shot, tiny_model, tmp_path / "out", limit_file_size)

    assert run.returncode == 3, run.stderr
    assert "frames 1001-1005 failed: cannot write" in run.stderr
    assert "Traceback" not in run.stderr
    assert list((tmp_path / "out").iterdir()) == []
