"""The one check of paths: no output of a job is one of its inputs, or another output; and their folders."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from maggie_api.errors import SettingsError
from maggie_core.io.atomic import cannot_write


def check_outputs(outputs: Mapping[str, Iterable[Path]], inputs: Iterable[Path]) -> None:
    """See that no file that will be written is one that is read, or is written twice.

    Outputs are put in place by renaming, so what counts is the entry of a folder, not the file behind a link.

    Args:
        outputs: every file of every frame, by how its output was asked for.
        inputs: every file that is read.

    Raises:
        SettingsError: the first output that is an input, or another output.
    """
    if os.name == "nt":
        for said, files in outputs.items():
            for output in files:
                if reason := windows_fault(output.name):
                    raise SettingsError(f"output {said} has a name that {reason}: give it another")
    folders: dict[str, str] = {}
    read = {_entry(path, folders): path for path in inputs}
    written: set[tuple[str, str]] = set()
    for said, files in outputs.items():
        for output in files:
            entry = _entry(output, folders)
            same = read.get(entry)
            if same is not None and (same.name == output.name or _is_same(same, output)):
                raise SettingsError(
                    f"output {said} is also an input, {same}: the mattes need a name or a folder of their own"
                )
            if entry in written:
                raise SettingsError(f"two outputs would write {output}: give each a name of its own")
            written.add(entry)


@contextmanager
def folders_of(files: Iterable[Path]) -> Iterator[None]:
    """Folders that files can be written in, for a job. Of those that this makes none stays empty where the
    job is refused.

    Raises:
        OutputError: nothing can be written there.
    """
    made: list[Path] = []
    try:
        for file in files:
            made += [each for each in (*reversed(file.parent.parents), file.parent) if not each.exists()]
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=file.parent):
                    pass
            except OSError as error:
                raise cannot_write(file, (error.strerror or str(error)).lower()) from error
        yield
    except BaseException:
        for folder in reversed(made):
            with suppress(OSError):  # something is in it
                folder.rmdir()
        raise


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


_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


def windows_fault(name: str) -> str:
    """Why Windows does not take a file of this name, or would mean another one; "" where it does.

    Source: Microsoft, "Naming Files, Paths, and Namespaces". Nobody has run there.
    """
    odd = sorted({letter for letter in name if letter in '<>:"/\\|?*' or ord(letter) < 32})
    if odd:
        return f"has {' '.join(map(repr, odd))} in it, which Windows does not take"
    if name.endswith((".", " ")):
        return "ends in a dot or a blank, which Windows takes away"
    if _DEVICES.fullmatch(name):
        return "is that of a device on Windows"
    return ""
