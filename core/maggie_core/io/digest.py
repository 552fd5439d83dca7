"""What a file holds, as a short text to compare."""

from __future__ import annotations

import hashlib
from pathlib import Path

from maggie_core.errors import FrameError

_digests: dict[tuple[str, int, int], str] = {}


def file_digest(path: str | Path) -> str:
    """blake2b of a file's bytes (hex, 32 characters), remembered until its size or time changes.

    Raises:
        FrameError: the file is missing or unreadable.
    """
    path = Path(path)
    try:
        stat = path.stat()
        key = (str(path.absolute()), stat.st_size, stat.st_mtime_ns)
        if key not in _digests:
            with path.open("rb") as file:
                _digests[key] = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise FrameError(f"{path} cannot be read ({reason}): check the file") from error
    return _digests[key]
