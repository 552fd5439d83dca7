"""Digests of file contents, remembered while a file does not change."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from maggie_api.errors import FrameError
from maggie_core.io.patience import patiently

RACY_S = 2.0
"""A file touched this recently may change again without its time showing it: some file systems count in
seconds. Its digest is not remembered."""

_digests: dict[tuple[str | int, ...], str] = {}


def file_digest(path: str | Path) -> str:
    """blake2b of a file's bytes (hex, 32 characters), remembered until size, time or place change.

    Raises:
        FrameError: the file is missing or unreadable.
    """
    path = Path(path)
    try:
        return patiently(path, lambda: _file_digest(path))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FrameError(f"{path} cannot be read ({reason}): check the file") from error


def _file_digest(path: Path) -> str:
    stat = path.stat()
    if not path.is_file():  # to open a pipe would wait for a writer
        raise FrameError(f"{path} is no file: check the path and the frame number")
    # The time of change and the inode tell a file that was put in its place with its time preserved.
    key = (str(path.absolute()), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
    if key in _digests:
        return _digests[key]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    if time.time() - max(stat.st_mtime, stat.st_ctime) > RACY_S:
        _digests[key] = digest
    return digest
