"""Which paths a job may name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from maggie_api.errors import PathError, SettingsError
from maggie_api.job import MatteJob
from maggie_api.sequences import parse_pattern
from maggie_api.settings import MODEL_NAMES, tracker_folder


def real_roots(roots: Iterable[str | Path]) -> tuple[str, ...]:
    """Folders as they are on disk, with symbolic links followed.

    Raises:
        PathError: one does not exist.
    """
    for root in roots:
        if not os.path.isdir(root):
            raise PathError(f"--root {root} is no folder: name one that exists")
    return tuple(os.path.realpath(root) for root in roots)


def check_paths(job: MatteJob, roots: Sequence[str], *, trusted: Iterable[str] = ()) -> None:
    """Check that every path in `job` is absolute and, with links followed, in one of `roots`.

    Names of models, of trackers and of OCIO configurations are no paths. A sequence is checked file by file.

    Args:
        roots: allowed folders; empty = anywhere.
        trusted: paths that are allowed wherever they are.

    Raises:
        PathError: the first path that is not allowed.
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
    if job.output.strip():
        yield "output", job.output
    for i, picture in enumerate(job.pictures):
        yield f"pictures[{i}].path", picture.path
    if job.preview is not None:
        yield "preview", job.preview
    yield from job.sequences()
    if job.cache is not None:
        yield "cache", job.cache
    if _is_path(job.model):
        yield "model", job.model
    if tracker_folder(job.tracker):
        yield "tracker", tracker_folder(job.tracker)
    if job.ocio is not None and not job.ocio.startswith("ocio://"):
        yield "ocio", job.ocio


def _is_path(model: str) -> bool:
    if model in MODEL_NAMES:
        return False
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
    """Files of a sequence that are symbolic links: each may lead to another folder."""
    try:
        pattern = parse_pattern(path)
        if pattern is None:
            return
        with os.scandir(pattern.folder) as entries:
            yield from (entry.path for entry in entries if entry.is_symlink() and pattern.matches(entry.name))
    except (SettingsError, OSError):  # no name of a sequence, or no such folder: the job ends with the reason
        return


def _is_in(path: str, root: str) -> bool:
    try:
        return os.path.commonpath([os.path.normcase(path), os.path.normcase(root)]) == os.path.normcase(root)
    except ValueError:  # another drive
        return False
