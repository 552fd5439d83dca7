"""What a benchmark has done so far, in a file, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def progress(path: Path | None) -> dict[str, Any]:
    """What the file has; {} where there is none yet."""
    return json.loads(path.read_text()) if path and path.is_file() else {}


def keep_progress(path: Path | None, done: dict[str, Any]) -> None:
    """Put what is done in place of what the file had."""
    if not path:
        return
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(done, indent=1))
    os.replace(fresh, path)
