"""`matte` and `job`: files, events, resuming."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from support.command_line import Command
from support.loss_warnings import is_loss, without_losses
from support.shots import TinyShot, write_image, write_shot

from maggie_api.events import Finished, FrameDone, FrameFailed, Started, Warning, from_line
from maggie_api.job import MaskGuidance, MatteJob
from maggie_core.mattes import explain, read_mattes
from maggie_core.runtime.precision_speed import PrecisionSpeed
from maggie_node import job_warnings, records
from maggie_node.job_inputs import open_shot


def frames_written(folder: Path) -> list[int]:
    return sorted(int(path.suffixes[-2][1:]) for path in folder.glob("*.exr"))


def events_of(stdout: str, *, losses: bool = False) -> list:
    """Events but for those that a network which was not trained loses much of every mask."""
    events = [from_line(line) for line in stdout.splitlines()]
    return events if losses else without_losses(events)


def test_every_frame_of_the_shot_is_one_file_with_a_layer_for_each_person(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    out = tmp_path / "out"

    result = command(
        "matte", kept_shot.plate, "-o", out / "m.####.exr", *kept_shot.guidance, "--model", tiny_model
    )

    assert result.exit_code == 0, result.stderr
    assert frames_written(out) == [1001, 1002, 1003, 1004, 1005]
    assert len(list(out.iterdir())) == 5
    alphas, _ = read_mattes(out / "m.1003.exr")
    assert set(alphas) == {"ana", "ben"}
    assert all(alpha.shape == (64, 96) and 0 <= alpha.min() <= alpha.max() <= 1 for alpha in alphas.values())


def test_a_person_who_is_absent_is_a_layer_of_zeros_in_every_file(
    command: Command, tiny_model: Path, tmp_path: Path
):
    frames = set(range(1001, 1006))
    shot = write_shot(tmp_path / "shot", absent={"ben": frames})

    command("matte", shot.plate, "-o", tmp_path / "m.####.exr", *shot.guidance, "--model", tiny_model)

    for frame in frames:
        alphas, _ = read_mattes(tmp_path / f"m.{frame}.exr")
        assert not alphas["ben"].any()


def test_one_frame_may_go_to_one_file(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    plate, mask = kept_shot.folder / "plate.1002.exr", kept_shot.folder / "ana.1002.png"

    result = command(
        "matte", plate, "-o", tmp_path / "m.exr", "--guidance", f"ana={mask}", "--model", tiny_model
    )

    assert result.exit_code == 0, result.stderr
    assert list(read_mattes(tmp_path / "m.exr")[0]) == ["ana"]


def test_a_movie_is_matted_frame_by_frame_from_one(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    with av.open(str(tmp_path / "plate.mov"), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for frame in range(1, 6):
            pixels = np.full((64, 96, 3), 40 * frame, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
            shutil.copy(kept_shot.folder / f"ana.{1000 + frame}.png", tmp_path / f"ana.{frame:04d}.png")
        container.mux(stream.encode())
    mask = f"ana={tmp_path / 'ana.####.png'}"

    result = command(
        "matte",
        tmp_path / "plate.mov",
        "-o",
        tmp_path / "m.####.exr",
        "--guidance",
        mask,
        "--model",
        tiny_model,
    )

    assert result.exit_code == 0, result.stderr
    assert frames_written(tmp_path) == [1, 2, 3, 4, 5]


def test_events_are_lines_of_json_that_begin_end_and_name_every_frame_once(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    result = command(
        *("matte", kept_shot.plate, "-o", tmp_path / "m.####.exr", *kept_shot.guidance),
        *("--model", tiny_model, "--frames", "1002-1004", "--json", "--working-px", "512"),
    )

    started, *frames, finished = events_of(result.stdout)
    assert isinstance(started, Started)
    assert started.assumption.startswith("the plate does not name its colour space and is taken for Linear")
    assert started.frames == (1002, 1003, 1004)
    assert [(i.name, i.channel) for i in started.instances] == [
        ("ana", "maggie_ana.alpha"),
        ("ben", "maggie_ben.alpha"),
    ]
    assert (started.asked.device, started.effective.device) == ("auto", started.device)
    assert (started.asked.working_px, started.effective.working_px) == (512, 64)
    assert [frame.frame for frame in frames if isinstance(frame, FrameDone)] == [1002, 1003, 1004]
    assert [Path(frame.path) for frame in frames] == [tmp_path / f"m.{n}.exr" for n in (1002, 1003, 1004)]
    assert finished == Finished(done=3, skipped=0, failed=0)
    assert all(" of the inside of " in line for line in result.stderr.splitlines()), "notes alone"
    explained = json.loads(command("explain", tmp_path / "m.1002.exr", "--json").stdout)
    assert explained["notes"] == [started.assumption]


def test_a_person_sees_progress_on_stderr_and_nothing_on_stdout(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    result = command(
        "matte", kept_shot.plate, "-o", tmp_path / "m.####.exr", *kept_shot.guidance, "--model", tiny_model
    )

    assert result.stdout == ""
    assert "5 frames, 2 instances (ana, ben)" in result.stderr
    assert "frames/s" in result.stderr
    assert "5 mattes written" in result.stderr


def test_a_job_document_gives_the_same_bytes_as_the_command_line_it_came_from(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    args = (kept_shot.plate, *kept_shot.guidance, "--model", tiny_model, "--frames", "1001-1002")
    printed = command("matte", *args, "-o", tmp_path / "a" / "m.####.exr", "--print-job")
    (tmp_path / "job.json").write_text(printed.stdout, encoding="utf-8")

    first = command("matte", *args, "-o", tmp_path / "a" / "m.####.exr")
    second = command("job", tmp_path / "job.json", "-o", tmp_path / "b" / "m.####.exr")

    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr + second.stderr
    for frame in (1001, 1002):
        name = f"m.{frame}.exr"
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("layout", "files", "channel"),
    [
        ("layers", ["m.1001.exr"], "maggie_ana.alpha"),
        ("multipart", ["m.1001.exr"], "maggie_ana.alpha"),
        ("files", ["m_ana.1001.exr", "m_ben.1001.exr"], "A"),
        ("cryptomatte", ["m.1001.exr"], "CryptoMaggie"),
    ],
)
def test_events_say_which_files_a_layout_makes_and_where_the_alpha_is(
    command: Command,
    kept_shot: TinyShot,
    tiny_model: Path,
    tmp_path: Path,
    layout: str,
    files: list[str],
    channel: str,
):
    args = (
        "matte",
        kept_shot.plate,
        "-o",
        tmp_path / "m.####.exr",
        *kept_shot.guidance,
        "--model",
        tiny_model,
    )

    for cached in (False, True):
        result = command(*args, "--frames", "1001", "--layout", layout, "--json")

        started, done, _ = events_of(result.stdout)
        assert started.instances[0].channel == channel
        assert done.cached is cached
        assert list(done.paths) == [str(tmp_path / name) for name in files]
        assert all(Path(path).is_file() for path in done.paths)


def test_print_job_runs_nothing(command: Command, tmp_path: Path):
    result = command(
        "matte", "nowhere.####.exr", "-o", tmp_path / "m.####.exr", "--guidance", "a=b.exr", "--print-job"
    )

    assert result.exit_code == 0
    assert json.loads(result.stdout)["plate"].endswith("nowhere.####.exr")
    assert list(tmp_path.iterdir()) == []


def test_a_job_runs_only_the_frames_a_farm_gives_it(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    args = (kept_shot.plate, *kept_shot.guidance, "--model", tiny_model, "-o", tmp_path / "m.####.exr")
    (tmp_path / "job.json").write_text(command("matte", *args, "--print-job").stdout, encoding="utf-8")

    result = command("job", tmp_path / "job.json", "--frames", "1003-1004")

    assert result.exit_code == 0, result.stderr
    assert frames_written(tmp_path) == [1003, 1004]


class TestRunningAgain:
    @pytest.fixture
    def again(self, command: Command, shot: TinyShot, tiny_model: Path, tmp_path: Path):
        """Run the shot in segments of two frames, so that a change reaches few; returns (done, skipped)."""

        def run(*more: object) -> tuple[list[int], list[int]]:
            result = command(
                *("matte", shot.plate, "-o", tmp_path / "out" / "m.####.exr", *shot.guidance, "--json"),
                *("--model", tiny_model, "--segment", "2", "--warmup", "0", *more),
            )
            assert result.exit_code == 0, result.stderr
            done = [event for event in events_of(result.stdout) if isinstance(event, FrameDone)]
            return [e.frame for e in done if not e.cached], [e.frame for e in done if e.cached]

        run()
        return run

    ALL = [1001, 1002, 1003, 1004, 1005]

    def test_another_version_of_a_library_makes_everything_anew(self, again, monkeypatch):
        monkeypatch.setattr(records, "library_versions", lambda: "numpy 99")

        assert again() == (self.ALL, [])

    def test_computes_nothing_when_nothing_changed(self, again):
        assert again() == ([], self.ALL)

    def test_redoes_all_on_request(self, again):
        assert again("--overwrite") == (self.ALL, [])

    def test_redoes_all_when_a_setting_changed(self, again):
        assert again("--exposure-ev", "1") == (self.ALL, [])

    def test_redoes_what_is_missing_or_cut_short(self, again, tmp_path: Path):
        (tmp_path / "out" / "m.1001.exr").unlink()
        whole = (tmp_path / "out" / "m.1004.exr").read_bytes()
        (tmp_path / "out" / "m.1004.exr").write_bytes(whole[: len(whole) // 2])

        assert again() == ([1001, 1004], [1002, 1003, 1005])
        assert (tmp_path / "out" / "m.1004.exr").read_bytes() == whole

    def test_redoes_what_a_repainted_mask_can_reach_and_nothing_else(self, again, shot: TinyShot):
        write_image(shot.folder / "ana.1001.png", np.full((64, 96, 1), 255, np.uint8), "uint8")

        done, skipped = again()

        assert 1001 in done
        assert {1003, 1004, 1005} <= set(skipped)

    def test_does_not_care_where_the_plate_lies(self, again, shot: TinyShot, tmp_path: Path):
        moved = tmp_path / "moved"
        shutil.move(shot.folder, moved)
        moved.rename(shot.folder)

        assert again() == ([], self.ALL)


def test_the_header_tells_how_the_matte_was_made(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    args = ("--model", tiny_model, "--frames", "1001", "--exposure-ev", "0.5")
    command("matte", kept_shot.plate, "-o", tmp_path / "m.####.exr", *kept_shot.guidance, *args)

    record = explain(tmp_path / "m.1001.exr")
    shown = command("explain", tmp_path / "m.1001.exr")
    as_json = command("explain", tmp_path / "m.1001.exr", "--json")

    assert (record["model"], record["licence"]) == ("tiny", "Apache-2.0")
    assert len(record["weights_sha256"]) == 64
    assert record["settings"]["exposure_ev"] == 0.5
    assert record["guidance"][1]["name"] == "ben"
    assert record["weights_sha256"] in shown.stdout
    assert json.loads(as_json.stdout) == record


def test_missing_plate_frames_are_listed_unless_the_job_says_what_stands_in(
    command: Command, shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    for frame in (1002, 1003):
        (shot.folder / f"plate.{frame}.exr").unlink()
    args = (
        "matte",
        shot.plate,
        *shot.guidance,
        "--model",
        tiny_model,
        "-o",
        tmp_path / "m.####.exr",
        "--json",
    )

    refused = command(*args)
    skipped = command(*args, "--on-missing", "skip")
    held = command(*args, "--on-missing", "hold")

    assert refused.exit_code == 2
    assert "1002-1003" in refused.stderr
    assert skipped.exit_code == 0, skipped.stderr
    warning, *_, finished = events_of(skipped.stdout)
    assert isinstance(warning, Warning)
    assert "1002-1003" in warning.text
    assert finished == Finished(done=3, skipped=2, failed=0)
    assert held.exit_code == 0, held.stderr
    assert frames_written(tmp_path) == [1001, 1002, 1003, 1004, 1005]


def test_a_broken_frame_fails_alone_and_its_neighbours_say_so(
    command: Command, shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    (shot.folder / "plate.1005.exr").write_bytes(b"no picture")

    result = command(
        *("matte", shot.plate, "-o", tmp_path / "m.####.exr", *shot.guidance, "--json"),
        *("--model", tiny_model, "--segment", "2", "--warmup", "0"),
    )

    events = events_of(result.stdout)
    failed = [event.frame for event in events if isinstance(event, FrameFailed)]
    assert result.exit_code == 3
    assert failed == [1005]
    assert frames_written(tmp_path) == [1001, 1002, 1003, 1004]
    assert events[-1] == Finished(done=4, skipped=0, failed=1)
    assert "frame 1005 failed: " in result.stderr
    (warning,) = [event for event in events if isinstance(event, Warning)]
    assert (warning.code, "without frame 1005" in warning.text) == ("unreadable-frames", True)
    assert warning.frames == (1003, 1004)
    assert explain(tmp_path / "m.1004.exr")["without"] == [1005]
    assert explain(tmp_path / "m.1002.exr")["without"] == []


def test_a_frame_that_was_repaired_is_made_with_those_that_were_matted_without_it(
    command: Command, shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    options = ("--model", tiny_model, "--segment", "2", "--warmup", "0", "--json")
    ask = ("matte", shot.plate, "-o", tmp_path / "m.####.exr", *shot.guidance, *options)
    plate = shot.folder / "plate.1005.exr"
    whole = plate.read_bytes()
    command(*ask)
    plate.write_bytes(whole[: len(whole) // 2])
    damaged = {e.frame: e.cached for e in events_of(command(*ask).stdout) if isinstance(e, FrameDone)}
    again = {e.frame: e.cached for e in events_of(command(*ask).stdout) if isinstance(e, FrameDone)}
    plate.write_bytes(whole)
    repaired = {e.frame: e.cached for e in events_of(command(*ask).stdout) if isinstance(e, FrameDone)}

    assert damaged == {1001: True, 1002: True, 1003: False, 1004: False}
    assert again == {1001: True, 1002: True, 1003: True, 1004: True}
    assert repaired == {1001: True, 1002: True, 1003: False, 1004: False, 1005: False}


def test_mattes_that_are_worse_than_their_masks_are_told_once_for_each_person_and_segment(
    command: Command, kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    result = command(
        *("matte", kept_shot.plate, "-o", tmp_path / "m.####.exr", *kept_shot.guidance, "--segment", "2"),
        *("--model", tiny_model, "--json", "--cache", tmp_path / "cache"),
    )
    again = command(
        *("matte", kept_shot.plate, "-o", tmp_path / "n.####.exr", *kept_shot.guidance, "--segment", "2"),
        *("--model", tiny_model, "--json", "--cache", tmp_path / "cache"),
    )

    told = [event.text for event in events_of(result.stdout, losses=True) if is_loss(event)]
    lost = [text for text in told if text.startswith("ana: the matte lost ")]
    assert 1 <= len(lost) <= 3, "five frames are three segments"
    assert re.search(r"lost \d+ % of the inside of its mask in frames? 1001.* at x \d+ to \d+, y ", lost[0])
    assert "paint the mask anew" in lost[0] and "--trust" not in lost[0]  # measured: trust makes it worse
    assert len(told) == len(set(told))
    assert told == [event.text for event in events_of(again.stdout, losses=True) if is_loss(event)]


def test_nan_in_the_plate_is_mended_for_the_network_and_reported(
    command: Command, shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    broken = np.full((64, 96, 3), 0.2, np.float32)
    broken[3, 4:7] = np.nan
    write_image(shot.folder / "plate.1002.exr", broken, "half")

    result = command(
        "matte", shot.plate, "-o", tmp_path / "m.####.exr", *shot.guidance, "--model", tiny_model, "--json"
    )

    events = events_of(result.stdout)
    (warning,) = [event for event in events if isinstance(event, Warning)]
    (frame,) = [event for event in events if isinstance(event, FrameDone) and event.frame == 1002]
    assert warning.code == "repaired-pixels"
    assert "1002" in warning.text
    assert frame.repairs is not None
    assert frame.repairs.nan == 3
    assert np.isfinite(read_mattes(tmp_path / "m.1002.exr")[0]["ana"]).all()


@pytest.mark.parametrize("ms", [0.5, 3.0])
def test_a_slower_number_format_is_used_as_asked_and_said(
    command: Command, shot: TinyShot, tiny_model: Path, tmp_path: Path, monkeypatch, ms: float
):
    monkeypatch.setattr(job_warnings, "cpu_speed", lambda kind: PrecisionSpeed(kind, ms=ms, fp32_ms=1.5))

    result = command(
        *("matte", shot.plate, "-o", tmp_path / "m.####.exr", *shot.guidance, "--json", "--frames", "1001"),
        *("--model", tiny_model, "--device", "cpu", "--precision", "bf16"),
    )

    events = events_of(result.stdout)
    said = [event.text for event in events if isinstance(event, Warning)]
    (started,) = [event for event in events if isinstance(event, Started)]
    assert started.effective.precision == "bf16"
    assert (len(said) == 1 and "--precision bf16 takes 2 times the time of fp32" in said[0]) == (ms > 1.5)


def test_auto_is_float32_on_every_cpu(command: Command, shot: TinyShot, tiny_model: Path, tmp_path: Path):
    """However fast bfloat16 is: the machines of a farm share a shot."""
    result = command(
        *("matte", shot.plate, "-o", tmp_path / "m.####.exr", *shot.guidance, "--json", "--frames", "1001"),
        *("--model", tiny_model, "--device", "cpu"),
    )

    (started,) = [event for event in events_of(result.stdout) if isinstance(event, Started)]
    assert (started.effective.precision, explain(tmp_path / "m.1001.exr")["precision"]) == ("fp32", "fp32")


def test_a_plate_of_luminance_and_chroma_is_told(tmp_path: Path):
    golden = np.load(Path(__file__).parents[1] / "golden" / "luminance_chroma.npz")
    (tmp_path / "p.0001.exr").write_bytes(golden["with_alpha_file"].tobytes())
    write_image(tmp_path / "ana.0001.png", np.full((16, 24, 1), 255, np.uint8), "uint8")
    guidance = (MaskGuidance("ana", str(tmp_path / "ana.####.png")),)

    shot = open_shot(MatteJob(str(tmp_path / "p.####.exr"), str(tmp_path / "m.####.exr"), guidance))

    assert [warning.code for warning in shot.warnings] == ["luminance-chroma"]
