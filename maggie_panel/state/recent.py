"""The jobs that were open last, kept for this user."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Optional

from maggie_api.client.python import settings_folder

KEPT = 12


def recent_jobs(file: Optional[Path] = None) -> list[str]:
    """Job documents that were open, the last one first; those that are gone are left out."""
    try:
        data = json.loads((file or _file()).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    jobs = data.get("jobs") if isinstance(data, dict) else None
    return [each for each in jobs or [] if isinstance(each, str) and os.path.isfile(each)]


def remember_job(path: str, file: Optional[Path] = None) -> None:
    """Put a job document first; where the folder cannot be written, nothing is kept."""
    file = file or _file()
    jobs = [path, *(each for each in recent_jobs(file) if each != path)][:KEPT]
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({"jobs": jobs}, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, file)
    except OSError:
        return


def _file() -> Path:
    return settings_folder() / "panel.json"
