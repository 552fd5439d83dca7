"""What was read is told by digests taken while it was read."""

from __future__ import annotations

from pathlib import Path

import pytest

from maggie_api.errors import FrameError
from maggie_core.io.digest import file_digest
from maggie_core.shot.inputs import READS, InputAccount, InputsChangedError, UnreadableFrameError


def digests(path: Path) -> dict[str, str]:
    return {"plate": file_digest(path)}


def test_a_frame_is_noted_as_it_was_when_it_was_read(tmp_path: Path):
    file, account = tmp_path / "plate", InputAccount()
    file.write_text("old")
    old = digests(file)

    assert account.read(7, lambda: digests(file), file.read_text) == "old"
    file.write_text("new")

    assert account.of(7) == old
    assert account.of(8) == {}


def test_a_file_that_changes_under_the_reader_is_read_again(tmp_path: Path):
    file, account, reads = tmp_path / "plate", InputAccount(), []
    file.write_text("old")

    def read() -> str:
        found = file.read_text()
        if not reads:
            file.write_text("new")
        reads.append(found)
        return found

    assert account.read(7, lambda: digests(file), read) == "new"
    assert reads == ["old", "new"]
    assert account.of(7) == digests(file)


def test_a_file_that_cannot_be_read_because_it_is_being_written_is_read_again(tmp_path: Path):
    file, account = tmp_path / "plate", InputAccount()
    file.write_text("half")

    def read() -> str:
        if file.read_text() == "half":
            file.write_text("whole")
            raise FrameError("it ends too early")
        return file.read_text()

    assert account.read(7, lambda: digests(file), read) == "whole"


def test_a_file_that_cannot_be_used_is_noted_with_its_reason(tmp_path: Path):
    file, account = tmp_path / "plate", InputAccount()
    file.write_text("damaged")

    def read() -> str:
        raise FrameError("it is damaged")

    with pytest.raises(UnreadableFrameError, match="it is damaged") as said:
        account.read(7, lambda: digests(file), read)

    assert said.value.frame == 7
    assert account.of(7) == digests(file)


def test_a_file_that_never_rests_is_said(tmp_path: Path):
    file, account, reads = tmp_path / "plate", InputAccount(), []

    def read() -> None:
        reads.append(1)
        file.write_text(str(len(reads)))

    file.write_text("0")
    with pytest.raises(UnreadableFrameError, match="change while they are read"):
        account.read(7, lambda: digests(file), read)

    assert len(reads) == READS
    assert account.of(7) == {}


def test_a_frame_that_is_another_one_when_it_is_read_again_is_said(tmp_path: Path):
    file, account = tmp_path / "plate", InputAccount()
    file.write_text("old")
    account.read(7, lambda: digests(file), file.read_text)
    file.write_text("new")

    with pytest.raises(InputsChangedError):
        account.read(7, lambda: digests(file), file.read_text)
