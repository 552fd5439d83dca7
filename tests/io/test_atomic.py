from __future__ import annotations

import os
import resource
import subprocess
import sys
from contextlib import contextmanager

import pytest

from maggie_api.errors import OutputError
from maggie_core.io.atomic import atomic_file


@contextmanager
def no_file_over(size_bytes: int):
    """Writing more than this fails in this process, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_file_appears_whole_and_its_folder_is_made(tmp_path):
    path = tmp_path / "new" / "folder" / "a.bin"

    with atomic_file(path) as temporary:
        temporary.write_bytes(b"whole")
        assert temporary.parent == path.parent
        assert not path.exists()

    assert path.read_bytes() == b"whole"
    assert os.listdir(path.parent) == ["a.bin"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit, ValueError])
def test_whatever_stops_the_writing_leaves_the_old_file_and_no_other(tmp_path, failure):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    with pytest.raises(failure), atomic_file(path) as temporary:
        temporary.write_bytes(b"half")
        raise failure

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_temporary_file_is_never_taken_for_a_frame(tmp_path):
    with atomic_file(tmp_path / "matte.1001.exr") as temporary:
        assert temporary.suffix != ".exr"
        assert temporary.name.startswith(".")
        temporary.write_bytes(b"x")


def test_a_full_disk_is_one_line_that_says_what_to_do(tmp_path):
    path = tmp_path / "a.bin"

    with (
        no_file_over(1000),
        pytest.raises(OutputError, match=r"cannot write .*a\.bin .*free some space") as full,
    ):
        with atomic_file(path) as temporary:
            temporary.write_bytes(bytes(5000))

    assert "\n" not in str(full.value)
    assert os.listdir(tmp_path) == []


def test_no_permission_is_one_line_that_says_what_to_do(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)

    with pytest.raises(OutputError, match=r"cannot write .* \(Permission denied\): ask for write permission"):
        with atomic_file(tmp_path / "a.bin") as temporary:
            temporary.write_bytes(b"x")

    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_a_file_is_an_output_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(OutputError, match="cannot write"), atomic_file(tmp_path / "file" / "a.bin"):
        pass


def test_a_folder_is_never_replaced_by_a_file(tmp_path):
    (tmp_path / "a.exr").mkdir()

    with pytest.raises(OutputError, match="a folder of that name is there"), atomic_file(tmp_path / "a.exr"):
        pass


def test_a_file_nobody_wrote_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="No such file"), atomic_file(tmp_path / "a.bin"):
        pass


LEAVE_ONE = """
import os, signal, sys
from maggie_core.io.atomic import atomic_file

with atomic_file(sys.argv[1]) as temporary:
    temporary.write_bytes(b"half")
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    print(flush=True)
    input()
"""


def test_what_a_killed_process_leaves_is_removed_by_the_next_one(tmp_path):
    def start(how: str) -> subprocess.Popen:
        command = [sys.executable, "-c", LEAVE_ONE, str(tmp_path / f"{how}.exr"), how]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    start("killed").communicate()
    alive = start("alive")
    assert alive.stdout is not None and alive.stdout.readline()
    assert len(list(tmp_path.glob(".maggie-*"))) == 1  # the second has removed what the first one left

    with atomic_file(tmp_path / "mine.exr") as temporary:
        temporary.write_bytes(b"whole")

    assert len(list(tmp_path.glob(".maggie-*"))) == 1  # of the second, which still writes
    alive.communicate(b"\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alive.exr", "mine.exr"]
