"""Folders that a later run continues: a record of what a folder was made with, and the refusal of another.

A run that continues a folder keeps the samples that are there. An option that would have made them
differently cannot take effect any more: without a word, samples of two kinds would lie in one folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from maggie_api.errors import SettingsError
from maggie_core.io.atomic import atomic_file

TODO = "give the options of then, or an empty folder"


def read_record(path: Path) -> dict[str, Any] | None:
    """What a folder was made with; None where the file `path` does not exist.

    Raises:
        SettingsError: the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise SettingsError(f"{path} is damaged, so that nobody knows what is in its folder: make it anew")
    return record


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def check_same(folder: Path, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to continue a folder with other settings.

    Args:
        was: the folder's record. Settings that it does not have are not compared.
        now: the settings of this run.

    Raises:
        SettingsError: a setting differs; the sentence and `field` name the first one.
    """
    for name, before, after in _differences(was, json.loads(json.dumps(now))):
        raise SettingsError(
            f"{folder} was made with another {name} ({_told(before)}, not {_told(after)}): {TODO}", field=name
        )


def _differences(was: Any, now: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(name, before, after) of every setting that differs; of nested ones the innermost name."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in now:
            if key in was:
                yield from _differences(was[key], now[key], key)
    elif _is_table(was) and _is_table(now) and len(was) == len(now):
        for before, after in zip(was, now, strict=True):
            yield from _differences(before, after, name)
    elif was != now:
        yield name.removesuffix("_px").replace("_", " "), was, now


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _told(value: Any) -> str:
    if value is None or value == "":
        return "none"
    return ", ".join(str(part) for part in value) if isinstance(value, list) else str(value)
