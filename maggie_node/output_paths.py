"""The one check of paths: no output of a job is one of its inputs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from maggie_api.errors import SettingsError


def check_outputs(outputs: Iterable[Path], inputs: Iterable[Path], *, said: str) -> None:
    """See that no file that will be written is one that is read.

    Outputs are put in place by renaming, so what counts is the entry of a folder, not the file behind a link.

    Args:
        outputs: every file of every frame.
        inputs: every file that is read.
        said: how the output was asked for, for the message.

    Raises:
        SettingsError: the first output that is an input.
    """
    folders: dict[str, str] = {}
    read = {_entry(path, folders): path for path in inputs}
    for output in outputs:
        entry = _entry(output, folders)
        same = read.get(entry)
        if same is not None and (same.name == output.name or _is_same(same, output)):
            raise SettingsError(
                f"output {said} is also an input, {same}: the mattes need a name or a folder of their own"
            )


def _entry(path: Path, folders: dict[str, str]) -> tuple[str, str]:
    """Folder with its links followed, and the name in it; names that differ by case alone are alike here."""
    parent = str(path.parent)
    if parent not in folders:
        folders[parent] = os.path.normcase(os.path.realpath(parent))
    return folders[parent], path.name.casefold()


def _is_same(one: Path, other: Path) -> bool:
    """Whether two names that differ by case alone are one file, as on some disks."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
