"""`--key` on the command line, and what a job says of a mask that stands still."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.command_line import Command
from support.shots import HEIGHT, WIDTH, TinyShot, write_image, write_shot
from support.tiny import write_tiny_model
from support.tiny_sam2 import write_tiny_sam2

from maggie_core import MaskSequence
from maggie_core.mattes import read_mattes


@pytest.fixture
def shot(tmp_path: Path) -> TinyShot:
    return write_shot(tmp_path / "shot", frames=range(1001, 1005))


def test_one_mask_given_as_a_key_serves_the_shot_with_masks_in_every_frame_beside_it(
    shot, tmp_path, command: Command
):
    model = write_tiny_model(tmp_path / "model")
    key = shot.mask("ana").replace("####", "1002")
    arguments = ["--key", f"ana={key}", "--guidance", f"ben={shot.mask('ben')}", "--model", model, "--json"]
    told = command("matte", shot.plate, "-o", tmp_path / "m.####.exr", *arguments)

    events = [json.loads(line) for line in told.stdout.splitlines()]
    assert told.exit_code == 0, told.stderr
    assert [event["frame"] for event in events if event["event"] == "frame_done"] == list(shot.frames)
    explained = command("explain", tmp_path / "m.1004.exr")
    assert explained.exit_code == 0 and key in explained.stdout

    again = command("matte", shot.plate, "-o", tmp_path / "m.####.exr", *arguments)
    assert json.loads(again.stdout.splitlines()[-1])["skipped"] == len(shot.frames)


def test_somebody_who_is_no_longer_found_is_a_warning_that_says_where_a_key_is_wanted(
    tmp_path, command: Command
):
    shot = write_shot(tmp_path / "shot", frames=range(1001, 1008), absent={"ben": set(range(1004, 1008))})
    key = shot.mask("ben").replace("####", "1002")
    told = command(
        "matte", shot.plate, "-o", tmp_path / "m.####.exr", "--key", f"ben={key}", "--guidance",
        f"ana={shot.mask('ana')}", "--device", "cpu", "--json",
    )  # fmt: skip

    assert told.exit_code == 0, told.stderr
    events = [json.loads(line) for line in told.stdout.splitlines()]
    lost = [(event["text"], event["frames"]) for event in events if event.get("code") == "lost-subject"]
    said = "ben is lost from 1004: add a key mask near there, or an empty one if ben is not in the picture"
    assert lost == [(said, [1004])]


def test_the_masks_that_are_made_are_written_for_every_frame_and_person(shot, tmp_path, command: Command):
    model = write_tiny_model(tmp_path / "model")
    key = shot.mask("ana").replace("####", "1002")
    printed = command(
        "matte", shot.plate, "-o", tmp_path / "m.####.exr", "--key", f"ana={key}", "--model", model,
        "--print-job",
    )  # fmt: skip
    (tmp_path / "job.json").write_text(printed.stdout, encoding="utf-8")

    told = command("propagate", tmp_path / "job.json", "-o", tmp_path / "masks" / "k.####.png")

    assert told.exit_code == 0, told.stderr
    found = sorted(path.name for path in (tmp_path / "masks").iterdir())
    assert found == [f"k_ana.{frame}.png" for frame in shot.frames]
    given, made = (MaskSequence("ana", path).read(1002)[0].pixels for path in (key, found_at(tmp_path)))
    assert np.array_equal(given, made)


def test_a_tracker_in_a_folder_is_described_and_makes_the_masks_that_are_written(
    shot, tmp_path, command: Command
):
    network, model = write_tiny_sam2(tmp_path / "sam2"), write_tiny_model(tmp_path / "model")
    facts = json.loads(command("models", "info", f"sam2:{network}", "--json").stdout)
    assert (facts["kind"], facts["licence"], facts["commercial"]) == ("tracker", "unknown", False)
    assert "is sound" in command("models", "verify", f"sam2:{network}").stdout
    key = shot.mask("ana").replace("####", "1002")
    matte = ("matte", shot.plate, "-o", tmp_path / "m.####.exr", "--key", f"ana={key}", "--model", model)
    printed = command(*matte, "--tracker", f"sam2:{network}", "--print-job")
    (tmp_path / "job.json").write_text(printed.stdout, encoding="utf-8")

    for folder, words in (("sam2", ()), ("builtin", ("--tracker", "builtin"))):
        output = tmp_path / folder / "k.####.png"
        told = command("propagate", tmp_path / "job.json", "-o", output, *words)
        assert told.exit_code == 0, told.stderr
    masks = [MaskSequence("ana", tmp_path / f / "k_ana.####.png") for f in ("sam2", "builtin")]
    first, second = (each.read(1004)[0].pixels for each in masks)
    assert first.any() and not np.array_equal(first, second)
    refused = command(*matte, "--tracker", f"sam2:{network}", "--commercial")
    assert refused.exit_code != 0 and "take --tracker builtin, or drop --commercial" in refused.stderr


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("masks.####.exr", "name PNG or TIFF"),
        ("masks.png", "every frame has masks: name it as masks.####.png"),
        ("FILE/masks.####.png", "cannot write"),
    ],
)
def test_where_masks_cannot_be_written_is_said_before_anything_is_made(
    shot, tmp_path, command: Command, output: str, said: str
):
    key = shot.mask("ana").replace("####", "1002")
    printed = command(
        "matte", shot.plate, "-o", tmp_path / "m.####.exr", "--key", f"ana={key}", "--print-job"
    )
    (tmp_path / "job.json").write_text(printed.stdout, encoding="utf-8")
    (tmp_path / "FILE").write_bytes(b"")

    told = command("propagate", tmp_path / "job.json", "-o", tmp_path / output)

    assert told.exit_code in (2, 3) and said in told.stderr
    assert len(told.stderr.splitlines()) == 1


def keyed(shot: TinyShot, command: Command, tmp_path: Path, key: object, *options: object) -> list[str]:
    """What a job says whose only person has key masks."""
    told = command(
        "matte", shot.plate, "-o", tmp_path / "m.####.exr", "--key", f"ana={key}", "--model",
        write_tiny_model(tmp_path / "model"), "--json", *options,
    )  # fmt: skip
    assert told.exit_code == 0, told.stderr
    events = [json.loads(line) for line in told.stdout.splitlines()]
    return [event["text"] for event in events if event.get("code") in ("guidance", "empty-mask")]


def test_an_empty_only_key_is_said_to_show_nobody(shot, tmp_path, command: Command):
    empty = tmp_path / "ana.1002.png"
    write_image(empty, np.zeros((HEIGHT, WIDTH, 1), np.uint8), "uint8")

    assert keyed(shot, command, tmp_path, empty) == [
        "the mask of ana is empty in all frames, and so is the matte: check the file, and which of its "
        "channels or ids is meant"
    ]


def test_a_key_outside_the_shot_is_said(shot, tmp_path, command: Command):
    keys = tmp_path / "keys"
    keys.mkdir()
    source = Path(shot.mask("ana").replace("####", "1001"))
    for frame in (1, 1001):
        (keys / f"ana.{frame:04d}.png").write_bytes(source.read_bytes())

    said = keyed(shot, command, tmp_path, keys / "ana.####.png")

    assert said == ["key masks of ana at frames 1 lie outside the shot and are not used"]


@pytest.mark.parametrize("size", [(3, 60), (60, 3)])
def test_people_are_followed_where_the_plate_is_a_strip(tmp_path, command: Command, size: tuple[int, int]):
    mask = np.zeros((*size, 1), np.uint8)
    across = np.arange(60).reshape(*(60 if side == 60 else 1 for side in size), 1)
    mask[np.broadcast_to((across >= 12) & (across < 30), mask.shape)] = 255
    for frame in (1, 2):
        write_image(tmp_path / f"p.{frame}.exr", (mask / 510).repeat(3, 2).astype(np.float32), "half")
    write_image(tmp_path / "ana.1.png", mask, "uint8")

    told = command(
        "matte", tmp_path / "p.#.exr", "-o", tmp_path / "m.#.exr", "--key", f"ana={tmp_path / 'ana.1.png'}",
        "--model", write_tiny_model(tmp_path / "model"),
    )  # fmt: skip

    assert told.exit_code == 0, told.stderr
    alphas = [read_mattes(tmp_path / f"m.{frame}.exr")[0]["ana"].mean() for frame in (1, 2)]
    assert alphas == pytest.approx([(mask / 255).mean()] * 2, abs=0.1)


def test_a_damaged_key_is_passed_over_by_the_policy_and_said(shot, tmp_path, command: Command):
    keys = tmp_path / "keys"
    keys.mkdir()
    for frame in (1001, 1004):
        source = Path(shot.mask("ana").replace("####", str(frame)))
        (keys / source.name).write_bytes(source.read_bytes())
    (keys / "ana.1003.png").write_bytes(b"no picture")

    said = keyed(shot, command, tmp_path, keys / "ana.####.png", "--guidance-missing", "hold")

    assert said == ["key masks of ana at frames 1003 cannot be read and are passed over: repair their files"]
    assert sorted(path.name for path in tmp_path.glob("m.*.exr")) == [f"m.{f}.exr" for f in shot.frames]


def test_an_offset_for_one_file_that_serves_all_frames_is_said_to_change_nothing(
    shot, tmp_path, command: Command
):
    still = shot.mask("ana").replace("####", "1001")
    told = command(
        "matte", shot.plate, "-o", tmp_path / "m.####.exr", "--guidance", f"ana={still}",
        "--guidance-offset", "3", "--model", write_tiny_model(tmp_path / "model"),
    )  # fmt: skip

    assert told.exit_code == 0, told.stderr
    assert "one file is the mask of ana in all frames: --guidance-offset 3 changes nothing" in told.stderr


def found_at(folder: Path) -> str:
    return str(folder / "masks" / "k_ana.1002.png")


def test_a_still_mask_in_a_moving_shot_is_a_warning_that_names_key(shot, tmp_path, command: Command):
    model = write_tiny_model(tmp_path / "model")
    still = shot.mask("ana").replace("####", "1001")
    told = command(
        "matte", shot.plate, "-o", tmp_path / "m.####.exr", "--guidance", f"ana={still}", "--model", model
    )

    assert told.exit_code == 0, told.stderr
    assert "one mask for all 4 frames" in told.stderr and "--key ana=FILE" in told.stderr


def test_a_key_is_written_as_a_mask_and_keeps_its_place(command: Command):
    told = command(
        "matte", "p.####.exr", "-o", "m.####.exr", "--key", "ana=k/a.####.png:A", "--guidance",
        "ben=b.####.png", "--print-job",
    )  # fmt: skip

    kinds = [(each["kind"], each["name"]) for each in json.loads(told.stdout)["guidance"]]
    assert kinds == [("key", "ana"), ("mask", "ben")]
