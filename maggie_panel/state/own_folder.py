"""Folders of one panel, which go with it; and those of panels that were killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Optional

from maggie_api.client.address import LOCK, is_locked, locked

PREFIX = ".maggie-panel-"
JUST_MADE_S = 60.0
"""A folder whose lock is younger may be one that another panel is just about to lock."""


class OwnFolder:
    """A new folder, locked as long as this process has it.

    Args:
        parent: where it is made; None = where the system keeps temporary files.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, parent: Optional[Path] = None):
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(locked(self.path))

    def remove(self) -> None:
        """Remove it with all that is in it."""
        self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)


def remove_abandoned(parent: Optional[Path] = None, *, older_s: float = JUST_MADE_S) -> None:
    """Remove the folders of panels that were killed: a lock goes with its process.

    Args:
        parent: as for `OwnFolder`.
        older_s: age of the lock, at least.
    """
    for folder in (parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or another panel was faster
            made = os.stat(folder / LOCK, follow_symlinks=False)
            is_ours = not folder.is_symlink() and (os.name == "nt" or made.st_uid == os.getuid())
            if is_ours and time.time() - made.st_mtime > older_s and not is_locked(folder):
                shutil.rmtree(folder, ignore_errors=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, so that it stays when another takes its place; a copy where links cannot be.

    Raises:
        OSError: it cannot be read or written.
    """
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
