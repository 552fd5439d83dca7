"""Scores of samples on disk, one line each, so that an evaluation goes on where it was stopped.

A score is found again only if everything it was made from is the same: the sample's files by their content,
the method and its settings, and the code and libraries that made it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from maggie_api.errors import FrameError, InputError
from maggie_core.io.atomic import cannot_write
from maggie_lab.evaluation.fingerprint import made_by
from maggie_lab.evaluation.metrics import Averages

VERSION = 2
"""Of the file's format. A change of the code that makes scores needs no new one (`fingerprint.made_by`)."""
KNOWN_FILES = 4096
"""Digests kept of files that were read: images are shared by sets of masks, and by all methods."""


@dataclass(frozen=True)
class Score:
    """What one method got for one sample."""

    sample: str
    subset: str
    variant: str
    files: str
    """What the sample's files were, from `files_digest`."""
    averages: Averages = field(default_factory=Averages)
    skipped: bool = False
    """The sample has no guidance at all and counts nowhere."""
    missing: int = 0
    extra: tuple[str, ...] = ()
    resized: int = 0


class ScoreLog:
    """The scores of one method under one recipe, in a file that only grows.

    The recipe and what made the scores are the file's first line and part of its name. A line that was cut
    off by a crash is dropped.
    """

    def __init__(self, folder: Path, name: str, recipe: dict[str, Any]):
        header = {"version": VERSION, **made_by(), **recipe}
        text = json.dumps(header, sort_keys=True)
        digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
        self.path = folder / f"{name}-{digest}.jsonl"
        self._scores: dict[str, Score] = {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._read_or_begin(header)
        except OSError as error:
            raise cannot_write(self.path, error.strerror or str(error)) from error

    def find(self, sample: str, files: str) -> Score | None:
        """The score of a sample, if its files are still the same."""
        score = self._scores.get(sample)
        return score if score is not None and score.files == files else None

    def add(self, score: Score) -> None:
        """Keep a score; it is on the disk when this returns.

        Raises:
            OutputError: it cannot be written.
        """
        self._append(asdict(score))
        self._scores[score.sample] = score

    def _read_or_begin(self, header: dict[str, Any]) -> None:
        text = self.path.read_bytes() if self.path.exists() else b""
        whole = text[: text.rfind(b"\n") + 1]
        if whole != text:
            os.truncate(self.path, len(whole))
        if not whole:
            self._append(header)
            return
        for number, line in enumerate(whole.splitlines()[1:], start=2):
            try:
                score = _score(json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                raise InputError(f"{self.path} is damaged in line {number}: remove the line") from error
            self._scores[score.sample] = score

    def _append(self, data: dict[str, Any]) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(data) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(self.path, error.strerror or str(error)) from error


def files_digest(paths: Iterable[Path]) -> str:
    """Names and contents of files as a short text to compare.

    Raises:
        FrameError: a file is not there or cannot be read.
    """
    digest = hashlib.blake2b(digest_size=12)
    for path in paths:
        try:
            stat = path.stat()
            content = _content(path, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        except OSError as error:
            raise FrameError(f"{path} cannot be read ({error.strerror}): check the file") from error
        digest.update(f"{path.name} {content}\n".encode())
    return digest.hexdigest()


@lru_cache(KNOWN_FILES)
def _content(path: Path, *state: int) -> str:
    """Digest of a file's content; `state` is what a change of it changes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _score(data: dict[str, Any]) -> Score:
    return Score(**{**data, "averages": Averages(**data["averages"]), "extra": tuple(data["extra"])})
