"""The lock of a shared worker's folder, with the locks of Windows: nobody has run there."""

from __future__ import annotations

import os
import sys
import types

import pytest

from maggie_api.client import address


@pytest.fixture
def windows_locks(monkeypatch):
    """`msvcrt.locking` as its documentation says: bytes from the file's position on, for one descriptor."""
    held: dict[tuple[int, int], int] = {}

    def is_open(descriptor: int) -> bool:
        try:
            return bool(os.fstat(descriptor))
        except OSError:
            return False

    def locking(descriptor: int, mode: int, count: int) -> None:
        place = os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR)
        owner = held.get(place)
        if owner is not None and owner != descriptor and is_open(owner):
            raise PermissionError(13, "Permission denied")
        held[place] = descriptor

    fake = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    monkeypatch.setattr(address.sys, "platform", "win32")


def test_with_the_locks_of_windows_a_worker_that_has_written_is_found(tmp_path, windows_locks):
    assert not address.is_locked(tmp_path)

    with address.locked(tmp_path) as lock:
        assert lock is not None
        address.note_listening(lock)
        began = address.last_listening(lock)

        assert began > 0
        assert address.is_locked(tmp_path)
        with address.locked(tmp_path) as second:
            assert second is None
        address.note_listening(lock)
        assert address.last_listening(lock) > began

    assert not address.is_locked(tmp_path)
