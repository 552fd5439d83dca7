"""Scores of samples on disk, one line each, so that an evaluation goes on where it was stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from maggie_api.errors import FrameError, InputError
from maggie_core.io.atomic import cannot_write
from maggie_lab.evaluation.metrics import Averages

VERSION = 1
"""Raised when metrics, resampling or baselines change, so that old scores are not taken for new ones."""


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

    The recipe is the file's first line and part of its name. A line that was cut off by a crash is dropped.
    """

    def __init__(self, folder: Path, name: str, recipe: dict[str, Any]):
        header = {"version": VERSION, **recipe}
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
    """Names, sizes and times of files as a short text to compare; nothing is read.

    Raises:
        FrameError: a file is not there.
    """
    digest = hashlib.blake2b(digest_size=12)
    for path in paths:
        try:
            stat = path.stat()
        except OSError as error:
            raise FrameError(f"{path} cannot be read ({error.strerror}): check the file") from error
        digest.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _score(data: dict[str, Any]) -> Score:
    return Score(**{**data, "averages": Averages(**data["averages"]), "extra": tuple(data["extra"])})
