"""The jobs that were open last, kept for this user."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Optional

from maggie_api.client.python import settings_folder
from maggie_api.files import write_whole

KEPT = 12


def recent_jobs(file: Optional[Path] = None) -> list[str]:
    """Job documents that were open, the last one first; those that are gone are left out."""
    try:
        data = json.loads((file or _file()).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    jobs = data.get("jobs") if isinstance(data, dict) else None
    if not isinstance(jobs, list):
        return []
    return [each for each in jobs if isinstance(each, str) and os.path.isfile(each)]


def remember_job(path: str, file: Optional[Path] = None) -> None:
    """Put a job document first; where the folder cannot be written, nothing is kept."""
    file = file or _file()
    jobs = [path, *(each for each in recent_jobs(file) if each != path)][:KEPT]
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps({"jobs": jobs}, indent=1) + "\n")


def _file() -> Path:
    return settings_folder() / "panel.json"
