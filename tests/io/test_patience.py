"""A drive that fails for a moment costs time; a damaged file and a drive that is gone are told."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from maggie_api.errors import FrameError, OutputError
from maggie_core.io import patience
from maggie_core.io.image import read_image
from maggie_core.io.patience import WAITS_S, UnreadableError, patiently, written


class Flapping(type(Path())):  # type: ignore[misc]
    """A path whose next tries fail with the errors in `errors`."""

    errors: list[int]

    def open(self, *args, **kwargs):
        if self.errors:
            number = self.errors.pop(0)
            raise OSError(number, os.strerror(number), str(self))
        return super().open(*args, **kwargs)


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits that were asked for, none of which is waited."""
    waits: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", waits.append)
    return waits


def flapping(folder: Path, *errors: int) -> Flapping:
    (folder / "p.exr").write_bytes(b"pixels")
    path = Flapping(folder / "p.exr")
    path.errors = list(errors)
    return path


def read(path: Flapping) -> bytes:
    """As a library that says no more than that it cannot."""
    try:
        with path.open("rb") as file:
            return file.read()
    except OSError as error:
        raise UnreadableError("cannot be read") from error


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT])
@pytest.mark.parametrize("times", [1, 2, 4, 9])
def test_what_fails_for_moments_is_read(tmp_path: Path, waited: list[float], number: int, times: int):
    path = flapping(tmp_path, *[number] * times)

    assert patiently(path, lambda: read(path)) == b"pixels"
    assert waited == list(WAITS_S[: times // 2])


def test_a_drive_that_is_gone_is_waited_for_once_for_all_its_files(tmp_path: Path, waited: list[float]):
    path = flapping(tmp_path, *[errno.EIO] * 100)

    for _ in range(3):
        with pytest.raises(FrameError, match=r"input/output error, at \d tries.*check its disk or network"):
            patiently(path, lambda: read(path))

    assert waited == list(WAITS_S)


def test_what_is_forbidden_or_missing_is_not_waited_for(tmp_path: Path, waited: list[float]):
    path = flapping(tmp_path, *[errno.EACCES] * 10)

    with pytest.raises(UnreadableError):
        patiently(path, lambda: read(path))
    with pytest.raises(FrameError, match="does not exist"):
        read_image(tmp_path / "missing.exr")

    assert waited == []


def test_a_damaged_file_is_not_waited_for(tmp_path: Path, waited: list[float]):
    (tmp_path / "p.exr").write_bytes(b"no EXR at all")

    with pytest.raises(UnreadableError, match="render or copy it again"):
        read_image(tmp_path / "p.exr")

    assert waited == []


class Counting(type(Path())):  # type: ignore[misc]
    """A path that counts the bytes that are read of it."""

    taken: int

    @contextmanager
    def open(self, *args, **kwargs):
        with super().open(*args, **kwargs) as file:
            yield file
            self.taken += file.tell()


def test_a_damaged_file_is_read_to_its_end_once_for_all_its_frames(tmp_path: Path):
    size = 5 << 20
    (tmp_path / "a.mov").write_bytes(bytes(size))
    path = Counting(tmp_path / "a.mov")
    path.taken = 0

    def damaged() -> None:
        raise UnreadableError("cannot be decoded")

    for _ in range(3):
        with pytest.raises(UnreadableError, match="cannot be decoded"):
            patiently(path, damaged)

    assert path.taken == size + 5 * (1 << 20)


def test_a_folder_is_asked_again(waited: list[float]):
    answers: list[object] = [OSError(errno.ESTALE, "stale"), OSError(errno.EIO, "i/o"), ["a.exr"]]

    def ask() -> object:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    assert patience.looked(ask) == ["a.exr"]
    assert waited == list(WAITS_S[:2])


def test_what_a_folder_forbids_is_not_asked_again(waited: list[float]):
    def ask() -> None:
        raise PermissionError(errno.EACCES, "forbidden")

    with pytest.raises(PermissionError):
        patience.looked(ask)
    assert waited == []


class Failing:
    """Writes a file as `atomic_file` does, on a drive that fails so many times with an error."""

    def __init__(self, number: int, times: int) -> None:
        self.number, self.times = number, times

    def __call__(self) -> str:
        if self.times:
            self.times -= 1
            raise OutputError("cannot write") from OSError(self.number, os.strerror(self.number))
        return "m.exr"


def test_what_fails_for_moments_is_written(tmp_path: Path, waited: list[float]):
    assert written(tmp_path, Failing(errno.EIO, times=2)) == "m.exr"
    assert waited == list(WAITS_S[:2])


def test_a_drive_that_takes_nothing_is_waited_for_once_for_all_its_files(tmp_path: Path, waited: list[float]):
    gone = Failing(errno.EIO, times=100)

    for _ in range(3):
        with pytest.raises(OutputError):
            written(tmp_path, gone)

    assert waited == list(WAITS_S)
    assert gone.times == 100 - (len(WAITS_S) + 1) - 2


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_full_or_forbidden_drive_is_not_waited_for(tmp_path: Path, waited: list[float], number: int):
    with pytest.raises(OutputError):
        written(tmp_path, Failing(number, times=9))

    assert waited == []
