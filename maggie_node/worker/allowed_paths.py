"""Which paths a job may name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from maggie_api.job import MatteJob

_NUMBER = re.compile(r"#+|@+|%0?\d*d|\$F\d*")
"""Where a sequence's name has its frame number."""


class PathError(Exception):
    """A path that a job must not name; one line with the field."""


def real_roots(roots: Iterable[str | Path]) -> tuple[str, ...]:
    """Folders as they are on disk, symbolic links followed.

    Raises:
        PathError: one is not there.
    """
    for root in roots:
        if not os.path.isdir(root):
            raise PathError(f"--root {root} is no folder: name one that exists")
    return tuple(os.path.realpath(root) for root in roots)


def check_paths(job: MatteJob, roots: Sequence[str], *, trusted: Iterable[str] = ()) -> None:
    """See that every path in `job` is absolute and, links followed, in one of `roots` (none: anywhere).

    Names of models and of OCIO configurations are no paths. What is a sequence is checked file by file.

    Args:
        trusted: paths that are fine wherever they are.

    Raises:
        PathError: the first path that is not.
    """
    for field, path in _paths(job):
        if path in trusted:
            continue
        if "\0" in path or not os.path.isabs(path):
            raise PathError(f'job: field "{field}" is {path!r}: a worker needs absolute paths')
        if roots:
            _check(field, path, roots)


def _paths(job: MatteJob) -> Iterator[tuple[str, str]]:
    yield "plate", job.plate
    yield "output", job.output
    for i, source in enumerate(job.guidance):
        yield f"guidance[{i}].sequence", source.sequence
    for i, pin in enumerate(job.pins):
        yield f"pins[{i}].sequence", pin.sequence
    if job.cache is not None:
        yield "cache", job.cache
    if _is_path(job.model):
        yield "model", job.model
    if job.ocio is not None and not job.ocio.startswith("ocio://"):
        yield "ocio", job.ocio


def _is_path(model: str) -> bool:
    return os.path.basename(model) != model or model.startswith("~") or os.path.exists(model)


def _check(field: str, path: str, roots: Sequence[str]) -> None:
    for each in (path, *_files_of(path)):
        real = os.path.realpath(each)
        if not any(_is_in(real, root) for root in roots):
            leads = "" if os.path.normpath(each) == real else f", which is {real}"
            raise PathError(
                f'job: field "{field}" is {each}{leads}: this worker may use {", ".join(roots)} only'
            )


def _files_of(path: str) -> Iterator[str]:
    """Files of a sequence that are links: each may lead somewhere else."""
    folder, name = os.path.split(path)
    number = _NUMBER.search(name)
    if number is None:
        return
    # A range may stand before the number: a.1001-1010#.exr.
    start, end = name[: number.start()].rstrip("0123456789-,:xy"), name[number.end() :]
    try:
        with os.scandir(folder) as entries:
            yield from (
                entry.path
                for entry in entries
                if entry.is_symlink() and entry.name.startswith(start) and entry.name.endswith(end)
            )
    except OSError:  # not there: the job will say so
        return


def _is_in(path: str, root: str) -> bool:
    try:
        return os.path.commonpath([os.path.normcase(path), os.path.normcase(root)]) == os.path.normcase(root)
    except ValueError:  # another drive
        return False
