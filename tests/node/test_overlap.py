"""Frames are read and written beside the computing: the same files and events, whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.loss_warnings import without_losses
from support.shots import TinyShot
from support.tiny import write_shot as write_larger_shot

from maggie_api.errors import Cancelled
from maggie_api.events import Event, Finished, FrameDone, FrameFailed, Started, Warning
from maggie_api.job import MaskGuidance, MatteJob
from maggie_core.mattes import read_mattes
from maggie_node import runner


def job_of(shot: TinyShot, model: Path, out: Path, **more) -> MatteJob:
    guidance = tuple(MaskGuidance(name, shot.mask(name)) for name in shot.names)
    asked = MatteJob(shot.plate, str(out / "m.####.exr"), guidance, model=str(model), device="cpu")
    return replace(asked, **more)


def events_of(job: MatteJob, *, overlap: bool = True, checkpoint: Callable[[], None] = lambda: None):
    events: list[Event] = []
    runner.run(job, emit=events.append, checkpoint=checkpoint, overlap=overlap)
    return events


def without_times(events: list[Event], folder: Path) -> list[str]:
    plain = [replace(e, seconds=0.0) if isinstance(e, FrameDone) else e for e in events]
    return [str(event).replace(str(folder), "") for event in plain]


def frames(events: list[Event], kind: type[FrameDone | FrameFailed]) -> list[int]:
    return [event.frame for event in events if isinstance(event, kind)]


VARIANTS = {
    "as it is": {},
    "in segments": {"segment_frames": 2, "warmup_frames": 1},
    "with a foreground": {"foreground": True},
    "some frames": {"frames": "1002,1004-1005"},
}


@pytest.mark.parametrize("how", VARIANTS)
def test_files_and_events_are_the_same_as_one_after_the_other(
    kept_shot: TinyShot, tiny_model: Path, tmp_path: Path, how: str
):
    assert_same(tmp_path, lambda out: job_of(kept_shot, tiny_model, out, **VARIANTS[how]))


def test_so_they_are_with_native_detail(tiny_model: Path, tmp_path: Path):
    plate, masks = write_larger_shot(tmp_path, frames=range(1001, 1004), width=192, height=128)
    guidance = tuple(MaskGuidance(name, mask) for name, mask in masks.items())
    job = MatteJob(
        plate, "m.####.exr", guidance, model=str(tiny_model), device="cpu", working_px=64, detail="full"
    )

    assert_same(tmp_path, lambda out: replace(job, output=str(out / "m.####.exr")))


def assert_same(folder: Path, job: Callable[[Path], MatteJob]) -> None:
    """The job gives the same files and events with overlap and without."""
    beside, after = folder / "beside", folder / "after"

    told = {out: without_times(events_of(job(out), overlap=out == beside), out) for out in (beside, after)}

    files = sorted(path.name for path in beside.iterdir())
    assert told[beside] == told[after]
    assert files == sorted(path.name for path in after.iterdir())
    for name in files:
        assert (beside / name).read_bytes() == (after / name).read_bytes()


def test_a_frame_is_told_of_before_anyone_may_make_the_job_wait_and_all_in_the_callers_thread(
    kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    told: list[Event] = []
    threads: set[threading.Thread] = set()
    untold: list[set[str]] = []

    def emit(event: Event) -> None:
        told.append(event)
        threads.add(threading.current_thread())

    def checkpoint() -> None:
        threads.add(threading.current_thread())
        there = {str(path) for path in tmp_path.glob("m.*.exr")}
        untold.append(there - {event.path for event in told if isinstance(event, FrameDone)})

    runner.run(job_of(kept_shot, tiny_model, tmp_path), emit=emit, checkpoint=checkpoint)

    assert len(untold) >= 5
    assert not any(untold)
    assert threads == {threading.current_thread()}


def test_what_was_matted_before_a_broken_plate_is_delivered_before_it_fails(
    shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    (shot.folder / "plate.1005.exr").write_bytes(b"no picture")

    events = without_losses(
        events_of(job_of(shot, tiny_model, tmp_path / "out", segment_frames=2, warmup_frames=0))
    )

    assert isinstance(events[0], Started)
    assert [type(event) for event in events[1:]] == [FrameDone] * 4 + [FrameFailed, Warning, Finished]
    assert frames(events, FrameDone) == [1001, 1002, 1003, 1004]
    assert frames(events, FrameFailed) == [1005]
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_a_job_ended_in_the_middle_tells_of_every_file_and_leaves_no_thread(
    kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    before, events = set(threading.enumerate()), []

    def checkpoint() -> None:
        if len(frames(events, FrameDone)) >= 2:
            raise Cancelled

    finished = runner.run(job_of(kept_shot, tiny_model, tmp_path), emit=events.append, checkpoint=checkpoint)

    files = sorted(tmp_path.iterdir())
    assert finished.cancelled
    assert 2 <= len(files) < 5
    assert [str(path) for path in files] == [event.path for event in events if isinstance(event, FrameDone)]
    assert finished.done == len(files)
    assert all(set(read_mattes(path)[0]) == {"ana", "ben"} for path in files)
    assert not {thread.name for thread in set(threading.enumerate()) - before if thread.is_alive()}


def test_a_file_that_cannot_be_written_fails_alone_and_in_its_turn(
    kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    (tmp_path / "m.1003.exr").mkdir()

    events = events_of(job_of(kept_shot, tiny_model, tmp_path))

    told = [event.frame for event in events if isinstance(event, FrameDone | FrameFailed)]
    assert told == [1001, 1002, 1003, 1004, 1005]
    assert frames(events, FrameFailed) == [1003]
    assert [path for path in tmp_path.iterdir() if path.suffix != ".exr"] == []


def test_what_a_listener_raises_comes_out_and_no_thread_stays(
    kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    before = set(threading.enumerate())

    def emit(event: Event) -> None:
        if isinstance(event, FrameDone):
            raise RuntimeError("nobody listens")

    with pytest.raises(RuntimeError, match="nobody listens"):
        runner.run(job_of(kept_shot, tiny_model, tmp_path), emit=emit)

    assert not {thread.name for thread in set(threading.enumerate()) - before if thread.is_alive()}


def test_ctrl_c_in_a_python_program_ends_a_job_as_a_cancellation_does(
    kept_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    events: list[Event] = []

    def checkpoint() -> None:
        if frames(events, FrameDone):
            raise KeyboardInterrupt

    finished = runner.run(job_of(kept_shot, tiny_model, tmp_path), emit=events.append, checkpoint=checkpoint)

    assert finished.cancelled and events[-1] == finished
    assert finished.done == len(list(tmp_path.glob("*.exr"))) < 5


def test_a_disk_that_is_slower_than_the_computing_puts_no_cancellation_off_for_more_than_a_frame(
    kept_shot: TinyShot, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    events: list[Event] = []
    following = threading.Semaphore(0)
    """Released for each frame that is computed after the one that is being written."""
    write, run = runner.write_mattes, runner.ShotMatter.run

    def slow_write(*args: Any, **more: Any) -> Any:
        assert following.acquire(timeout=20)
        return write(*args, **more)

    def told_run(self: Any, frames: Any) -> Any:
        for count, result in enumerate(run(self, frames)):
            if count:
                following.release()
            yield result
        following.release()

    def checkpoint() -> None:
        if frames(events, FrameDone):
            raise Cancelled

    monkeypatch.setattr(runner, "write_mattes", slow_write)
    monkeypatch.setattr(runner.ShotMatter, "run", told_run)

    finished = runner.run(job_of(kept_shot, tiny_model, tmp_path), emit=events.append, checkpoint=checkpoint)

    assert finished.cancelled
    assert finished.done <= 2  # a frame that reads nothing has no checkpoint
